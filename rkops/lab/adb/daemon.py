"""The lab's ADB daemon: an endpoint behind the real ADB wire protocol.

Real adb servers and adbutils connect to it. It listens on a socket that was bound elsewhere, so
a board in a network namespace can answer on the host's loopback. Everything is imported at the
top: the daemon goes on after its process has moved into the board's root, where Python's own
files are out of sight.
"""

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

from rkops.lab.adb.connection import Connection
from rkops.lab.adb.packet import Manner
from rkops.lab.endpoint import Endpoint
from rkops.lab.faults import Faults

__all__ = ["AdbServer", "Manner", "serve_adb"]

_BACKLOG = 128
_FILLERS = 2  # a backlog of 0 still holds one


async def serve_adb(
    sock: socket.socket, endpoint: Endpoint, *, manner: Manner, faults: Faults
) -> "AdbServer":
    """Serve a board on a bound socket until the returned server is closed."""
    server = AdbServer(sock, endpoint, manner, faults)
    server.start()
    return server


class AdbServer:
    """One board's daemon. `close` ends it, its connections and the commands they run."""

    def __init__(
        self, sock: socket.socket, endpoint: Endpoint, manner: Manner, faults: Faults
    ) -> None:
        self.endpoint = endpoint
        self.manner = manner
        self.faults = faults
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._listening = False
        self._fillers: list[socket.socket] = []
        self._closed = self._loop.create_future()

    def start(self) -> None:
        """Begin to accept connections."""
        self._sock.settimeout(0)
        self.faults.watch(self._told)
        self._adapt()

    def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._closed.done():
            return
        self._deafen()
        self._fill(0)
        self._sock.close()
        self._cut()
        self._closed.set_result(None)

    async def wait_closed(self) -> None:
        """Return once the server is closed and its commands have ended."""
        await self._closed
        if self.tasks:
            await asyncio.wait(set(self.tasks))

    async def serve_forever(self) -> None:
        """Serve until `close`."""
        await self._closed

    def start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` beside; the server waits for it when it closes."""
        task = self._loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def _told(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._adapt)

    def _adapt(self) -> None:
        if self._closed.done():
            return
        faults = self.faults
        if faults.refuse or faults.off:
            self._deafen()
        elif not self._listening:
            self._sock.listen(_BACKLOG)
            self._loop.add_reader(self._sock, self._accept)
            self._listening = True
        self._fill(_FILLERS if faults.off else 0)
        if faults.refuse or faults.off or faults.offline:
            self._cut()

    def _deafen(self) -> None:
        """Close the port but keep its address: Linux lets a shut listener listen again."""
        if self._listening:
            self._listening = False
            self._loop.remove_reader(self._sock)
            self._sock.shutdown(socket.SHUT_RDWR)

    def _fill(self, count: int) -> None:
        """Fill the queue of an unserved listener: Linux then drops what else knocks."""
        if count == len(self._fillers):
            return
        for filler in self._fillers:
            filler.close()
        self._fillers = [socket.socket(self._sock.family) for _ in range(count)]
        if count:
            self._sock.listen(0)
        for filler in self._fillers:
            filler.settimeout(0)
            filler.connect_ex(self._sock.getsockname())

    def _cut(self) -> None:
        for connection in tuple(self.connections):
            connection.cut()

    def _accept(self) -> None:
        try:
            conn, _ = self._sock.accept()
        except OSError:
            return  # it went away before we came to it
        # asyncio does it only for sockets made with an explicit protocol number.
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.start_task(self._greet(conn))

    async def _greet(self, conn: socket.socket) -> None:
        await self._loop.connect_accepted_socket(lambda: Connection(self), conn)
