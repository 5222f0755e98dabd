"""SFTP over a board's endpoint.

Reading, writing and listing go to the endpoint's files; the rarer wishes (rename, remove, …) are
put to its shell, so that an endpoint needs no second set of methods.
"""

import errno
import posixpath
import shlex
import stat
from collections.abc import AsyncIterator
from typing import BinaryIO, cast

import asyncssh

from rkops.lab.endpoint import CommandIO, Endpoint, FileStat
from rkops.lab.ssh.link import Link


async def _nothing() -> AsyncIterator[bytes]:
    no_input: tuple[bytes, ...] = ()
    for data in no_input:
        yield data


async def _ignore(data: bytes) -> None:
    del data


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _attributes(found: FileStat, path: str) -> asyncssh.SFTPAttrs:
    if not found.mode:
        raise FileNotFoundError(errno.ENOENT, "no such file", path)
    return asyncssh.SFTPAttrs(
        size=found.size_bytes, permissions=found.mode, atime=found.mtime, mtime=found.mtime
    )


class BoardFiles(asyncssh.SFTPServer):
    """One client's view of the board's files."""

    def __init__(
        self, channel: "asyncssh.SSHServerChannel[bytes]", endpoint: Endpoint, link: Link
    ) -> None:
        super().__init__(channel)
        self._endpoint = endpoint
        self._link = link

    async def _shell(self, *argv: str) -> None:
        io = CommandIO(_nothing(), _ignore, _ignore)
        code = await self._endpoint.run(shlex.join(argv), io, pty=False)
        if code:
            raise asyncssh.SFTPFailure(f"{argv[0]} failed")

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> BinaryIO:
        """Open a file; append and read-write mixes are not offered."""
        await self._link.ready()
        if pflags & asyncssh.FXF_WRITE:
            if self._link.faults.read_only:
                raise OSError(errno.EROFS, "read-only file system", _text(path))
            mode = 0o644 if attrs.permissions is None else stat.S_IMODE(attrs.permissions)
            return self._endpoint.open_write(_text(path), mode)
        return self._endpoint.open_read(_text(path))

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """Read a piece."""
        file = cast("BinaryIO", file_obj)
        file.seek(offset)
        data = file.read(size)
        await self._link.moved(len(data))
        return data

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Write a piece."""
        await self._link.moved(len(data))
        if self._link.faults.disk_full:
            raise OSError(errno.ENOSPC, "no space left on device")
        file = cast("BinaryIO", file_obj)
        file.seek(offset)
        file.write(data[:-1] if self._link.faults.short_write else data)
        return len(data)

    def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        """Say how long an open file is."""
        file = cast("BinaryIO", file_obj)
        place = file.tell()
        size = file.seek(0, 2)
        file.seek(place)
        return asyncssh.SFTPAttrs(size=size, permissions=stat.S_IFREG | 0o644)

    def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        """Stat a file."""
        return _attributes(self._endpoint.stat(_text(path)), _text(path))

    lstat = stat

    async def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Change the mode; owner and times stay."""
        if attrs.permissions is not None:
            await self._shell("chmod", f"{stat.S_IMODE(attrs.permissions):o}", _text(path))

    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        """Accept the wish: the mode was set when the file was opened."""

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        """List a directory."""
        place = _text(path)
        for name in [".", "..", *self._endpoint.listdir(place)]:
            found = self._endpoint.stat(posixpath.join(place, name))
            if found.mode:
                yield asyncssh.SFTPName(name.encode(), "", _attributes(found, name))

    def realpath(self, path: bytes) -> bytes:
        """Make a path absolute; the server's own directory is `/`."""
        return posixpath.normpath(posixpath.join(b"/", path))

    async def remove(self, path: bytes) -> None:
        """Remove a file."""
        await self._shell("rm", "--", _text(path))

    async def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Make a directory; the mode is the board's own choice."""
        del attrs
        await self._shell("mkdir", "--", _text(path))

    async def rmdir(self, path: bytes) -> None:
        """Remove an empty directory."""
        await self._shell("rmdir", "--", _text(path))

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Rename a file."""
        await self._shell("mv", "-f", "--", _text(oldpath), _text(newpath))

    posix_rename = rename
