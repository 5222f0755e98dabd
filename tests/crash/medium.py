"""What a power cut may leave on a disk, read from POSIX as badly as it can be read.

Data of a file is safe once the file was synced; a name is safe once its directory was synced.
Everything else that is pending may survive or vanish on its own, in any mix; lost data reads
as nothing, as zeros or as its first half. A rename within one directory is one thing: it
happened or it did not. A symbolic link's target goes with its name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(eq=False)
class File:
    """`safe` is what the medium holds for certain, None while nothing is."""

    now: bytes
    safe: bytes | None = None


@dataclass(eq=False)
class Link:
    target: str


@dataclass(eq=False)
class Change:
    """Names that appear, change or vanish (None) together."""

    names: Mapping[str, "Node | None"]


@dataclass(eq=False)
class Directory:
    now: dict[str, "Node"] = field(default_factory=dict)
    safe: dict[str, "Node"] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)

    def change(self, names: Mapping[str, "Node | None"]) -> None:
        self.pending.append(Change(names))
        _apply(self.now, names)

    def sync(self) -> None:
        self.safe = dict(self.now)
        self.pending.clear()


Node = File | Link | Directory
Thing = File | Change
Tree = dict[str, "Tree | bytes | str"]
"""A directory after a crash: directories are dicts, files bytes, links text."""


def _apply(entries: dict[str, Node], names: Mapping[str, Node | None]) -> None:
    for name, node in names.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


def load(path: Path, *, skip: str) -> Directory:
    """Return a real directory as it is on a medium that is all in sync."""
    directory = Directory()
    for child in sorted(path.iterdir()):
        if child.name == skip:
            continue
        node: Node
        if child.is_symlink():
            node = Link(str(child.readlink()))
        elif child.is_dir():
            node = load(child, skip=skip)
        else:
            node = File(child.read_bytes(), child.read_bytes())
        directory.now[child.name] = node
    directory.sync()
    return directory


def _children(directory: Directory) -> Iterator[Node]:
    for entries in (directory.safe, *(change.names for change in directory.pending)):
        for child in entries.values():
            if child is not None:
                yield child


def pending(directory: Directory) -> list[Thing]:
    """Return everything under the directory that is not safe, in a stable order."""
    things: dict[int, Thing] = {id(change): change for change in directory.pending}
    for child in _children(directory):
        if isinstance(child, Directory):
            things.update((id(thing), thing) for thing in pending(child))
        elif isinstance(child, File) and child.safe != child.now:
            things[id(child)] = child
    return list(things.values())


_LOST = (lambda data: b"", lambda data: bytes(len(data)), lambda data: data[: len(data) // 2])


def after_crash(directory: Directory, kept: set[int], lost: int) -> Tree:
    """Return what is there when only the pending things in `kept` (by id) made it."""
    entries = dict(directory.safe)
    for change in directory.pending:
        if id(change) in kept:
            _apply(entries, change.names)
    tree: Tree = {}
    for name, node in entries.items():
        if isinstance(node, Directory):
            tree[name] = after_crash(node, kept, lost)
        elif isinstance(node, Link):
            tree[name] = node.target
        elif id(node) in kept or node.safe == node.now:
            tree[name] = node.now
        else:
            tree[name] = _LOST[lost](node.now) if node.safe is None else node.safe
    return tree


def crashes(directory: Directory) -> Iterator[Tree]:
    """Yield the states after a cut now: all kept, all lost, each thing alone kept or lost."""
    things = [id(thing) for thing in pending(directory)]
    everything = set(things)
    choices = [
        everything,
        set(),
        *({one} for one in things),
        *(everything - {one} for one in things),
    ]
    for kept in choices:
        for lost in range(len(_LOST)):
            yield after_crash(directory, kept, lost)


def write_out(tree: Tree, path: Path) -> None:
    """Make a real directory of a state."""
    path.mkdir()
    for name, content in tree.items():
        if isinstance(content, dict):
            write_out(content, path / name)
        elif isinstance(content, str):
            (path / name).symlink_to(content)
        else:
            (path / name).write_bytes(content)


def frozen(tree: Tree) -> object:
    """Return a value equal for equal states, to look at each only once."""
    return tuple(
        (name, frozen(content) if isinstance(content, dict) else content)
        for name, content in sorted(tree.items())
    )
