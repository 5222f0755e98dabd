"""What the lab's faults do to one SSH connection."""

import asyncio

import asyncssh.connection

from rkops.lab.faults import Faults


class Link:
    """Counts the payload of one connection and lets it stall, drop or lag as the faults say."""

    def __init__(self, faults: Faults, connection: asyncssh.connection.SSHConnection) -> None:
        self._faults = faults
        self._connection = connection
        self._bytes = 0

    @property
    def faults(self) -> Faults:
        """The faults of the board."""
        return self._faults

    @property
    def disk_trouble(self) -> str:
        """Why files cannot be written; empty when they can."""
        if self._faults.disk_full:
            return "No space left on device"
        return "Read-only file system" if self._faults.read_only else ""

    async def ready(self) -> None:
        """Hang when the board is to be mute."""
        if self._faults.mute:
            await asyncio.Event().wait()

    async def moved(self, count: int) -> None:
        """Take note of `count` bytes about to go either way; may never come back."""
        faults = self._faults
        self._bytes += count
        if faults.delay_seconds:
            await asyncio.sleep(faults.delay_seconds)
        if self._beyond(faults.drop_after_bytes):
            self._connection.abort()
            raise ConnectionResetError
        if self._beyond(faults.stall_after_bytes):
            await asyncio.Event().wait()

    def _beyond(self, limit: int | None) -> bool:
        return limit is not None and self._bytes > limit
