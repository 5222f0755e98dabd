"""The endpoint of the place where this process runs: its shell, its files.

In a host or arm64 board that is the board, after pivot_root; in tests it is this machine.
Everything is imported at the top, because Python's own files may be out of sight later.
"""

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rkops.lab.endpoint import CommandIO, FileStat
from rkops.lab.here.process import Command, start_on_pipes, start_on_terminal

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_libc = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Owner:
    """The account whose commands and files these are."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


class HereEndpoint:
    """Runs commands with /bin/sh and reads and writes files, as this process or as `owner`."""

    def __init__(
        self, env: Mapping[str, str] | None = None, cwd: str = "/", owner: Owner | None = None
    ) -> None:
        self._env = {"PATH": _PATH, **(env or {})}
        self._cwd = cwd
        self._owner = owner

    async def run(self, command: str, io: CommandIO, *, pty: bool) -> int:
        """Run a command line; when the caller goes away the command is hung up on."""
        owner = self._owner
        popen = {"env": self._env, "cwd": self._cwd, "start_new_session": True}
        if owner is not None:
            popen |= {"user": owner.uid, "group": owner.gid, "extra_groups": owner.groups}
        argv = ["/bin/sh", "-c", command] if command else ["/bin/sh"]
        process, ends = (start_on_terminal if pty else start_on_pipes)(argv, popen)
        running = Command(asyncio.get_running_loop(), process, ends)
        try:
            return await running.carry(io)
        finally:
            await running.end()

    def stat(self, path: str) -> FileStat:
        """Stat a file; a missing one has mode 0."""
        try:
            with self._as_owner():
                found = self._at(path).stat()
        except (OSError, ValueError):
            return FileStat(0, 0, 0)
        return FileStat(found.st_mode, found.st_size, int(found.st_mtime))

    def open_read(self, path: str) -> BinaryIO:
        """Open a file for reading."""
        with self._as_owner():
            return self._at(path).open("rb")

    def open_write(self, path: str, mode: int) -> BinaryIO:
        """Create or truncate a file with exactly this mode."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with self._as_owner():
            fd = os.open(self._at(path), flags, mode)
            os.fchmod(fd, mode)
        return os.fdopen(fd, "wb")

    def listdir(self, path: str) -> list[str]:
        """List a directory."""
        with self._as_owner():
            return os.listdir(self._at(path))  # noqa: PTH208 - names, not paths

    def _at(self, path: str) -> Path:
        return Path(self._cwd, path)

    @contextlib.contextmanager
    def _as_owner(self) -> Iterator[None]:
        """Let the kernel check and create as the owner (setfsuid(2): this thread's files only)."""
        if self._owner is None:
            yield
            return
        own_group, own_user = _libc.setfsgid(self._owner.gid), _libc.setfsuid(self._owner.uid)
        try:
            yield
        finally:
            _libc.setfsuid(own_user)
            _libc.setfsgid(own_group)
