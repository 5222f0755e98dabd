"""Pid 1 of a simulated board: builds its root, moves in, starts what a board runs, reaps.

Runs in a process forked from the supervisor, already in the board's namespaces. Whatever it
and its daemons need is imported here or above: after `pivot` Python's own files are gone.
"""

import gc
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from rkops.lab.host import kernel
from rkops.lab.host.daemons import Sockets, serve_board
from rkops.lab.host.files import (
    MARKER,
    PATH,
    Place,
    cover_proc,
    write_hardware,
    write_software,
)
from rkops.lab.host.plan import BoardPlan
from rkops.lab.host.standins import server_command

_ROOT_SIZE = "mode=755,size=4g"
_READY = b"ready\n"


def make_disk(plan: BoardPlan) -> None:
    """Mount the memory that is the board's disk; it stays as long as this mount namespace."""
    kernel.mount("none", "/", flags=kernel.REC | kernel.PRIVATE)
    kernel.mount("tmpfs", plan.base, "tmpfs", 0, _ROOT_SIZE)
    for place in disk_of(plan):
        place.mkdir(mode=0o755)
    kernel.mount("tmpfs", disk_of(plan)[0], "tmpfs", 0, _ROOT_SIZE)


def disk_of(plan: BoardPlan) -> tuple[Path, Path]:
    """Return where the board's root goes, and the room for upper layers."""
    return plan.base / "root", plan.base / "scratch"


def run_board(plan: BoardPlan, sockets: Sockets, tell: Callable[[], None]) -> None:
    """Be the board's pid 1 until its daemons end; `tell` is called when everything answers."""
    root, scratch = disk_of(plan)
    plan.userland.build(root, scratch)
    land = plan.userland
    place = Place(
        root, land.machine, land.python, plan.name, plan.serial, plan.mac, has_user=plan.has_user
    )
    if not (root / MARKER.lstrip("/")).exists():
        land.accounts(place)
        write_software(place, plan.profile)
    write_hardware(place, plan.profile)
    cover_proc(root, scratch, plan.profile)
    kernel.set_hostname(plan.name)
    kernel.loopback_up()
    kernel.pivot(root)
    os.umask(0o022)
    env = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **plan.userland.env}
    _run(("ldconfig",), env)
    _run(server_command(plan.profile), env, wait=plan.profile.server.start != "loop")
    daemons = _start_daemons(plan, sockets)
    sockets.close()
    tell()
    kernel.name_process("init")
    _reap_until(daemons)


def _run(argv: tuple[str, ...], env: dict[str, str], *, wait: bool = True) -> None:
    process = subprocess.Popen(
        argv,
        env=env,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    if wait:
        process.wait()


def _start_daemons(plan: BoardPlan, sockets: Sockets) -> int:
    """Fork the process that answers on ADB and SSH; returns when it listens."""
    ours, theirs = socket.socketpair()
    gc.freeze()
    pid = os.fork()
    if pid == 0:
        ours.close()
        kernel.die_with_parent()
        kernel.name_process("adbd")
        try:
            serve_board(plan, sockets, lambda: theirs.sendall(_READY))
        finally:
            os._exit(1)
    theirs.close()
    if ours.recv(len(_READY)) != _READY:
        raise OSError("the board's daemons did not start; its log says why")
    ours.close()
    return pid


def _reap_until(pid: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        try:
            if os.wait()[0] == pid:
                return
        except ChildProcessError:
            return
