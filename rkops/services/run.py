"""One command on one board or many, heard as it runs."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from msgspec import Struct

from rkops.core.errors import WrongBoardError
from rkops.core.exit import ExitCode
from rkops.core.result import Answered, BoardResult
from rkops.fleet.board import Board
from rkops.fleet.bootstrap import introduced
from rkops.fleet.contact import Contact, for_each
from rkops.fleet.greeting import Greeting
from rkops.services.firstcontact import FirstContacts
from rkops.services.placing import NOTHING, ask
from rkops.services.transfer import QuietDeadline
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
OnHeard = Callable[[str, bytes, bytes], None]
"""Called, in a thread of the board's own, with (board, new stdout, new stderr)."""
_LONG_LINE = 2000
"""Longer ones reach an old adbd as a file (4 KiB), which another board must not get."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to go about it. `timeout_seconds` is for silence, not for a long command that talks."""

    timeout_seconds: float
    jobs: int
    on_result: OnRan
    heard: OnHeard | None = None
    """Where output goes as it comes; without it all of it is kept for the report."""
    typed: Callable[[], Iterable[bytes]] | None = None
    """Gives one board's standard input; without it that is empty."""


def run_everywhere(boards: Sequence[Board], words: Sequence[str], options: RunOptions) -> RunReport:
    """Run a command on every board and report what became of it.

    One word is a line for the board's shell; several are a command and its arguments, which no
    shell looks at. Where another board than the recorded one answers, nothing is run; a board
    that was never met is recorded.
    """
    argv = ["sh", "-c", words[0]] if len(words) == 1 else list(words)
    started = time.monotonic()
    with FirstContacts() as met:
        results = for_each(
            boards,
            lambda contact: _Running(contact, options, met).run(argv),
            timeout_seconds=options.timeout_seconds,
            jobs=options.jobs,
            on_result=options.on_result,
        )
    return RunReport(
        command=tuple(words),
        seconds=round(time.monotonic() - started, 3),
        boards=tuple(map(_row, results)),
    )


class _Running:
    """The command on one board."""

    def __init__(self, contact: Contact, options: RunOptions, met: FirstContacts) -> None:
        self._contact = contact
        self._board = contact.board
        self._options = options
        self._met = met
        self._greeting = Greeting(self._board.name, self._board.identity)
        self._quiet = QuietDeadline(options.timeout_seconds)
        self._out: list[bytes] = []
        self._err: list[bytes] = []
        self._wrong: WrongBoardError | None = None

    def run(self, argv: Sequence[str]) -> CommandResult:
        if self._options.typed or sum(map(len, argv)) > _LONG_LINE:
            # It may become a file on the board before the guard in the command looks.
            ask(self._contact, NOTHING, met=self._met)
        self._contact.deadline = self._quiet
        result = self._contact.transport.talk(
            introduced(self._met.known(self._board), argv),
            deadline=self._quiet,
            typed=self._typed(),
            heard=self._heard,
        )
        if self._wrong:
            raise self._wrong
        if rest := self._greeting.end():
            self._hand_on(rest, b"")
        return replace(result, stdout=b"".join(self._out), stderr=b"".join(self._err))

    def _typed(self) -> Iterable[bytes]:
        for piece in self._options.typed() if self._options.typed else ():
            self._quiet.put_off()
            yield piece

    def _heard(self, out: bytes, err: bytes) -> None:
        self._quiet.put_off()
        try:
            out = self._greeting.feed(out)
        except WrongBoardError as error:
            # The guard ends the command by itself. To hang up on it would send that board more.
            self._wrong = error
        if self._wrong:
            return
        self._met.note(self._board, self._greeting.identity)
        if out or err:
            self._hand_on(out, err)

    def _hand_on(self, out: bytes, err: bytes) -> None:
        if self._options.heard is None:
            self._out.append(out)
            self._err.append(err)
            return
        with self._quiet.held():  # a pager that waits is not the board's fault
            self._options.heard(self._board.name, out, err)


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
