"""What is under SSH, made by us: a TCP connection with a deadline, or a ProxyCommand."""

import contextlib
import errno
import queue
import socket
import subprocess
import threading
from collections.abc import Callable

from rkops.core.deadline import Deadline
from rkops.transport.names import Target, Where, connect_error, numeric, resolved

_STOP_SECONDS = 1.0


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


def connect_command(command: str) -> tuple[socket.socket, Callable[[], None]]:
    """Return a socket whose other end is a ProxyCommand, and what ends the command.

    paramiko's own class polls, and spins when the command has ended.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        # As OpenSSH starts it: by a shell, in whose place it runs (ssh_config(5)).
        line = ["/bin/sh", "-c", f"exec {command}"]
        process = subprocess.Popen(line, stdin=theirs.fileno(), stdout=theirs.fileno())

    def stop() -> None:
        shut(ours)
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    return ours, stop


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
