"""The daemons of a simulated board in one process: adbd, sshd, and the fault line.

The sockets were bound outside, so the board answers on the host's loopback although it has
a network of its own; listeners on the same ports inside show what `ss` would on a board.
"""

import asyncio
import json
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import asyncssh

from rkops.core.errors import LabError
from rkops.lab.adb.daemon import Manner, serve_adb
from rkops.lab.arm64.openssh import OpenSshServer, write_keys
from rkops.lab.faults import Faults, number
from rkops.lab.here.endpoint import HereEndpoint, Owner
from rkops.lab.host.files import PASSWORD, PATH, UID, USER, USER_GROUPS
from rkops.lab.host.plan import BoardPlan
from rkops.lab.ssh.daemon import serve_ssh
from rkops.lab.ssh.login import Account

ADB_PORT, SSH_PORT = 5555, 22
_HOUR = 3600.0
_DECADE = 87_660 * _HOUR


class Clock(Protocol):
    """A board whose clock can be wrong."""

    clock_seconds: float


@dataclass(frozen=True, slots=True)
class Sockets:
    """What a board listens on: made outside, used inside."""

    adb: socket.socket
    ssh: socket.socket
    faults: socket.socket

    def close(self) -> None:
        """Let go of all three in this process."""
        for one in (self.adb, self.ssh, self.faults):
            one.close()


def serve_board(plan: BoardPlan, sockets: Sockets, ready: Callable[[], None]) -> None:
    """Answer on the board's sockets until the process is killed."""
    asyncio.run(_serve(plan, sockets, ready))


async def _serve(plan: BoardPlan, sockets: Sockets, ready: Callable[[], None]) -> None:
    faults = Faults()
    root = HereEndpoint(_env(plan, "root", "/root"), "/")
    home = HereEndpoint(_env(plan, "root", "/root"), "/root")
    accounts = {"root": Account(PASSWORD, (plan.client_key,), home)}
    if plan.has_user:
        folder = f"/home/{USER}"
        own = HereEndpoint(_env(plan, USER, folder), folder, Owner(UID, UID, USER_GROUPS))
        accounts[USER] = Account(PASSWORD, (plan.client_key,), own)
    host_key = asyncssh.import_private_key(plan.host_key)
    manner = Manner.LEGACY if plan.profile.adb == "legacy" else Manner.MODERN
    servers: list[object] = [
        await serve_adb(sock, root, manner=manner, faults=faults)
        for sock in (sockets.adb, _inside(ADB_PORT))
    ]
    if plan.userland.sshd:
        servers.append(_serve_own_ssh(plan, sockets, faults))
    else:
        for sock in (sockets.ssh, _inside(SSH_PORT)):
            serving = serve_ssh(sock, home, users=accounts, host_key=host_key, faults=faults)
            servers.append(await serving)
    line = await asyncio.start_unix_server(FaultLine(faults).talk, sock=sockets.faults)
    ready()
    await line.serve_forever()


def _serve_own_ssh(plan: BoardPlan, sockets: Sockets, faults: Faults) -> OpenSshServer:
    homes = {Path("/root"): (0, 0)}
    if plan.has_user:
        homes[Path("/home", USER)] = (UID, UID)
    write_keys(plan.host_key, plan.client_key, homes)
    env = _env(plan, "root", "/root")
    return OpenSshServer(
        sockets.ssh, _inside(SSH_PORT), command=plan.userland.sshd, env=env, faults=faults
    )


def _env(plan: BoardPlan, user: str, home: str) -> dict[str, str]:
    return {
        "PATH": PATH,
        "HOME": home,
        "USER": user,
        "LOGNAME": user,
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        "HOSTNAME": plan.name,
        **plan.userland.env,
    }


def _inside(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("0.0.0.0", port))  # noqa: S104 - inside the board's own network
    sock.listen()
    return sock


class FaultLine:
    """One request a connection, one JSON line each way: `{"apply": "mute=on"}`.

    `clock` is whatever on the board can be told to have another time; None where nothing can.
    """

    def __init__(self, faults: Faults, clock: Clock | None = None) -> None:
        self._faults = faults
        self._clock = clock

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hear one request and answer it."""
        try:
            writer.write(json.dumps(self._answer(await reader.readline())).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError) as exc:
            logging.getLogger(__name__).warning("fault line: %s", exc)
        finally:
            writer.close()

    def _answer(self, line: bytes) -> dict[str, object]:
        try:
            self._apply(str(json.loads(line)["apply"]))
        except LabError as exc:
            return {"error": exc.message, "hint": exc.hint}
        names = Faults.names()
        return {"faults": {name: getattr(self._faults, name) for name in names}, "pid": os.getpid()}

    def _apply(self, text: str) -> None:
        name, _, value = text.partition("=")
        if self._clock and name in ("clock-wrong", "none"):
            self._clock.clock_seconds = 0.0 if "off" in value or name == "none" else _seconds(value)
        if name == "clock-wrong" and not self._clock:
            raise LabError(
                "clock-wrong cannot be had on this board",
                hint="a namespace shares this machine's clock; rkops lab up --wire has others",
            )
        if name != "clock-wrong":
            self._faults.apply(text)


def _seconds(value: str) -> float:
    return number("clock-wrong", value, -_DECADE, _DECADE) if value else _HOUR
