"""Look through directories for files, within a budget: not deep, not long, no other file system."""

import collections
import os
import time

DEPTH = 4
ENTRIES = 4000
SECONDS = 0.25
_SKIPPED = (".git", "node_modules", "__pycache__", "envs")
PLACES = ("/opt", "/srv", "/userdata", "/usr/local")
"""Where applications are put beside homes; /userdata is Rockchip's data partition."""


class Walk:
    """Directories that hold a file called `name`, and Python environments, below `roots`.

    Shallow ones first, so that a budget that ends costs the deepest. `cut` says where it ended.
    """

    def __init__(self, tree, name: str, depth: int = DEPTH) -> None:
        self._tree = tree
        self._name = name
        self._depth = depth
        self._left = ENTRIES
        self._until = time.monotonic() + SECONDS
        self.holders = []
        self.environments = []
        self.cut = ""

    def through(self, roots: list) -> "Walk":
        """Look below the roots."""
        queue = collections.deque()
        starts = {self._tree.real(root) for root in roots}
        for root in sorted(starts):
            if root != "/" and self._tree.is_dir(root):
                queue.append((root, 0, self._device(root)))
        while queue and not self.cut:
            path, depth, device = queue.popleft()
            for inner in self._look(path):
                # Roots may lie within each other (a home in /opt).
                if inner in starts:
                    continue
                if depth < self._depth and self._device(inner) == device:
                    queue.append((inner, depth + 1, device))
        return self

    def _device(self, path: str) -> int:
        try:
            return self._tree.stat(path).st_dev
        except OSError:
            return -1

    def _look(self, path: str) -> list:
        """Note what a directory holds; return the directories to go on with."""
        inner = []
        names = set()
        try:
            with os.scandir(self._tree.at(path)) as entries:
                for entry in entries:
                    self._left -= 1
                    names.add(entry.name)
                    if entry.is_dir(follow_symlinks=False) and entry.name not in _SKIPPED:
                        inner.append("%s/%s" % (path, entry.name))
                    if self._left < 0 or time.monotonic() > self._until:
                        self.cut = "not all was looked through: the search ended in " + path
                        break
        except OSError:
            return []
        if self._name in names:
            self.holders.append(path)
        if "pyvenv.cfg" in names or "conda-meta" in names:
            self.environments.append(path)
            inner = self._environments_in(path) if "conda-meta" in names else []
        return sorted(inner)

    def _environments_in(self, path: str) -> list:
        return ["%s/envs/%s" % (path, name) for name in self._tree.names(path + "/envs")]


def homes_and_places(accounts, people: range) -> list:
    """Return where people and applications keep their files."""
    homes = [
        account.home
        for account in accounts.by_name.values()
        if account.uid == 0 or account.uid in people
    ]
    return homes + list(PLACES)
