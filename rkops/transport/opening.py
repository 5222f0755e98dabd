"""Connections that are still being made: so that another thread can end the wait for them."""

import contextlib
import threading
from collections.abc import Callable, Generator

_cuts: dict[int, Callable[[], None]] = {}


@contextlib.contextmanager
def cuttable(cut: Callable[[], None]) -> Generator[None]:
    """While the block runs, let `cut_opening` break what this thread opens by calling `cut`."""
    thread = threading.get_ident()
    _cuts[thread] = cut
    try:
        yield
    finally:
        del _cuts[thread]


def cut_opening(thread: int) -> None:
    """Break the connection that a thread (by its ident) is making, if it is making one."""
    if cut := _cuts.get(thread):
        cut()
