"""Inventory files: read, layered (board over group over defaults) and judged by line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from rkops.core.errors import InventoryError
from rkops.fleet.board import Board
from rkops.fleet.defaults import inventory_files, inventory_path
from rkops.fleet.fields import BOARD_KEYS, GROUP_KEYS, Values, make_board, read_values
from rkops.fleet.lines import Entry, Source, closest, read_file
from rkops.fleet.names import check_name

TOP_KEYS = ("defaults", "groups", "boards")
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Inventory:
    """Every board, in file order, and the groups there are."""

    path: Path
    boards: dict[str, Board] = field(default_factory=dict)
    groups: tuple[str, ...] = ()

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag in use, sorted."""
        return tuple(sorted({tag for board in self.boards.values() for tag in board.tags}))


def load_inventory(path: Path | None = None) -> Inventory:
    """Read the inventory: a file, or every `*.yaml` and `*.yml` of a directory as one.

    Without `path`: RKOPS_INVENTORY, else ./inventory, else ~/.config/rkops/inventory.

    Raises:
        InventoryError: it is not there or not right; the message names file and line.
    """
    place = path
    try:
        place = inventory_path(path)
        documents = [(str(file), read_file(file)) for file in inventory_files(place)]
    except OSError as exc:
        raise InventoryError(
            f"{exc.filename or place}: cannot be read: {exc.strerror}",
            hint="check its permissions, or name another with --inventory",
        ) from exc
    return parse_inventory(documents, place)


def parse_inventory(documents: list[tuple[str, bytes]], path: Path) -> Inventory:
    """Turn (file name, content) pairs into one inventory.

    Raises:
        InventoryError: as `load_inventory`.
    """
    reader = _Reader()
    tops = [reader.top(Source(file), data) for file, data in documents]
    for source, top in tops:
        reader.defaults(source, top)
        reader.groups(source, top)
    for source, top in tops:
        reader.boards(source, top)
    return Inventory(path, reader.found, tuple(reader.group_values))


class _Reader:
    """What was read so far, from all files of one inventory."""

    def __init__(self) -> None:
        self.found: dict[str, Board] = {}
        self.group_values: dict[str, Values] = {}
        self._defaults: Values = {}
        self._places: dict[str, str] = {}

    def top(self, source: Source, data: bytes) -> tuple[Source, dict[str, Entry]]:
        entries = source.mapping(source.compose(data), "an inventory")
        for word, entry in entries.items():
            if word not in TOP_KEYS:
                allowed = ", ".join(TOP_KEYS)
                shown = repr(word[:_SHOWN])  # the file may be no inventory, and its words secrets
                source.fail(
                    entry.key, f"unknown key {shown}{closest(word, TOP_KEYS)}; allowed: {allowed}"
                )
        return source, entries

    def defaults(self, source: Source, top: Mapping[str, Entry]) -> None:
        if entry := top.get("defaults"):
            self._once(source, entry.key, "defaults")
            self._defaults = read_values(source, entry.value, "defaults", GROUP_KEYS)

    def groups(self, source: Source, top: Mapping[str, Entry]) -> None:
        for name, entry in self._named(source, top, "groups"):
            self._once(source, entry.key, f"group {name}")
            self.group_values[name] = read_values(source, entry.value, f"group {name}", GROUP_KEYS)

    def boards(self, source: Source, top: Mapping[str, Entry]) -> None:
        for name, entry in self._named(source, top, "boards"):
            self._once(source, entry.key, f"board {name}")
            if name in self.group_values:
                source.fail(entry.key, f"board {name}: there is a group of that name too")
            own = read_values(source, entry.value, name, BOARD_KEYS)
            layers = [own, *self._layers(source, own, name), self._defaults]
            self.found[name] = make_board(source, entry.key, name, layers)

    def _named(
        self, source: Source, top: Mapping[str, Entry], section: str
    ) -> Iterator[tuple[str, Entry]]:
        if section not in top:
            return
        for name, entry in source.mapping(top[section].value, section).items():
            if problem := check_name(name):
                source.fail(entry.key, f"{section}: {problem}")
            yield name, entry

    def _layers(self, source: Source, own: Values, name: str) -> Iterator[Values]:
        if "groups" not in own:
            return
        value = own["groups"]
        for group in value.words:
            if group not in self.group_values:
                known = ", ".join(self.group_values) or "none"
                near = closest(group, self.group_values)
                source.fail(
                    value.node,
                    f"{name}: unknown group {group!r}{near}; groups: {known}",
                    hint=f"add a line `{group}:` under `groups:`, or correct the name",
                )
            yield self.group_values[group]

    def _once(self, source: Source, node: yaml.Node, what: str) -> None:
        place = f"{source.file}:{source.line(node)}"
        if what in self._places:
            source.fail(node, f"{what} is there twice (first at {self._places[what]})")
        self._places[what] = place
