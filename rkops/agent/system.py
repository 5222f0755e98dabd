"""SoC, board, kernel and user land; and the account we came in as."""

import os
import time

from rkops.agent.fact import absent, first, look, present, unknown

_DT = ("/sys/firmware/devicetree/base", "/proc/device-tree")
_ELF = {3: "x86", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv"}
"""ELF e_machine numbers (System V ABI)."""


def elf_machine(data: bytes) -> str:
    """Return the machine an ELF header names; empty when it is no ELF file."""
    if data[:4] != b"\x7fELF" or len(data) < 20:
        return ""
    number = int.from_bytes(data[18:20], "little" if data[5] == 1 else "big")
    return _ELF.get(number, "elf-%d" % number)


def user_land(tree) -> str:
    """Return the machine of the board's programs: a 64-bit kernel may carry 32-bit ones."""
    for path in ("/bin/sh", "/usr/bin/env", "/system/bin/sh"):
        try:
            machine = elf_machine(tree.read(path, 64))
        except OSError:
            continue
        if machine:
            return machine
    return ""


def _compatible(tree, path: str) -> dict:
    entries = [entry for entry in tree.text(path, 4096).split("\0") if entry.strip()]
    return present(entries, path) if entries else absent(path)


def _os_name(tree) -> dict:
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            text = tree.text(path)
        except OSError:
            continue
        for line in text.split("\n"):
            key, _, value = line.partition("=")
            if key == "PRETTY_NAME":
                return present(value.strip().strip("\"'"), path)
    for line in tree.text("/system/build.prop").split("\n"):
        if line.startswith("ro.build.version.release="):
            return present("Android " + line.partition("=")[2].strip(), "/system/build.prop")
    return absent("/etc/os-release")


def _glibc(tree) -> dict:
    if tree.live:
        return present(os.confstr("CS_GNU_LIBC_VERSION").split()[-1], "confstr")
    return absent("not a running board")


def _kernel(tree) -> dict:
    if tree.live:
        # proc(5): the same text; a simulated board has its own here, uname(2) cannot be another
        return first(
            [tree.fact("/proc/sys/kernel/osrelease"), present(os.uname().release, "uname")], "uname"
        )
    names = tree.names("/lib/modules") or tree.names("/usr/lib/modules")
    return present(names[-1], "/lib/modules") if names else absent("/lib/modules")


def _init(tree) -> dict:
    if tree.live:
        return tree.fact("/proc/1/comm")
    target = tree.real("/sbin/init")
    return present(target.rpartition("/")[2], "/sbin/init")


def gather(tree) -> dict:
    """Return the System of facts/board.py."""
    return {
        "compatible": first(
            [look(base, _compatible, tree, base + "/compatible") for base in _DT],
            _DT[0] + "/compatible",
        ),
        "model": first([tree.fact(base + "/model") for base in _DT], _DT[0] + "/model"),
        "os": look("/etc/os-release", _os_name, tree),
        "kernel": look("osrelease", _kernel, tree),
        "arch": os.uname().machine if tree.live else user_land(tree),
        "glibc": look("confstr", _glibc, tree),
        "init": look("/proc/1/comm", _init, tree),
        "simulated": tree.exists("/etc/rkops-lab"),
        "epoch": time.time(),
    }


def session(tree, accounts, sudo: dict) -> dict:
    """Return the Session of facts/board.py; `sudo` was found out by running it."""
    if not tree.live:
        sudo = unknown("not a running board")
    me = accounts.me()
    return {
        "user": me.name,
        "uid": me.uid,
        "home": me.home,
        "groups": sorted(accounts.group(gid) for gid in me.gids),
        "sudo": sudo,
    }
