"""Where lines go: plain text anywhere, colours and a live line on a terminal."""

import os
import sys
from contextlib import suppress
from typing import Protocol, TextIO

from rkops.core.terminal import TERMINAL
from rkops.report.columns import Line, plain


class Paper(Protocol):
    """Takes lines, and a line of progress that is gone at the end."""

    def write(self, line: Line) -> None:
        """Write one line."""
        ...

    def progress(self, text: str) -> None:
        """Show how far it is; only where that can be taken back."""
        ...

    def close(self) -> None:
        """Take the progress back."""
        ...


class PlainPaper:
    """Plain text, flushed line by line; progress is not written."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, line: Line) -> None:
        """Write one line."""
        with TERMINAL.writing():
            self._out.write(plain(line) + "\n")
            self._out.flush()

    def progress(self, text: str) -> None:
        """Write nothing: there is no terminal to take it back from."""
        del text

    def close(self) -> None:
        """Nothing to take back."""


class TerminalPaper:
    """Colours, wrapped lines and a live line, by rich. NO_COLOR is obeyed."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=out, highlight=False, emoji=False, markup=False)
        self._status = self._console.status("")
        TERMINAL.attend(self)

    def write(self, line: Line) -> None:
        """Write one line; a long one continues below the beginning of its last span."""
        from rich.text import Text

        text = Text.assemble(*line)
        text.rstrip()
        width = self._console.width
        hang = sum(len(span.text) for span in line[:-1])
        with TERMINAL.writing():
            if len(text.plain) <= width or hang >= width // 2:
                self._console.print(text)
                return
            head, rest = text.divide([hang])
            for more in rest.wrap(self._console, width - hang):
                self._console.print(head + more)
                head = Text(" " * hang)

    def progress(self, text: str) -> None:
        """Show how far it is below the last line."""
        with TERMINAL.writing():
            self._status.update(text)
            self._status.start()

    def clear(self) -> None:
        """Make room for a question."""
        self._status.stop()

    def draw(self) -> None:
        """Show again how far it is."""
        self._status.start()

    def close(self) -> None:
        """Take the progress back."""
        TERMINAL.dismiss(self)
        with suppress(OSError):
            self._status.stop()


def paper(out: TextIO | None = None) -> TerminalPaper | PlainPaper:
    """Return paper for this stream (stdout): a terminal's only where there is one."""
    stream = out or sys.stdout
    terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
    return TerminalPaper(stream) if terminal else PlainPaper(stream)
