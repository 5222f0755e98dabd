"""From a board's ssh address to fabric's connection, jump hosts included, not yet opened."""

import queue
import threading

import fabric
import paramiko
from fabric.connection import derive_shorthand

from rkops.core.deadline import Deadline
from rkops.core.errors import DeadlineError, TransportError
from rkops.transport.base import SshAddress
from rkops.transport.ssh.config import config_for, config_says


def resolve(address: SshAddress, *, board: str, deadline: Deadline) -> fabric.Connection:
    """Look up what the user's configuration makes of an address.

    A `Match exec` or a name server that hangs is left behind at the deadline.

    Raises:
        TransportError: the configuration cannot be used, or asks for something that hangs.
    """
    answer: queue.SimpleQueue[object] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answer.put(_connection(address, board))
        except Exception as exc:  # noqa: BLE001 - raised again in the caller's thread
            answer.put(exc)

    threading.Thread(target=look_up, name="rkops-ssh-config", daemon=True).start()
    try:
        found = answer.get(timeout=deadline.remaining)
    except queue.Empty:
        raise DeadlineError(
            f"the SSH configuration for {address.host} could not be read in time",
            board=board,
            hint="a `Match exec` in it hangs, or a name server; "
            f"how long OpenSSH takes: time ssh -G {address.host}",
        ) from None
    if isinstance(found, (paramiko.SSHException, ValueError, KeyError)):
        raise _unusable(address.host, str(found), board) from found
    if isinstance(found, Exception):
        raise found
    return found


def _connection(address: SshAddress, board: str) -> fabric.Connection:
    config = config_for(address)
    if config_says("proxyjump"):
        _refuse_loop(config, address.host, (), board)
    return fabric.Connection(
        address.host,
        user=address.user,
        port=address.port,
        config=fabric.Config(ssh_config=config, lazy=True),
    )


def _refuse_loop(
    config: paramiko.SSHConfig, host: str, before: tuple[str, ...], board: str
) -> None:
    """Follow ProxyJump from host to host, as fabric will, and refuse to come back."""
    found = config.lookup(host)
    way = (*before, host)
    # Of several hops the last is gone to first, and only that one's own ProxyJump counts.
    name = str(derive_shorthand(found.get("proxyjump", "").rpartition(",")[2])["host"] or "")
    if name in ("", found["hostname"]):
        return  # a pattern that is about the jump host too: fabric goes there directly
    if name in way:
        raise _unusable(way[0], f"ProxyJump goes in a circle: {' -> '.join((*way, name))}", board)
    _refuse_loop(config, name, way, board)


def _unusable(host: str, why: str, board: str) -> TransportError:
    return TransportError(
        f"the SSH configuration cannot be used for {host}: {why}",
        board=board,
        hint=f"what OpenSSH makes of it: ssh -G {host}",
    )
