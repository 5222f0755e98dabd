"""One connection of an adb server to a simulated board: packets in, packets out, faults between."""

import asyncio
import socket
import struct
from collections.abc import Coroutine
from typing import Any, Protocol

from rkops.lab.adb.delay import DelayLine
from rkops.lab.adb.files import serve_sync
from rkops.lab.adb.forward import serve_socket
from rkops.lab.adb.packet import (
    AUTH,
    AUTH_PUBLIC_KEY,
    AUTH_TOKEN,
    CLSE,
    CNXN,
    HEADER,
    HEADER_BYTES,
    MAX_PAYLOAD,
    OKAY,
    OPEN,
    WRTE,
    Manner,
    packet,
)
from rkops.lab.adb.shell import serve_shell, takes
from rkops.lab.adb.stream import Stream, StreamClosedError
from rkops.lab.endpoint import Endpoint
from rkops.lab.faults import Faults

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_TOKEN = bytes(20)


class Daemon(Protocol):
    """What a connection needs of the daemon it belongs to."""

    endpoint: Endpoint
    manner: Manner
    faults: Faults
    connections: set["Connection"]

    def start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` beside."""
        ...


class Connection(asyncio.Protocol):
    """One adb server's connection to the board."""

    def __init__(self, server: Daemon) -> None:
        self._server = server
        self._faults = server.faults
        self._summed = server.manner is Manner.LEGACY
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._to_pump: list[Stream] = []
        self._flushing = False
        self._streams: dict[int, tuple[Stream, asyncio.Task[None]]] = {}
        self._next_id = 1
        self._moved_bytes = 0
        self._stalled = False
        self._transport: asyncio.Transport | None = None
        self._delay: DelayLine | None = None
        self.payload_bytes = server.faults.payload_bytes or server.manner.payload_bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio's word for TCP
        self._transport = transport
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End what ran on the connection."""
        del exc
        self._server.connections.discard(self)
        self._transport = None
        if self._delay is not None:
            self._delay.close()
        for number in tuple(self._streams):
            self._hang_up(number)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the host; handle each packet that is whole."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= HEADER_BYTES:
            command, arg0, arg1, size, _, magic = HEADER.unpack_from(buffer)
            if magic != command ^ 0xFFFFFFFF or size > MAX_PAYLOAD:
                self.cut()
                return
            end = HEADER_BYTES + size
            if len(buffer) < end:
                return
            payload = bytes(memoryview(buffer)[HEADER_BYTES:end]) if size else b""
            del buffer[:end]
            if self._counts(size):
                self._handle(command, arg0, arg1, payload)

    def send(self, command: int, arg0: int, arg1: int, payload: bytes = b"") -> None:
        """Put a packet on its way at the end of this turn of the loop."""
        if not self._stalled and (not payload or self._counts(len(payload))):
            self._out.append(packet(command, arg0, arg1, payload, summed=self._summed))
            self._flush_later()

    def wake_later(self, stream: Stream) -> None:
        """Let the stream send at the end of this turn of the loop."""
        self._to_pump.append(stream)
        self._flush_later()

    def cut(self) -> None:
        """Break the connection, with a reset."""
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._transport.abort()

    def _flush_later(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        streams, self._to_pump = self._to_pump, []
        for stream in streams:
            stream.pump()
        self._flushing = False
        data, self._out = b"".join(self._out), []
        if self._transport is None or not data:
            return
        if self._faults.delay_seconds or self._delay is not None:
            if self._delay is None:
                self._delay = DelayLine(self._loop, self._transport.write)
            self._delay.put(data, self._faults.delay_seconds)
        else:
            self._transport.write(data)

    def _counts(self, size: int) -> bool:
        """Count payload; False when a fault says that this packet is lost."""
        self._moved_bytes += size
        faults = self._faults
        if faults.drop_after_bytes is not None and self._moved_bytes > faults.drop_after_bytes:
            self.cut()
            return False
        if faults.stall_after_bytes is not None and self._moved_bytes > faults.stall_after_bytes:
            self._stalled = True
        return not self._stalled

    def _handle(self, command: int, arg0: int, arg1: int, payload: bytes) -> None:
        if command == WRTE:
            self._written(arg0, arg1, payload)
        elif command == OKAY:
            if arg1 in self._streams:
                self._streams[arg1][0].acked()
        elif command == OPEN:
            self._open(arg0, payload)
        elif command == CLSE:
            self._hang_up(arg1)
        elif command == CNXN:
            self._greet(arg1)
        elif command == AUTH and arg0 != AUTH_PUBLIC_KEY:
            self.send(AUTH, AUTH_TOKEN, 0, _TOKEN)

    def _greet(self, host_payload_bytes: int) -> None:
        if self._faults.silent or self._faults.offline:
            return
        if self._faults.unauthorized:
            self.send(AUTH, AUTH_TOKEN, 0, _TOKEN)
            return
        manner = self._server.manner
        self.payload_bytes = min(self.payload_bytes, host_payload_bytes)
        self.send(CNXN, manner.version, self.payload_bytes, manner.banner)

    def _written(self, remote: int, local: int, payload: bytes) -> None:
        if local in self._streams:
            self._streams[local][0].fed(payload)
        else:
            self.send(CLSE, 0, remote)

    def _hang_up(self, local: int) -> None:
        stream, task = self._streams.pop(local, (None, None))
        if stream is not None and task is not None:
            stream.hung_up()
            task.cancel()

    def _open(self, remote: int, payload: bytes) -> None:
        if self._faults.mute:
            return
        service = payload.rstrip(b"\0").decode("utf-8", "surrogateescape")
        stream = Stream(self, self._next_id, remote)
        self._next_id += 1
        task = self._server.start_task(self._serve(stream, service))
        self._streams[stream.ids[0]] = (stream, task)

    async def _serve(self, stream: Stream, service: str) -> None:
        server = self._server
        kind = service.partition(":")[0]
        try:
            if takes(kind, server.manner):
                await serve_shell(stream, service, server.endpoint, server.manner, server.faults)
            elif kind == "sync":
                await serve_sync(stream, server.endpoint, server.faults)
            elif kind == "root":
                stream.accept()
                await stream.write(b"adbd is already running as root\n")
            elif not await serve_socket(stream, service):
                self.send(CLSE, 0, stream.ids[1])  # refused: no local id yet
                stream.closed = True
            if not stream.closed:
                await stream.drained()
        except StreamClosedError:
            pass
        finally:
            self._streams.pop(stream.ids[0], None)
            stream.end()
