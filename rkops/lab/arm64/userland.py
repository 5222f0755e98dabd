"""Boards of another machine: an arm64 Debian whose programs run under qemu-user.

Nothing of the host changes: the root is the read-only lower layer of an overlay, and qemu is
registered in the board's own user namespace (binfmt_misc is per user namespace from Linux 6.7
on). The flag C of the registration makes setuid count, without which sudo fails.
"""

import functools
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rkops.core.deadline import Deadline
from rkops.core.errors import LabError
from rkops.lab.arm64.build import SUITES, find_qemu, needs_qemu
from rkops.lab.arm64.fixup import ENVIRONMENT
from rkops.lab.arm64.python import python_version
from rkops.lab.arm64.rootfs import Say, ensure_root, quiet
from rkops.lab.arm64.tree import Tree
from rkops.lab.host import kernel
from rkops.lab.host.files import Place
from rkops.lab.host.idmap import has_many_ids
from rkops.lab.host.python import BoardPython
from rkops.lab.host.root import make_devices

MACHINE = "aarch64"

# ELF, 64 bit, little endian, type executable or shared, machine 183 (AArch64); ABI byte ignored
_MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
_MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
# P: argv[0] kept; O, C: setuid counts; F: qemu is opened now, so the root need not hold it
_FLAGS = "POCF"
_MEMORY = {"dev": "size=1m", "run": "size=64m"}
_PROBE_SECONDS = 20


@functools.cache
def unavailable() -> str:
    """Say why arm64 boards cannot run on this machine; empty when they can."""
    if not has_many_ids():
        return (
            "without root they need the package uidmap and ranges for this user in /etc/subuid "
            "and /etc/subgid"
        )
    if not needs_qemu():
        return ""
    if find_qemu() is None:
        return "qemu-aarch64-static is missing (apt-get install qemu-user-static)"
    return _refused()


def _refused() -> str:
    """Register qemu in a user namespace that ends at once; say what was refused."""
    command = ["unshare", "--user", "--map-root-user", "--mount"]
    command += [sys.executable, "-m", "rkops.lab.arm64.userland"]
    try:
        tried = subprocess.run(
            command, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"user namespaces cannot be tried: {exc}"
    if tried.returncode == 0:
        return ""
    words = (tried.stderr or tried.stdout).strip().splitlines()
    return (
        "qemu cannot be registered in a user namespace "
        f"(needs Linux 6.7, here {platform.release()}): {words[-1] if words else 'no reason given'}"
    )


@dataclass(frozen=True, slots=True)
class Arm64Userland:
    """An arm64 Debian: its own Python, pip, sudo and OpenSSH. Meets `userland.Userland`."""

    lower: Path
    python: BoardPython
    machine: str = MACHINE
    sshd: tuple[str, ...] = ("/usr/sbin/sshd", "-i")

    @property
    def env(self) -> dict[str, str]:
        """The CPU that qemu plays."""
        return dict(ENVIRONMENT)

    def build(self, root: Path, scratch: Path) -> None:
        """Lay a writable layer in memory over the root, and make its programs run."""
        upper, work = scratch / "arm64.up", scratch / "arm64.work"
        for layer in (upper, work):
            layer.mkdir(mode=0o755, exist_ok=True)  # there already when the board was switched off
        options = f"lowerdir={self.lower},upperdir={upper},workdir={work},userxattr"
        kernel.mount("overlay", root, "overlay", 0, options)
        for name, size in _MEMORY.items():
            kernel.mount("tmpfs", root / name, "tmpfs", kernel.NOSUID, f"mode=755,{size}")
        make_devices(root)
        flags = kernel.NOSUID | kernel.NODEV | kernel.NOEXEC
        kernel.mount("proc", root / "proc", "proc", flags)
        register_emulator(root / "proc/sys/fs/binfmt_misc")

    def accounts(self, place: Place) -> None:
        """Leave them alone: the root has root and firefly, passwords and sudo included."""
        del place


def arm64_userland(
    suite: str = "", *, say: Say = quiet, deadline: Deadline | None = None
) -> Arm64Userland:
    """Return the user land of `suite`, built first when this machine has none yet.

    Without a suite it is that of RKOPS_LAB_SUITE, else Debian 12.

    Raises:
        LabError: this machine cannot run arm64 boards, or the root cannot be built.
    """
    if reason := unavailable():
        raise LabError(f"no arm64 boards on this machine: {reason}", hint="scripts/setup-system")
    wanted = suite or os.environ.get("RKOPS_LAB_SUITE") or SUITES[0]
    lower = ensure_root(wanted, say=say, deadline=deadline)
    version = python_version(Tree(lower))
    site = f"/usr/local/lib/python{version}/dist-packages"
    minor = int(version.partition(".")[2])
    return Arm64Userland(lower, BoardPython("/usr/bin/python3", minor, site))


def register_emulator(place: Path) -> None:
    """Mount this user namespace's binfmt_misc on the directory `place` and register qemu in it."""
    qemu = find_qemu()
    if not needs_qemu() or qemu is None:
        return
    kernel.mount("binfmt_misc", place, "binfmt_misc")
    line = f":rkops-{MACHINE}:M::{_MAGIC}:{_MASK}:{qemu}:{_FLAGS}"
    (place / "register").write_text(line)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        register_emulator(Path(directory))
        kernel.unmount(directory)
