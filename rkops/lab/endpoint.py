"""What a simulated board does when a command or a file comes in.

The ADB daemon and the SSH server of the lab speak the real wire protocols; behind them
stands an endpoint: the shell and files of the place where the process runs (`here.py`),
or a recorded board (`replay.py`).
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(slots=True)
class CommandIO:
    """The three streams of one command. `stdin` ends when the client closes it."""

    stdin: AsyncIterator[bytes]
    out: Callable[[bytes], Awaitable[None]]
    err: Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FileStat:
    """What `stat` says; `mode` holds the type bits too. A missing file has mode 0."""

    mode: int
    size_bytes: int
    mtime: int


class Endpoint(Protocol):
    """A board as its daemons see it."""

    async def run(self, command: str, io: CommandIO, *, pty: bool) -> int:
        """Run a shell command line (empty: an interactive shell); return its exit code."""
        ...

    def stat(self, path: str) -> FileStat:
        """Stat a file of the board (links followed)."""
        ...

    def open_read(self, path: str) -> BinaryIO:
        """Open a file of the board for reading; raises OSError."""
        ...

    def open_write(self, path: str, mode: int) -> BinaryIO:
        """Create or truncate a file of the board; raises OSError."""
        ...

    def listdir(self, path: str) -> list[str]:
        """List a directory of the board; raises OSError."""
        ...
