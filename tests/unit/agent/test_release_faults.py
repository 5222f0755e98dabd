import errno
import hashlib
import os
from pathlib import Path

import pytest

from rkops.agent import release
from rkops.agent.files import Disk
from rkops.agent.frames import AgentFault
from tests.unit.agent.release_board import Board


class FailingDisk(Disk):
    """Fails at one operation, once."""

    def __init__(self, at: int, error: int) -> None:
        self._left = at
        self._error = error
        self.failed = False

    def _count(self) -> None:
        self._left -= 1
        if self._left == -1:
            self.failed = True
            raise OSError(self._error, os.strerror(self._error))

    def mkdir(self, path: str) -> None:
        self._count()
        super().mkdir(path)

    def write(self, path: str, data: bytes) -> None:
        self._count()
        super().write(path, data)

    def fsync(self, path: str) -> None:
        self._count()

    def fsync_dir(self, path: str) -> None:
        self._count()

    def rename(self, old: str, new: str) -> None:
        self._count()
        super().rename(old, new)

    def symlink(self, target: str, path: str) -> None:
        self._count()
        super().symlink(target, path)

    def unlink(self, path: str) -> None:
        self._count()
        super().unlink(path)

    def rmdir(self, path: str) -> None:
        self._count()
        super().rmdir(path)


def _told(board: Board, data: bytes, disk: Disk) -> str:
    """Commit; return what went wrong, in whatever way it is told."""
    try:
        return str(release.commit(board.wanted(data), None, disk=disk)["problem"])
    except AgentFault as fault:
        return f"{fault.message}: {fault.hint}"


@pytest.mark.parametrize("error", [28, 5, 30], ids=["ENOSPC", "EIO", "EROFS"])
@pytest.mark.parametrize("broken", [False, True], ids=["prune", "replace"])
def test_any_operation_may_fail(tmp_path: Path, error: int, broken: bool) -> None:
    number = 0
    while True:
        board = Board(tmp_path / str(number))
        board.model_dir.parent.mkdir()
        for data in (b"1", b"2", b"3"):
            board.deploy(data)
        if broken:
            path = board.root / hashlib.sha256(b"2").hexdigest()[:12] / "yolo.rknn"
            path.write_bytes(b"broken")
        data = b"2" if broken else b"4"
        (Path(board.prepare(data)["dir"]) / "yolo.rknn").write_bytes(data)
        disk = FailingDisk(number, error)
        told = _told(board, data, disk)
        assert bool(told) == disk.failed
        assert board.current() in ({b"3", data} if told else {data})
        assert board.free()
        if not disk.failed:
            break
        board.prepare(b"9")
        assert board.leftovers() == [".incoming-t1"]
        number += 1
    assert number > 12


class HungUp:
    """A host that is gone: what is told it does not arrive."""

    def progress(self, value: object) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def test_a_host_that_hung_up_is_not_switched_for(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.deploy(b"old")
    (Path(board.prepare(b"new")["dir"]) / "yolo.rknn").write_bytes(b"new")
    with pytest.raises(BrokenPipeError):
        release.commit(board.wanted(b"new"), HungUp())
    assert board.current() == b"old"
    assert board.free()
    assert board.deploy(b"3")["previous"] == hashlib.sha256(b"old").hexdigest()[:12]
