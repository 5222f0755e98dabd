"""From an address to an open transport."""

from rkops.core.deadline import Deadline
from rkops.transport.adb.known import KnownLinks
from rkops.transport.base import AdbAddress, Address, Transport


def open_transport(
    address: Address, *, board: str, deadline: Deadline, known: KnownLinks | None = None
) -> Transport:
    """Open the connection that the address asks for.

    `known` is shared by the boards of one run: an adb link that is up costs no question then.

    Raises:
        TransportError: the board gave no usable answer; the error says why and what to try.
    """
    if isinstance(address, AdbAddress):
        from rkops.transport.adb.transport import open_adb

        return open_adb(address, board=board, deadline=deadline, known=known)
    from rkops.transport.ssh.transport import open_ssh

    return open_ssh(address, board=board, deadline=deadline)
