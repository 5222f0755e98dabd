"""What is under SSH, made by us: a TCP connection with a deadline, or a ProxyCommand."""

import contextlib
import errno
import queue
import socket
import subprocess
import threading
from collections import deque
from functools import partial

from rkops.core.deadline import Deadline
from rkops.transport.names import Target, Where, connect_error, numeric, resolved

_STOP_SECONDS = 1.0
_LAST_WORDS_SECONDS = 0.3
_LINE_BYTES = 500


def connect_tcp(where: Where, *, board: str, deadline: Deadline) -> socket.socket:
    """Return a connected socket.

    Raises:
        BoardUnreachableError: no address answers; the error of the last one tried.
    """
    failure = 0
    targets = _targets(where, deadline)
    for left, target in zip(range(len(targets), 0, -1), targets, strict=True):
        try:
            # A silent address leaves time for the next.
            sock = _connected(target, max(deadline.remaining / left, 0.001))
        except OSError as exc:
            failure = errno.ETIMEDOUT if isinstance(exc, TimeoutError) else exc.errno or 0
        else:
            # paramiko writes a packet in pieces: 44 ms a command with Nagle, 2.5 without.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise connect_error(where, failure, board=board)


def _connected(target: Target, seconds: float) -> socket.socket:
    family, address = target
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


class ProxyCommand:
    """A ProxyCommand that runs, and the socket whose other end it is.

    paramiko's own class polls, and spins when the command has ended.
    """

    def __init__(self, command: str) -> None:
        self.command = command
        self.sock, theirs = socket.socketpair()
        with theirs:
            # As OpenSSH starts it: by a shell, in whose place it runs (ssh_config(5)).
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
            )
        self._lines: deque[bytes] = deque(maxlen=1)
        self._ear = threading.Thread(target=self._listen, name="rkops-proxy", daemon=True)
        self._ear.start()

    def stop(self) -> None:
        """End the command and close the socket."""
        shut(self.sock)
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ended(self) -> str | None:
        """Return the last line it said if it has ended by itself; None if it runs."""
        try:
            code = self._process.wait(_LAST_WORDS_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        self._ear.join(_LAST_WORDS_SECONDS)
        said = b"".join(self._lines).decode("utf-8", "backslashreplace").strip()
        return said or f"exit code {code}"

    def _listen(self) -> None:
        stream = self._process.stderr
        if stream:
            with stream:
                lines = iter(partial(stream.readline, _LINE_BYTES), b"")
                self._lines.extend(line for line in lines if line.strip())


def shut(sock: socket.socket) -> None:
    """Close a socket so that a thread that waits on it wakes."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def _targets(where: Where, deadline: Deadline) -> list[Target]:
    """The addresses of a host; a resolver that hangs is left behind at the deadline."""
    if known := numeric(where):
        return [known]
    answer: queue.SimpleQueue[list[Target]] = queue.SimpleQueue()

    def resolve() -> None:
        answer.put(resolved(where))

    threading.Thread(target=resolve, name="rkops-name", daemon=True).start()
    try:
        return answer.get(timeout=deadline.remaining)
    except queue.Empty:
        return []
