"""A deadline is a moment, so nested calls share one budget."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

_FAR = 366 * 86400.0


class _Clock:
    """The monotonic clock, without the time that a person took to answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops = 0
        self._stopped: float | None = None
        self._left_out = 0.0

    def now(self) -> float:
        with self._lock:
            moment = time.monotonic() if self._stopped is None else self._stopped
            return moment - self._left_out

    def stop(self) -> None:
        with self._lock:
            self._stops += 1
            if self._stops == 1:
                self._stopped = time.monotonic()

    def go_on(self) -> None:
        with self._lock:
            self._stops -= 1
            if self._stopped is not None and not self._stops:
                self._left_out += time.monotonic() - self._stopped
                self._stopped = None


_clock = _Clock()


@contextmanager
def while_a_person_answers() -> Iterator[None]:
    """Let every deadline stand still: a person's time is not a board's."""
    _clock.stop()
    try:
        yield
    finally:
        _clock.go_on()


class Deadline:
    """A moment on the monotonic clock after which work must stop."""

    __slots__ = ("_moment",)

    def __init__(self, moment: float) -> None:
        self._moment = moment

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the deadline `seconds` from now."""
        return cls(_clock.now() + seconds)

    @classmethod
    def never(cls) -> Self:
        """Return a deadline a year away: for streams that the user ends."""
        return cls.after(_FAR)

    @property
    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._moment - _clock.now())

    @property
    def expired(self) -> bool:
        """True once the moment has passed."""
        return _clock.now() >= self._moment

    def _count_anew(self, seconds: float) -> None:
        self._moment = _clock.now() + seconds

    def within(self, seconds: float) -> "Deadline":
        """Return the earlier of this deadline and `seconds` from now: the budget of one phase."""
        return Deadline(min(self._moment, _clock.now() + seconds))

    def pause(self, seconds: float) -> None:
        """Sleep `seconds`, or until the deadline if that is sooner. The only sleep in rkops."""
        time.sleep(min(seconds, self.remaining))
