"""A push that takes longer than the lease keeps the board's lock."""

from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from rkops.agent.lock import BoardLock
from rkops.core.events import Progress
from rkops.core.result import Answered
from rkops.fleet.contact import Contact, for_each
from rkops.fleet.inventory import load_inventory
from rkops.lab.adb.daemon import Manner
from rkops.services.boardmodels import BoardModels
from rkops.services.changes import Action, Change
from rkops.services.delivery import deliver
from rkops.services.deploy import probe
from rkops.services.payload import read_payloads
from tests.crash.boards import Site, model, wire_boards

pytestmark = pytest.mark.adb


@pytest.mark.parametrize("manner", list(Manner))
def test_the_lease_is_renewed_while_bytes_move(
    tmp_path: Path, manner: Manner, monkeypatch: pytest.MonkeyPatch
) -> None:
    (payload,) = read_payloads([model(tmp_path / "m.rknn", padding=600_000)])
    until: list[float] = []

    with wire_boards(tmp_path, "b1", manner=manner) as site:
        for name, value in site.environment.items():
            monkeypatch.setenv(name, value)

        def watch(event: Progress) -> None:
            if event.phase.startswith("push"):
                until.append(_lease_end(site))

        def work(contact: Contact) -> Change:
            session, _ = probe(contact, 10.0)
            models = BoardModels(contact, session, 10.0)
            prepared = replace(models.prepare(payload), lease_seconds=0.0)  # renew at each chance
            return deliver(models, payload, prepared, keep=3, tell=watch)

        boards = list(load_inventory(site.inventory).boards.values())
        (result,) = for_each(boards, work, timeout_seconds=10.0)
        assert isinstance(result, Answered), result
        assert result.value.action is Action.PUSHED
        assert len(until) > 2
        assert all(earlier < later for earlier, later in pairwise(until))


def _lease_end(site: Site) -> float:
    with BoardLock(str(site.model_dir("b1"))) as lock:
        owner = lock.owner()
    assert owner is not None
    return float(owner["until"])
