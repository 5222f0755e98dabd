"""A progress bar per board on a terminal; a plain line per step elsewhere. Writes to stderr."""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rkops.core.events import Progress
from rkops.report.deploy import line_of, size_text
from rkops.services.changes import Change

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

_MAX_BARS = 20
"""More bars than a terminal has lines would flicker; further boards count in the last one."""


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
    """Draws one bar per board."""

    def __init__(self, bars: "Bars", boards: Sequence[str]) -> None:
        super().__init__()
        self._bars = bars
        self._width = max(map(len, boards))
        self._all = bars.add_task(f"{'all':<{self._width}}", total=len(boards), phase="boards")
        self._tasks = {
            board: bars.add_task(f"{board:<{self._width}}", total=None, phase="waiting")
            for board in boards[:_MAX_BARS]
        }

    def listen(self, event: Progress) -> None:
        """Move the board's bar."""
        task = self._tasks.get(event.board)
        if task is None:
            return
        if event.total:
            self._bars.update(task, total=event.total, completed=event.done, phase=event.phase)
        else:
            self._bars.update(task, phase=event.phase)

    def ended(self, changes: Sequence[Change]) -> None:
        """Leave the outcome in the board's line."""
        self._bars.advance(self._all)
        for change in changes:
            task = self._tasks.get(change.board)
            if task is not None:
                size = change.size_bytes or 1
                done = size if change.action.good else 0
                self._bars.update(task, total=size, completed=done, phase=str(change.action))


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@contextmanager
def watching(boards: Sequence[str], *, quiet: bool) -> Iterator[Watcher]:
    """Give the watcher that suits stderr: bars, lines, or lines nobody asked for: none."""
    if not sys.stderr.isatty():
        yield _Silent() if quiet else Watcher()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[phase]}"),
    )
    with RichProgress(*columns, console=Console(stderr=True), refresh_per_second=10) as bars:
        yield BarWatcher(bars, boards)


class _Silent(Watcher):
    def listen(self, event: Progress) -> None:
        del event

    def ended(self, changes: Sequence[Change]) -> None:
        del changes
