"""A deadline is a moment, so nested calls share one budget."""

import time
from typing import Self

_FAR = 366 * 86400.0


class Deadline:
    """A moment on the monotonic clock after which work must stop."""

    __slots__ = ("_moment",)

    def __init__(self, moment: float) -> None:
        self._moment = moment

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the deadline `seconds` from now."""
        return cls(time.monotonic() + seconds)

    @classmethod
    def never(cls) -> Self:
        """Return a deadline a year away: for streams that the user ends."""
        return cls.after(_FAR)

    @property
    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._moment - time.monotonic())

    @property
    def expired(self) -> bool:
        """True once the moment has passed."""
        return time.monotonic() >= self._moment

    def within(self, seconds: float) -> "Deadline":
        """Return the earlier of this deadline and `seconds` from now: the budget of one phase."""
        return Deadline(min(self._moment, time.monotonic() + seconds))

    def pause(self, seconds: float) -> None:
        """Sleep `seconds`, or until the deadline if that is sooner. The only sleep in rkops."""
        time.sleep(min(seconds, self.remaining))
