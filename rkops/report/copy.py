"""What came of copying a file to boards or from them."""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from rkops.core.events import Progress
from rkops.core.terminal import TERMINAL
from rkops.report.columns import shortened
from rkops.report.deploy import size_text
from rkops.services.copy_report import Copied, CopyReport, CopyState

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_ALL = "all boards"
_BAR_WIDTH = 24
_LONGEST_NAME = 24
"""Name, bar, bytes and speed fit a terminal of 80 columns."""
_STEADY_SECONDS = 0.5
"""What went into buffers before that would make the speed of light of it."""


def copy_line(row: Copied) -> str:
    """Return one board's line, or two when there is something to try."""
    if row.state is CopyState.COPIED:
        return (
            f"{row.board}: {row.path} ({size_text(row.size_bytes)}, {row.seconds:.2f} s, "
            f"{row.verified} compared)"
        )
    hint = f"\n  try: {row.hint}" if row.hint else ""
    return f"{row.board}: {row.state}: {row.message}{hint}"


def copy_json(report: CopyReport) -> str:
    """Return the report as JSON, fields in a stable order."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


class Show:
    """What push and pull tell while they run. This one writes a line for each board."""

    def listen(self, event: Progress) -> None:
        """Take note of a step, of any thread."""

    def ended(self, row: Copied) -> None:
        """Say what came of a board."""
        _write(copy_line(row), err=row.state is not CopyState.COPIED)


class Quiet(Show):
    """Tells nothing: the report does."""

    def ended(self, row: Copied) -> None:
        """Say nothing."""


class Bars(Show):
    """Draws a bar for each board that bytes move to or from, and the lines above them."""

    def __init__(self, bars: "RichProgress", boards: Sequence[str], lines: Show) -> None:
        self._bars = bars
        self._lines = lines
        self._width = min(_LONGEST_NAME, max(map(len, (*boards, _ALL))))
        self._tasks: dict[str, TaskID] = {}
        self._begun: dict[str, float] = {}
        self._lock = threading.Lock()
        self._boards = len(boards)
        self._done = 0
        self._all = bars.add_task(self._name(_ALL), total=len(boards), detail=self._count())

    def clear(self) -> None:
        """Make room for a question."""
        self._bars.stop()

    def draw(self) -> None:
        """Come back."""
        self._bars.start()

    def listen(self, event: Progress) -> None:
        """Move the board's bar."""
        with self._lock:
            if event.board not in self._tasks:
                self._begun[event.board] = time.monotonic()
                self._tasks[event.board] = self._bars.add_task(
                    self._name(event.board), total=event.total or None, detail=""
                )
            task = self._tasks[event.board]
        total, detail = event.total or None, self._detail(event)
        self._bars.update(task, completed=event.done, total=total, detail=detail)

    def ended(self, row: Copied) -> None:
        """Put the board's line in the place of its bar."""
        with self._lock:
            task = self._tasks.pop(row.board, None)
        if task is not None:
            self._bars.remove_task(task)
        with TERMINAL.writing():
            self._lines.ended(row)
            self._done += 1
            self._bars.update(self._all, completed=self._done, detail=self._count())

    def _count(self) -> str:
        return f"{self._done} of {self._boards}"

    def _name(self, board: str) -> str:
        return f"{shortened(board, self._width):<{self._width}}"

    def _detail(self, event: Progress) -> str:
        if event.total and event.done >= event.total:
            more = ", comparing and syncing" if event.phase == "push" else ""
            return size_text(event.total) + more
        seconds = time.monotonic() - self._begun[event.board]
        speed = f", {event.done / seconds / 1e6:.1f} MB/s" if seconds > _STEADY_SECONDS else ""
        return f"{size_text(event.done)} of {size_text(event.total)}{speed}"


class _Above(Show):
    """Writes lines above bars: of stdout too, when that is the same terminal."""

    def __init__(self, bars: "RichProgress") -> None:
        self._bars = bars

    def ended(self, row: Copied) -> None:
        line = copy_line(row)
        if row.state is CopyState.COPIED and not sys.stdout.isatty():
            _write(line, err=False)
        else:
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _write(line: str, *, err: bool) -> None:
    stream = sys.stderr if err else sys.stdout
    stream.write(line + "\n")
    stream.flush()


@contextmanager
def showing(boards: Sequence[str], *, quiet: bool) -> Iterator[Show]:
    """Give what draws a bar per board on a terminal, and writes lines unless told to be `quiet`."""
    if not sys.stderr.isatty():
        yield Quiet() if quiet else Show()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    with RichProgress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=_BAR_WIDTH),
        TextColumn("{task.fields[detail]}", markup=False),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # into a pipe it goes, whatever rich draws on stderr
        redirect_stderr=False,
    ) as bars:
        show = Bars(bars, boards, Quiet() if quiet else _Above(bars))
        TERMINAL.attend(show)
        try:
            yield show
        finally:
            TERMINAL.dismiss(show)
