"""The processes of the board, read from /proc."""

import os

from rkops.agent.fact import present, unknown

_KERNEL_PARENT = 2
"""kthreadd: its children are kernel threads and map nothing."""


class Process:
    """One process; what costs a read is read when asked for."""

    def __init__(self, tree, pid: int, comm: str, parent: int) -> None:
        self._tree = tree
        self.pid = pid
        self.comm = comm
        self.parent = parent
        self.base = "/proc/%d" % pid

    def uid(self) -> int:
        """Return the owner's id."""
        return os.stat(self.base).st_uid

    def maps(self) -> bytes:
        """Return /proc/PID/maps; raises OSError."""
        return self._tree.read(self.base + "/maps", 4 << 20)

    def words(self) -> list:
        """Return the command line; empty when it cannot be read."""
        try:
            return self._tree.text(self.base + "/cmdline").split("\0")[:-1]
        except OSError:
            return []

    def environment(self) -> dict:
        """Return the environment; empty when it cannot be read."""
        try:
            pairs = self._tree.text(self.base + "/environ").split("\0")
        except OSError:
            return {}
        return dict(pair.partition("=")[::2] for pair in pairs if "=" in pair)

    def cgroup(self) -> str:
        """Return the text of /proc/PID/cgroup; empty when it cannot be read."""
        try:
            return self._tree.text(self.base + "/cgroup")
        except OSError:
            return ""

    def mapped(self, word: bytes) -> list:
        """Return (path, deleted) of each mapped file whose name holds `word`; raises OSError."""
        data = self.maps()
        found = {}
        if word in data:
            for line in data.split(b"\n"):
                # Fields: range, mode, offset, device, inode, path (proc(5)).
                parts = line.split(None, 5)
                if len(parts) == 6 and word in parts[5].rpartition(b"/")[2]:
                    path = parts[5].decode("utf-8", "backslashreplace")
                    deleted = path.endswith(" (deleted)")
                    found[path[: -len(" (deleted)")] if deleted else path] = deleted
        return sorted(found.items())


class Processes:
    """All processes; `hidden` says why some may be out of sight."""

    def __init__(self, tree) -> None:
        self.all = {}
        self.hidden = None
        if not tree.live:
            self.hidden = unknown("not a running board")
            return
        for name in tree.names("/proc"):
            if name.isdigit():
                self._add(tree, int(name))
        # Mounted with hidepid, /proc shows a user only the own processes: pid 1 is missing then.
        if 1 not in self.all:
            self.hidden = unknown("/proc hides the processes of others", "root on the board")

    def _add(self, tree, pid: int) -> None:
        try:
            text = tree.text("/proc/%d/stat" % pid, 1024)
        except OSError:
            return  # it ended meanwhile
        comm, _, rest = text.partition("(")[2].rpartition(")")
        fields = rest.split()
        if len(fields) > 1 and fields[1].isdigit():
            self.all[pid] = Process(tree, pid, comm, int(fields[1]))

    def named(self, name: str) -> list:
        """Return the processes with this command name."""
        return [process for process in self.all.values() if process.comm == name]

    def programs(self) -> list:
        """Return the processes that are no kernel threads."""
        return [
            process
            for process in self.all.values()
            if _KERNEL_PARENT not in (process.pid, process.parent)
        ]


def users_of(processes, word: bytes) -> dict:
    """Return the Mappings of facts/board.py: who has a file with `word` in its name mapped."""
    if processes.hidden:
        return processes.hidden
    found = []
    denied = False
    for process in processes.programs():
        try:
            files = process.mapped(word)
        except PermissionError:
            denied = True
            continue
        except OSError:
            continue  # it ended meanwhile
        for path, deleted in files:
            entry = {"pid": process.pid, "process": process.comm, "path": path}
            entry["deleted"] = deleted
            found.append(entry)
    if denied and os.geteuid() != 0:
        return unknown("the maps of other accounts' processes are closed", "root on the board")
    return present(found, "/proc/*/maps")
