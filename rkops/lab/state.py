"""Where a lab keeps what it needs, and which loopback addresses are its own."""

import contextlib
import errno
import hashlib
import os
import socket
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rkops.core.errors import LabError

_FIRST, _LAST = 2, 99  # 127.0.0.x is the machine's own, 127.0.1.1 Debian's name for it
MOST_BOARDS = 250
_OWN_SSH_PORT, _OTHER_SSH_PORT = 22, 2222
_ADB_PORT = 5555


def lab_dir() -> Path:
    """Return the lab's directory: RKOPS_LAB, else below XDG_RUNTIME_DIR, else ~/.cache."""
    if own := os.environ.get("RKOPS_LAB"):
        return Path(own).absolute()
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "rkops-lab"
    return Path.home() / ".cache" / "rkops" / "lab"


@dataclass(frozen=True, slots=True)
class Paths:
    """The files of one lab."""

    top: Path

    @property
    def inventory(self) -> Path:
        """The inventory of its boards."""
        return self.top / "inventory.yaml"

    @property
    def log(self) -> Path:
        """What the supervisor has to say."""
        return self.top / "lab.log"

    @property
    def key(self) -> Path:
        """The SSH key that may log in to every board of the lab."""
        return self.top / "id_ed25519"

    @property
    def host_key(self) -> Path:
        """The SSH host key of every board of the lab."""
        return self.top / "host_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The boards' host keys, in ssh's form."""
        return self.top / "known_hosts"

    @property
    def base(self) -> Path:
        """Where boards mount their roots; empty as seen from outside."""
        return self.top / "base"

    def board_log(self, name: str) -> Path:
        """What a board's processes say before they have a log of their own."""
        return self.top / f"{name}.log"


def serial_of(top: Path, name: str) -> str:
    """Return a serial number that this board of this lab always has."""
    return hashlib.sha256(f"{top}/{name}".encode()).hexdigest()[:16]


def claim_number(top: Path) -> tuple[int, socket.socket]:
    """Claim the NN of 127.0.NN.x for as long as the returned socket is open.

    Abstract socket names are seen by all users of the machine, so labs of two users or of
    two directories never share addresses.

    Raises:
        LabError: all are taken.
    """
    start = zlib.crc32(str(top).encode())
    span = _LAST - _FIRST + 1
    for step in range(span):
        number = _FIRST + (start + step) % span
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0rkops-lab-{number}")
        except OSError:
            claim.close()
            continue
        return number, claim
    raise LabError("all lab addresses of this machine are taken", hint="rkops lab down")


def listen_tcp(host: str, port: int) -> socket.socket:
    """Return a listening socket; one that was just closed may be taken again."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


def listen_adb(host: str) -> socket.socket:
    """Return the board's ADB socket.

    Raises:
        LabError: another program of this machine has the port on all addresses.
    """
    try:
        return listen_tcp(host, _ADB_PORT)
    except OSError as exc:
        raise LabError(
            f"{host}:{_ADB_PORT} cannot be listened on: {exc.strerror}",
            hint="another program listens on this port on all addresses; ss -ltnp",
        ) from exc


def listen_ssh(host: str) -> socket.socket:
    """Return the board's SSH socket: port 22 where that is free and permitted, else 2222."""
    try:
        return listen_tcp(host, _OWN_SSH_PORT)
    except OSError as exc:
        if exc.errno not in (errno.EACCES, errno.EADDRINUSE):
            raise
    return listen_tcp(host, _OTHER_SSH_PORT)


@contextlib.contextmanager
def _short(top: Path, name: str) -> Iterator[str]:
    """A path of at most 108 bytes for a socket: the directory by its open file."""
    fd = os.open(top, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{fd}/{name}"
    finally:
        os.close(fd)


def listen_line(top: Path, name: str) -> socket.socket:
    """Return a listening unix socket `name` in the lab's directory."""
    (top / name).unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _short(top, name) as path:
        sock.bind(path)
    (top / name).chmod(0o600)
    sock.listen(16)
    return sock


def connect_line(top: Path, name: str, seconds: float) -> socket.socket:
    """Connect to a unix socket of the lab; raises OSError when nobody listens."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(seconds)
    try:
        with _short(top, name) as path:
            sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock
