"""What came of a deploy or a rollback, board by board: the report of both."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from rkops.core.errors import RkopsError, WrongBoardError
from rkops.core.exit import ExitCode

SCHEMA = "rkops.deploy/1"


class Action(StrEnum):
    """What was done about one model on one board."""

    PUSHED = "pushed"
    SWITCHED = "switched"
    UNCHANGED = "unchanged"
    WOULD_PUSH = "would-push"
    WOULD_SWITCH = "would-switch"
    NOTHING_THERE = "nothing-there"
    """There is nothing of that name to roll back: other boards have it."""
    REFUSED = "refused"
    FAILED = "failed"
    LOST = "lost"
    STOPPED = "stopped"

    @property
    def good(self) -> bool:
        """True when the board has what was asked for, or would have."""
        return self not in {Action.REFUSED, Action.FAILED, Action.LOST, Action.STOPPED}


class Change(Struct, frozen=True, kw_only=True):
    """One model on one board. `message` says why not, or what is worth knowing."""

    board: str
    model: str
    action: Action
    release: str = ""
    previous: str = ""
    size_bytes: int = 0
    sent_bytes: int = 0
    push_seconds: float = 0.0
    hash_seconds: float = 0.0
    sync_seconds: float = 0.0
    streams: int = 0
    simulated: bool = False
    message: str = ""
    hint: str = ""


class DeployReport(Struct, frozen=True, kw_only=True):
    """Every board and model that was asked for, in inventory order."""

    schema: str = SCHEMA
    command: str
    dry_run: bool
    complete: bool
    interrupted: bool = False
    seconds: float
    changes: tuple[Change, ...]

    @property
    def exit_code(self) -> ExitCode:
        """Success only when every board is as asked; a failed board counts more than a lost one.

        A board that never had a model is as asked when another one was rolled back.
        """
        if self.interrupted:
            return ExitCode.INTERRUPTED
        actions = {change.action for change in self.changes}
        if actions & {Action.REFUSED, Action.FAILED}:
            return ExitCode.CHANGE_FAILED
        if Action.LOST in actions:
            return ExitCode.UNREACHABLE
        return ExitCode.CHANGE_FAILED if actions == {Action.NOTHING_THERE} else ExitCode.OK


def report_of(
    command: str,
    changes: Iterable[Change],
    *,
    seconds: float,
    dry_run: bool,
    interrupted: bool = False,
) -> DeployReport:
    """Return the report of these changes."""
    rows = tuple(changes)
    return DeployReport(
        command=command,
        dry_run=dry_run,
        complete=all(change.action.good for change in rows)
        and {change.action for change in rows} != {Action.NOTHING_THERE},
        interrupted=interrupted,
        seconds=round(seconds, 3),
        changes=rows,
    )


def failure(board: str, model: str, error: RkopsError) -> Change:
    """Return the row of a model that an error kept from a board."""
    if isinstance(error, WrongBoardError):
        action = Action.REFUSED
    elif error.exit_code is ExitCode.UNREACHABLE:
        action = Action.LOST
    else:
        action = Action.FAILED
    return Change(board=board, model=model, action=action, message=error.message, hint=error.hint)


def filled(
    board: str, models: Sequence[str], rows: Sequence[Change], error: RkopsError
) -> list[Change]:
    """Return the rows of a board whose work broke off, with one for each model not reached."""
    there = {row.model for row in rows}
    return [*rows, *(failure(board, name, error) for name in models if name not in there)]


def stopped(board: str, models: Sequence[str], rows: Sequence[Change]) -> list[Change]:
    """Return the rows of a board whose work Ctrl-C broke off.

    What failed is taken as stopped: hanging up looks like a fault to whoever still worked.
    """
    ended = {row.model: row for row in rows if row.action.good or row.action is Action.REFUSED}
    return [
        ended.get(name) or Change(board=board, model=name, action=Action.STOPPED) for name in models
    ]
