"""The accounts of the board, read from its files: no lookup that could reach a network."""

import os

HUMAN = range(1000, 60000)
"""User ids of people on Debian, Ubuntu and Yocto images (login.defs UID_MIN, UID_MAX)."""


class Account:
    """One line of /etc/passwd, with the ids of its groups."""

    def __init__(self, name: str, uid: int, gid: int, home: str) -> None:
        self.name = name
        self.uid = uid
        self.gid = gid
        self.home = home
        self.gids = {gid}


class Accounts:
    """Accounts and groups by name and id."""

    def __init__(self, tree) -> None:
        self.by_name = {}
        self.by_uid = {}
        self.groups = {}
        self._outside = _overflow(tree)
        for fields in _rows(tree, "/etc/passwd", 7):
            account = Account(fields[0], int(fields[2]), int(fields[3]), fields[5])
            self.by_name[account.name] = account
            self.by_uid.setdefault(account.uid, account)
        for fields in _rows(tree, "/etc/group", 4):
            gid = int(fields[2])
            self.groups.setdefault(gid, fields[0])
            for member in fields[3].split(","):
                if member in self.by_name:
                    self.by_name[member].gids.add(gid)

    def name(self, uid: int) -> str:
        """Return the name of the account, or `uid N`."""
        return self.by_uid[uid].name if uid in self.by_uid else "uid %d" % uid

    def group(self, gid: int) -> str:
        """Return the name of the group, or `gid N`."""
        return self.groups.get(gid, "gid %d" % gid)

    def outside(self, uid: int) -> bool:
        """Return whether an owner is nobody of this board: of another user namespace.

        The kernel shows such owners as the overflow id (user_namespaces(7)).
        """
        return uid == self._outside

    def shared(self, gid: int, trusted) -> bool:
        """Return whether a group has members beside `trusted`; one we know nothing of may."""
        if gid == 0:
            return False
        if gid not in self.groups:
            return True
        members = [account for account in self.by_name.values() if gid in account.gids]
        return any(account.uid not in trusted for account in members)

    def me(self) -> Account:
        """Return the account this process runs as, with the groups it really has."""
        uid = os.geteuid()
        known = self.by_uid.get(uid)
        home = os.environ.get("HOME") or (known.home if known else "/")
        account = Account(self.name(uid), uid, os.getegid(), home)
        account.gids.update(os.getgroups())
        return account


def _overflow(tree) -> int:
    """Return the owner id that stands for ids without a place here; -1 when all have one."""
    try:
        uid = int(tree.line("/proc/sys/kernel/overflowuid"))
        ranges = [line.split() for line in tree.text("/proc/self/uid_map").split("\n") if line]
        mapped = any(int(first) <= uid < int(first) + int(size) for first, _, size in ranges)
    except (OSError, ValueError):
        return -1
    return -1 if mapped else uid


def _rows(tree, path: str, count: int) -> list:
    """Return the rows of a colon file that have enough fields and numbers where they belong."""
    try:
        lines = tree.text(path, 1 << 20).split("\n")
    except OSError:
        return []
    rows = [line.split(":") for line in lines if line and line[0] not in "#+-"]
    return [row for row in rows if len(row) >= count and row[2].isdigit() and _gid_fits(row, count)]


def _gid_fits(row: list, count: int) -> bool:
    return count < 7 or row[3].isdigit()


def may(account, status, bits: int) -> bool:
    """Return whether the account has `bits` (4 read, 2 write, 1 search) on a file's mode."""
    if account.uid == 0:
        return True
    mode = status.st_mode
    if status.st_uid == account.uid:
        return (mode >> 6) & bits == bits
    if status.st_gid in account.gids:
        return (mode >> 3) & bits == bits
    return mode & bits == bits
