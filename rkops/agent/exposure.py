"""Whether adbd listens on the network, and as whom it runs commands."""

import os

from rkops.agent.fact import absent, present, unknown

_LISTEN = "0A"
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


def listening(text: str) -> dict:
    """Return {socket inode: port} of what listens beyond loopback (proc_net_tcp(5))."""
    ports = {}
    for line in text.split("\n")[1:]:
        parts = line.split()
        if len(parts) < 10 or parts[3] != _LISTEN:
            continue
        address, _, port = parts[1].partition(":")
        if address != "0100007F" and not address.endswith("0000000001000000"):
            ports[parts[9]] = int(port, 16)
    return ports


def _tcp_port(tree, daemons: list, request: dict) -> dict:
    ports = {}
    for table in _TABLES:
        try:
            ports.update(listening(tree.text(table, 1 << 20)))
        except (OSError, ValueError):
            continue
    denied = False
    for process in daemons:
        try:
            for name in os.listdir(process.base + "/fd"):
                target = os.readlink("%s/fd/%s" % (process.base, name))
                if target.startswith("socket:[") and target[8:-1] in ports:
                    return present(ports[target[8:-1]], "sockets of adbd")
        except PermissionError:
            denied = True
        except OSError:
            continue
    if request.get("via") == "adb":
        # We are the proof, also where the socket lives in another network namespace.
        return present(int(request.get("adb_port") or 5555), "this adb session")
    if denied:
        return unknown("the sockets of adbd are closed to us", "root on the board")
    return absent("a listening socket of adbd")


def gather(tree, processes, request: dict, uid: int) -> dict:
    """Return the AdbExposure of facts/board.py; `uid` is the account the host came in as."""
    if not tree.live:
        later = unknown("not a running board")
        return {"tcp_port": later, "root": later}
    daemons = processes.named("adbd")
    if request.get("via") == "adb":
        root = present(uid == 0, "the account of this adb session")
    elif daemons:
        root = present(any(daemon.uid() == 0 for daemon in daemons), "the owner of adbd")
    else:
        root = processes.hidden or absent("a running adbd")
    return {"tcp_port": _tcp_port(tree, daemons, request), "root": root}
