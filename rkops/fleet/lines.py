"""YAML read with line numbers, values as they were written (`2.10` stays `2.10`).

Nodes are composed and never constructed, so no tag can create an object, aliases are not
expanded, and every error can name its line. The walk is as deep as the inventory's format.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import yaml

from rkops.core.errors import InventoryError

_Loader: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)
MAX_BYTES = 4 * 1024 * 1024
_MAX_DEPTH = 50
_STANDARD = "tag:yaml.org,2002:"
_NULL = f"{_STANDARD}null"


def read_file(file: Path) -> bytes:
    """Return what is in an inventory file: never waits, never reads without end.

    Raises:
        InventoryError: it is a pipe, a device or a directory.
        OSError: it cannot be read.
    """
    # Without O_NONBLOCK opening a pipe waits for somebody to write into it.
    handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb", closefd=True) as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise InventoryError(
                f"{file}: is no regular file",
                hint="an inventory is a small text file, or a directory of them",
            )
        return stream.read(MAX_BYTES + 1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key: value` of a mapping."""

    key: yaml.ScalarNode
    value: yaml.Node


def closest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the known word nearest to `word`, else nothing."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


@dataclass(frozen=True, slots=True)
class Source:
    """One inventory file; every complaint about it names file and line."""

    file: str

    def fail(self, node: yaml.Node | int, message: str, *, hint: str = "") -> NoReturn:
        """Raise an InventoryError at the node's (or the given) line."""
        line = node if isinstance(node, int) else self.line(node)
        raise InventoryError(f"{self.file}:{line}: {message}", hint=hint)

    def line(self, node: yaml.Node) -> int:
        """Return the line of a node, counted from 1."""
        return int(node.start_mark.line) + 1

    def compose(self, data: bytes) -> yaml.Node | None:
        """Parse the file to nodes; None for an empty one.

        Raises:
            InventoryError: it is no YAML, or far larger or deeper than any inventory.
        """
        if len(data) > MAX_BYTES:
            self.fail(1, f"larger than {MAX_BYTES} bytes", hint="an inventory is a small text file")
        try:
            self._refuse_depth(data)
            return yaml.compose(data, Loader=_Loader)
        except (yaml.YAMLError, UnicodeError) as exc:
            mark = getattr(exc, "problem_mark", None)
            problem = getattr(exc, "problem", None) or getattr(exc, "reason", None) or exc
            self.fail(int(mark.line) + 1 if mark else 1, f"not YAML: {problem}", hint=_YAML_HINT)

    def _refuse_depth(self, data: bytes) -> None:
        # The composer recurses in C: without this look at the flat events, ten thousand
        # open brackets would end the process instead of raising an error.
        depth = 0
        for event in yaml.parse(data, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _MAX_DEPTH:
                    line = event.start_mark.line + 1 if event.start_mark else 1
                    self.fail(line, f"nested deeper than {_MAX_DEPTH}")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1

    def mapping(self, node: yaml.Node | None, what: str) -> dict[str, Entry]:
        """Return the entries of a mapping in file order; empty for a null."""
        if node is None or self._is_null(node):
            return {}
        if not isinstance(node, yaml.MappingNode) or not node.tag.startswith(_STANDARD):
            self.fail(node, f"{what} must be `key: value` lines, not {self._kind(node)}")
        entries: dict[str, Entry] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.fail(key, f"{what}: a key must be a word, not {self._kind(key)}")
            if key.value in entries:
                first = self.line(entries[key.value].key)
                self.fail(key, f"{what}: {key.value[:80]!r} is there twice (first on line {first})")
            entries[key.value] = Entry(key, value)
        return entries

    def text(self, node: yaml.Node, what: str) -> str | None:
        """Return a scalar as written; None for a null."""
        if not isinstance(node, yaml.ScalarNode):
            self.fail(node, f"{what} must be one value, not {self._kind(node)}")
        if not node.tag.startswith(_STANDARD):
            self.fail(
                node, f"{what}: {node.tag[:80]!r} is read as a YAML tag", hint="put it in quotes"
            )
        return None if self._is_null(node) else str(node.value)

    def words(self, node: yaml.Node, what: str) -> tuple[str, ...]:
        """Return a list of scalars; one scalar alone is a list of one."""
        if isinstance(node, yaml.SequenceNode):
            found = (self.text(item, what) for item in node.value)
            return tuple(dict.fromkeys(word for word in found if word))
        word = self.text(node, what)
        return (word,) if word else ()

    def _is_null(self, node: yaml.Node) -> bool:
        return bool(node.tag == _NULL)

    def _kind(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.MappingNode):
            return "a mapping"
        return "a list" if isinstance(node, yaml.SequenceNode) else "a single value"


_YAML_HINT = "check indentation, quotes and colons near that line"
