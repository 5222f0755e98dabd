"""Accounts, passwords, PAM, sudo and sshd of a root file system: what maintainer scripts set up."""

import os
import shutil

from rkops.lab.arm64.tree import Tree

USER = "firefly"
PASSWORD = "firefly"  # noqa: S105 - the well-known login of Firefly's images, of a simulated board
UID = 1000
_GROUPS = ("sudo", "video", "adm", "dialout", "render", "plugdev")
# `openssl passwd -6 -salt rkopsboard firefly`: a constant, since Python 3.13 has no crypt
_HASH = (
    "$6$rkopsboard$QAsP810Rp1tBl/Al/nE03CuA.a3sXZQdLCI4VJ6cAi8B67"
    "LBaM95adQ41DYD29CZLR2MMmCVdFlZycbLvh7d3/"
)
_SHADOW_GID = 42  # Debian: base-passwd's group.master

_PAM = {
    "auth": "auth [success=1 default=ignore] pam_unix.so nullok\n"
    "auth requisite pam_deny.so\nauth required pam_permit.so\n",
    "account": "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n"
    "account requisite pam_deny.so\naccount required pam_permit.so\n",
    "password": "password [success=1 default=ignore] pam_unix.so obscure sha512\n"
    "password requisite pam_deny.so\npassword required pam_permit.so\n",
    "session": "session [default=1] pam_permit.so\nsession requisite pam_deny.so\n"
    "session required pam_permit.so\nsession required pam_unix.so\n",
}


class _Accounts:
    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        masters = "usr/share/base-passwd"
        for kind in ("passwd", "group"):
            tree.supply(f"etc/{kind}", tree.read(f"{masters}/{kind}.master").replace(":*:", ":x:"))
        self._users = {row.split(":")[0]: row for row in tree.read("etc/passwd").splitlines()}
        self._groups = {row.split(":")[0]: row for row in tree.read("etc/group").splitlines()}
        self._hashes: dict[str, str] = {}

    def user(self, name: str, ids: tuple[int, int], home: str, shell: str, secret: str) -> None:
        """Add an account unless the distribution has it; set its password hash."""
        self._users.setdefault(name, f"{name}:x:{ids[0]}:{ids[1]}::{home}:{shell}")
        self._hashes[name] = secret

    def group(self, name: str, gid: int, member: str = "") -> None:
        """Add a group unless the distribution has it, and a member to it."""
        row = self._groups.setdefault(name, f"{name}:x:{gid}:")
        head, _, members = row.rpartition(":")
        names = [one for one in (*members.split(","), member) if one]
        self._groups[name] = f"{head}:{','.join(dict.fromkeys(names))}"

    def write(self) -> None:
        """Write passwd, group and their shadows."""
        rows = {
            "passwd": self._users.values(),
            "group": self._groups.values(),
            "shadow": [f"{n}:{self._hashes.get(n, '*')}:20000:0:99999:7:::" for n in self._users],
            "gshadow": [f"{n}:*::{row.rpartition(':')[2]}" for n, row in self._groups.items()],
        }
        for name, lines in rows.items():
            shadow = "shadow" in name
            self._tree.write(f"etc/{name}", "\n".join(lines) + "\n", 0o640 if shadow else 0o644)
            os.chown(self._tree.at(f"etc/{name}"), 0, _SHADOW_GID if shadow else 0)


def add_accounts(tree: Tree) -> None:
    """Set root's password, add the packages' own accounts, and `firefly` with sudo."""
    accounts = _Accounts(tree)
    accounts.user("root", (0, 0), "/root", "/bin/bash", _HASH)
    accounts.user("_apt", (42, 65534), "/nonexistent", "/usr/sbin/nologin", "*")
    accounts.user("sshd", (100, 65534), "/run/sshd", "/usr/sbin/nologin", "*")
    accounts.group("render", 104)
    accounts.group("_ssh", 101)
    accounts.group(USER, UID)
    accounts.user(USER, (UID, UID), f"/home/{USER}", "/bin/bash", _HASH)
    for group in _GROUPS:
        accounts.group(group, 990, USER)
    accounts.write()
    home = tree.directory(f"home/{USER}")
    for name in (".bashrc", ".profile", ".bash_logout"):
        if tree.has(f"etc/skel/{name}"):
            shutil.copyfile(tree.at(f"etc/skel/{name}"), home / name)
    for path in (home, *home.iterdir()):
        os.chown(path, UID, UID)


def configure_logins(tree: Tree, environment: dict[str, str]) -> None:
    """Configure PAM, sudo and sshd, so that `environment` survives each of them."""
    for kind, rules in _PAM.items():
        tree.supply(f"etc/pam.d/common-{kind}", rules)
    tree.supply("etc/pam.d/common-session-noninteractive", _PAM["session"])
    tree.supply("etc/security/opasswd", "", 0o600)
    kept = "".join(f'Defaults env_keep += "{name}"\n' for name in environment)
    tree.write("etc/sudoers.d/rkops-lab", f"{kept}Defaults lecture=never\n", 0o440)
    tree.write("etc/environment", "".join(f"{k}={v}\n" for k, v in environment.items()))
    assigned = "".join(f"SetEnv {name}={value}\n" for name, value in environment.items())
    # PAM and the post-quantum key exchanges cost half of a login's second under qemu
    quick = "UsePAM no\nUseDNS no\nKexAlgorithms -sntrup*,mlkem*\n"
    host_keys = "HostKey /etc/ssh/ssh_host_ed25519_key\nPermitRootLogin yes\n"
    tree.supply(
        "etc/ssh/sshd_config",
        f"{quick}{host_keys}{assigned}{tree.read('usr/share/openssh/sshd_config')}",
    )
    tree.directory("run/sshd")
