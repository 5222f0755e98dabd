"""The lab's SSH server: a board's endpoint behind the real SSH protocol.

It listens on a socket that was bound elsewhere, so that a board in a network namespace of its
own can still answer on the host's loopback. Everything is imported here, at the top: the server
runs on after its process has moved into the board's root, where Python's own files are gone.
"""

import asyncio
import concurrent.futures.thread
import contextlib
import encodings.idna
import grp
import pwd
import socket
import threading
from collections.abc import Mapping

import asyncssh

from rkops.lab.endpoint import Endpoint
from rkops.lab.faults import Faults
from rkops.lab.ssh.command import run_command
from rkops.lab.ssh.files import BoardFiles
from rkops.lab.ssh.link import Link
from rkops.lab.ssh.login import Account, Logins

_PRELOADED = (concurrent.futures.thread, encodings.idna, grp, pwd)  # else imported too late
_OBEY_SECONDS = 5.0
_CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
)
_KEX = ("curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256")


def new_host_key() -> asyncssh.SSHKey:
    """Return a fresh host key."""
    return asyncssh.generate_private_key("ssh-ed25519")


class SshServer:
    """A running server: `close` ends it and every connection."""

    def __init__(
        self,
        sock: socket.socket,
        endpoint: Endpoint,
        users: Mapping[str, Account],
        host_key: asyncssh.SSHKey,
        faults: Faults,
    ) -> None:
        self._sock = sock
        self._endpoint = endpoint
        self._users = users
        self._host_key = host_key
        self._other_key = new_host_key()
        self._faults = faults
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._address = sock.getsockname()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._accepting: asyncio.Task[None] | None = None
        self._obey()
        faults.watch(self._told)

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        return int(self._address[1])

    async def close(self) -> None:
        """Stop listening and drop all connections."""
        self._closed = True
        if self._accepting:
            self._tasks.add(self._accepting)
        tasks = tuple(self._tasks)
        for task in tasks:
            _cancel(task)
        await asyncio.gather(*tasks, return_exceptions=True)
        self._sock.close()

    def _told(self) -> None:
        """Obey in the loop's thread; another thread waits, to find the faults in force."""
        if self._closed:
            return
        if threading.get_ident() == self._thread:
            self._obey()
            return
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._obey)
        self._loop.call_soon_threadsafe(done.set)
        done.wait(_OBEY_SECONDS)

    def _obey(self) -> None:
        """Bring the sockets in line with the faults."""
        if self._faults.offline:
            for task in self._tasks:
                _cancel(task)
        if self._faults.refuse and self._accepting:
            self._accepting.cancel()
            self._accepting = None
            self._sock.shutdown(socket.SHUT_RDWR)
        elif not self._faults.refuse and not self._accepting:
            # A port that the kernel chose is given back by shutdown; one asked for is kept.
            with contextlib.suppress(OSError):  # EINVAL: it was kept
                self._sock.bind(self._address)
            self._sock.listen(128)
            self._accepting = self._loop.create_task(self._accept())

    async def _accept(self) -> None:
        while True:
            client, _ = await self._loop.sock_accept(self._sock)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._serve(client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket) -> None:
        try:
            if self._faults.silent or self._faults.offline:
                await asyncio.Event().wait()
            # An early end is the client's choice: it looked at the host key, or gave up.
            with contextlib.suppress(asyncssh.Error, OSError):
                await self._converse(client)
        finally:
            client.close()

    async def _converse(self, client: socket.socket) -> None:
        key = self._other_key if self._faults.other_host_key else self._host_key
        connection = await asyncssh.run_server(
            client,
            server_factory=lambda: Logins(self._users, self._faults),
            server_host_keys=[key],
            process_factory=self._command,
            sftp_factory=self._files,
            allow_scp=False,
            encoding=None,
            line_editor=False,
            encryption_algs=_CIPHERS,
            kex_algs=_KEX,
            login_timeout=0,
        )
        try:
            await connection.wait_closed()
        finally:
            connection.abort()

    def _behind(self, channel: "asyncssh.SSHServerChannel[bytes]") -> tuple[Endpoint, Link]:
        connection = channel.get_connection()
        account = self._users[connection.get_extra_info("username")]
        return account.endpoint or self._endpoint, Link(self._faults, connection)

    def _files(self, channel: "asyncssh.SSHServerChannel[bytes]") -> BoardFiles:
        return BoardFiles(channel, *self._behind(channel))

    async def _command(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        """Run one command; a client that goes away takes the command with it."""
        endpoint, link = self._behind(process.channel)
        command = self._loop.create_task(run_command(process, endpoint, link))
        self._tasks.add(command)
        command.add_done_callback(self._tasks.discard)
        gone = asyncio.ensure_future(process.channel.wait_closed())
        try:
            await asyncio.wait({command, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            _cancel(command)


def _cancel(task: "asyncio.Task[None]") -> None:
    """Cancel once: a second time would break into the task's cleaning up."""
    if not task.cancelling():
        task.cancel()


async def serve_ssh(
    sock: socket.socket,
    endpoint: Endpoint,
    *,
    users: Mapping[str, Account],
    host_key: asyncssh.SSHKey,
    faults: Faults,
) -> SshServer:
    """Serve SSH on a bound socket until the returned server is closed."""
    sock.settimeout(0)
    # So that the port can be had again after `refuse`, with old connections still on it.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return SshServer(sock, endpoint, users, host_key, faults)
