"""`.pth` files that let root import from a directory another account can write.

site.py adds every line of a `.pth` file in a site directory to sys.path (Python docs, site);
whoever can write there runs code as root.
"""

import os
import stat

from rkops.agent.fact import look, present

_LINES = 1000


def writer(tree, accounts, path: str) -> str:
    """Return who, beside root, can change what stands at `path`; empty when nobody can."""
    real = tree.real(path)
    while not tree.exists(real) and real != "/":
        real = os.path.dirname(real)  # who can make it decides what will be in it
    leaf = True
    while True:
        try:
            status = tree.stat(real)
        except OSError:
            return ""
        found = _writer_of(status, accounts, leaf=leaf)
        if found or real == "/":
            return found
        leaf = False
        real = os.path.dirname(real)


def _writer_of(status, accounts, *, leaf: bool) -> str:
    """Return who can change a directory. A sticky parent (/tmp) protects what is root's in it."""
    if status.st_uid != 0:
        return accounts.name(status.st_uid)
    if status.st_mode & stat.S_ISVTX and not leaf:
        return ""
    if status.st_mode & stat.S_IWGRP and status.st_gid != 0:
        return "group " + accounts.group(status.st_gid)
    return "everybody" if status.st_mode & stat.S_IWOTH else ""


def _targets(tree, site: str, path: str) -> list:
    """Return the directories the lines of a `.pth` file name; code lines are not directories."""
    found = []
    for line in tree.text(path, 1 << 18).split("\n")[:_LINES]:
        text = line.strip()
        if text and not text.startswith(("#", "import ", "import\t")):
            found.append(os.path.normpath(os.path.join(site, text)))
    return found


def _path_files(tree, accounts, sites: list) -> dict:
    found = []
    for site in sites:
        # Only what root's own directories say: one the user owns is a finding by itself.
        if writer(tree, accounts, site):
            continue
        for name in tree.names(site):
            path = "%s/%s" % (site, name)
            if not name.endswith(".pth"):
                continue
            try:
                targets = _targets(tree, site, path)
            except OSError:
                continue
            for target in targets:
                who = writer(tree, accounts, target)
                if who:
                    found.append({"path": path, "target": target, "writer": who})
    return present(found, ", ".join(sites))


def gather(tree, accounts, sites: list) -> dict:
    """Return the PathFiles of facts/board.py for root's site directories."""
    return look("site directories", _path_files, tree, accounts, sites)
