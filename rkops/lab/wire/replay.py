"""The endpoint of a recorded board: known questions get the recorded bytes, files are in memory."""

import asyncio
import errno
import io
import os
import posixpath
import re
import stat
import time
from collections.abc import Callable, Mapping
from typing import BinaryIO

from rkops.lab.endpoint import CommandIO, FileStat

Answer = bytes | tuple[bytes, int] | Callable[[str, bytes], bytes | tuple[bytes, int]]
"""Recorded stdout, or with an exit code, or a function of the command line and its stdin."""

_NOT_RECORDED = 127
_MARKED = re.compile(r"echo (\S+);\(.*\);echo \1\$\?", re.DOTALL)


class ReplayEndpoint:
    """Answers each command line that contains one of the recorded texts.

    `recorded` is looked through in its order; a text of "" answers everything. What matches
    nothing gets exit code 127. `seconds` is how long the board takes to think.
    """

    def __init__(self, recorded: Mapping[str, Answer], *, seconds: float = 0.0) -> None:
        self.files: dict[str, bytes] = {}
        self.modes: dict[str, int] = {}
        self.commands: list[str] = []
        self.directories = {"/", "/tmp", "/dev/shm"}  # noqa: S108 - the board's
        self._recorded = tuple(recorded.items())
        self._seconds = seconds

    async def run(self, command: str, io: CommandIO, *, pty: bool) -> int:
        """Say what was recorded; as through a terminal when `pty`."""
        self.commands.append(command)
        answer = next((answer for text, answer in self._recorded if text in command), None)
        if answer is None:
            words = b"sh: not recorded\n"
            await io.err(_framed(command, words, _NOT_RECORDED) if pty else words)
            return _NOT_RECORDED
        if self._seconds:
            await asyncio.sleep(self._seconds)
        if callable(answer):
            typed = b"" if pty else b"".join([data async for data in io.stdin])
            answer = answer(command, typed)
        out, code = answer if isinstance(answer, tuple) else (answer, 0)
        await io.out(_framed(command, out, code) if pty else out)
        return code

    def stat(self, path: str) -> FileStat:
        """Stat a file in memory; directories are those named and those above files."""
        path = posixpath.normpath(path)
        if path in self.files:
            mode = stat.S_IFREG | self.modes.get(path, 0o644)
            return FileStat(mode, len(self.files[path]), int(time.time()))
        if path in self.directories or any(name.startswith(path + "/") for name in self.files):
            return FileStat(stat.S_IFDIR | 0o755, 4096, int(time.time()))
        return FileStat(0, 0, 0)

    def open_read(self, path: str) -> BinaryIO:
        """Open a file in memory for reading."""
        path = posixpath.normpath(path)
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return io.BytesIO(self.files[path])

    def open_write(self, path: str, mode: int) -> BinaryIO:
        """Create or truncate a file in memory."""
        path = posixpath.normpath(path)
        if not stat.S_ISDIR(self.stat(posixpath.dirname(path)).mode):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        self.files[path] = b""
        self.modes[path] = mode
        return _Kept(self.files, path)

    def listdir(self, path: str) -> list[str]:
        """List a directory in memory."""
        prefix = posixpath.join(posixpath.normpath(path), "")
        inside = {
            name[len(prefix) :].partition("/")[0]
            for name in (*self.files, *self.directories)
            if name.startswith(prefix) and name != prefix
        }
        return sorted(inside)


def _framed(command: str, out: bytes, code: int) -> bytes:
    """What a terminal would show: CRLF, and the marks that a caller put around the command.

    A recorded board has no shell; `echo MARK;(...);echo MARK$?` is all it understands of one.
    """
    shown = out.replace(b"\n", b"\r\n")
    marks = _MARKED.fullmatch(command)
    if marks is None:
        return shown
    mark = marks[1].encode()
    return b"%b\r\n%b%b%d\r\n" % (mark, shown, mark, code)


class _Kept(io.BytesIO):
    """A file in memory whose bytes stay when it is closed."""

    def __init__(self, files: dict[str, bytes], path: str) -> None:
        super().__init__()
        self._files = files
        self._path = path

    def close(self) -> None:
        """Keep what was written."""
        if not self.closed:
            self._files[self._path] = self.getvalue()
        super().close()
