"""Everything a profile writes into a board's root: accounts, /sys, /proc, stand-ins."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rkops.core.errors import LabError
from rkops.lab.host import kernel, standins
from rkops.lab.host.python import BoardPython
from rkops.lab.host.sysfiles import proc_files, sys_tree
from rkops.lab.profile import Profile

USER, UID = "firefly", 1000
PASSWORD = "firefly"  # noqa: S105 - the well-known login of Firefly's images, of a simulated board
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MARKER = "/etc/rkops-lab"
# `openssl passwd -6 -salt rkopslab firefly`: a constant, since Python 3.13 has no crypt
_HASH = (
    "$6$rkopslab$0oSE.70227eYndKVhE5TOUBMJOdQGViOYbjBEZDJGgCy"
    "uawuvuTNKFJoD5723Qm/IabKtJoMMwIr8Dyc6bzfo/"
)
_SYSTEM_USERS = {"daemon": 1, "bin": 2, "sys": 3, "man": 6, "mail": 8, "sshd": 100}
_GROUPS = {"adm": 4, "tty": 5, "shadow": 42, "video": 44, "sudo": 27, "render": 104}
USER_GROUPS = (27, 44, 104)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files go and what runs there."""

    root: Path
    machine: str
    python: BoardPython | None
    hostname: str
    serial: str
    mac: str
    has_user: bool = True
    """False where only one uid is mapped: then there is root alone."""

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> Path:
        """Write one file of the board, its directories made as needed."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(mode)
        return target


def write_accounts(place: Place) -> None:
    """Write root and `firefly` (password firefly), and what name look-ups need."""
    people = {"root": (0, "/root", "/bin/bash"), "nobody": (65534, "/", "/usr/sbin/nologin")}
    people |= {name: (uid, "/", "/usr/sbin/nologin") for name, uid in _SYSTEM_USERS.items()}
    if place.has_user:
        people[USER] = (UID, f"/home/{USER}", "/bin/bash")
    groups = _GROUPS | {name: uid for name, (uid, _, _) in people.items()}
    place.write(
        "/etc/passwd",
        "".join(f"{n}:x:{uid}:{uid}::{home}:{shell}\n" for n, (uid, home, shell) in people.items()),
    )
    place.write(
        "/etc/group",
        "".join(
            f"{n}:x:{gid}:{USER if place.has_user and gid in USER_GROUPS else ''}\n"
            for n, gid in groups.items()
        ),
    )
    hashes = {USER: _HASH}
    shadow = "".join(f"{name}:{hashes.get(name, '*')}:20000:0:99999:7:::\n" for name in people)
    place.write("/etc/shadow", shadow, 0o600)
    place.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
    if place.has_user:
        home = place.root / "home" / USER
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o750)
        os.chown(home, UID, UID)


def write_hardware(place: Place, profile: Profile) -> None:
    """Write /sys and /dev as after power-on: what was written there before is forgotten."""
    tree = sys_tree(profile, place.serial, place.mac)
    for path, text in tree.files.items():
        place.write(path, text)
    for path, goal in tree.links.items():
        link = place.root / path.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(goal)
    for path in tree.nodes:  # nobody may make device nodes in a user namespace: a null in its place
        kernel.bind("/dev/null", place.write(path, ""))
    for path in tree.closed:
        (place.root / path.lstrip("/")).chmod(0o700)


def write_software(place: Place, profile: Profile) -> None:
    """Write the stand-ins, the lite package and the names; done once, as by an image."""
    place.write("/etc/hostname", f"{place.hostname}\n")
    place.write("/etc/hosts", f"127.0.0.1 localhost {place.hostname}\n")
    place.write("/etc/machine-id", f"{place.serial:0>32}\n")
    for path, version in profile.libraries.items():
        place.write(path, standins.runtime_library(place.machine, version))
    sleeper = _sleep_program(place.root)
    place.write(
        standins.SERVER_PATH, standins.server_binary(sleeper, profile.server.version), 0o755
    )
    for path, text in standins.server_files(profile).items():
        place.write(path, text, 0o755)
    if place.python:
        _write_lite(place, profile, place.python)
    place.write(MARKER, f"{standins.MARK}\nprofile: {profile.name}\n")


def _sleep_program(root: Path) -> bytes:
    program = root / "usr/bin/sleep"
    if program.is_symlink():
        raise LabError(
            f"/usr/bin/sleep of the board's user land is a link to {program.readlink()}",
            hint="the stand-in of rknn_server needs a sleep program of its own (GNU coreutils)",
        )
    return program.read_bytes()


def _write_lite(place: Place, profile: Profile, python: BoardPython) -> None:
    own = profile.lite.owner == "user" and place.has_user
    site = f"/home/{USER}/{python.user_site}" if own else python.site
    for name, text in standins.lite_files(profile.lite).items():
        place.write(f"{site}/{name}", text)
    if own:
        top = place.root / "home" / USER / ".local"
        for folder, _, names in os.walk(top):
            os.chown(folder, UID, UID)
            for name in names:
                os.chown(Path(folder, name), UID, UID)


def cover_proc(root: Path, scratch: Path, profile: Profile) -> None:
    """Show the profile's files over the board's real procfs."""
    files: Mapping[str, str] = proc_files(profile)
    for number, (path, text) in enumerate(files.items()):
        cover = scratch / f"proc{number}"
        cover.write_text(text)
        kernel.bind(cover, root / path.lstrip("/"))
