"""Wire boards: many simulated boards in one thread of this process, each on a loopback address.

They speak the real ADB protocol and can misbehave in every way of `Faults`. A thousand cost a
thousand listening sockets and nothing else until they are asked.
"""

import asyncio
import itertools
import os
import resource
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rkops.core.errors import LabError
from rkops.lab.adb.daemon import AdbServer, Manner, serve_adb
from rkops.lab.endpoint import Endpoint
from rkops.lab.faults import Faults
from rkops.transport.base import AdbAddress

_START_SECONDS = 30.0
_FILES_PER_BOARD = 2
_SPARE_FILES = 256
_numbers = itertools.count(1)


@dataclass(slots=True)
class WireBoard:
    """One board: what it says, how it speaks, what is wrong with it (changeable at any time)."""

    name: str
    endpoint: Endpoint
    manner: Manner = Manner.MODERN
    faults: Faults = field(default_factory=Faults)
    address: AdbAddress | None = None
    """Where it shall listen; None: any free loopback address and port."""


class WireLab:
    """Boards that answer while the context is open. `adb` says where each one listens."""

    def __init__(self, boards: Sequence[WireBoard]) -> None:
        self.boards = {board.name: board for board in boards}
        self.adb: dict[str, AdbAddress] = {}
        self._servers: list[AdbServer] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="rkops-wire-lab", daemon=True)

    def __enter__(self) -> Self:
        """Start every board; all answer when this returns."""
        _allow_files(len(self.boards) * _FILES_PER_BOARD + _SPARE_FILES)
        self._thread.start()
        try:
            started = asyncio.run_coroutine_threadsafe(self._start(), self._loop)
            started.result(_START_SECONDS)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every board and what runs on it."""
        self._end()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def _start(self) -> None:
        for board in self.boards.values():
            sock, address = _bound(board.address)
            self.adb[board.name] = address
            server = await serve_adb(sock, board.endpoint, manner=board.manner, faults=board.faults)
            self._servers.append(server)

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        for server in self._servers:
            await server.wait_closed()

    def _end(self) -> None:
        try:
            asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(_START_SECONDS)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_START_SECONDS)


def _bound(address: AdbAddress | None) -> tuple[socket.socket, AdbAddress]:
    """A bound socket. Boards without an address get one each: 127.x.y.z of this process."""
    if address is None:
        number = next(_numbers) % 60000 + 256
        own = os.getpid() % 100 + 100
        host = f"127.{own}.{number >> 8}.{number & 255}"
        address = AdbAddress(host, _free_port(host))
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address.host, address.port))
    except OSError as exc:
        sock.close()
        raise LabError(
            f"a wire board cannot listen on {address.serial}: {exc.strerror}",
            hint="choose another address or port, or let the lab choose",
        ) from exc
    return sock, address


def _free_port(host: str) -> int:
    """A port to ask for by number: Linux takes one that it chose back when a listener is shut."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def _allow_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise LabError(
            f"that many boards need {wanted} open files, the limit is {hard}",
            hint="raise it: ulimit -Hn",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
