"""rknn_server: the file, the processes, and how the board starts it."""

import os

from rkops.agent import banner
from rkops.agent.fact import absent, look, present, unknown

NAME = "rknn_server"
_FILES = tuple(
    "%s/%s" % (place, NAME)
    for place in ("/usr/bin", "/usr/local/bin", "/usr/sbin", "/vendor/bin", "/oem/usr/bin")
)
_LOOP = "start_rknn.sh"
"""Rockchip's endless loop: it starts the server again a second after it ended."""
_LOOPS = tuple("%s/%s" % (os.path.dirname(place), _LOOP) for place in _FILES)
_UNITS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
_INIT = ("/etc/init.d", "/etc/rc.local", "/etc/rc.d/rc.local", "/vendor/etc/init")


def _binary(process) -> str:
    """Return the path of the program a process runs.

    Under qemu-user, or for a script, /proc/PID/exe is the interpreter: then the mapped file
    or the word of the command line that has the server's name tells.
    """
    try:
        exe = os.readlink(process.base + "/exe").replace(" (deleted)", "")
        if os.path.basename(exe) == NAME:
            return exe
        for path, _ in process.mapped(NAME.encode("ascii")):
            return path
    except OSError:
        pass
    for word in process.words():
        if os.path.basename(word) == NAME:
            return word
    return ""


def _deleted(process) -> tuple:
    """Return the mapped files that were deleted since the start, and whether we could look."""
    found = set()
    try:
        for word in (b"rknn_server", b"librknnrt"):
            found.update(path for path, deleted in process.mapped(word) if deleted)
        exe = os.readlink(process.base + "/exe")
        if exe.endswith(NAME + " (deleted)"):
            found.add(exe[: -len(" (deleted)")])
    except PermissionError:
        return [], False
    except OSError:
        pass
    return sorted(found), True


def _processes(tree, processes, accounts) -> dict:
    if processes.hidden:
        return processes.hidden
    found = []
    for process in processes.named(NAME):
        try:
            user = accounts.name(process.uid())
        except OSError:
            continue  # it ended meanwhile
        entry = {"pid": process.pid, "user": user, "exe": _binary(process)}
        deleted, entry["readable"] = _deleted(process)
        entry["stale"] = [path for path in deleted if tree.is_file(path)]
        entry["gone"] = [path for path in deleted if not tree.is_file(path)]
        found.append(entry)
    return present(found, "/proc/*/stat")


def _names_server(tree, path: str) -> bool:
    """Return whether a unit or script starts the server; comments do not count."""
    try:
        lines = tree.text(path, 1 << 18).split("\n")
    except OSError:
        return False
    return any(
        (NAME in line or _LOOP in line) and not line.lstrip().startswith("#") for line in lines
    )


def unit_files(tree) -> list:
    """Return (name, path) of the systemd units that start the server."""
    found = []
    seen = set()
    for place in _UNITS:
        for name in tree.names(place):
            path = "%s/%s" % (place, name)
            if name.endswith(".service") and name not in seen and tree.is_file(path):
                seen.add(name)  # a unit in /etc hides the one of that name in /lib
                if _names_server(tree, path):
                    found.append((name, path))
    return found


def setting_files(tree) -> list:
    """Return the files that can set the server's environment: units, drop-ins, scripts."""
    found = [path for path in _LOOPS if tree.is_file(path)] + _scripts(tree)
    for name, path in unit_files(tree):
        found.append(path)
        for place in _UNITS:
            inner = "%s/%s.d" % (place, name)
            found.extend("%s/%s" % (inner, part) for part in tree.names(inner))
    return found


def _scripts(tree) -> list:
    found = []
    for place in _INIT:
        paths = ["%s/%s" % (place, name) for name in tree.names(place)] or [place]
        found.extend(path for path in paths if tree.is_file(path) and _names_server(tree, path))
    return found


def _loops(processes) -> bool:
    """Return whether a process is Rockchip's loop script, or waits in it."""
    return any(
        os.path.basename(word) == _LOOP
        for process in processes.programs()
        if process.comm == _LOOP or process.comm in ("sh", "dash", "bash", "busybox")
        for word in process.words()[:3]
    )


def _starter(tree, processes) -> dict:
    units = [name for name, _ in unit_files(tree)]
    running = processes.named(NAME)
    groups = [process.cgroup() for process in running]
    for unit in units:
        if any("/" + unit in group for group in groups):
            return present("systemd:" + unit, "cgroup of the process")
    if units and not (tree.live and _loops(processes)):
        return present("systemd:" + units[0], "unit file")
    if _loops(processes):
        return present("loop", _LOOP + " runs")
    return _told_by_files(tree, running)


def _told_by_files(tree, running: list) -> dict:
    """Return how the board starts the server where neither a unit nor a running loop says it."""
    scripts = _scripts(tree)
    if scripts:
        return present("init:" + scripts[0], scripts[0])
    if running:
        return present("hand", "no unit, loop or init script starts it")
    loops = [path for path in _LOOPS if tree.is_file(path)]
    return present("loop", loops[0]) if loops else absent("units, init scripts and " + _LOOP)


def gather(tree, processes, accounts) -> dict:
    """Return the Server of facts/board.py."""
    running = look("/proc", _processes, tree, processes, accounts)
    places = list(_FILES)
    if running["is"] == "present":
        places.extend(entry["exe"] for entry in running["value"] if entry["exe"])
    path = next((place for place in places if tree.is_file(place)), "")
    starter = unknown("there is no rknn_server")
    if path or running["is"] != "present" or running["value"]:
        starter = look("units and scripts", _starter, tree, processes)
    return {
        "file": present(tree.real(path), path) if path else absent(", ".join(_FILES)),
        "version": banner.version(tree, path, banner.SERVER) if path else absent(_FILES[0]),
        "processes": running,
        "starter": starter if path else absent(_FILES[0]),
    }
