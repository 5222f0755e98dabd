"""Lines of styled text: written plain, or drawn on a terminal."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

GAP = "  "
_SHORTEST = 8
"""No column is made narrower than this: less of a name says nothing."""


class Span(NamedTuple):
    """A piece of text and its style (a rich style name; empty: none)."""

    text: str
    style: str = ""


Line = tuple[Span, ...]


def plain(line: Iterable[Span]) -> str:
    """Return a line without styles and trailing blanks."""
    return "".join(span.text for span in line).rstrip()


def padded(cells: Sequence[Span], widths: Sequence[int]) -> Line:
    """Return cells as one line, each padded to its width; a longer cell pushes the rest."""
    return tuple(
        Span(f"{cell.text:<{width}}{GAP}", cell.style)
        for cell, width in zip(cells, widths, strict=True)
    )


def plain_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None = None,
    spare: Sequence[str] = (),
) -> str:
    """Return a table as plain text: upper-case header, columns as wide as they need.

    Where that is wider than `width`, the columns named in `spare` go, in that order, as far as
    needed; then the longest texts are shortened.
    """
    columns = list(zip([head.upper() for head in header], *rows, strict=True))
    doomed = [head.upper() for head in spare]
    while width is not None and doomed and _needed(map(_widest, columns)) > width:
        gone = doomed.pop(0)
        columns = [column for column in columns if column[0] != gone]
    widths = [_widest(column) for column in columns]
    while width is not None and _needed(widths) > width and max(widths) > _SHORTEST:
        widths[widths.index(max(widths))] -= 1
    table = zip(*columns, strict=True)
    return "\n".join(plain(padded(_cells(row, widths), widths)) for row in table)


def shortened(text: str, width: int) -> str:
    """Return the text, its middle left out where it is longer: names differ at their ends."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def wrapped(line: str, width: int | None) -> str:
    """Return a line of prose broken between words, where a width is given and it is longer."""
    if width is None:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + len(GAP))
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def terminal_width() -> int | None:
    """Return the columns of the terminal that stdout is; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _cells(row: Sequence[str], widths: Sequence[int]) -> list[Span]:
    return [Span(shortened(cell, width)) for cell, width in zip(row, widths, strict=True)]


def _widest(column: Sequence[str]) -> int:
    return max(map(len, column))


def _needed(widths: Iterable[int]) -> int:
    listed = list(widths)
    return sum(listed) + len(GAP) * (len(listed) - 1)
