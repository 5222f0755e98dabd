"""The board's own OpenSSH behind the lab's socket and faults.

The socket was bound outside the board's network namespace; sshd lives inside. So two small parts
run in the board: one starts `sshd -i` for each connection to the board's port 22 (what inetd
does), one carries bytes from the outer socket to that port and does what the faults say.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncssh

from rkops.lab.faults import Faults

HOST_KEY = Path("/etc/ssh/ssh_host_ed25519_key")
_OTHER_KEY = Path("/run/sshd/other_host_key")
_NEAR = ("127.0.0.1", 22)
_CHUNK = 1 << 16
_BACKLOG = 64


class OpenSshServer:
    """A board's sshd, reachable from outside. `close` ends it and every connection.

    Both sockets are bound; `inner` listens on port 22 of the board's own network. `command`
    answers one connection on its stdin.
    """

    def __init__(
        self,
        outer: socket.socket,
        inner: socket.socket,
        *,
        command: Sequence[str],
        env: Mapping[str, str],
        faults: Faults,
    ) -> None:
        self._outer = outer
        self._inner = inner
        self._address = outer.getsockname()
        self._argv = list(command)
        self._env = dict(env)
        self._faults = faults
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._links: set[asyncio.Task[None]] = set()
        self._accepting: asyncio.Task[None] | None = None
        self._closed = False
        for listener in (inner, outer):
            listener.settimeout(0)
        self._keep(self._serve_inside(), self._tasks)
        self._obey()
        faults.watch(self._told)

    @property
    def port(self) -> int:
        """The TCP port it listens on outside."""
        return int(self._address[1])

    async def close(self) -> None:
        """Stop listening and cut every connection; the commands on them are hung up on."""
        self._closed = True
        ending = [*self._tasks, *self._links, *filter(None, [self._accepting])]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._inner.close()
        self._outer.close()

    def _told(self) -> None:
        self._loop.call_soon_threadsafe(self._obey)

    def _keep(self, work: Coroutine[Any, Any, None], where: set[asyncio.Task[None]]) -> None:
        task = self._loop.create_task(work)
        where.add(task)
        task.add_done_callback(where.discard)

    def _obey(self) -> None:
        """Bring the sockets in line with the faults."""
        if self._closed:
            return
        if self._faults.offline:
            for task in self._links:
                task.cancel()
        if self._faults.refuse and self._accepting:
            self._accepting.cancel()
            self._accepting = None
            self._outer.shutdown(socket.SHUT_RDWR)
        elif not self._faults.refuse and not self._accepting:
            # a port that the kernel chose is given back by shutdown; one asked for is kept
            with contextlib.suppress(OSError):
                self._outer.bind(self._address)
            self._outer.listen(_BACKLOG)
            self._accepting = self._loop.create_task(self._accept_outside())

    async def _accept_outside(self) -> None:
        while True:
            client, _ = await self._loop.sock_accept(self._outer)
            self._keep(self._carry(client), self._links)

    async def _carry(self, client: socket.socket) -> None:
        """Move bytes both ways until one side ends."""
        with client, socket.socket() as near:
            for end in (client, near):
                end.settimeout(0)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._faults.silent or self._faults.mute or self._faults.offline:
                await asyncio.Event().wait()
            await self._loop.sock_connect(near, _NEAR)
            meter = _Meter(self._faults)
            await _first(self._pump(client, near, meter), self._pump(near, client, meter))

    async def _pump(self, source: socket.socket, target: socket.socket, meter: "_Meter") -> None:
        with contextlib.suppress(OSError):
            while data := await self._loop.sock_recv(source, _CHUNK):
                await meter.moved(len(data))
                await self._loop.sock_sendall(target, data)

    async def _serve_inside(self) -> None:
        while True:
            client, _ = await self._loop.sock_accept(self._inner)
            self._keep(self._converse(client), self._tasks)

    async def _converse(self, client: socket.socket) -> None:
        """Run one sshd to its end."""
        with client:
            client.settimeout(None)
            process = subprocess.Popen(
                self._command(),
                stdin=client.fileno(),
                stdout=client.fileno(),
                stderr=subprocess.DEVNULL,
                env=self._env,
                start_new_session=True,
            )
            # its own copy is enough: kept open here, the client would never see the end
        ended = self._loop.create_future()
        pidfd = os.pidfd_open(process.pid)
        self._loop.add_reader(pidfd, _done, ended)
        try:
            await ended
        finally:
            self._loop.remove_reader(pidfd)
            os.close(pidfd)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _command(self) -> list[str]:
        command = [*self._argv, "-h", str(_OTHER_KEY if self._faults.other_host_key else HOST_KEY)]
        if self._faults.unauthorized:
            command += ["-o", "PubkeyAuthentication=no", "-o", "PasswordAuthentication=no"]
        return command


class _Meter:
    """Counts the bytes of one connection; lets it stall, drop or lag."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._bytes = 0

    async def moved(self, count: int) -> None:
        faults = self._faults
        self._bytes += count
        if faults.delay_seconds:
            await asyncio.sleep(faults.delay_seconds)
        if faults.drop_after_bytes is not None and self._bytes > faults.drop_after_bytes:
            raise ConnectionResetError
        if faults.stall_after_bytes is not None and self._bytes > faults.stall_after_bytes:
            await asyncio.Event().wait()


def write_keys(host_key: str, client_key: str, homes: Mapping[Path, tuple[int, int]]) -> None:
    """Give this board, whose root is `/` here, its host key and let `client_key` log in."""
    other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    for path, text in ((HOST_KEY, host_key), (_OTHER_KEY, other)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
    for home, (uid, gid) in homes.items():
        folder = home / ".ssh"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "authorized_keys").write_text(f"{client_key.strip()}\n")
        for path in (folder, folder / "authorized_keys"):
            os.chown(path, uid, gid)


async def _first(*works: Awaitable[None]) -> None:
    """Wait for the first to end, then end the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _done(ended: "asyncio.Future[None]") -> None:
    if not ended.done():
        ended.set_result(None)
