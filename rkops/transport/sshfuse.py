"""A deadline for calls that know none."""

import contextlib
import threading
from collections.abc import Callable, Generator

from rkops.core.deadline import Deadline


@contextlib.contextmanager
def fused(deadline: Deadline, action: Callable[[], None]) -> Generator[None]:
    """Call `action` from another thread if the block is still running at the deadline.

    paramiko waits for some answers for ever and sums up the timeouts of others; cutting what it
    waits on ends them all.
    """
    timer = threading.Timer(deadline.remaining, action)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
