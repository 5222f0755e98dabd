"""librknnrt.so: every copy, the one the loader gives, and those in use.

Places: Rockchip's user guide section 2, what rknn_server and the toolkits open, Android and
vendor images; then what this board's own settings name. Copies elsewhere (homes, /opt, Python
packages) are `bundled`: no service's loader finds them by itself.
"""

import re

from rkops.agent import banner, loader, server
from rkops.agent.fact import listing, look, present, unknown, value_of
from rkops.agent.processes import users_of
from rkops.agent.system import elf_machine
from rkops.agent.walk import Walk

_PLACES = (
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/local/lib",
    "/lib",
    "/lib64",
    "/lib/aarch64-linux-gnu",
    "/usr/local/lib64",
    "/usr/local/lib/aarch64-linux-gnu",
    "/opt/lib",
    "/vendor/lib64",
    "/vendor/lib",
    "/system/lib64",
    "/oem/usr/lib",
)
_INCLUDES = 20
_SETTINGS = 30
_AT_MOST = 60
_PACKAGE_DEPTH = 3
_LIBRARY_PATH = re.compile(r"^[^#\n]*\bLD_LIBRARY_PATH=[\"']?([^\s\"']+)", re.MULTILINE)
_ENVIRONMENT_FILE = re.compile(r"^EnvironmentFile=-?(/\S+)", re.MULTILINE)
"""systemd.exec(5); the other names variables as sh and /etc/environment do."""


def _configured(tree, path: str, left: list) -> list:
    """Return the directories an ld.so.conf names, its includes followed."""
    found = []
    if left[0] <= 0:
        return found
    left[0] -= 1
    try:
        lines = tree.text(path).split("\n")
    except OSError:
        return found
    for line in lines:
        text = line.partition("#")[0].strip()
        if text.startswith("include") and text[7:8].isspace():
            found.extend(_included(tree, text[7:].strip(), left))
        elif text.startswith("/"):
            found.append(text.rstrip("/") or "/")
    return found


def _included(tree, pattern: str, left: list) -> list:
    """Follow `include /etc/ld.so.conf.d/*.conf`: a pattern in the last part only."""
    directory, _, last = pattern.rpartition("/")
    begin, star, end = last.partition("*")
    found = []
    for name in tree.names(directory or "/etc"):
        if name == last or (star and name.startswith(begin) and name.endswith(end)):
            found.extend(_configured(tree, "%s/%s" % (directory or "/etc", name), left))
    return found


def _of_servers(processes) -> list:
    """Return the LD_LIBRARY_PATH directories of running rknn_servers."""
    found = []
    for process in processes.named("rknn_server"):
        paths = process.environment().get("LD_LIBRARY_PATH", "")
        found.extend(path for path in paths.split(":") if path.startswith("/"))
    return found


def _of_settings(tree) -> list:
    """Return the LD_LIBRARY_PATH directories that files set for the server or for logins."""
    found = []
    paths = ["/etc/environment"] + server.setting_files(tree)
    for path in paths:
        try:
            text = tree.text(path)
        except OSError:
            continue
        for words in _LIBRARY_PATH.findall(text):
            found.extend(word.rstrip("/") for word in words.split(":") if word.startswith("/"))
        if len(paths) < _SETTINGS:
            paths.extend(_ENVIRONMENT_FILE.findall(text))
    return found


def _copy(tree, path: str, real: str) -> dict:
    return {
        "path": path,
        "real": real,
        "size_bytes": tree.stat(path).st_size,
        "version": banner.version(tree, path, banner.RUNTIME),
        "machine": elf_machine(tree.read(path, 64)) if _readable(tree, path) else "",
    }


def _readable(tree, path: str) -> bool:
    try:
        tree.read(path, 1)
    except OSError:
        return False
    return True


def _copies(tree, paths: list, bundled: list) -> list:
    """Return one LibraryCopy for each file; /lib and /usr/lib may be the same directory."""
    copies = {}
    for path in paths + bundled:
        real = tree.real(path)
        if real not in copies and len(copies) < _AT_MOST and tree.is_file(path):
            copies[real] = dict(_copy(tree, path, real), bundled=path not in paths)
    return list(copies.values())


def _walked(walks: list, roots: list) -> dict:
    cuts = [walk.cut for walk in walks if walk.cut]
    return unknown(cuts[0]) if cuts else present(sorted(set(roots)), "four levels deep")


def gather(tree, processes, sites: list, walk, roots: list) -> dict:
    """Return the Runtime of facts/board.py.

    `sites` are the sys.path entries of all Pythons; `walk` looked below `roots`.
    """
    places = list(_PLACES)
    places.extend(_configured(tree, "/etc/ld.so.conf", [_INCLUDES]))
    places.extend(listing(_of_servers, processes))
    places.extend(listing(_of_settings, tree))
    loaded = look("the loader's order", loader.loaded, tree)
    mapped = look("/proc/*/maps", users_of, processes, loader.NAME.encode("ascii"))
    paths = ["%s/%s" % (place, loader.NAME) for place in places]
    paths.extend([value_of(loaded)] if value_of(loaded) else [])
    packages = [site for site in sites if site.endswith(("site-packages", "dist-packages"))]
    inner = Walk(tree, loader.NAME, _PACKAGE_DEPTH).through(packages)
    bundled = ["%s/%s" % (place, loader.NAME) for place in inner.holders + walk.holders]
    bundled.extend(entry["path"] for entry in value_of(mapped, []) if not entry["deleted"])
    return {
        "copies": listing(_copies, tree, paths, bundled),
        "loaded": loaded,
        "mapped": mapped,
        "walked": _walked([walk, inner], roots),
    }
