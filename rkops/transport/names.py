"""Host names become addresses, and failed connects become errors."""

import errno
import os
import queue
import socket
import threading
from collections.abc import Mapping
from typing import TypeVar

from rkops.core.errors import BoardRefusedError, BoardUnreachableError, TransportError

Key = TypeVar("Key")
Where = tuple[str, int]
Target = tuple[int, tuple[str, int] | tuple[str, int, int, int]]
"""Address family and socket address."""
Found = queue.SimpleQueue[tuple[Key, list[Target]]]
"""Every address of a name, in the resolver's order; none for a name that is unknown."""

_THREADS = 16
_NO_SUCH_NAME = 0


def numeric(where: Where) -> Target | None:
    """Return where to connect when the host is a number; None for a name. Never waits."""
    try:
        found = socket.getaddrinfo(
            *where, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )
    except (OSError, UnicodeError):
        return None
    return found[0][0], found[0][4]  # type: ignore[return-value]  # the stub allows odd families


def look_up(names: Mapping[Key, Where], found: "Found[Key]", bell: socket.socket) -> None:
    """Resolve names in the background; each goes to `found`, then `bell` is written to.

    The resolver knows no deadline, so its threads are left behind when it hangs.
    """
    todo: queue.SimpleQueue[tuple[Key, Where]] = queue.SimpleQueue()
    for item in names.items():
        todo.put(item)

    def work() -> None:
        while True:
            try:
                key, where = todo.get_nowait()
                found.put((key, resolved(where)))
                bell.send(b"!")
            except (queue.Empty, OSError):
                return  # all done, or nobody waits any more

    for _ in range(min(_THREADS, len(names))):
        threading.Thread(target=work, name="rkops-names", daemon=True).start()


def resolved(where: Where) -> list[Target]:
    """Return every address of a name, in the resolver's order; none if it is unknown. Waits."""
    try:
        found = socket.getaddrinfo(*where, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [(one[0], one[4]) for one in found]  # type: ignore[misc]  # the stub allows odd families


def connect_error(where: Where, number: int, *, board: str) -> TransportError:
    """Say why nothing could be connected; `number` is the errno, 0 an unknown host name."""
    host, port = where
    if number == errno.ECONNREFUSED:
        return BoardRefusedError(
            f"{host} refuses connections to port {port}",
            board=board,
            hint="the machine is on: start adbd (adb tcpip 5555 over USB) or sshd, "
            "or mend the port in the inventory",
        )
    if number == _NO_SUCH_NAME:
        return BoardUnreachableError(
            f"no address is known for the name {host}",
            board=board,
            hint="mend the name in the inventory, or use the board's IP address",
        )
    if number == errno.ETIMEDOUT:
        return BoardUnreachableError(
            f"{host} port {port} does not answer",
            board=board,
            hint="is the board switched on, and on this network? try: ping " + host,
        )
    return BoardUnreachableError(
        f"{host} port {port} cannot be reached: {os.strerror(number)}",
        board=board,
        hint="check the cable, the board's network and the route to it",
    )
