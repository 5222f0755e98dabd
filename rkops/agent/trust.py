"""Who, beside root, can change a file that root would run or import.

Owner and mode of the file, of every directory above it, and of every directory with a link that
leads there (path_resolution(7)).
"""

import os
import stat

ROOT_ONLY = (0,)


def writer(tree, accounts, path: str, trusted=ROOT_ONLY) -> str:
    """Return who can change what stands at the real `path`; empty when only `trusted` ids can."""
    real = tree.real(path)
    while not tree.exists(real) and real != "/":
        real = os.path.dirname(real)  # who can make it decides what will be in it
    leaf = True
    while True:
        try:
            status = tree.stat(real)
        except OSError:
            return ""
        found = _writer_of(status, accounts, trusted, leaf=leaf)
        if found or real == "/":
            return found
        leaf = False
        real = os.path.dirname(real)


def changer(tree, accounts, path: str, trusted=ROOT_ONLY) -> str:
    """Return who can change what `path` leads to: the file, or a link on the way to it."""
    for link in tree.links(path):
        found = writer(tree, accounts, os.path.dirname(link), trusted)
        if found:
            return found
    return writer(tree, accounts, path, trusted)


def _writer_of(status, accounts, trusted, *, leaf: bool) -> str:
    """Return who can change a directory. A sticky parent (/tmp) protects what is root's in it."""
    if status.st_uid not in trusted and not accounts.outside(status.st_uid):
        return accounts.name(status.st_uid)
    if status.st_mode & stat.S_ISVTX and not leaf:
        return ""
    if status.st_mode & stat.S_IWGRP and accounts.shared(status.st_gid, trusted):
        return "group " + accounts.group(status.st_gid)
    return "everybody" if status.st_mode & stat.S_IWOTH else ""
