"""Commands of the place where the lab runs leave nothing behind."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rkops.lab.endpoint import CommandIO
from rkops.lab.here.endpoint import HereEndpoint

STUBBORN = "trap '' HUP; echo $$; while :; do sleep 0.05; done"


async def nothing() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


@pytest.mark.parametrize("pty", [False, True])
@pytest.mark.parametrize("cancels", [1, 2, 3])
def test_a_cancelled_command_is_gone_however_often(cancels: int, pty: bool) -> None:
    async def run() -> int:
        said = bytearray()
        spoken = asyncio.Event()

        async def out(data: bytes) -> None:
            said.extend(data)
            spoken.set()

        io = CommandIO(nothing(), out, out)
        running = asyncio.ensure_future(HereEndpoint().run(STUBBORN, io, pty=pty))
        await asyncio.wait_for(spoken.wait(), 10)
        for _ in range(cancels):
            running.cancel()
            await asyncio.sleep(0.05)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, 10)
        return int(said.split()[0])

    pid = asyncio.run(run())
    assert not Path(f"/proc/{pid}").exists()
