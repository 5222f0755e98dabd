"""Build an arm64 Debian root file system as a tar archive, without running its maintainer scripts.

mmdebstrap only unpacks the packages (20 s instead of 150 s with every script under qemu);
`fixup` then does natively what the scripts would have done.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from rkops.core.deadline import Deadline
from rkops.core.errors import LabError

SUITES = ("bookworm", "bullseye", "trixie")
"""bookworm is what the tests need; the others show Python 3.9 and 3.13 to who asks for them."""

MIRROR_VARIABLE = "RKOPS_DEBIAN_MIRROR"

_ESSENTIAL = """
base-files base-passwd bash coreutils dash debianutils diffutils findutils grep gzip hostname
libc-bin login mount ncurses-base ncurses-bin sed sysvinit-utils tar util-linux mawk passwd
"""
"""What every Debian has: nothing is implied when packages are only unpacked."""

_BOARD = """
procps iproute2 sudo openssh-server openssh-sftp-server python3 python3-pip python3-wheel
"""

_BY_SUITE = {
    # usr-is-merged keeps usrmerge, and with it 60 MB of perl, out
    "bookworm": ("python3-distutils", "usr-is-merged"),
    "bullseye": ("python3-distutils",),
    "trixie": (),
}
_PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "zstd": "zstd",
    "tar": "tar",
    "ssh-keygen": "openssh-client",
}
_MERGED_USR = Path("/usr/share/mmdebstrap/hooks/merged-usr")


def missing_packages() -> list[str]:
    """Name the packages of this machine that a build needs and that are not installed."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if needs_qemu() and find_qemu() is None:
        missing.append("qemu-user-static")
    return missing


def needs_qemu() -> bool:
    """Tell whether this machine runs aarch64 programs only by emulation."""
    return platform.machine() not in ("aarch64", "arm64")


def find_qemu() -> Path | None:
    """Find the static user-mode emulator for aarch64, under either name it goes by."""
    names = ("qemu-aarch64-static", "qemu-aarch64")
    found = (shutil.which(name, path="/usr/bin:/usr/local/bin:/bin") for name in names)
    return next((Path(path) for path in found if path), None)


def build_archive(suite: str, archive: Path, *, log: Path, deadline: Deadline) -> None:
    """Write the root of `suite` to `archive` (.tar.zst); `log` keeps what mmdebstrap said."""
    if suite not in SUITES:
        raise LabError(f"no arm64 root for {suite!r}", hint=f"one of: {', '.join(SUITES)}")
    if missing := missing_packages():
        raise LabError(
            f"building an arm64 root needs packages that are missing: {' '.join(missing)}",
            hint=f"apt-get install {' '.join(missing)}, or scripts/setup-system",
        )
    mirror = find_mirror()
    packages = ",".join((*_ESSENTIAL.split(), *_BOARD.split(), *_BY_SUITE[suite]))
    hook = shlex.join([sys.executable, "-B", "-m", "rkops.lab.arm64.fixup"])
    command = [
        "mmdebstrap",
        "--arch=arm64",
        "--variant=extract",
        f"--include={packages}",
        f"--hook-dir={_MERGED_USR}",
        f'--extract-hook={hook} "$1"',
        suite,
        str(archive),
        # no security or updates suite: fewer versions that move between two builds
        f"deb {mirror} {suite} main",
    ]
    _run(command, suite, log, deadline)


def _run(command: list[str], suite: str, log: Path, deadline: Deadline) -> None:
    package_root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(package_root), "LC_ALL": "C.UTF-8"}
    with log.open("wb") as out:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
                timeout=deadline.remaining,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise LabError(
                f"building the arm64 root of {suite} took too long",
                hint=f"see {log}; is the Debian mirror reachable?",
            ) from exc
    if done.returncode:
        raise LabError(f"cannot build the arm64 root of {suite}: {_reason(log)}", hint=f"see {log}")


def _reason(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()
    telling = [line for line in lines if line.startswith("E:") or "Error" in line]
    words = telling[0] if telling else (lines[-1] if lines else "mmdebstrap said nothing")
    unreachable = ("Could not resolve", "Could not connect", "does not have a Release", "404")
    if any(sign in line for sign in unreachable for line in telling):
        return f"the suite cannot be reached on this machine's Debian mirror ({words})"
    return words


def find_mirror() -> str:
    """Return the Debian mirror of this machine's own apt; RKOPS_DEBIAN_MIRROR wins."""
    if mirror := os.environ.get(MIRROR_VARIABLE):
        return mirror
    for release, component, address in _apt_sources():
        if release in {*SUITES, "sid", "stable", "testing", "oldstable"} and component == "main":
            return address
    raise LabError(
        "apt on this machine is set up with no Debian mirror",
        hint=f"set {MIRROR_VARIABLE} to the address of one that carries arm64",
    )


def _apt_sources() -> list[tuple[str, str, str]]:
    if shutil.which("apt-get") is None:
        return []
    form = "$(RELEASE) $(COMPONENT) $(REPO_URI)"
    command = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    fields = (line.split() for line in done.stdout.splitlines())
    return [(row[0], row[1], row[2]) for row in fields if len(row) == 3]  # noqa: PLR2004 - the format's three fields
