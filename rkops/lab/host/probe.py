"""Whether this machine permits host boards: `why_not` asks a process that tries it all."""

import os
import subprocess
import sys
from pathlib import Path

from rkops.lab.host import kernel

_SECONDS = 20
_ALL = kernel.NEW_USER | kernel.NEW_NS | kernel.NEW_PID | kernel.NEW_NET
_NAMES = kernel.NEW_UTS | kernel.NEW_IPC


def why_not() -> str:
    """Return why host boards cannot be had here; empty when they can."""
    if sys.platform != "linux":
        return "host boards need Linux"
    try:
        tried = subprocess.run(
            [sys.executable, "-m", "rkops.lab.host.probe"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as exc:
        return str(exc)
    said = tried.stderr.strip().rpartition("\n")[2]
    return "" if tried.returncode == 0 else said or f"exit code {tried.returncode}"


def _try() -> None:
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(_ALL | _NAMES)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    inside = os.fork()
    if inside:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(inside, 0)[1]))
    kernel.mount("none", "/", flags=kernel.REC | kernel.PRIVATE)
    top = Path("/tmp")  # noqa: S108 - covered by a file system of our own at once
    kernel.mount("tmpfs", top, "tmpfs")
    for name in ("lower", "upper", "work", "root"):
        (top / name).mkdir()
    options = f"lowerdir={top}/lower,upperdir={top}/upper,workdir={top}/work,userxattr"
    kernel.mount("overlay", top / "root", "overlay", 0, options)
    kernel.mount("proc", "/proc", "proc", kernel.NOSUID | kernel.NODEV | kernel.NOEXEC)
    kernel.loopback_up()


if __name__ == "__main__":
    try:
        _try()
    except OSError as exc:
        sys.exit(str(exc))
