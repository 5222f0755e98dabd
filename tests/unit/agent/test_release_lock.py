from pathlib import Path

import pytest

from rkops.agent import release
from rkops.agent.frames import AgentFault
from rkops.agent.lock import LEASE_SECONDS, LOCK_NAME, BoardLock
from tests.unit.agent.release_board import Board


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_abort_removes_and_unlocks(board: Board) -> None:
    prepared = board.prepare(b"1")
    assert not board.free()
    assert release.abort(board.request(), None) == {"removed": [prepared["dir"]], "current": ""}
    assert release.abort(board.request(), None) == {"removed": [], "current": ""}
    assert board.leftovers() == []
    assert board.free()


def test_only_one_host_at_a_time(board: Board) -> None:
    board.prepare(b"1", "mine")
    answer = board.prepare(b"2", "other")
    assert answer["state"] == "busy"
    assert answer["owner"]["who"] == "anna@ops1"
    assert 0 < answer["owner"]["seconds_left"] <= LEASE_SECONDS
    with pytest.raises(AgentFault) as caught:
        release.commit(board.wanted(b"2", "other"), None)
    assert caught.value.code == "lock-lost"
    release.renew(board.request("mine"), None)


def test_a_lease_that_its_host_saw_dead_is_broken(board: Board) -> None:
    board.prepare(b"1", "dead")
    wanted = board.wanted(b"2", "heir")
    wanted["holder"]["breaks"] = "dead"
    assert release.prepare(wanted, None)["state"] == "ready"
    assert board.leftovers() == [".incoming-heir"]
    with pytest.raises(AgentFault) as caught:
        release.renew(board.request("dead"), None)
    assert caught.value.code == "lock-lost"


@pytest.mark.parametrize(("boot", "later"), [("boot2", 0.0), ("boot1", LEASE_SECONDS + 1)])
def test_a_lease_ends_by_itself(tmp_path: Path, boot: str, later: float) -> None:
    holder = {"token": "t1"}
    with BoardLock(str(tmp_path), boot="boot1", now=lambda: 100.0) as lock:
        assert lock.take(holder) is None
        assert lock.owner() is not None
    with BoardLock(str(tmp_path), boot=boot, now=lambda: 100.0 + later) as lock:
        assert lock.owner() is None
        assert lock.take({"token": "t2"}) is None


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"token": 1, "until": 2}', b"\x00" * 99])
def test_a_torn_lock_is_nobodys(tmp_path: Path, text: bytes) -> None:
    (tmp_path / LOCK_NAME).write_bytes(text)
    with BoardLock(str(tmp_path)) as lock:
        assert lock.owner() is None
        assert lock.take({"token": "t1"}) is None


def test_a_call_at_work_keeps_others_out(tmp_path: Path) -> None:
    with BoardLock(str(tmp_path), patience=0.1), pytest.raises(AgentFault) as caught:
        BoardLock(str(tmp_path), patience=0.1).__enter__()
    assert caught.value.code == "busy"
