"""Lines of styled text: written plain, or drawn on a terminal."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

GAP = "  "


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


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as plain text: upper-case header, columns as wide as they need."""
    table = [[head.upper() for head in header], *(list(row) for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return "\n".join(plain(padded([Span(cell) for cell in row], widths)) for row in table)
