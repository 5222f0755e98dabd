"""Local ports that lead to a board's sockets, over SSH.

TCP goes through the protocol's own forwarding. Unix sockets, the abstract ones of Android too,
are reached by a few lines of Python on the board: OpenSSH forwards no abstract sockets.
"""

import contextlib
import logging
import shlex
import socket
import threading
from collections.abc import Callable, Generator
from typing import Protocol

import paramiko
from paramiko import Channel

from rkops.core.deadline import Deadline
from rkops.core.errors import TransferError, TransportError
from rkops.transport.ssh.link import SshLink

_log = logging.getLogger(__name__)
_DIAL_SECONDS = 10.0
_CHUNK = 1 << 16
_RELAY = """
import os, socket, sys, threading
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1].replace("@", "\\0", 1))
def up():
    for data in iter(lambda: os.read(0, 65536), b""):
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
for data in iter(lambda: peer.recv(65536), b""):
    while data:
        data = data[os.write(1, data):]
"""


class Opener(Protocol):
    """What forwarding needs of the transport."""

    board: str

    def link(self, deadline: Deadline) -> SshLink:
        """Return a connection that lives."""
        ...

    def channel(self, deadline: Deadline) -> Channel:
        """Open a session."""
        ...


Dial = Callable[[], Channel]


def _dial(opener: Opener, remote: str) -> Dial:
    """Return what opens one connection to the board's socket."""
    kind, _, name = remote.partition(":")
    if kind == "tcp" and name.isdigit():
        return lambda: _tcp(opener, int(name))
    if kind in ("local", "localabstract", "localfilesystem") and name:
        peer = f"@{name}" if kind == "localabstract" else name
        line = shlex.join(["python3", "-c", _RELAY, peer])
        return lambda: _relay(opener, line)
    raise TransferError(
        f"{remote} cannot be forwarded",
        board=opener.board,
        hint="name it as tcp:PORT, local:/path or localabstract:NAME",
    )


def _tcp(opener: Opener, port: int) -> Channel:
    return opener.link(Deadline.after(_DIAL_SECONDS)).transport.open_channel(
        "direct-tcpip", ("127.0.0.1", port), ("127.0.0.1", 0), timeout=_DIAL_SECONDS
    )


def _relay(opener: Opener, line: str) -> Channel:
    channel = opener.channel(Deadline.after(_DIAL_SECONDS))
    channel.exec_command(line)
    return channel


@contextlib.contextmanager
def forwarded(opener: Opener, remote: str, *, deadline: Deadline) -> Generator[int]:
    """Listen on a free port of 127.0.0.1 and carry each connection to the board's socket."""
    dial = _dial(opener, remote)
    opener.link(deadline)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, dial), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            # Closing alone does not wake a thread that waits in accept.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, dial: Dial) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_carry, args=(client, dial), daemon=True).start()


def _carry(client: socket.socket, dial: Dial) -> None:
    """Carry one connection both ways; a board that does not take it gets it closed."""
    with client:
        try:
            channel = dial()
        except (paramiko.SSHException, EOFError, OSError, TransportError) as exc:
            _log.warning("the board took no forwarded connection: %s", exc)
            return
        up = threading.Thread(
            target=_pump, args=(client.recv, channel.sendall, channel.shutdown_write), daemon=True
        )
        up.start()
        with contextlib.closing(channel):
            _pump(channel.recv, client.sendall, lambda: client.shutdown(socket.SHUT_WR))
            up.join()


def _pump(
    read: Callable[[int], bytes], write: Callable[[bytes], None], end: Callable[[], None]
) -> None:
    """Carry one way, the end included."""
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        while data := read(_CHUNK):
            write(data)
        end()
