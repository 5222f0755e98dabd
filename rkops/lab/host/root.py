"""The root of a host board: this machine's own user land, without its people and secrets.

`/usr` is shown through an overlay whose upper layer is memory; `/etc` is made new from an
allow-list; everything else is empty and private. No directory of the machine can be changed.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from rkops.lab.host import kernel
from rkops.lab.host.python import BoardPython

_LIBRARY_DIRS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_FROM_ETC = (
    "alternatives",
    "bash.bashrc",
    "debian_version",
    "host.conf",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "login.defs",
    "os-release",
    "pam.d",
    "profile",
    "protocols",
    "python3",
    "security",
    "services",
    "shells",
    "terminfo",
)
_PRIVATE = ("dev", "etc", "home", "media", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp")
_PRIVATE_BELOW = ("userdata", "var/cache/ldconfig", "var/lib", "var/log", "var/tmp")
_LOCAL = ("bin", "etc", "games", "include", "lib", "sbin", "share", "src")
_MEMORY = {"run": "size=64m", "dev": "size=1m"}
# An ordinary user's board does not own the machine's directories. A directory in the upper layer
# hides the owner of the one below it: these can be written all the same.
_WRITTEN = ("bin", "sbin", "lib", "lib64")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_NPU_FILES = ("usr/lib/librknnrt.so", "usr/lib64/librknnrt.so", "usr/bin/rknn_server")


def build_root(root: Path, scratch: Path, python: BoardPython | None) -> None:
    """Mount the board's root at `root`; both arguments are memory that outlives a power cycle.

    The first time the private parts are made too; later they are found as they were left.
    """
    first = not (root / "etc").exists()
    if first:
        _private_parts(root)
    for name, size in _MEMORY.items():
        kernel.mount("tmpfs", root / name, "tmpfs", kernel.NOSUID, f"mode=755,{size}")
    _show_system(root, scratch)
    _fresh_local(root, scratch)
    make_devices(root)
    if python:
        _show_python(root, python)
    if first:
        for name in _NPU_FILES:
            (root / name).unlink(missing_ok=True)
    kernel.mount("proc", root / "proc", "proc", kernel.NOSUID | kernel.NODEV | kernel.NOEXEC)


def _private_parts(root: Path) -> None:
    for name in (*_PRIVATE, *_PRIVATE_BELOW):
        (root / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    (root / "root").chmod(0o700)
    (root / "var/run").symlink_to("/run")
    _copy_etc(root)


def _show_system(root: Path, scratch: Path) -> None:
    below = _mounts()
    for name in ("usr", *_LIBRARY_DIRS):
        place = Path("/") / name
        if place.is_symlink():
            _link(root / name, str(place.readlink()))
        elif place.is_dir():
            _show(place, root / name, scratch, below)


def _show(source: Path, target: Path, scratch: Path, mounts: Iterable[Path]) -> None:
    """Overlay a directory; where something is mounted below it, its entries one by one.

    An overlay over a directory with mounts of another user namespace below it is refused
    (Linux 5.14: a private clone of it would uncover what those mounts hide).
    """
    target.mkdir(exist_ok=True)
    if not any(place.is_relative_to(source) and place != source for place in mounts):
        _overlay(source, target, scratch)
        return
    for entry in source.iterdir():
        place = target / entry.name
        if entry.is_symlink():
            _link(place, str(entry.readlink()))
        elif entry.is_dir():
            _show(entry, place, scratch, mounts)
        elif entry.is_file() and not place.exists():
            shutil.copy2(entry, place)


def _link(place: Path, goal: str) -> None:
    if not place.is_symlink():
        place.symlink_to(goal)


def _overlay(source: Path, target: Path, scratch: Path) -> None:
    name = str(source).strip("/").replace("/", "-")
    upper, work = scratch / f"{name}.up", scratch / f"{name}.work"
    upper.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    upper.chmod(0o755)
    for inside in _WRITTEN:
        if (source / inside).is_dir() and not (source / inside).is_symlink():
            (upper / inside).mkdir(mode=0o755, exist_ok=True)
    options = f"lowerdir={source},upperdir={upper},workdir={work},userxattr"
    kernel.mount("overlay", target, "overlay", 0, options)


def _mounts() -> list[Path]:
    lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    return [Path(line.split()[4].replace("\\040", " ")) for line in lines]


def _fresh_local(root: Path, scratch: Path) -> None:
    local = scratch / "local"
    for name in _LOCAL:
        (local / name).mkdir(parents=True, exist_ok=True)
    (root / "usr/local").mkdir(exist_ok=True)
    kernel.bind(local, root / "usr/local")


def _copy_etc(root: Path) -> None:
    for name in _FROM_ETC:
        source, target = Path("/etc") / name, root / "etc" / name
        if source.is_symlink():
            target.symlink_to(source.readlink())
        elif source.is_dir():
            shutil.copytree(source, target, symlinks=True, copy_function=_copy_readable)
        elif source.is_file():
            _copy_readable(source, target)


def _copy_readable(source: str | Path, target: str | Path) -> None:
    if os.access(source, os.R_OK):
        shutil.copy2(source, target)


def make_devices(root: Path) -> None:
    """Put the usual devices into `root`/dev, an empty tmpfs."""
    dev = root / "dev"
    for name in _DEVICES:
        (dev / name).touch()
        kernel.bind(f"/dev/{name}", dev / name)
    (dev / "pts").mkdir()
    (dev / "shm").mkdir()
    kernel.mount("tmpfs", dev / "shm", "tmpfs", kernel.NOSUID, "mode=1777,size=256m")
    options = "newinstance,ptmxmode=0666,mode=620"
    kernel.mount("devpts", dev / "pts", "devpts", kernel.NOSUID | kernel.NOEXEC, options)
    for name, target in {
        "ptmx": "pts/ptmx",
        "fd": "/proc/self/fd",
        "stdin": "/proc/self/fd/0",
        "stdout": "/proc/self/fd/1",
        "stderr": "/proc/self/fd/2",
    }.items():
        (dev / name).symlink_to(target)


def _show_python(root: Path, python: BoardPython) -> None:
    if python.prefix:
        place = root / Path(python.path).parents[1].relative_to("/")
        place.mkdir(parents=True, exist_ok=True)
        kernel.bind(python.prefix, place)
    if os.path.realpath("/usr/bin/python3") != os.path.realpath(python.path):
        link = root / "usr/bin/python3"
        link.unlink(missing_ok=True)
        link.symlink_to(python.path)
