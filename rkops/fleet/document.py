"""One inventory file as text that can be changed in place: what is not changed stays as it is.

Changes are cut into the text at the marks of its parse, so comments, order, quotes, blank
lines and line ends survive to the byte (docs/adr/0062-edit-inventory-as-text.md). The outcome
is read again and compared with what was wanted before anybody may write it.
"""

import json
import re
from collections.abc import Mapping, Sequence

import yaml

from rkops.fleet.lines import Entry, Source

Data = str | None | Sequence["Data"] | Mapping[str, "Data"]
_PLAIN = re.compile(r"[A-Za-z0-9_/.](?:[A-Za-z0-9_/.@+-]|:(?=[^\s]))*")
_SPECIAL = re.compile(r"null|true|false|yes|no|on|off|~|[-+.0-9][-+.0-9eExXoO_:]*", re.IGNORECASE)
_BOM = "\ufeff"


class Document:
    """The text of one file, its parse, and the changes to be made."""

    def __init__(self, file: str, data: bytes) -> None:
        self._source = Source(file)
        self._root = self._source.compose(data)
        try:
            self._text = data.decode("utf-8")
        except UnicodeDecodeError:
            self._source.fail(1, "not UTF-8, so it can be read but not changed")
        self._shift = len(_BOM) if self._text.startswith(_BOM) else 0
        self._newline = "\r\n" if "\r\n" in self._text else "\n"
        self._edits: list[tuple[int, int, str]] = []
        self._wanted: dict[str, Data] = self._plain_map(self._top())

    def entries(self, section: str) -> dict[str, Entry]:
        """Return the entries of `boards` or `groups`."""
        top = self._top()
        return self._source.mapping(top[section].value, section) if section in top else {}

    def value(self, board: str, key: str) -> str | None:
        """Return one value of a board as written; None when it is not there."""
        keys = self._source.mapping(self.entries("boards")[board].value, board)
        return self._source.text(keys[key].value, key) if key in keys else None

    def set_value(self, board: str, key: str, text: str) -> None:
        """Set one value of a board, or replace it."""
        entry = self.entries("boards")[board]
        keys = self._source.mapping(entry.value, board)
        if key in keys and keys[key].value.start_mark.index != keys[key].value.end_mark.index:
            node = keys[key].value
            self._cut(self._index(node.start_mark), self._index(node.end_mark), scalar(text))
        elif key in keys:
            after_colon = self._end(keys[key].key) + 1
            self._cut(after_colon, after_colon, f" {scalar(text)}")
        else:
            self._insert(entry, keys, key, text)
        self._want("boards", board)[key] = text

    def add(self, section: str, new: Mapping[str, Data]) -> None:
        """Add boards or groups at the end of their section."""
        top = self._top()
        if section in top:
            inside = self.entries(section)
            for name, value in new.items():
                self._insert(top[section], inside, name, value)
        elif new:
            if isinstance(self._root, yaml.MappingNode) and self._root.flow_style:
                self._source.fail(self._root, f"in braces: add `{section}:` to it by hand")
            self._put_lines(len(self._text), _block(section, new, 0))
        self._want_section(section).update(new)

    def remove(self, board: str) -> None:
        """Take a board out, with the comments inside it."""
        top = self._top()
        entries = self.entries("boards")
        entry = entries[board]
        if self._flow(top["boards"].value):
            names = list(entries)
            place = names.index(board)
            if place:
                start = self._end(entries[names[place - 1]].value)
                self._cut(start, self._end(entry.value), "")
            else:
                after = entries[names[1]].key.start_mark if len(names) > 1 else None
                end = self._index(after) if after else self._end(entry.value)
                self._cut(self._index(entry.key.start_mark), end, "")
        else:
            start = self._index(entry.key.start_mark) - entry.key.start_mark.column
            self._cut(start, self._line_end(self._end(entry.value)), "")
        del self._want_section("boards")[board]

    def render(self) -> bytes:
        """Return the changed file.

        Raises:
            InventoryError: it would not read back as wanted; change it by hand.
        """
        pieces, done = [], 0
        for start, end, new in sorted(self._edits, key=lambda edit: edit[0]):
            pieces += [self._text[done:start], new]
            done = end
        data = "".join([*pieces, self._text[done:]]).encode("utf-8")
        again = self._source.mapping(self._source.compose(data), "an inventory")
        if _squeezed(self._plain_map(again)) != _squeezed(self._wanted):
            self._source.fail(1, "cannot be changed without harm", hint="change it by hand")
        return data

    def _top(self) -> dict[str, Entry]:
        return self._source.mapping(self._root, "an inventory")

    def _insert(self, entry: Entry, inside: Mapping[str, Entry], key: str, value: Data) -> None:
        last = list(inside.values())[-1] if inside else None
        if self._flow(entry.value):
            text = _flow_pair(key, value)
            place = self._end(last.value) if last else self._index(entry.value.start_mark) + 1
            self._cut(place, place, f", {text}" if last else text)
            return
        column = entry.key.start_mark.column + 2
        if last:
            column = last.key.start_mark.column
        elif entry.value.start_mark.index != entry.value.end_mark.index:
            self._source.fail(entry.value, "is null: take that word away first")
        place = self._line_end(self._end(last.value if last else entry.key))
        self._put_lines(place, _block(key, value, column))

    def _put_lines(self, place: int, lines: Sequence[str]) -> None:
        begun = self._text[:place] and not self._text[:place].endswith(("\n", "\r"))
        gap = self._newline if begun else ""
        self._cut(place, place, gap + "".join(line + self._newline for line in lines))

    def _cut(self, start: int, end: int, new: str) -> None:
        self._edits.append((start, end, new))

    def _index(self, mark: yaml.Mark) -> int:
        return int(mark.index) + self._shift

    def _end(self, node: yaml.Node) -> int:
        """Return where the last character of a node stands; its own mark is past comments."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return self._end(last[1] if isinstance(last, tuple) else last)
        return self._index(node.end_mark)

    def _line_end(self, index: int) -> int:
        found = self._text.find("\n", index)
        return len(self._text) if found < 0 else found + 1

    def _flow(self, node: yaml.Node) -> bool:
        return isinstance(node, yaml.MappingNode) and bool(node.flow_style)

    def _want_section(self, section: str) -> dict[str, Data]:
        found = self._wanted.get(section)
        if not isinstance(found, dict):
            found = self._wanted[section] = {}
        return found

    def _want(self, section: str, name: str) -> dict[str, Data]:
        inside = self._want_section(section)
        found = inside.get(name)
        if not isinstance(found, dict):
            found = inside[name] = {}
        return found

    def _plain_map(self, entries: Mapping[str, Entry]) -> dict[str, Data]:
        return {key: self._plain(entry.value) for key, entry in entries.items()}

    def _plain(self, node: yaml.Node) -> Data:
        if isinstance(node, yaml.MappingNode):
            return self._plain_map(self._source.mapping(node, "a mapping"))
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item) for item in node.value]
        return self._source.text(node, "a value")


def scalar(text: str) -> str:
    """Write a value so that YAML reads back exactly this text, as it stands where possible."""
    if _PLAIN.fullmatch(text) and (not _SPECIAL.fullmatch(text) or text[:1].isdigit()):
        return text
    return json.dumps(text, ensure_ascii=False)


def _squeezed(data: Data) -> Data:
    """Leave out what is empty: `{}`, null and a missing key mean the same in an inventory."""
    if isinstance(data, Mapping):
        inside = {key: _squeezed(value) for key, value in data.items()}
        return {key: value for key, value in inside.items() if value} or None
    return data if data is None or isinstance(data, str) else [_squeezed(item) for item in data]


def _block(key: str, value: Data, column: int) -> list[str]:
    head = " " * column + f"{scalar(key)}:"
    if not value:
        return [head]
    if not isinstance(value, Mapping):
        return [f"{head} {_flow(value)}"]
    lines = [line for k, v in value.items() for line in _block(k, v, column + 2)]
    return [head, *lines]


def _flow_pair(key: str, value: Data) -> str:
    return f"{scalar(key)}: {_flow(value)}"


def _flow(value: Data) -> str:
    if isinstance(value, str):
        return scalar(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(_flow_pair(k, v) for k, v in value.items()) + "}"
    return "[" + ", ".join(map(_flow, value)) + "]" if value else "null"
