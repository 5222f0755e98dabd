"""What is deployed where."""

from collections.abc import Sequence

from msgspec import Struct

from rkops.core.errors import AgentError, RkopsError, WrongBoardError
from rkops.core.exit import ExitCode
from rkops.core.result import Answered
from rkops.facts.board import DeployedModel
from rkops.fleet.board import Board
from rkops.fleet.contact import Contact, for_each
from rkops.fleet.session import AgentSession
from rkops.services.boardmodels import BoardModels

SCHEMA = "rkops.releases/1"
_REFUSALS = {"no-python": "no python3", "old-python": "python3 too old"}


class BoardListing(Struct, frozen=True, kw_only=True):
    """The models of one board, or why they are not known."""

    board: str
    model_dir: str
    models: tuple[DeployedModel, ...] = ()
    what: str = ""
    """Why the models are not known, in two or three words."""
    problem: str = ""
    hint: str = ""


class ReleaseList(Struct, frozen=True, kw_only=True):
    """Every board that was asked, in inventory order."""

    schema: str = SCHEMA
    boards: tuple[BoardListing, ...]
    exit_code: ExitCode


def list_releases(boards: Sequence[Board], *, timeout_seconds: float, jobs: int) -> ReleaseList:
    """Ask every board for its models and their releases; changes nothing."""

    def work(contact: Contact) -> BoardListing:
        board = contact.board
        session = AgentSession(
            contact.transport,
            board=board.name,
            expected_identity=board.identity,
            python=board.python,
        )
        models = BoardModels(contact, session, timeout_seconds).models()
        return BoardListing(board=board.name, model_dir=board.model_dir, models=models)

    listings: list[BoardListing] = []
    worst = ExitCode.OK
    results = for_each(boards, work, timeout_seconds=timeout_seconds, jobs=jobs)
    for board, result in zip(boards, results, strict=True):
        if isinstance(result, Answered):
            listings.append(result.value)
            continue
        worst = max(worst, result.error.exit_code)
        listings.append(
            BoardListing(
                board=board.name,
                model_dir=board.model_dir,
                what=_what(result.error),
                problem=result.error.message,
                hint=result.error.hint,
            )
        )
    return ReleaseList(boards=tuple(listings), exit_code=worst)


def _what(error: RkopsError) -> str:
    """Say it in the table: only a board that did not answer gave no answer."""
    if isinstance(error, WrongBoardError):
        return "another board"
    if isinstance(error, AgentError):
        return _REFUSALS.get(error.code, "failed")
    return "no answer" if error.exit_code is ExitCode.UNREACHABLE else "failed"
