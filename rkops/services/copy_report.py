"""What came of copying a file, board by board."""

from enum import StrEnum

from msgspec import Struct

from rkops.core.errors import WrongBoardError
from rkops.core.exit import ExitCode
from rkops.core.result import Answered, BoardResult

SCHEMA = "rkops.copy/1"


class CopyState(StrEnum):
    """What came of one board."""

    COPIED = "copied"
    FAILED = "failed"
    LOST = "lost"
    REFUSED = "refused"


class Copied(Struct, frozen=True, kw_only=True):
    """One file to or from one board; `path` is where it is now."""

    board: str
    state: CopyState
    path: str = ""
    size_bytes: int = 0
    seconds: float = 0.0
    verified: str = ""
    """`sha256` or `size`: how the copy was compared."""
    message: str = ""
    hint: str = ""


class CopyReport(Struct, frozen=True, kw_only=True):
    """Every board that was asked for, in inventory order."""

    schema: str = SCHEMA
    command: str
    seconds: float
    boards: tuple[Copied, ...]

    @property
    def exit_code(self) -> ExitCode:
        """A board that failed counts more than one that was lost."""
        states = {row.state for row in self.boards}
        if states & {CopyState.FAILED, CopyState.REFUSED}:
            return ExitCode.CHANGE_FAILED
        return ExitCode.UNREACHABLE if CopyState.LOST in states else ExitCode.OK


def row_of(result: BoardResult[Copied]) -> Copied:
    """Return the row of one board's result."""
    if isinstance(result, Answered):
        return result.value
    error = result.error
    state = CopyState.LOST if error.exit_code is ExitCode.UNREACHABLE else CopyState.FAILED
    return Copied(
        board=result.board,
        state=CopyState.REFUSED if isinstance(error, WrongBoardError) else state,
        seconds=round(result.seconds, 3),
        message=error.message,
        hint=error.hint,
    )
