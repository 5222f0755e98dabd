"""Turn an arm64 Debian tree that was only unpacked into a usable board, natively.

Run by mmdebstrap as a hook: `python -m rkops.lab.arm64.fixup ROOT`. It does what the packages'
maintainer scripts would have done. One program of the tree runs under qemu: ldconfig.
"""

import subprocess
import sys
from pathlib import Path

from rkops.lab.arm64.accounts import add_accounts, configure_logins
from rkops.lab.arm64.build import find_qemu, needs_qemu
from rkops.lab.arm64.dpkg import write_database
from rkops.lab.arm64.python import compile_modules
from rkops.lab.arm64.tree import Tree

ENVIRONMENT = {"QEMU_CPU": "cortex-a76"}
"""The RK3588's big core. qemu's default cpu emulates pointer authentication in software, which
makes Debian 13 ten times slower. It must survive login, ssh and sudo."""

_ALTERNATIVES = {
    "usr/bin/awk": "/usr/bin/mawk",
    "usr/bin/nawk": "/usr/bin/mawk",
    "usr/bin/pager": "/bin/more",
    "usr/bin/which": "/usr/bin/which.debianutils",
    "usr/bin/w": "/usr/bin/w.procps",
}
# what the script of base-files makes
_BASE_DIRECTORIES = """
mnt srv opt etc/opt var/opt media run usr/local/bin usr/local/etc usr/local/games
usr/local/include usr/local/lib usr/local/sbin usr/local/share usr/local/src
"""
_BOARD_DIRECTORIES = ("userdata", "sdcard")
_DROPPED = (
    "usr/share/doc/*",
    "usr/share/man/*",
    "usr/share/locale/*",
    "usr/share/info/*",
    "usr/share/lintian",
    "usr/share/bug",
    "usr/share/i18n",
    "usr/share/zoneinfo/right",
    "var/cache/apt/archives/*.deb",
)
_SUPPLIED = {
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\ngshadow: files\n"
    "hosts: files dns\n",
    "etc/shells": "/bin/sh\n/bin/bash\n/usr/bin/bash\n/bin/dash\n",
    "etc/motd": "",
    "etc/timezone": "Etc/UTC\n",
    "etc/machine-id": "",
    # Debian 13's pip opens it even with --no-index
    "etc/ssl/certs/ca-certificates.crt": "",
}


def fix(root: Path) -> None:
    """Make the tree at `root` usable."""
    tree = Tree(root)
    add_accounts(tree)
    configure_logins(tree, ENVIRONMENT)
    _write_system_files(tree)
    _link_alternatives(tree)
    compile_modules(tree)
    write_database(tree)
    for pattern in _DROPPED:
        tree.remove(pattern)
    emulator = [find_qemu()] if needs_qemu() else []
    subprocess.run([*map(str, emulator), tree.at("sbin/ldconfig"), "-r", root], check=True)


def _write_system_files(tree: Tree) -> None:
    for path, text in _SUPPLIED.items():
        tree.supply(path, text)
    tree.supply("etc/profile", tree.read("usr/share/base-files/profile"))
    tree.link("etc/localtime", "/usr/share/zoneinfo/Etc/UTC")
    tree.write("etc/hostname", "rk3588\n")
    tree.write("etc/hosts", "127.0.0.1 localhost\n")
    tree.write("etc/resolv.conf", "")
    for path in ("tmp", "var/tmp"):
        tree.directory(path, 0o1777)
    for path in (*_BASE_DIRECTORIES.split(), *_BOARD_DIRECTORIES):
        tree.directory(path)


def _link_alternatives(tree: Tree) -> None:
    tree.directory("etc/alternatives")
    for name, target in _ALTERNATIVES.items():
        if tree.has(target) and not tree.has(name):
            alternative = f"/etc/alternatives/{Path(name).name}"
            tree.link(alternative, target)
            tree.link(name, alternative)


if __name__ == "__main__":
    fix(Path(sys.argv[1]))
