"""Time for payloads: a board's timeout is for silence, not for the bytes of a large model."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rkops.core.deadline import Deadline

_SLOWEST_BYTES_PER_SECOND = 2e6
"""What hashing and syncing on a board is given at least; SD cards of speed class 2 write so."""

_FOREVER = 86400.0


def payload_seconds(size_bytes: int) -> float:
    """Return how long a board may take to hash and sync that much, on top of its timeout."""
    return size_bytes / _SLOWEST_BYTES_PER_SECOND


class QuietDeadline(Deadline):
    """A deadline that every byte of progress puts off: it passes after `seconds` of silence."""

    __slots__ = ("_held", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._held = False
        self.put_off()

    def put_off(self) -> None:
        """Start to count anew: something moved."""
        self._count_anew(_FOREVER if self._held else self._seconds)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Do not count while we are the ones who are slow; start anew afterwards."""
        self._held = True
        self.put_off()
        try:
            yield
        finally:
            self._held = False
            self.put_off()


class Heartbeat:
    """Calls `beat` at most every `seconds`, from within a progress callback of any thread."""

    def __init__(self, beat: Callable[[], None], seconds: float) -> None:
        self._beat = beat
        self._seconds = seconds
        self._next = time.monotonic() + seconds
        self._lock = threading.Lock()

    def tick(self) -> None:
        """Beat if it is time and no other thread does."""
        if time.monotonic() < self._next or not self._lock.acquire(blocking=False):
            return
        try:
            self._next = time.monotonic() + self._seconds
            self._beat()
        finally:
            self._lock.release()
