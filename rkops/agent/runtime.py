"""librknnrt.so: every copy, the one the loader gives, and those in use.

Places: Rockchip's user guide section 2, what rknn_server and the toolkits open, Android and
vendor images; then what this board's own settings name.
"""

from rkops.agent import banner, loader
from rkops.agent.fact import listing, look, value_of
from rkops.agent.processes import users_of
from rkops.agent.system import elf_machine

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
_PACKAGES = 2000


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


def _in_packages(tree, site: str) -> list:
    """Return the directories below a Python site directory that hold a copy, two levels deep."""
    found = []
    if not site.endswith(("site-packages", "dist-packages")):
        return found
    for name in tree.names(site)[:_PACKAGES]:
        base = "%s/%s" % (site, name)
        if name.endswith((".dist-info", ".egg-info", ".py", ".pth")) or not tree.is_dir(base):
            continue
        for inner in [""] + [entry for entry in tree.names(base) if "." not in entry]:
            directory = "%s/%s" % (base, inner) if inner else base
            if tree.is_file("%s/%s" % (directory, loader.NAME)):
                found.append(directory)
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


def _copies(tree, paths: list) -> list:
    """Return one LibraryCopy for each file; /lib and /usr/lib may be the same directory."""
    copies = {}
    for path in paths:
        real = tree.real(path)
        if real not in copies and tree.is_file(path):
            copies[real] = _copy(tree, path, real)
    return list(copies.values())


def gather(tree, processes, sites: list) -> dict:
    """Return the Runtime of facts/board.py; `sites` are the sys.path entries of all Pythons."""
    places = list(_PLACES)
    places.extend(_configured(tree, "/etc/ld.so.conf", [_INCLUDES]))
    places.extend(listing(_of_servers, processes))
    for site in sorted(set(sites)):
        places.extend(listing(_in_packages, tree, site))
    loaded = look("the loader's order", loader.loaded, tree)
    mapped = look("/proc/*/maps", users_of, processes, loader.NAME.encode("ascii"))
    paths = ["%s/%s" % (place, loader.NAME) for place in places]
    paths.extend([value_of(loaded)] if value_of(loaded) else [])
    paths.extend(entry["path"] for entry in value_of(mapped, []) if not entry["deleted"])
    return {"copies": listing(_copies, tree, paths), "loaded": loaded, "mapped": mapped}
