"""The lab's ADB daemon: an endpoint behind the real ADB wire protocol.

Real adb servers and adbutils connect to it. It listens on a socket that was bound elsewhere, so
a board in a network namespace can answer on the host's loopback. Everything is imported at the
top: the daemon goes on after its process has moved into the board's root, where Python's own
files are out of sight.
"""

import asyncio
import socket
import struct
from collections.abc import Coroutine
from typing import Any

from rkops.lab.adbdelay import DelayLine
from rkops.lab.adbfiles import serve_sync
from rkops.lab.adbforward import serve_socket
from rkops.lab.adbpacket import (
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
from rkops.lab.adbshell import serve_shell, takes
from rkops.lab.adbstream import Stream, StreamClosedError
from rkops.lab.endpoint import Endpoint
from rkops.lab.faults import Faults

__all__ = ["AdbServer", "Manner", "serve_adb"]

_BACKLOG = 128
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


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
        self.connections: set[_Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._listening = False
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
        if self.faults.refuse:
            self._deafen()
        elif not self._listening:
            self._sock.listen(_BACKLOG)
            self._loop.add_reader(self._sock, self._accept)
            self._listening = True
        if self.faults.refuse or self.faults.offline:
            self._cut()

    def _deafen(self) -> None:
        """Close the port but keep its address: Linux lets a shut listener listen again."""
        if self._listening:
            self._listening = False
            self._loop.remove_reader(self._sock)
            self._sock.shutdown(socket.SHUT_RDWR)

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
        await self._loop.connect_accepted_socket(lambda: _Connection(self), conn)


class _Connection(asyncio.Protocol):
    """One adb server's connection to the board."""

    def __init__(self, server: AdbServer) -> None:
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
            self.send(AUTH, AUTH_TOKEN, 0, bytes(20))

    def _greet(self, host_payload_bytes: int) -> None:
        if self._faults.silent or self._faults.offline:
            return
        if self._faults.unauthorized:
            self.send(AUTH, AUTH_TOKEN, 0, bytes(20))
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
