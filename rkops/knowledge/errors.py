"""The catalogue of known error messages."""

import re
from collections.abc import Iterator
from functools import cache

from msgspec import Struct

from rkops.knowledge.load import load

# Runtime and toolkit colour their logs: `ESC[1;31mE RKNNAPI ...ESC[0m`; some lose the ESC byte.
_COLOUR = re.compile(r"(?:\x1b|\\x1b|\\033|␛)?\[[0-9;]{1,8}m|\x1b\[[0-9;?]*[A-Za-z]")


class KnownError(Struct, frozen=True, forbid_unknown_fields=True):
    """One known message: what it means, what helps, and who says so."""

    id: str | int
    area: str
    match: tuple[str, ...]
    cause: str
    fix: str
    source: str
    after: tuple[int, ...] = ()


class Match(Struct, frozen=True):
    """A known error, and the line of the log it was found in (counted from 1)."""

    error: KnownError
    line: int
    text: str


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    errors: tuple[KnownError, ...]


@cache
def known_errors() -> tuple[KnownError, ...]:
    """Return the whole catalogue, in its order."""
    return load("errors", _File).errors


@cache
def _patterns() -> tuple[tuple[KnownError, re.Pattern[str]], ...]:
    return tuple(
        (error, re.compile(pattern)) for error in known_errors() for pattern in error.match
    )


def strip_colour(text: str) -> str:
    """Return the text without terminal colour codes."""
    return _COLOUR.sub("", text)


def find_errors(log: str) -> list[Match]:
    """Return each known error of a log once, in the order of its first line."""
    found: dict[str, Match] = {}
    for number, line in enumerate(strip_colour(log).splitlines(), 1):
        for error in _in_line(line):
            found.setdefault(str(error.id), Match(error, number, line.strip()))
    return list(found.values())


def _in_line(line: str) -> Iterator[KnownError]:
    matched = dict.fromkeys(error for error, pattern in _patterns() if pattern.search(line))
    ids = {error.id for error in matched}
    return (error for error in matched if not ids & set(error.after))
