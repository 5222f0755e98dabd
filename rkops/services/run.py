"""One command on many boards."""

import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial

from msgspec import Struct

from rkops.core.errors import WrongBoardError
from rkops.core.exit import ExitCode
from rkops.core.result import Answered, BoardResult
from rkops.fleet.board import Board
from rkops.fleet.bootstrap import check_guard, guarded
from rkops.fleet.contact import Contact, for_each
from rkops.transport.base import CommandResult

SCHEMA = "rkops.exec/1"


class RunState(StrEnum):
    """Whether the command ran on a board."""

    RAN = "ran"
    LOST = "lost"
    REFUSED = "refused"


class Ran(Struct, frozen=True, kw_only=True):
    """One board. `message` and `hint` say why the command did not run, or not to its end."""

    board: str
    state: RunState
    code: int | None = None
    stdout: str = ""
    stderr: str = ""
    merged: bool = False
    """True where the link cannot keep stderr apart: it is in `stdout`."""
    seconds: float = 0.0
    message: str = ""
    hint: str = ""


class RunReport(Struct, frozen=True, kw_only=True):
    """Every board that was asked, in inventory order."""

    schema: str = SCHEMA
    command: tuple[str, ...]
    seconds: float
    boards: tuple[Ran, ...]

    @property
    def exit_code(self) -> int:
        """Of one board the command's own; of several whether all ran, and ran well."""
        states = {ran.state for ran in self.boards}
        if RunState.REFUSED in states:
            return ExitCode.CHANGE_FAILED
        if RunState.LOST in states:
            return ExitCode.UNREACHABLE
        if len(self.boards) == 1:
            return self.boards[0].code or 0
        return ExitCode.FINDINGS if any(ran.code for ran in self.boards) else ExitCode.OK


OnRan = Callable[[BoardResult[CommandResult]], None]


def run_everywhere(
    boards: Sequence[Board],
    words: Sequence[str],
    *,
    timeout_seconds: float,
    jobs: int,
    on_result: OnRan,
) -> RunReport:
    """Run a command on every board and report what each said.

    One word is a line for the board's shell; several are a command and its arguments, which no
    shell looks at. Where another board than the recorded one answers, nothing is run.
    """
    argv = ["sh", "-c", words[0]] if len(words) == 1 else list(words)
    started = time.monotonic()
    results = for_each(
        boards,
        partial(_run, argv),
        timeout_seconds=timeout_seconds,
        jobs=jobs,
        on_result=on_result,
    )
    return RunReport(
        command=tuple(words),
        seconds=round(time.monotonic() - started, 3),
        boards=tuple(map(_row, results)),
    )


def _run(argv: Sequence[str], contact: Contact) -> CommandResult:
    board = contact.board
    command = guarded(board.identity, argv)
    result = contact.transport.run(command, deadline=contact.deadline)
    check_guard(result, expected=board.identity, board=board.name)
    return result


def _row(result: BoardResult[CommandResult]) -> Ran:
    seconds = round(result.seconds, 3)
    if isinstance(result, Answered):
        ran = result.value
        return Ran(
            board=result.board,
            state=RunState.RAN,
            code=ran.code,
            stdout=ran.text,
            stderr=ran.stderr.decode("utf-8", "backslashreplace"),
            merged=ran.merged,
            seconds=seconds,
        )
    wrong = isinstance(result.error, WrongBoardError)
    return Ran(
        board=result.board,
        state=RunState.REFUSED if wrong else RunState.LOST,
        seconds=seconds,
        message=result.error.message,
        hint=result.error.hint,
    )
