"""One command on an SSH connection: started, listened to, and ended."""

import contextlib
import re
import select
import threading
from collections.abc import Callable, Generator, Iterable

import paramiko
from paramiko import Channel, Transport

from rkops.core.deadline import Deadline
from rkops.transport.quote import command_line
from rkops.transport.ssh.fuse import fused
from rkops.transport.ssh.link import SshLink

_CHUNK = 1 << 17
_GRACE_SECONDS = 0.5
_UNKNOWN_END = 255
"""The exit code OpenSSH's client gives a command that a signal ended."""
_TELL_PID = 'echo "@rkops-pid $$" >&2; '
_PID = re.compile(rb"@rkops-pid (\d+)\n")
# Exec'ed by the login shell it leads the session: its process group is all it started.
# No KILL where TERM found nothing: the number may be another program's by then.
_STOP = "kill -TERM -- -{0} && {{ (sleep 2; kill -KILL -- -{0}) >/dev/null 2>&1 & }}"


class Command:
    """A running command."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._err = bytearray()
        self._pid = 0

    def talk(self, stdin: bytes) -> bytes:
        """Give the command its input and return its stdout; stderr is for `said`."""
        out = bytearray()
        self.converse((stdin,) if stdin else None, out.extend)
        return bytes(out)

    def converse(self, typed: Iterable[bytes] | None, heard: Callable[[bytes], object]) -> None:
        """Give the command its input and hand on its stdout as it comes, until it closes that.

        `heard` is called with nothing, too, when there may be news on stderr.
        """
        if typed is None:
            self.channel.shutdown_write()
        else:
            threading.Thread(target=self._feed, args=(typed,), daemon=True).start()
        ear = select.poll()
        ear.register(self.channel.fileno(), select.POLLIN)
        over = False
        while not over:
            ear.poll()  # a channel that is closed, by the fuse too, wakes it
            over = self._over()
            while self.channel.recv_ready():
                heard(self.channel.recv(_CHUNK))
            self._listen()
            heard(b"")

    def _over(self) -> bool:
        return bool(self.channel.eof_received) or self.channel.closed

    def _listen(self) -> None:
        while self.channel.recv_stderr_ready():
            self._err += self.channel.recv_stderr(_CHUNK)
        if not self._pid and (found := _PID.search(self._err)):
            self._pid = int(found[1])
            del self._err[found.start() : found.end()]

    def _feed(self, typed: Iterable[bytes]) -> None:
        # A command need not read its input: its exit code says how it went.
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            for piece in typed:
                self.channel.sendall(piece)
            self.channel.shutdown_write()

    def said(self) -> bytes:
        """Return what is new on stderr."""
        self._listen()
        said = bytes(self._err)
        self._err.clear()
        return said

    def code(self) -> int:
        """Wait for the end and return the exit code."""
        code = self.channel.recv_exit_status()
        return _UNKNOWN_END if code < 0 else code

    def stop(self) -> None:
        """End the command if it still runs, and close its channel.

        Closing alone leaves a command running that has no terminal, and OpenSSH sends no
        signals to the processes of root (session.c, session_signal_req).
        """
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self._listen()
            if self._pid and not self.channel.exit_status_ready() and not self.channel.closed:
                _order(self.channel.get_transport(), _STOP.format(self._pid))
            self.channel.close()


def _order(transport: Transport, line: str) -> None:
    with contextlib.closing(transport.open_session(timeout=_GRACE_SECONDS)) as channel:
        channel.exec_command(line)
        channel.recv_exit_status()


@contextlib.contextmanager
def started(link: SshLink, line: str, deadline: Deadline, channel: Channel) -> Generator[Command]:
    """Run a shell line on an open channel; leaving the block, or the deadline, ends it."""
    command = Command(channel)
    with fused(deadline, lambda: put_out(link, command)):
        try:
            channel.exec_command(b"exec " + command_line(["sh", "-c", _TELL_PID + line]))
            yield command
        finally:
            put_out(link, command)


def put_out(link: SshLink, command: Command) -> None:
    """End a command; a link that takes no more bytes is cut."""
    if command.channel.exit_status_ready():
        command.stop()
        return
    gentle = threading.Thread(target=command.stop, daemon=True)
    gentle.start()
    gentle.join(_GRACE_SECONDS)
    if gentle.is_alive():
        link.cut()
