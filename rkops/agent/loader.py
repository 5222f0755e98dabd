"""Which librknnrt.so `dlopen("librknnrt.so")` gives a root service.

Not asked of the loader itself: that would run the library's constructors as root. glibc's
order (ld.so(8), dl-load.c) is followed: the entries of /etc/ld.so.cache, then the default
directories; a copy for another machine is passed over. LD_LIBRARY_PATH is not part of it.
"""

import re
import struct

from rkops.agent.fact import absent, present
from rkops.agent.system import elf_machine, user_land

NAME = "librknnrt.so"
CACHE = "/etc/ld.so.cache"
_MAGIC = b"glibc-ld.so.cache1.1"
_HEAD = 48
_ENTRY = struct.Struct("=iIIIQ")
_TRIPLETS = {
    "aarch64": "aarch64-linux-gnu",
    "arm": "arm-linux-gnueabihf",
    "x86_64": "x86_64-linux-gnu",
}
_LIMIT_BYTES = 16 << 20
_INTERPRETER = re.compile(rb"(/[\w./-]*/ld-[\w.-]*\.so\.\d+)\0")
"""The loader a program names near its beginning (ELF PT_INTERP)."""
_SYSTEM_DIRS = re.compile(rb"(?:/[\w./-]*lib[\w./-]*/\0){2,}")
"""glibc's `system_dirs` (elf/dl-load.c), compiled into the loader: its default directories."""


def cached(data: bytes, name: str) -> list:
    """Return the paths the cache holds for a library, in its order; raises ValueError.

    The layout is glibc's `struct cache_file_new` (sysdeps/generic/dl-cache.h): offsets count
    from its magic, which may stand behind an older table of the same file.
    """
    start = data.find(_MAGIC)
    if start < 0:
        raise ValueError("no glibc cache")
    table = data[start:]
    if len(table) < _HEAD:
        raise ValueError("cut short")
    count = int.from_bytes(table[20:24], "little")
    if count > (len(table) - _HEAD) // _ENTRY.size:
        raise ValueError("cut short")
    wanted = name.encode("ascii")
    paths = []
    for number in range(count):
        _, key, value, _, _ = _ENTRY.unpack_from(table, _HEAD + number * _ENTRY.size)
        if table[key : key + len(wanted) + 1] == wanted + b"\0":
            path = table[value : table.find(b"\0", value)]
            paths.append(path.decode("utf-8", "backslashreplace"))
    return paths


def _told(tree) -> list:
    """Return the default directories that are written in the loader's own bytes."""
    for program in ("/bin/sh", "/usr/bin/env"):
        try:
            found = _INTERPRETER.search(tree.read(program, 4096))
            data = tree.read(found.group(1).decode("ascii"), 4 << 20) if found else b""
        except OSError:
            continue
        table = _SYSTEM_DIRS.search(data)
        if table:
            names = table.group().decode("ascii").split("\0")
            return [name.rstrip("/") for name in names if name]
    return []


def directories(tree, machine: str) -> list:
    """Return the loader's default directories for this user land, in its order."""
    if tree.exists("/system/bin/linker64"):
        return ["/vendor/lib64", "/system/lib64"]
    for name in tree.names("/lib"):
        if name.startswith("ld-musl-"):
            return ["/lib", "/usr/local/lib", "/usr/lib"]
    told = _told(tree)
    if told:
        return told
    triplet = _TRIPLETS.get(machine, machine)
    if tree.is_dir("/lib/" + triplet):  # Debian's glibc does not look in lib64
        return ["/lib/" + triplet, "/usr/lib/" + triplet, "/lib", "/usr/lib"]
    return ["/lib64", "/usr/lib64", "/lib", "/usr/lib"]


def _fits(tree, path: str, machine: str) -> bool:
    try:
        head = tree.read(path, 64)
    except OSError:
        return False
    # A file that is no ELF at all is what the loader takes, and then fails on.
    return elf_machine(head) in ("", machine)


def loaded(tree) -> dict:
    """Return the real path of the copy that loads, as a fact."""
    machine = user_land(tree)
    try:
        paths = cached(tree.read(CACHE, _LIMIT_BYTES), NAME)
    except (OSError, ValueError):
        paths = []
    for path in paths:
        if _fits(tree, path, machine):
            return present(tree.real(path), CACHE)
    for directory in directories(tree, machine):
        path = "%s/%s" % (directory, NAME)
        if _fits(tree, path, machine):
            return present(tree.real(path), "default directory " + directory)
    return absent("%s and the loader's default directories" % CACHE)
