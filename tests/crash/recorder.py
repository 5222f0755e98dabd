"""A `Disk` that does its work on a real directory and on a simulated medium beside it."""

import sys
from collections.abc import Callable
from pathlib import Path

from rkops.agent.files import Disk
from tests.crash.medium import Directory, File, Link, Node, load

LOCK = ".rkops-lock"
Place = tuple[str, int]


def _caller() -> Place:
    """Where the operation that calls this was called from."""
    frame = sys._getframe(2)
    return Path(frame.f_code.co_filename).name, frame.f_lineno


class Recorder(Disk):
    """Calls `after` once before anything happened and after every operation.

    `deaf` is the place (file, line) of a sync call that is to be taken as not written.
    """

    def __init__(
        self, root: Path, after: Callable[[Directory], None], *, deaf: Place | None = None
    ) -> None:
        self._root = root
        self._after = after
        self._deaf = deaf
        self.medium = load(root, skip=LOCK)
        self.operations = 0
        after(self.medium)

    def foreign_file(self, path: str, data: bytes) -> None:
        """The transport writes a file and syncs nothing."""
        Path(path).write_bytes(data)
        self._change(path, File(data))

    def mkdir(self, path: str) -> None:
        super().mkdir(path)
        self._change(path, Directory())

    def write(self, path: str, data: bytes) -> None:
        super().write(path, data)
        self._change(path, File(data))

    def symlink(self, target: str, path: str) -> None:
        super().symlink(target, path)
        self._change(path, Link(target))

    def unlink(self, path: str) -> None:
        super().unlink(path)
        self._change(path, None)

    def rmdir(self, path: str) -> None:
        super().rmdir(path)
        self._change(path, None)

    def rename(self, old: str, new: str) -> None:
        super().rename(old, new)
        parent, old_name = self._place(old)
        same, new_name = self._place(new)
        assert parent is same, "a rename across directories is not one thing"
        parent.change({old_name: None, new_name: parent.now[old_name]})
        self._done()

    def fsync(self, path: str) -> None:
        if _caller() != self._deaf:
            parent, name = self._place(path)
            node = parent.now[name]
            assert isinstance(node, File)
            node.safe = node.now
        self._done()

    def fsync_dir(self, path: str) -> None:
        inside = Path(path) == self._root or self._root in Path(path).parents
        if inside and _caller() != self._deaf:
            self._directory(Path(path)).sync()
        self._done()

    def _change(self, path: str, node: Node | None) -> None:
        parent, name = self._place(path)
        parent.change({name: node})
        self._done()

    def _done(self) -> None:
        self.operations += 1
        self._after(self.medium)

    def _place(self, path: str) -> tuple[Directory, str]:
        return self._directory(Path(path).parent), Path(path).name

    def _directory(self, path: Path) -> Directory:
        node = self.medium
        for part in path.relative_to(self._root).parts:
            child = node.now[part]
            assert isinstance(child, Directory)
            node = child
        return node
