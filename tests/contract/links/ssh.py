"""ssh: the lab's server in a thread here, and a real OpenSSH sshd."""

import asyncio
import getpass
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import asyncssh
import pytest

from rkops.core.deadline import Deadline
from rkops.lab.endpoint import Endpoint
from rkops.lab.faults import Faults
from rkops.lab.here.endpoint import HereEndpoint
from rkops.lab.ssh.daemon import new_host_key, serve_ssh
from rkops.lab.ssh.login import Account
from rkops.transport.base import SshAddress
from rkops.transport.open import open_transport
from tests.contract.links import Link, MakeLink

WIRE_HOST = "127.0.102.1"
SSHD_HOST = "127.0.102.2"
_SSHD = "/usr/sbin/sshd"
_HOME_NAMES = ("HOME", "SSH_AUTH_SOCK")


@contextmanager
def home(place: Path) -> Iterator[Path]:
    """A home directory of the test's own: no keys, known hosts or agent of the user's."""
    (place / ".ssh").mkdir(parents=True, mode=0o700)
    before = {name: os.environ.pop(name, None) for name in _HOME_NAMES}
    os.environ["HOME"] = str(place)
    try:
        yield place / ".ssh"
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def new_key(folder: Path, name: str = "id_test") -> tuple[Path, str]:
    """Write a new key pair; return the private key's path and the public key's line."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    path = folder / name
    key.write_private_key(str(path))
    path.chmod(0o600)
    return path, key.export_public_key().decode().strip()


@contextmanager
def wire(
    users: dict[str, Account],
    *,
    endpoint: Endpoint | None = None,
    faults: Faults | None = None,
    host_key: asyncssh.SSHKey | None = None,
) -> Iterator[int]:
    """The lab's SSH server in a thread; yields its port on WIRE_HOST."""
    sock = socket.socket()
    sock.bind((WIRE_HOST, 0))
    port = sock.getsockname()[1]
    loop = asyncio.new_event_loop()
    serving = serve_ssh(
        sock,
        endpoint or HereEndpoint(),
        users=users,
        host_key=host_key or new_host_key(),
        faults=faults or Faults(),
    )
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(serving, loop).result(10)
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def known(ssh: Path, host: str, port: int, key: str) -> None:
    """Make the host's key known."""
    with (ssh / "known_hosts").open("a") as file:
        file.write(f"[{host}]:{port} {key}\n")


@contextmanager
def wire_link(place: Path) -> Iterator[Link]:
    """One board behind the lab's SSH server."""
    scratch = place / "scratch"
    scratch.mkdir()
    faults = Faults()
    host_key = new_host_key()
    with home(place / "home") as ssh:
        key, public = new_key(ssh)
        account = Account(keys=(public,))
        with wire({"root": account}, faults=faults, host_key=host_key) as port:
            known(ssh, WIRE_HOST, port, host_key.export_public_key().decode())
            yield Link(open=_opener(WIRE_HOST, port, "root", key), scratch=scratch, faults=faults)


@contextmanager
def sshd_link(place: Path) -> Iterator[Link]:
    """A real OpenSSH server on this machine."""
    scratch = place / "scratch"
    scratch.mkdir()
    with home(place / "home") as ssh:
        key, public = new_key(ssh)
        with sshd(place / "sshd", public) as (port, host_key):
            known(ssh, SSHD_HOST, port, host_key)
            yield Link(open=_opener(SSHD_HOST, port, getpass.getuser(), key), scratch=scratch)


def _opener(host: str, port: int, user: str, key: Path):
    address = SshAddress(host, port, user, str(key))
    return lambda deadline: open_transport(address, board="board1", deadline=deadline)


def need_sshd() -> None:
    """Skip, or fail where ssh is required, when there is no sshd here."""
    if shutil.which(_SSHD):
        return
    why = f"{_SSHD} is not installed (openssh-server)"
    if "ssh" in os.environ.get("RKOPS_REQUIRE", "").split(","):
        pytest.fail(why)
    pytest.skip(why)


@contextmanager
def sshd(place: Path, authorized: str) -> Iterator[tuple[int, str]]:
    """Start sshd for the current user; yields its port and the line of its host key."""
    need_sshd()
    place.mkdir()
    host_key, public = new_key(place, "host")
    (place / "authorized").write_text(authorized + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd's privilege separation
    with closing(socket.socket()) as probe:
        probe.bind((SSHD_HOST, 0))
        port = probe.getsockname()[1]
    (place / "config").write_text(
        f"Port {port}\nListenAddress {SSHD_HOST}\nHostKey {host_key}\nPidFile none\n"
        f"AuthorizedKeysFile {place}/authorized\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin yes\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    log = (place / "log").open("wb")
    with log, subprocess.Popen([_SSHD, "-D", "-e", "-f", place / "config"], stderr=log) as server:
        try:
            _wait_for(port, server, place / "log")
            yield port, public
        finally:
            server.terminate()


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = Deadline.after(10)
    while not deadline.expired:
        with closing(socket.socket()) as probe:
            if not probe.connect_ex((SSHD_HOST, port)):
                return
        if server.poll() is not None:
            break
        deadline.pause(0.05)
    pytest.fail(f"sshd did not start: {log.read_text()}")


LINKS: dict[str, MakeLink] = {"ssh-wire": wire_link, "ssh-sshd": sshd_link}
