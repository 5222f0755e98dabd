"""Who holds a board's lock: this process, told so that a later one can see whether it lives."""

import getpass
import os
import secrets
import socket
from collections.abc import Mapping
from functools import cache
from pathlib import Path


def new_holder() -> dict[str, str]:
    """Return who asks for a board's lock, with a token of its own."""
    return {"token": secrets.token_hex(8), **_this_process()}


def is_dead(owner: Mapping[str, object]) -> bool:
    """Tell whether the lock's owner was a process of this machine that is no more.

    False whenever that cannot be told: another machine, another container, no /proc.
    """
    me = _this_process()
    if not me["host"] or owner.get("host") != me["host"]:
        return False
    process = str(owner.get("process", ""))
    number, _, _ = process.partition(":")
    return number.isdecimal() and _process(number) != process


@cache
def _this_process() -> dict[str, str]:
    name = socket.gethostname()
    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        account = str(os.getuid())
    return {
        "who": f"{account}@{name}",
        "host": _host(name),
        "process": _process(str(os.getpid())),
    }


def _host(name: str) -> str:
    """Process numbers mean something within one boot and one pid namespace only."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return ""
    return f"{name}/{boot}/{space}"


def _process(number: str) -> str:
    """Return `number:start`; the start tells a process from a later one of the same number."""
    try:
        stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"{number}:"
    # proc(5): the name in brackets may hold anything; starttime is field 22, state is 3.
    fields = stat.rpartition(")")[2].split()
    return f"{number}:" if fields[0] in {"Z", "X"} else f"{number}:{fields[19]}"
