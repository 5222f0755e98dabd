"""An SSH connection, from the board's name to a login, jump hosts included.

fabric knows what the user's configuration makes of a name; the sockets, the deadlines, the host
keys and the login are ours.
"""

import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence

import fabric
import paramiko
from paramiko import Transport

from rkops.core.deadline import Deadline
from rkops.core.errors import DeadlineError, LinkLostError, TransportError
from rkops.transport.base import SshAddress
from rkops.transport.opening import cuttable
from rkops.transport.ssh.auth import Login
from rkops.transport.ssh.config import SshSettings, settings_for
from rkops.transport.ssh.fuse import fused
from rkops.transport.ssh.hostkey import HostKeys
from rkops.transport.ssh.known import known_keys
from rkops.transport.ssh.resolve import resolve
from rkops.transport.ssh.tcp import ProxyCommand, connect_tcp, shut

_FOREVER = 86400
_WINDOW = 4 << 20  # one gigabit at 30 ms of round trip
_FIRST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")


class SshLink:
    """One login on one board, and what lies between."""

    def __init__(self, address: SshAddress, *, board: str) -> None:
        self._address = address
        self._board = board
        self._target: fabric.Connection | None = None
        self._sockets: list[Callable[[], None]] = []
        self._proxy: ProxyCommand | None = None
        self._is_cut = False
        self.place = address.host

    @property
    def transport(self) -> Transport:
        """What paramiko has of it."""
        return self._target.transport if self._target else None  # type: ignore[return-value]  # fabric has no types

    @property
    def alive(self) -> bool:
        """False once the connection is known to be gone."""
        return self.transport is not None and self.transport.is_active()

    def open(self, deadline: Deadline) -> None:
        """Connect and log in.

        Raises:
            TransportError: the one that says which step failed.
        """
        with fused(deadline, self.cut), cuttable(self.cut):
            try:
                self._target = resolve(self._address, board=self._board, deadline=deadline)
                self.place = f"{self._target.host}:{self._target.port}"
                self._open(self._target, deadline)
            except (paramiko.SSHException, EOFError, OSError) as exc:
                why = self._why(exc, late=deadline.expired)
                self.close()
                raise why from exc
            except BaseException:
                self.close()
                raise

    def _open(self, hop: fabric.Connection, deadline: Deadline) -> None:
        place = f"{hop.host}:{hop.port}"
        key = self._address.key if hop is self._target else None
        settings = settings_for(hop.host, hop.port, hop.ssh_config, key)
        hop.connect_kwargs = {
            "sock": self._socket(hop, deadline),
            "timeout": deadline.remaining,
            "banner_timeout": deadline.remaining,
            "auth_timeout": deadline.remaining,
            "channel_timeout": deadline.remaining,
            "transport_factory": _Factory(settings),
            "auth_strategy": Login(settings, board=self._board, user=hop.user, place=place),
        }
        hop.gateway = hop.connect_timeout = None
        hop.client.set_missing_host_key_policy(HostKeys(settings, board=self._board))
        hop.open()

    def _socket(self, hop: fabric.Connection, deadline: Deadline) -> object:
        if isinstance(hop.gateway, fabric.Connection):
            gateway = hop.gateway
            self._open(gateway, deadline)
            self._cut_by(gateway.close)
            return gateway.transport.open_channel(
                "direct-tcpip", (hop.host, hop.port), ("", 0), timeout=deadline.remaining
            )
        if hop.gateway:
            self._proxy = ProxyCommand(hop.gateway)
            self._cut_by(self._proxy.stop)
            return self._proxy.sock
        sock = connect_tcp((hop.host, hop.port), board=self._board, deadline=deadline)
        self._cut_by(lambda: shut(sock))
        return sock

    def _cut_by(self, end: Callable[[], None]) -> None:
        """Remember what cuts the connection; it may be cut already, by another thread."""
        self._sockets.append(end)
        if self._is_cut:
            self.cut()
            raise EOFError("it was given up here")

    def _why(self, exc: Exception, *, late: bool) -> TransportError:
        if late:
            return DeadlineError(
                f"{self.place} accepts connections, but did not finish the SSH login in time",
                board=self._board,
                hint="sshd hangs, or the board is very busy: raise --timeout, or look at the board",
            )
        if self._proxy and (said := self._proxy.ended()) is not None:
            return LinkLostError(
                f"the ProxyCommand to {self.place} ended: {said}",
                board=self._board,
                hint=f"by hand: {self._proxy.command}",
            )
        return LinkLostError(
            f"{self.place} ended the SSH login: {exc or type(exc).__name__}",
            board=self._board,
            hint="is it sshd that listens there? its log on the board says why (MaxStartups, "
            "hosts.deny); the steps: ssh -v " + self.place.partition(":")[0],
        )

    def cut(self) -> None:
        """Break the connection at its lowest level, so that nobody waits on it any more."""
        self._is_cut = True
        for end in tuple(self._sockets):
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                end()

    def close(self) -> None:
        """Log out. Never raises."""
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            if self._target:
                self._target.close()
        self.cut()


class _Factory:
    """Makes paramiko's transports: fast ciphers first, and the key type we know the host by."""

    def __init__(self, settings: SshSettings) -> None:
        known = known_keys(settings.label, settings.known_files)
        self._types = {key.key_type for key in known}

    def __call__(self, sock: socket.socket, disabled_algorithms: object = None) -> Transport:
        del disabled_algorithms
        transport = Transport(sock, default_window_size=_WINDOW)
        transport.handshake_timeout = _FOREVER  # the fuse ends it
        options = transport.get_security_options()
        options.ciphers = _first(options.ciphers, lambda name: name in _FIRST_CIPHERS)
        options.key_types = _first(options.key_types, self._is_known)
        return transport

    def _is_known(self, algorithm: str) -> bool:
        # One RSA key signs with several algorithms (RFC 8332).
        return ("ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm) in self._types


def _first(names: Sequence[str], wanted: Callable[[str], bool]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: not wanted(name)))


@contextlib.contextmanager
def translated(link: SshLink, deadline: Deadline, *, board: str, doing: str) -> Iterator[None]:
    """Turn what paramiko and sockets raise while `doing` into our errors."""
    try:
        yield
    except (paramiko.SSHException, EOFError, OSError) as exc:
        raise failure(link, deadline, board=board, doing=doing) from exc


def failure(link: SshLink, deadline: Deadline, *, board: str, doing: str) -> TransportError:
    """Say why `doing` came to nothing: its time was up, or the link broke."""
    if deadline.expired:
        return DeadlineError(
            f"{doing} did not end in its time",
            board=board,
            hint="raise --timeout, or look at what hangs on the board",
        )
    return LinkLostError(
        f"the SSH connection to {link.place} broke ({doing})",
        board=board,
        hint="is the board still on? the network, its power supply, or a reboot; try again",
    )
