"""A delay line finer than the event loop's own timers (epoll waits whole milliseconds)."""

import asyncio
import ctypes
import os
import time
from collections import deque
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_ABSOLUTE = 1

_libc = ctypes.CDLL(None, use_errno=True)


class _Timerspec(ctypes.Structure):
    """`struct itimerspec`: interval, then first expiry, as seconds and nanoseconds."""

    _fields_ = [
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("first_s", ctypes.c_long),
        ("first_ns", ctypes.c_long),
    ]


class DelayLine:
    """Hands bytes on, in order, each some time after it was put in."""

    def __init__(self, loop: asyncio.AbstractEventLoop, hand_on: Callable[[bytes], None]) -> None:
        self._loop = loop
        self._hand_on = hand_on
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._timer = _libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC)
        if self._timer < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        loop.add_reader(self._timer, self._due)

    def put(self, data: bytes, seconds: float) -> None:
        """Hand `data` on after `seconds`."""
        moment = time.monotonic_ns() + int(seconds * 1e9)
        self._waiting.append((moment, data))
        if len(self._waiting) == 1:
            self._set(moment)

    def close(self) -> None:
        """Forget what waits."""
        if self._timer >= 0:
            self._loop.remove_reader(self._timer)
            os.close(self._timer)
            self._timer = -1
            self._waiting.clear()

    def _due(self) -> None:
        os.read(self._timer, 8)
        now = time.monotonic_ns()
        ready: list[bytes] = []
        while self._waiting and self._waiting[0][0] <= now:
            ready.append(self._waiting.popleft()[1])
        if self._waiting:
            self._set(self._waiting[0][0])
        if ready:
            self._hand_on(b"".join(ready))

    def _set(self, moment: int) -> None:
        seconds, rest = divmod(moment, 1_000_000_000)
        spec = _Timerspec(0, 0, seconds, rest)
        if _libc.timerfd_settime(self._timer, _ABSOLUTE, ctypes.byref(spec), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
