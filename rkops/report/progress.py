"""A progress bar per board on a terminal; a plain line per step elsewhere. Writes to stderr."""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rkops.core.events import Progress
from rkops.core.terminal import TERMINAL
from rkops.report.columns import shortened
from rkops.report.deploy import line_of, size_text
from rkops.services.changes import Change

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

_ALL = "all boards"
_BAR_WIDTH = 16
_LONGEST_NAME = 20
_LONGEST_PHASE = 20
"""Name, bar, phase and speed fit a terminal of 80 columns."""
_MAX_BARS = 20
"""More bars than a terminal has lines would flicker; further boards move the first one only."""


class Watcher:
    """What a deploy tells while it runs. This one writes plain lines."""

    def __init__(self) -> None:
        self._phases: dict[str, str] = {}
        self._lock = threading.Lock()

    def listen(self, event: Progress) -> None:
        """Say when a board begins to receive a model."""
        with self._lock:
            news = self._phases.get(event.board) != event.phase
            self._phases[event.board] = event.phase
        if news and event.phase.startswith("push "):
            _say(f"{event.board}: {event.phase} ({size_text(event.total)})")

    def ended(self, changes: Sequence[Change]) -> None:
        """Say what came of a board."""
        for change in changes:
            _say(line_of(change))


class BarWatcher(Watcher):
    """Draws one bar per board, and one for all of them."""

    def __init__(self, bars: "Bars", boards: Sequence[str]) -> None:
        super().__init__()
        self._bars = bars
        self._begun: dict[tuple[str, str], float] = {}
        width = min(_LONGEST_NAME, max(map(len, (*boards, _ALL))))
        self._all = bars.add_task(f"{_ALL:<{width}}", total=len(boards), phase="", detail="")
        self._tasks = {
            board: bars.add_task(
                f"{shortened(board, width):<{width}}", total=None, phase="waiting", detail=""
            )
            for board in boards[:_MAX_BARS]
        }

    def clear(self) -> None:
        """Make room for a question."""
        self._bars.stop()

    def draw(self) -> None:
        """Come back."""
        self._bars.start()

    def listen(self, event: Progress) -> None:
        """Move the board's bar."""
        task = self._tasks.get(event.board)
        if task is None:
            return
        phase = shortened(event.phase, _LONGEST_PHASE)
        self._bars.update(task, phase=phase, detail=self._speed(event))
        if event.total:
            self._bars.update(task, total=event.total, completed=event.done)

    def ended(self, changes: Sequence[Change]) -> None:
        """Leave the outcome in the board's line."""
        self._bars.advance(self._all)
        for change in changes:
            task = self._tasks.get(change.board)
            if task is not None:
                done = int(change.action.good)
                self._bars.update(task, total=1, completed=done, phase=change.action, detail="")

    def _speed(self, event: Progress) -> str:
        now = time.monotonic()
        seconds = now - self._begun.setdefault((event.board, event.phase), now)
        if not event.total or not seconds:
            return ""
        speed = f"{event.done / seconds / 1e6:.0f} MB/s"
        return f"{size_text(event.total)}, {speed}"


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def drawn_bars(console: "Console") -> "Bars":
    """Return the bars; where it is narrow the speed gives way, never the bar."""
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress
    from rich.table import Column

    def text(field: str) -> TextColumn:
        column = Column(no_wrap=True, overflow="ellipsis")
        return TextColumn(f"{{task.{field}}}", markup=False, table_column=column)

    bar = BarColumn(bar_width=_BAR_WIDTH, table_column=Column(min_width=_BAR_WIDTH))
    # The table says it all again: the bars make room for it.
    return RichProgress(
        text("description"),
        bar,
        text("fields[phase]"),
        text("fields[detail]"),
        console=console,
        transient=True,
    )


@contextmanager
def watching(boards: Sequence[str], *, quiet: bool) -> Iterator[Watcher]:
    """Give the watcher that suits stderr: bars, lines, or lines nobody asked for: none."""
    if not sys.stderr.isatty():
        yield _Silent() if quiet else Watcher()
        return
    from rich.console import Console

    with drawn_bars(Console(stderr=True)) as bars:
        watcher = BarWatcher(bars, boards)
        TERMINAL.attend(watcher)
        try:
            yield watcher
        finally:
            TERMINAL.dismiss(watcher)


class _Silent(Watcher):
    def listen(self, event: Progress) -> None:
        del event

    def ended(self, changes: Sequence[Change]) -> None:
        del changes
