"""SSH: fabric and paramiko, with deadlines and error texts of our own."""

import contextlib
import logging
import os
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from paramiko import Channel

from rkops.core.deadline import Deadline
from rkops.core.errors import LinkLostError
from rkops.transport.base import (
    ByteProgress,
    CommandResult,
    Heard,
    PushReport,
    SshAddress,
    no_progress,
)
from rkops.transport.quote import command_line
from rkops.transport.ssh.command import Command, put_out, started
from rkops.transport.ssh.forward import forwarded
from rkops.transport.ssh.link import SshLink, failure, translated
from rkops.transport.ssh.payload import pull_file, push_file

_log = logging.getLogger(__name__)
_CHUNK = 1 << 16


def open_ssh(address: SshAddress, *, board: str, deadline: Deadline) -> "SshTransport":
    """Log in over SSH.

    Raises:
        TransportError: unreachable, refused, too slow, another host key, no login.
    """
    transport = SshTransport(address, board=board)
    transport.open(deadline)
    return transport


class SshTransport:
    """One login on one board; made anew, once, when it is found broken before a command."""

    scheme = "ssh"

    def __init__(self, address: SshAddress, *, board: str) -> None:
        self.board = board
        self._address = address
        self._lock = threading.Lock()
        self._closed = False
        self._running: dict[Command, SshLink] = {}
        self._link = SshLink(address, board=board)

    def open(self, deadline: Deadline) -> None:
        """Connect and log in."""
        self._link.open(deadline)

    def run(self, argv: Sequence[str], *, deadline: Deadline, stdin: bytes = b"") -> CommandResult:
        """Run a command to its end."""
        line = self._line(argv)
        with self.command(line, deadline) as command:
            out = command.talk(stdin)
            code = command.code()
            err = command.said()
        _log.info("%s: %s: exit code %d", self.board, line, code)
        return CommandResult(line, code, out, err)

    def talk(
        self,
        argv: Sequence[str],
        *,
        deadline: Deadline,
        heard: Heard,
        typed: Iterable[bytes] = (),
    ) -> CommandResult:
        """Run a command to its end, its output going to `heard` as it comes."""
        line = self._line(argv)
        with self.command(line, deadline) as command:

            def hear(out: bytes) -> None:
                err = command.said()
                if out or err:
                    heard(out, err)

            command.converse(typed, hear)
            code = command.code()
            hear(b"")
        _log.info("%s: %s: exit code %d", self.board, line, code)
        return CommandResult(line, code, b"", b"")

    def _line(self, argv: Sequence[str]) -> str:
        return os.fsdecode(command_line(argv, board=self.board))

    def stream(
        self, argv: Sequence[str], *, deadline: Deadline
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Run a command and read its output, stderr included, as it comes."""
        return self._stream(self._line(argv), deadline)

    @contextlib.contextmanager
    def _stream(self, line: str, deadline: Deadline) -> Generator[Iterator[bytes]]:
        with self.command(f"exec 2>&1; {line}", deadline) as command:
            command.channel.shutdown_write()
            yield self._pieces(command, deadline)

    def _pieces(self, command: Command, deadline: Deadline) -> Iterator[bytes]:
        while piece := command.channel.recv(_CHUNK):
            yield piece
        if deadline.expired or not self._link.alive:
            raise failure(self._link, deadline, board=self.board, doing="the command")

    def push(
        self,
        source: Path,
        remote: str,
        *,
        mode: int = 0o644,
        deadline: Deadline,
        progress: ByteProgress = no_progress,
    ) -> PushReport:
        """Write the file to `remote`; its size is compared afterwards."""
        return push_file(self, source, remote, mode=mode, deadline=deadline, progress=progress)

    def pull(
        self,
        remote: str,
        destination: Path,
        *,
        deadline: Deadline,
        progress: ByteProgress = no_progress,
    ) -> int:
        """Read a file of the board; `destination` appears whole or not at all."""
        return pull_file(self, remote, destination, deadline=deadline, progress=progress)

    def forward(self, remote: str, *, deadline: Deadline) -> AbstractContextManager[int]:
        """Forward a free local port to `tcp:PORT`, `local:PATH` or `localabstract:NAME`."""
        return forwarded(self, remote, deadline=deadline)

    def close(self) -> None:
        """End what runs and log out, for good. Never raises."""
        self._closed = True
        for command, link in tuple(self._running.items()):
            put_out(link, command)
        self._link.close()

    @contextlib.contextmanager
    def command(
        self, line: str, deadline: Deadline, *, doing: str = "the command"
    ) -> Generator[Command]:
        """Start a shell line; leaving the block ends it. For the other SSH modules.

        `doing` is what errors call it.

        Raises:
            DeadlineError: its time was up.
            LinkLostError: the connection broke.
        """
        channel = self.channel(deadline)
        link = self._link
        with translated(link, deadline, board=self.board, doing=doing):
            with started(link, line, deadline, channel) as command:
                self._running[command] = link
                try:
                    yield command
                finally:
                    del self._running[command]
            if deadline.expired or self._closed or not link.alive:
                raise EOFError

    def link(self, deadline: Deadline) -> SshLink:
        """Return a connection that lives, made anew if need be."""
        with self._lock:
            if self._closed:
                raise LinkLostError("the connection was closed here", board=self.board)
            if not self._link.alive:
                self._link.close()
                self._link = SshLink(self._address, board=self.board)
                self._link.open(deadline)
            return self._link

    def channel(self, deadline: Deadline) -> Channel:
        """Open a session; a connection that proves dead is made anew once: nothing ran yet."""
        try:
            return self._session(deadline)
        except LinkLostError:
            return self._session(deadline)

    def _session(self, deadline: Deadline) -> Channel:
        link = self.link(deadline)
        with translated(link, deadline, board=self.board, doing="opening a session"):
            return link.transport.open_session(timeout=deadline.remaining)
