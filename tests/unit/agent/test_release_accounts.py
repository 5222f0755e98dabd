"""Two accounts deploy to one directory: what one may not remove stops nobody."""

import errno
import hashlib
import os
import tempfile
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from rkops.agent import leftovers, release, shelf
from rkops.agent.files import Disk
from tests.unit.agent.release_board import Board

OTHER = 1000
need_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two accounts")


def as_other(work: Callable[[], object]) -> None:
    """Do the work in a process of another account; it must succeed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(OTHER)
            os.setuid(OTHER)
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - a forked child must say why and end here
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.fixture
def board() -> Iterator[Board]:
    # Not tmp_path: pytest lets nobody else in there.
    with tempfile.TemporaryDirectory() as place:
        os.chown(place, OTHER, OTHER)
        yield Board(Path(place))


def name_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


@need_root
def test_a_release_of_root_stays_and_stops_nobody(board: Board) -> None:
    as_other(lambda: board.deploy(b"1"))
    board.deploy(b"2")
    for data in (b"3", b"4", b"5", b"6"):
        as_other(partial(board.deploy, data))
    assert board.current() == b"6"
    assert name_of(b"2") in shelf.release_ids(str(board.root))
    assert board.leftovers() == []

    def told() -> None:
        problem = board.deploy(b"7")["problem"]
        assert f"{name_of(b'2')} stays: it belongs to root" in problem, problem

    as_other(told)


@need_root
def test_a_leftover_of_root_is_told_and_stops_nobody(board: Board) -> None:
    as_other(lambda: board.deploy(b"1"))
    left = Path(board.prepare(b"2", token="dead")["dir"])
    (left / "yolo.rknn").write_bytes(b"half")
    release.abort(board.request("other"), None)
    (board.model_dir / ".rkops-lock").write_bytes(b"")

    def told() -> None:
        problem = board.deploy(b"3")["problem"]
        assert ".incoming-dead stays: it belongs to root" in problem, problem

    as_other(told)
    assert board.current() == b"3"
    assert board.deploy(b"4")["problem"] == ""
    assert board.leftovers() == []


class Stubborn(Disk):
    """Refuses to remove one file, as a file system or an attribute may."""

    def unlink(self, path: str) -> None:
        if path.endswith("stubborn"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        super().unlink(path)


def test_one_leftover_that_stays_does_not_keep_the_others(tmp_path: Path) -> None:
    for name in (".incoming-a", ".incoming-b"):
        (tmp_path / "yolo" / name).mkdir(parents=True)
    (tmp_path / "yolo" / ".incoming-a" / "stubborn").touch()
    removed, stuck = leftovers.sweep(Stubborn(), str(tmp_path))
    assert removed == ["yolo/.incoming-b"]
    assert len(stuck) == 1
    assert stuck[0].endswith(".incoming-a stays: Input/output error")
