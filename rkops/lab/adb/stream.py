"""One stream inside an ADB connection: bytes both ways, one packet under way in each."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from rkops.lab.adb.packet import CLSE, OKAY, WRTE

_UNREAD_BYTES = 256 * 1024
"""More than this unread, and the host is not told to go on."""
_UNSENT_BYTES = 1 << 20


class StreamClosedError(Exception):
    """The host closed the stream, or the connection went away."""


class Link(Protocol):
    """What a stream needs of its connection."""

    payload_bytes: int

    def send(self, command: int, arg0: int, arg1: int, payload: bytes = b"") -> None:
        """Put a packet on its way."""
        ...

    def wake_later(self, stream: "Stream") -> None:
        """Call `stream.pump` at the end of this turn of the loop, so that small writes join."""
        ...


class Stream:
    """The daemon's end of one stream. Reading and writing raise `StreamClosedError` at the end."""

    __slots__ = (
        "_acked",
        "_inbox",
        "_link",
        "_needed",
        "_outbox",
        "_owed",
        "_waiting",
        "closed",
        "ids",
    )

    def __init__(self, link: Link, local: int, remote: int) -> None:
        self.ids = (local, remote)
        self.closed = False
        self._link = link
        self._inbox = bytearray()
        self._needed = 0
        self._outbox = bytearray()
        self._owed = False
        self._acked = True
        self._waiting: list[asyncio.Future[None]] = []

    def accept(self) -> None:
        """Tell the host that the service is there."""
        self._link.send(OKAY, *self.ids)

    def fed(self, data: bytes) -> None:
        """Take a packet from the host."""
        self._inbox += data
        if len(self._inbox) > _UNREAD_BYTES:
            self._owed = True
        else:
            self._link.send(OKAY, *self.ids)
        if len(self._inbox) >= self._needed:
            self._wake()

    def acked(self) -> None:
        """The host has the last packet."""
        self._acked = True
        if self._outbox:
            self.pump()
        else:
            self._wake()

    def hung_up(self) -> None:
        """The host is gone."""
        self.closed = True
        self._wake()

    def pump(self) -> None:
        """Send the next packet, if the last one has arrived."""
        if not self._acked or not self._outbox or self.closed:
            return
        chunk = bytes(self._outbox[: self._link.payload_bytes])
        del self._outbox[: len(chunk)]
        self._acked = False
        self._link.send(WRTE, *self.ids, chunk)
        self._wake()

    async def write(self, data: bytes) -> None:
        """Send bytes; returns once they fit the buffer."""
        if self.closed:
            raise StreamClosedError
        self._outbox += data
        self._link.wake_later(self)
        while len(self._outbox) > _UNSENT_BYTES:
            await self._wait()

    async def drained(self) -> None:
        """Return when the host has every byte."""
        while self._outbox or not self._acked:
            self.pump()
            await self._wait()

    async def exactly(self, count: int) -> bytes:
        """Read `count` bytes."""
        self._needed = count
        while len(self._inbox) < count:
            self._go_on()
            await self._wait()
        self._needed = 0
        with memoryview(self._inbox) as view:
            data = bytes(view[:count])
        del self._inbox[:count]
        return data

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read what comes until the host closes the stream."""
        while True:
            if self._inbox:
                data = bytes(self._inbox)
                self._inbox.clear()
                self._go_on()
                yield data
            elif self.closed:
                return
            else:
                await self._sleep()

    def end(self) -> None:
        """Close the stream from this side."""
        if not self.closed:
            self.closed = True
            self._link.send(CLSE, *self.ids)

    def _go_on(self) -> None:
        if self._owed:
            self._owed = False
            self._link.send(OKAY, *self.ids)

    async def _wait(self) -> None:
        if self.closed:
            raise StreamClosedError
        await self._sleep()

    async def _sleep(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
