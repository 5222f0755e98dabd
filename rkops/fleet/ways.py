"""The ways to one board: which are worth trying, and opening the first that works."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from rkops.core.deadline import Deadline
from rkops.core.errors import TransportError
from rkops.fleet.board import Board
from rkops.transport.base import AdbAddress, Address, Transport
from rkops.transport.open import open_transport

SSH_PORT = 22
_REDIRECTS = ("proxyjump", "proxycommand", "hostname", "port", "match")
"""ssh_config words that let a connection go elsewhere than to the address (ssh_config(5))."""


class Ways:
    """What is known about each address of a board while the ports are probed."""

    def __init__(self, board: Board, targets: Sequence[tuple[str, int] | None]) -> None:
        self.board = board
        self._dead: dict[int, TransportError] = {}
        self._unknown = {way for way, target in enumerate(targets) if target}

    def learn(self, way: int, error: TransportError | None) -> None:
        """Note what the probe of one address said."""
        self._unknown.discard(way)
        if error is not None:
            self._dead[way] = error

    def end_probe(self) -> None:
        """Take what the probe said nothing about for worth trying."""
        self._unknown.clear()

    @property
    def usable(self) -> tuple[Address, ...] | None:
        """The addresses worth trying, best first; empty: all dead; None: wait for the probe."""
        alive = [way for way in range(len(self.board.addresses)) if way not in self._dead]
        if alive and alive[0] in self._unknown:
            return None
        return tuple(self.board.addresses[way] for way in alive)

    @property
    def error(self) -> TransportError:
        """Why the best of the dead addresses is dead."""
        return self._dead[min(self._dead)]


class Opener(Protocol):
    """Opens one address: `rkops.transport.open.open_transport`."""

    def __call__(self, address: Address, *, board: str, deadline: Deadline) -> Transport:
        """Return the open connection."""
        ...


def open_first(
    board: Board,
    ways: Sequence[Address],
    deadline: Deadline,
    *,
    opener: Opener = open_transport,
) -> Transport:
    """Open the first address that works; one that fails leaves time for the next.

    Raises:
        TransportError: none works: the error of the preferred address, the others in its hint.
    """
    failures: list[TransportError] = []
    for left, address in zip(range(len(ways), 0, -1), ways, strict=True):
        budget = deadline.within(deadline.remaining / left)
        try:
            transport = opener(address, board=board.name, deadline=budget)
            if left > 1 and isinstance(address, AdbAddress):
                _prove(transport, budget)
        except TransportError as error:
            failures.append(error)
        else:
            return transport
    first, *others = failures
    for other in others:
        first.hint = "; ".join(part for part in (first.hint, f"the other way: {other}") if part)
    raise first


def _prove(transport: Transport, deadline: Deadline) -> None:
    """Have the board do something: what the adb server has is a link, and it may be dead.

    Costs a round trip, and only where there is another way to go.

    Raises:
        TransportError: the board said nothing; the transport is closed.
    """
    try:
        transport.run(["true"], deadline=deadline)
    except BaseException:
        transport.close()
        raise


class Prober:
    """Tells where to probe an address: an ssh host may be an alias or behind a jump host."""

    def __init__(self) -> None:
        self._direct = not any(_redirects(file) for file in _ssh_configs())

    def target(self, address: Address) -> tuple[str, int] | None:
        """Return the host and port to probe, or None where a probe would say nothing."""
        if isinstance(address, AdbAddress):
            return address.host, address.port
        if self._direct:
            return address.host, address.port or SSH_PORT
        from rkops.transport.ssh.config import tcp_address  # brings paramiko: only when needed

        try:
            return tcp_address(address)
        except Exception:  # noqa: BLE001 - what is wrong with the config is said when it is used
            return None


def _ssh_configs() -> Iterator[Path]:
    yield from sorted(Path("/etc/ssh/ssh_config.d").glob("*.conf"))
    yield Path("/etc/ssh/ssh_config")
    try:
        yield Path.home() / ".ssh" / "config"
    except RuntimeError:  # no home directory
        return


def _redirects(file: Path) -> bool:
    try:
        lines = file.read_text("utf-8", "replace").lower().splitlines()
    except OSError:
        return False
    words = {line.replace("=", " ").split(None, 1)[0] for line in lines if line.strip(" =\t")}
    return bool(words.intersection(_REDIRECTS)) or ("include" in words and ".ssh" in file.parts)
