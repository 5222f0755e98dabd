"""Boards of a lab that ended, at the adb server of the user: it would keep them as `offline`."""

import socket
from collections.abc import Sequence
from contextlib import suppress

from rkops.core.deadline import Deadline
from rkops.core.errors import AdbServerError
from rkops.transport.adb.server import Where, server_where

_SECONDS = 2.0


def forget_boards(serials: Sequence[str]) -> None:
    """Have a server that runs on this machine forget these boards; starts none, never fails.

    A server elsewhere (adb over ssh, a container's host) has a loopback of its own.
    """
    with suppress(AdbServerError, OSError):
        where = server_where()
        if not isinstance(where, str) and not where[0].startswith("127."):
            return
        deadline = Deadline.after(_SECONDS)
        for serial in serials:
            _ask(where, f"host:disconnect:{serial}", deadline)


def _ask(where: Where, service: str, deadline: Deadline) -> None:
    """Ask the server one thing and wait until it is done; adb: four hex digits of length first."""
    family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.settimeout(max(0.01, deadline.remaining))
        server.connect(where)
        server.sendall(f"{len(service):04x}{service}".encode())
        while server.recv(4096):
            pass
