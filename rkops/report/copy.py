"""What came of copying a file to boards or from them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import msgspec

from rkops.core.events import Progress, silent
from rkops.report.deploy import size_text
from rkops.services.copy_report import Copied, CopyReport, CopyState


class Show(Protocol):
    """Draws the progress of one event."""

    def __call__(self, event: Progress) -> None:
        """Take note of an event of any thread."""
        ...


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


@contextmanager
def showing() -> Iterator[Show]:
    """Give what draws a bar per board on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks = {}

        def show(event: Progress) -> None:
            if event.board not in tasks:
                tasks[event.board] = bars.add_task(event.board, total=event.total)
            bars.update(tasks[event.board], completed=event.done, total=event.total)

        yield show
