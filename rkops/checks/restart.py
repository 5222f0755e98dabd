"""The commands that start and restart rknn_server the way a board does it."""

import shlex

from rkops.facts.board import Server
from rkops.facts.fact import value_of

_SCRIPTS = "/etc/init.d/"
# The words it was started with are taken from it first; a second frees its socket.
_AGAIN = (
    'run=$(tr "\\0" " " </proc/{pid}/cmdline); kill {pid}; sleep 1; '
    "$run </dev/null >/dev/null 2>&1 &"
)


def start_commands(server: Server) -> tuple[str, ...]:
    """Return what starts a server that does not run; nothing where its file is not known."""
    way, name = _way(server)
    path = value_of(server.file)
    if way == "loop":
        # Rockchip's script stops the loop and starts it anew.
        return ("sudo restart_rknn.sh",)
    if way == "systemd":
        return (f"sudo systemctl start {name}",)
    if way == "init":
        return (f"sudo {name} start",)
    return (f"sudo sh -c '{path} >/dev/null 2>&1 &'",) if path else ()


def restart_commands(server: Server) -> tuple[str, ...]:
    """Return what ends the running servers and starts them again; nothing where none runs."""
    processes = value_of(server.processes) or ()
    way, name = _way(server)
    if not processes:
        return ()
    if way == "systemd":
        return (f"sudo systemctl restart {name}",)
    if way == "init":
        return (f"sudo {name} restart",)
    if way == "loop":
        # start_rknn.sh starts it again a second after it ended.
        return (f"sudo kill {' '.join(str(process.pid) for process in processes)}",)
    return tuple(f"sudo sh -c {shlex.quote(_AGAIN.format(pid=p.pid))}" for p in processes)


def _way(server: Server) -> tuple[str, str]:
    """Return how the board starts it; `hand` where there is nothing that takes a verb."""
    way, _, name = (value_of(server.starter) or "hand").partition(":")
    if way == "init" and not name.startswith(_SCRIPTS):
        return "hand", ""  # rc.local or Android's init: they are no commands
    return way, shlex.quote(name)
