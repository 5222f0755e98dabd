"""Pushing a file over adb: one stream, or several where the link waits more than it works.

adb waits for an answer after each packet of a stream. An old daemon takes 4 KiB a packet, so
the round trip is the limit and the link idles; streams beside each other fill it. Which it is
shows in the first megabyte.
"""

import contextlib
import os
import posixpath
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rkops.core.errors import TransferError
from rkops.transport.adb.connection import ServerSocket
from rkops.transport.adb.sync import SIZE_MASK, Files, framed_blocks, payload_size
from rkops.transport.base import ByteProgress, CommandResult, PushReport
from rkops.transport.local import opened

MAX_STREAMS = 16
_PROBE_BYTES = 1 << 20
_PROBE_SLOTS = 2
_JOINED_AT_ONCE = 4
_JOIN = (
    't=$1 s=$2; shift 2; for g; do set --; for i in $g; do set -- "$@" "$s.$i"; done; '
    'cat "$@" >>"$t" && rm -f "$@" || exit 1; done'
)
_SLOW_BYTES_PER_SECOND = 20e6
_LEAST_PART_BYTES = 256 * 1024
_UNSENT_BYTES = 128 * 1024

OpenFiles = Callable[[], ServerSocket]
"""Opens a `sync:` service of the board, under the push's deadline."""
Run = Callable[[list[str]], CommandResult]


@dataclass(frozen=True, slots=True)
class Pushing:
    """One file on its way to one board."""

    board: str
    open_files: OpenFiles
    run: Run
    remote: str
    mode: int
    progress: ByteProgress

    def push(self, source: Path) -> PushReport:
        """Send the file, choose the number of streams, compare the size at the end."""
        begun = time.monotonic()
        with opened(source, self.board) as file:
            size = os.fstat(file.fileno()).st_size
            tally = _Tally(size, self.progress)
            streams = self._send(file.fileno(), size, tally)
        return PushReport(size, time.monotonic() - begun, streams)

    def _send(self, file: int, size: int, tally: "_Tally") -> int:
        with closing(self.open_files()) as link:
            link.doing = f"pushing {self.remote}"
            files = Files(link)
            self._want_directory(files)
            first = _First(file, size)
            if size > _PROBE_BYTES + 2 * _LEAST_PART_BYTES:
                link.shrink(_UNSENT_BYTES)
            if not size:
                self.progress(0, 0)
            files.send(self.remote, self.mode, first.blocks(), tally.add)
            if first.end == size:
                self._compare(files, size)
                return 1
        return self._send_rest(file, first.end, size, tally)

    def _want_directory(self, files: Files) -> None:
        """A daemon would make the directory; what rkops is asked for is a file."""
        directory = posixpath.dirname(self.remote) or "/"
        if not files.stat(posixpath.join(directory, ".")).is_dir:
            raise TransferError(
                f"{directory} on the board is no directory",
                board=self.board,
                hint="make it first: mkdir -p " + directory,
            )

    def _compare(self, files: Files, size: int) -> None:
        got = files.stat(self.remote).size_bytes
        if got != size & SIZE_MASK:
            raise TransferError(
                f"{self.remote} has {got} bytes on the board, {size} were sent",
                board=self.board,
                hint="its storage is full or failing: look at df and dmesg there",
            )

    def _send_rest(self, file: int, start: int, size: int, tally: "_Tally") -> int:
        """Send the rest in parts beside each other, and join them on the board."""
        count = max(1, min(MAX_STREAMS, (size - start) // _LEAST_PART_BYTES))
        cuts = [start + (size - start) * number // count for number in range(count + 1)]
        stem = f"{self.remote}.{secrets.token_hex(4)}"
        parts = [f"{stem}.{number}" for number in range(count)]
        try:
            self._send_parts(file, parts, cuts, tally)
            self._join(parts)
        except BaseException:
            with contextlib.suppress(Exception):  # the first error is the one that matters
                self.run(["rm", "-f", *parts])
            raise
        with closing(self.open_files()) as link:
            self._compare(Files(link), size)
        return count

    def _send_parts(self, file: int, parts: list[str], cuts: list[int], tally: "_Tally") -> None:
        stop = threading.Event()

        def one(number: int) -> None:
            try:
                with closing(self.open_files()) as link:
                    link.doing = f"pushing {self.remote}"
                    blocks = _until(stop, framed_blocks(file, cuts[number], cuts[number + 1]))
                    Files(link).send(parts[number], 0o600, blocks, tally.add)
            except BaseException:
                stop.set()
                raise

        with ThreadPoolExecutor(len(parts), "rkops-push") as pool:
            try:
                for done in [pool.submit(one, number) for number in range(len(parts))]:
                    done.result()
            finally:
                stop.set()  # Ctrl-C comes to this thread only

    def _join(self, parts: list[str]) -> None:
        """Append the parts, a few at a time: a full copy of the rest may not fit beside it."""
        numbers = [str(number) for number in range(len(parts))]
        groups = [
            " ".join(numbers[at : at + _JOINED_AT_ONCE])
            for at in range(0, len(numbers), _JOINED_AT_ONCE)
        ]
        stem = parts[0].removesuffix(".0")
        result = self.run(["sh", "-c", _JOIN, "sh", self.remote, stem, *groups])
        if not result.ok:
            words = (result.stderr or result.stdout).decode("utf-8", "replace").strip()
            raise TransferError(
                f"the parts of {self.remote} could not be joined on the board: {words}",
                board=self.board,
                hint="make room on the board: df -h",
            )


class _First:
    """The blocks of the first stream: all of the file, or less when the link shows slow."""

    def __init__(self, file: int, size: int) -> None:
        self.end = size
        self._file = file
        self._size = size

    def blocks(self) -> Iterator[memoryview]:
        """Give blocks until the file ends, or the first megabyte took too long."""
        slow_after = time.monotonic() + _PROBE_BYTES / _SLOW_BYTES_PER_SECOND
        probe = min(_PROBE_BYTES, self._size)
        worth = self._size - _PROBE_BYTES >= 2 * _LEAST_PART_BYTES
        at = 0
        for block in framed_blocks(self._file, 0, probe, slots=_PROBE_SLOTS):
            yield block
            at += payload_size(block)
            if worth and time.monotonic() > slow_after:
                self.end = at
                return
        yield from framed_blocks(self._file, probe, self._size)


class _Tally:
    """Adds up what several streams sent."""

    def __init__(self, total: int, progress: ByteProgress) -> None:
        self._total = total
        self._progress = progress
        self._done = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """One more block is on its way."""
        with self._lock:
            self._done += count
            self._progress(self._done, self._total)


def _until(stop: threading.Event, blocks: Iterator[memoryview]) -> Iterator[memoryview]:
    for block in blocks:
        if stop.is_set():
            return
        yield block
