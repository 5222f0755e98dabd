"""An adb server of the tests' own, on a free port, gone at the end."""

import os
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_NAMES = ("ANDROID_ADB_SERVER_PORT", "ADB_SERVER_SOCKET")


def free_port() -> int:
    """A port of the loopback that nobody has now.

    Not one that the kernel hands out by itself: some other connection might get it before the
    server that it is meant for.
    """
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with suppress(OSError), socket.socket() as sock:
            sock.bind(("127.0.0.1", port))
            return port


@contextmanager
def own_adb_server_port() -> Iterator[int]:
    """Point everything at an adb server that does not run yet; end it afterwards."""
    before = {name: os.environ.get(name) for name in _NAMES}
    port = free_port()
    os.environ["ANDROID_ADB_SERVER_PORT"] = str(port)
    os.environ.pop("ADB_SERVER_SOCKET", None)
    try:
        yield port
    finally:
        kill_adb_server(port)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def kill_adb_server(port: int) -> None:
    """Ask the server on that port, if there is one, to end; wait until it has."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.sendall(b"0009host:kill")
        while sock.recv(64):
            pass
