"""What every transport promises."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rkops.core.deadline import Deadline

ByteProgress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) while a file moves."""


Heard = Callable[[bytes, bytes], None]
"""Called with what is new on (stdout, stderr) of a command that runs."""


def no_progress(done: int, total: int) -> None:
    """The progress callback that shows nothing."""
    del done, total


@dataclass(frozen=True, slots=True)
class AdbAddress:
    """Where adbd listens. The serial for the adb server is `host:port`."""

    host: str
    port: int = 5555

    @property
    def serial(self) -> str:
        """The name the adb server gives this board."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class SshAddress:
    """Where sshd listens; `host` may be an alias in the user's ssh config (ProxyJump included)."""

    host: str
    port: int | None = None
    user: str | None = None
    key: str | None = None


Address = AdbAddress | SshAddress


@dataclass(frozen=True, slots=True)
class CommandResult:
    """A command that ran to its end. A non-zero exit code is a value, not an error."""

    command: str
    code: int
    stdout: bytes
    stderr: bytes
    merged: bool = False
    """True where the link cannot keep stderr apart (old adbd): it is all in `stdout`."""

    @property
    def ok(self) -> bool:
        """True for exit code 0."""
        return self.code == 0

    @property
    def text(self) -> str:
        """`stdout` as text, undecodable bytes kept visible."""
        return self.stdout.decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class PushReport:
    """How one file got to the board: conditions belong to the figure."""

    size_bytes: int
    seconds: float
    streams: int


class Transport(Protocol):
    """One open connection to one board.

    Implementations raise `TransportError` and nothing else: adbutils, paramiko and socket
    exceptions stop here. `argv` is a list; quoting is the transport's job. CRLF, merged
    stderr and missing exit codes of old adbd are mended here and never seen above.
    Methods may be called from several threads at once.
    """

    board: str
    scheme: str

    def run(self, argv: Sequence[str], *, deadline: Deadline, stdin: bytes = b"") -> CommandResult:
        """Run a command to its end."""
        ...

    def talk(
        self,
        argv: Sequence[str],
        *,
        deadline: Deadline,
        heard: Heard,
        typed: Iterable[bytes] = (),
    ) -> CommandResult:
        """Run a command to its end, its output going to `heard` as it comes; none is kept.

        `typed` is its input, taken piece by piece (it may wait for each) in another thread while
        the command runs; old adbd, which has no end of input, gets all of it first, as a file.
        What `heard` raises ends the command and comes out unchanged, unless it is an OSError.
        """
        ...

    def stream(
        self, argv: Sequence[str], *, deadline: Deadline
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Run a command and read its output as it comes; leaving the context ends it."""
        ...

    def push(
        self,
        source: Path,
        remote: str,
        *,
        mode: int = 0o644,
        deadline: Deadline,
        progress: ByteProgress = no_progress,
    ) -> PushReport:
        """Write the file to `remote`, whose directory exists. Not atomic: use a temporary name."""
        ...

    def pull(
        self,
        remote: str,
        destination: Path,
        *,
        deadline: Deadline,
        progress: ByteProgress = no_progress,
    ) -> int:
        """Read a file of the board; `destination` appears whole or not at all. Returns bytes."""
        ...

    def forward(self, remote: str, *, deadline: Deadline) -> AbstractContextManager[int]:
        """Forward a free local TCP port to `remote` (`tcp:8080`, `localabstract:name`)."""
        ...

    def close(self) -> None:
        """Let go of the connection. Never raises."""
        ...
