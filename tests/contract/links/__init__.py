"""What the contract suite runs over: each module here has `LINKS`, a name and how to make it.

A link is one simulated (or real) board whose files are this machine's, behind one transport.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from rkops.core.deadline import Deadline
from rkops.lab.faults import Faults
from rkops.transport.base import Transport


@dataclass(frozen=True)
class Link:
    """One board for one test."""

    open: Callable[[Deadline], Transport]
    """Open a connection to it (again): `open_transport` with the board's address."""
    scratch: Path
    """A directory of the board that is empty, and this machine's too."""
    faults: Faults | None = None
    """How to make it misbehave; None for a real daemon."""
    legacy: bool = False
    """True where stderr comes merged and output passes through a terminal."""


MakeLink = Callable[[Path], AbstractContextManager[Link]]
"""Called with a fresh directory for the test's files; the board is gone at the end."""
