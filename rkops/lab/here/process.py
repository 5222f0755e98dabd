"""A process of this place and its three streams, carried to and from a client."""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from rkops.lab.endpoint import CommandIO

_CHUNK = 64 * 1024
_GRACE_SECONDS = 0.5

Ends = tuple[int, ...]
"""stdin, stdout and stderr of a process, or the one end of its terminal; none blocks."""


def start_on_pipes(
    argv: Sequence[str], popen: dict[str, Any]
) -> tuple["subprocess.Popen[bytes]", Ends]:
    """Start a process whose stdout and stderr stay apart."""
    theirs_in, ours_in = os.pipe()
    ours_out, theirs_out = os.pipe()
    ours_err, theirs_err = os.pipe()
    try:
        process = subprocess.Popen(
            argv, stdin=theirs_in, stdout=theirs_out, stderr=theirs_err, **popen
        )
    finally:
        for fd in (theirs_in, theirs_out, theirs_err):
            os.close(fd)
    return process, _unblocked((ours_in, ours_out, ours_err))


def start_on_terminal(
    argv: Sequence[str], popen: dict[str, Any]
) -> tuple["subprocess.Popen[bytes]", Ends]:
    """Start a process on a terminal of its own."""
    ours, theirs = os.openpty()
    try:
        process = subprocess.Popen(
            argv,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - one ioctl: no lock, no import
            **popen,
        )
    finally:
        os.close(theirs)
    return process, _unblocked((ours,))


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _unblocked(ends: Ends) -> Ends:
    for fd in ends:
        os.set_blocking(fd, False)
    return ends


class Command:
    """A running process. `carry` moves its bytes, `end` leaves nothing of it behind."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        process: "subprocess.Popen[bytes]",
        ends: Ends,
    ) -> None:
        self._loop = loop
        self._process = process
        self._ends = list(ends)
        self._exited: asyncio.Future[int] = loop.create_future()
        self._pidfd = os.pidfd_open(process.pid)
        self._carried = False
        loop.add_reader(self._pidfd, self._reap)

    async def carry(self, io: CommandIO) -> int:
        """Move bytes until the process has closed its output; return its exit code."""
        typing = self._loop.create_task(self._type(io.stdin))
        try:
            if len(self._ends) == 1:
                await self._read(self._ends[0], io.out)
            else:
                await asyncio.gather(
                    self._read(self._ends[1], io.out), self._read(self._ends[2], io.err)
                )
            code = await asyncio.shield(self._exited)
            self._carried = True
        finally:
            typing.cancel()
            await asyncio.gather(typing, return_exceptions=True)
        return code if code >= 0 else 128 - code  # as a shell says it

    async def end(self) -> None:
        """Hang up on the process and its group, then kill what ignores that.

        Cancelled meanwhile, it kills at once, and is cancelled when the process is gone.
        """
        for fd in self._ends:
            if fd >= 0:
                self._loop.remove_reader(fd)
                self._loop.remove_writer(fd)
                os.close(fd)
        self._ends.clear()
        if self._carried:
            return
        self._signal(signal.SIGHUP)
        cancelled: asyncio.CancelledError | None = None
        patience: float | None = _GRACE_SECONDS
        while not self._exited.done():
            try:
                await asyncio.wait([self._exited], timeout=patience)
            except asyncio.CancelledError as again:
                cancelled = again
            if not self._exited.done():
                self._signal(signal.SIGKILL)
                patience = None
        if cancelled:
            raise cancelled

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _reap(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._exited.set_result(self._process.wait())

    async def _read(self, fd: int, hand_on: Callable[[bytes], Awaitable[None]]) -> None:
        while True:
            try:
                data = os.read(fd, _CHUNK)
            except BlockingIOError:
                await self._ready(fd, self._loop.add_reader, self._loop.remove_reader)
                continue
            except OSError:
                return  # EIO: nobody has the terminal open any more
            if not data:
                return
            await hand_on(data)

    async def _type(self, stdin: AsyncIterator[bytes]) -> None:
        fd = self._ends[0]
        async for data in stdin:
            rest = memoryview(data)
            while rest:
                try:
                    rest = rest[os.write(fd, rest) :]
                except BlockingIOError:
                    await self._ready(fd, self._loop.add_writer, self._loop.remove_writer)
                except OSError:
                    return  # it reads no more
        if len(self._ends) > 1:  # a terminal cannot be closed for input alone
            os.close(fd)
            self._ends[0] = -1

    async def _ready(self, fd: int, add: Callable[..., Any], remove: Callable[..., Any]) -> None:
        future = self._loop.create_future()
        add(fd, _set, future)
        try:
            await future
        finally:
            remove(fd)


def _set(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
