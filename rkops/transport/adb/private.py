"""An adb server for a while: on a port nobody uses, gone afterwards.

The demo and the benches use it, so that the user's own server never hears of simulated boards.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PORT = "ANDROID_ADB_SERVER_PORT"
_SOCKET = "ADB_SERVER_SOCKET"
_KILL = b"0009host:kill"
_SECONDS = 2.0


@contextmanager
def private_server() -> Iterator[int]:
    """Make adb clients of this process use a server of their own; yield its port.

    The server starts when it is first needed and is told to end when the context is left.
    """
    before = {name: os.environ.pop(name, None) for name in (_PORT, _SOCKET)}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    os.environ[_PORT] = str(port)
    try:
        yield port
    finally:
        _end(port)
        os.environ.pop(_PORT)
        os.environ.update({name: value for name, value in before.items() if value is not None})


def _end(port: int) -> None:
    """Tell the server to end; where none was started there is nothing to tell."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), _SECONDS) as sock:
        sock.sendall(_KILL)
        sock.recv(1)
