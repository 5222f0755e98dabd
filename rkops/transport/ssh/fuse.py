"""A deadline for calls that know none."""

import contextlib
import threading
from collections.abc import Callable, Generator

from rkops.core.deadline import Deadline


@contextlib.contextmanager
def fused(deadline: Deadline, action: Callable[[], None]) -> Generator[None]:
    """Call `action` from another thread if the block is still running at the deadline.

    paramiko waits for some answers for ever and sums up the timeouts of others; cutting what it
    waits on ends them all. A deadline that is put off meanwhile is waited for anew.
    """
    over = threading.Event()

    def watch() -> None:
        while not over.wait(deadline.remaining):
            if deadline.expired:
                action()
                return

    threading.Thread(target=watch, name="rkops-fuse", daemon=True).start()
    try:
        yield
    finally:
        over.set()
