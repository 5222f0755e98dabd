"""Which users of this machine stand behind the users of a board."""

import getpass
import os
import shutil
import subprocess
from pathlib import Path

from rkops.core.errors import LabError
from rkops.lab.host.files import UID

_IDS = 65536


def has_many_ids() -> bool:
    """Tell whether boards can have users beside root."""
    return _direct_ids() > UID if os.geteuid() == 0 else _delegated() is not None


def write_maps(pid: int) -> None:
    """Map root, and as many others as may be, into the user namespace of a process.

    Raises:
        LabError: the kernel or newuidmap refused.
    """
    try:
        if os.geteuid() == 0:
            text = f"0 0 {_direct_ids()}"
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{pid}/{name}").write_text(text)
        elif ranges := _delegated():
            for tool, own, (first, count) in zip(
                ("newuidmap", "newgidmap"), (os.getuid(), os.getgid()), ranges, strict=True
            ):
                argv = [tool, str(pid), "0", str(own), "1", "1", str(first), str(count)]
                subprocess.run(argv, check=True, capture_output=True, timeout=10)
        else:
            Path(f"/proc/{pid}/setgroups").write_text("deny")
            Path(f"/proc/{pid}/uid_map").write_text(f"0 {os.getuid()} 1")
            Path(f"/proc/{pid}/gid_map").write_text(f"0 {os.getgid()} 1")
    except (OSError, subprocess.SubprocessError) as exc:
        raise LabError(
            f"users could not be mapped into the board: {exc}",
            hint="user namespaces are restricted here; try as root, or rkops lab up --wire",
        ) from exc


def _direct_ids() -> int:
    """How many ids root may map from 0 on: fewer when it is itself in a user namespace."""
    first, _, count = Path("/proc/self/uid_map").read_text().splitlines()[0].split()
    return min(_IDS, int(count)) if first == "0" else 1


def _delegated() -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The ranges of /etc/subuid and /etc/subgid, when newuidmap is there to use them."""
    if not (shutil.which("newuidmap") and shutil.which("newgidmap")):
        return None
    users = _range(Path("/etc/subuid"))
    groups = _range(Path("/etc/subgid"))
    return (users, groups) if users and groups else None


def _range(path: Path) -> tuple[int, int] | None:
    try:
        own = {getpass.getuser(), str(os.getuid())}
        rows = [line.split(":") for line in path.read_text().splitlines()]
        found = [(int(row[1]), int(row[2])) for row in rows if row[0] in own]
    except (OSError, ValueError, IndexError, KeyError):
        return None
    return found[0] if found and found[0][1] > UID else None
