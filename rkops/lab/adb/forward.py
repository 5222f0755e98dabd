"""The daemon's `tcp:` and `local*:` services: connections made from the board's place."""

import asyncio
import contextlib
import socket

from rkops.lab.adb.stream import Stream

_CHUNK = 64 * 1024
_UNIX = {"localabstract": "\0", "local": "", "localfilesystem": "", "localreserved": "/dev/socket/"}


async def serve_socket(stream: Stream, service: str) -> bool:
    """Join the stream to a socket of the board; False when there is no such socket or service."""
    loop = asyncio.get_running_loop()
    sock = await _connected(loop, service)
    if sock is None:
        return False
    stream.accept()
    with sock:
        upward = loop.create_task(_to_socket(loop, stream, sock))
        try:
            while data := await loop.sock_recv(sock, _CHUNK):
                await stream.write(data)
        except OSError:
            return True  # the far side reset: the stream just ends
        finally:
            upward.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await upward
    return True


async def _connected(loop: asyncio.AbstractEventLoop, service: str) -> socket.socket | None:
    kind, _, rest = service.partition(":")
    address: tuple[str, int] | str
    if kind == "tcp" and rest.isdecimal() and int(rest) < 1 << 16:
        family, address = socket.AF_INET, ("127.0.0.1", int(rest))
    elif kind in _UNIX:
        family, address = socket.AF_UNIX, _UNIX[kind] + rest
    else:
        return None
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(0)
    try:
        await loop.sock_connect(sock, address)
    except OSError:
        sock.close()
        return None
    return sock


async def _to_socket(loop: asyncio.AbstractEventLoop, stream: Stream, sock: socket.socket) -> None:
    async for data in stream.chunks():
        await loop.sock_sendall(sock, data)
