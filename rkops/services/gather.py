"""Ask many boards for their facts: one round trip each, all at once."""

import logging
import time
from collections.abc import Callable, Sequence

from msgspec import Struct

from rkops.core.result import Answered, BoardResult
from rkops.facts.board import BoardFacts
from rkops.facts.parse import parse_facts
from rkops.fleet.board import Board
from rkops.fleet.contact import Contact, for_each
from rkops.fleet.session import AgentSession

_log = logging.getLogger(__name__)


class Gathered(Struct, frozen=True):
    """One board's facts, with what is needed to judge its clock."""

    board: Board
    facts: BoardFacts
    host_epoch: float
    """This machine's clock when the answer came."""
    seconds: float
    """From the question to the answer; the link was open before."""


OnResult = Callable[[BoardResult[Gathered]], None]


def _silent(result: BoardResult[Gathered]) -> None:
    del result


def gather(
    boards: Sequence[Board],
    *,
    timeout_seconds: float,
    jobs: int,
    on_result: OnResult = _silent,
) -> list[BoardResult[Gathered]]:
    """Return the facts of every board, in the boards' order; a lost board stops no other.

    The identity of a board that was reached for the first time is recorded in the inventory.
    `on_result` is called as each board ends, in whatever order that is.
    """
    results = for_each(
        boards, _probe, timeout_seconds=timeout_seconds, jobs=jobs, on_result=on_result
    )
    _record_first_contacts(results)
    return results


def probe_request(board: Board) -> dict[str, str]:
    """Return what the probe is told about the board; empty wishes are left out."""
    wishes = {"model_dir": board.model_dir, "user": board.user, "python": board.python}
    return {key: value for key, value in wishes.items() if value}


def _probe(contact: Contact) -> Gathered:
    board = contact.board
    session = AgentSession(
        contact.transport, board=board.name, expected_identity=board.identity, python=board.python
    )
    started = time.monotonic()
    reply = session.call("probe", probe_request(board), deadline=contact.deadline)
    seconds, epoch = time.monotonic() - started, time.time()
    return Gathered(board, parse_facts(reply, board=board.name), epoch, seconds)


def _record_first_contacts(results: Sequence[BoardResult[Gathered]]) -> None:
    new = [
        (result.value.board, result.value.facts.identity.key)
        for result in results
        if isinstance(result, Answered) and result.value.board.identity is None
    ]
    if any(key for _, key in new):
        from rkops.fleet.identity import record_identities

        record_identities(new)
