"""One command on the lab's SSH server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncssh

from rkops.lab.endpoint import CommandIO, Endpoint
from rkops.lab.ssh.link import Link

_CHUNK = 1 << 16


async def run_command(
    process: "asyncssh.SSHServerProcess[bytes]", endpoint: Endpoint, link: Link
) -> None:
    """Run what the client asked for and send its exit code.

    Files come in as the input of commands too (`cat > file`), so a fault of the disk ends a
    command at its first byte of input.
    """
    await link.ready()
    streams = _Streams(process, link)
    work = asyncio.ensure_future(
        endpoint.run(process.command or "", streams.io(), pty=process.term_type is not None)
    )
    stuck = asyncio.ensure_future(streams.disk_failed.wait())
    try:
        await asyncio.wait({work, stuck}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stuck.cancel()
        if not work.done():
            work.cancel()
            await asyncio.wait({work})
    with contextlib.suppress(OSError, asyncssh.Error):
        if streams.disk_failed.is_set():
            process.stderr.write(f"{link.disk_trouble}\n".encode())
        code = 1 if work.cancelled() else work.result()
        process.exit(0 if link.faults.exit_always_zero else code)


class _Streams:
    """The three streams of one command, with the faults of the link and the disk between."""

    def __init__(self, process: "asyncssh.SSHServerProcess[bytes]", link: Link) -> None:
        self._process = process
        self._link = link
        self.disk_failed = asyncio.Event()

    def io(self) -> CommandIO:
        return CommandIO(self._stdin(), self._out, self._err)

    async def _stdin(self) -> AsyncIterator[bytes]:
        reader = self._process.stdin
        while True:
            try:
                data = await reader.read(_CHUNK)
            except asyncssh.TerminalSizeChanged:
                continue
            except (asyncssh.BreakReceived, asyncssh.SignalReceived):
                return
            if not data:
                return
            with contextlib.suppress(OSError):
                await self._link.moved(len(data))
            if self._link.disk_trouble:
                self.disk_failed.set()
                await asyncio.Event().wait()
            yield data[:-1] if self._link.faults.short_write else data

    async def _out(self, data: bytes) -> None:
        await self._tell(self._process.stdout, data)

    async def _err(self, data: bytes) -> None:
        await self._tell(self._process.stderr, data)

    async def _tell(self, writer: "asyncssh.SSHWriter[bytes]", data: bytes) -> None:
        try:
            await self._link.moved(len(data))
            writer.write(data)
            await writer.drain()
        except (OSError, asyncssh.Error):
            # The client is gone, and `run_command` is about to be cancelled: an error here as
            # well would end the command twice.
            await asyncio.Event().wait()
