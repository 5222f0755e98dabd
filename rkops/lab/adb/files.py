"""The daemon's `sync:` service, version 1: STAT, LIST, SEND, RECV.

Source: AOSP adb, SYNC.TXT and daemon/file_sync_service.cpp.
"""

import errno
import os
import posixpath
import shlex
import struct
from collections.abc import AsyncIterator
from typing import BinaryIO

from rkops.lab.adb.stream import Stream
from rkops.lab.endpoint import CommandIO, Endpoint
from rkops.lab.faults import Faults

_HEAD = struct.Struct("<4sI")
_STAT = struct.Struct("<4sIII")
_ENTRY = struct.Struct("<4sIIII")
_CHUNK = 64 * 1024
_PATH_LIMIT = 1024


async def serve_sync(stream: Stream, endpoint: Endpoint, faults: Faults) -> None:
    """Serve file requests until the host says QUIT or asks what no daemon knows."""
    stream.accept()
    while True:
        name, size = _HEAD.unpack(await stream.exactly(_HEAD.size))
        if name == b"QUIT" or size > _PATH_LIMIT:
            return
        path = os.fsdecode(await stream.exactly(size))
        if name == b"STAT":
            await stream.write(_stat(endpoint, path))
        elif name == b"LIST":
            await _list(stream, endpoint, path)
        elif name == b"RECV":
            await _send_to_host(stream, endpoint, path)
        elif name == b"SEND":
            await _Receiving(stream, endpoint, faults).run(path)
        else:
            await _fail(stream, "unknown command")
            return


def _stat(endpoint: Endpoint, path: str) -> bytes:
    found = endpoint.stat(path)
    return _STAT.pack(b"STAT", found.mode, found.size_bytes & 0xFFFFFFFF, found.mtime)


async def _list(stream: Stream, endpoint: Endpoint, path: str) -> None:
    try:
        names = endpoint.listdir(path)
    except OSError:
        names = []  # a real daemon says nothing either
    for name in names:
        found = endpoint.stat(posixpath.join(path, name))
        raw = os.fsencode(name)
        size = found.size_bytes & 0xFFFFFFFF
        await stream.write(_ENTRY.pack(b"DENT", found.mode, size, found.mtime, len(raw)) + raw)
    await stream.write(_ENTRY.pack(b"DONE", 0, 0, 0, 0))


async def _send_to_host(stream: Stream, endpoint: Endpoint, path: str) -> None:
    try:
        with endpoint.open_read(path) as file:
            while data := file.read(_CHUNK):
                await stream.write(_HEAD.pack(b"DATA", len(data)) + data)
    except OSError as exc:
        await _fail(stream, f"open failed: {exc.strerror}")
        return
    await stream.write(_HEAD.pack(b"DONE", 0))


async def _fail(stream: Stream, words: str) -> None:
    raw = words.encode()
    await stream.write(_HEAD.pack(b"FAIL", len(raw)) + raw)


class _Receiving:
    """One SEND: on trouble it says FAIL at once and throws the rest away, as adbd does."""

    def __init__(self, stream: Stream, endpoint: Endpoint, faults: Faults) -> None:
        self._stream = stream
        self._endpoint = endpoint
        self._faults = faults
        self._file: BinaryIO | None = None

    async def run(self, target: str) -> None:
        """Take a file; `target` is `PATH,MODE` with the mode in decimal."""
        path, _, mode = target.rpartition(",")
        begun = whole = False
        try:
            await self._open(path, int(mode or "420") & 0o777)
            begun = self._file is not None
            whole = await self._take()
        finally:
            self._close()
            if begun and not whole:  # adbd does: `abort: if (do_unlink) adb_unlink(path)`
                await _shell(self._endpoint, f"rm -f -- {shlex.quote(path)}")
        if whole:
            await self._stream.write(_HEAD.pack(b"OKAY", 0))

    async def _open(self, path: str, mode: int) -> None:
        try:
            _raise_if(errno.EROFS, true=self._faults.read_only)
            try:
                self._file = self._endpoint.open_write(path, mode)
            except FileNotFoundError:
                # adbd makes the directory above a file that it is sent
                above = shlex.quote(posixpath.dirname(path))
                await _shell(self._endpoint, f"mkdir -p -- {above}")
                self._file = self._endpoint.open_write(path, mode)
        except OSError as exc:
            await _fail(self._stream, f"couldn't create file: {exc.strerror}")

    async def _take(self) -> bool:
        while True:
            name, size = _HEAD.unpack(await self._stream.exactly(_HEAD.size))
            if name == b"DONE":
                return self._file is not None
            if name != b"DATA" or size > _CHUNK:
                await _fail(self._stream, "invalid data message")
                return False
            data = await self._stream.exactly(size)
            if self._file is not None:
                await self._write(self._file, data)

    async def _write(self, file: BinaryIO, data: bytes) -> None:
        try:
            _raise_if(errno.ENOSPC, true=self._faults.disk_full)
            file.write(data[: len(data) // 2] if self._faults.short_write else data)
        except OSError as exc:
            self._close()
            await _fail(self._stream, f"write failed: {exc.strerror}")

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _raise_if(number: int, *, true: bool) -> None:
    if true:
        raise OSError(number, os.strerror(number))


async def _shell(endpoint: Endpoint, command: str) -> None:
    """Have the board's shell do something; what it says is of no interest."""

    async def ignore(data: bytes) -> None:
        del data

    async def nothing() -> AsyncIterator[bytes]:
        for data in tuple[bytes, ...]():
            yield data

    await endpoint.run(command, CommandIO(nothing(), ignore, ignore), pty=False)
