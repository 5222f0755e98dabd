"""What pushes that never came to their end left in a model directory, and who may remove it.

Several accounts may deploy to one directory. What one of them made another may not be able to
remove; that is told and stops nobody.
"""

import errno
import os
import stat

from rkops.agent import shelf
from rkops.agent.accounts import Accounts
from rkops.agent.tree import Tree

_ALL = os.R_OK | os.W_OK | os.X_OK
_MARKS = (".incoming-", ".trash-", ".history-", ".current-")


def sweep(disk, model_dir):
    """Remove the leftovers; return the names removed, and a sentence for each that stays."""
    removed, stuck = [], []
    for name in sorted(filter(shelf.is_name, os.listdir(model_dir))):
        root = os.path.join(model_dir, name)
        try:
            if os.path.islink(root) or not os.path.isdir(root):
                continue
            entries = sorted(one for one in os.listdir(root) if one.startswith(_MARKS))
        except OSError as exc:
            stuck.append(sentence_of(exc, root))
            continue
        for entry in entries:
            path = os.path.join(root, entry)
            try:
                disk.remove_tree(path)
                removed.append("{}/{}".format(name, entry))
            except OSError as exc:
                stuck.append(sentence_of(exc, path))
    return removed, stuck


def obstacle(path):
    """Return why a directory cannot be removed with all that is in it; empty when it can."""
    for place, _, _ in os.walk(path, onerror=_ignore):
        if not os.access(place, _ALL):
            return "{} stays: it belongs to {}".format(path, _owner(place))
    return ""


def _ignore(exc):
    """A directory that cannot be listed is found by its own permissions."""


def sentence_of(exc, path):
    """Say in words why something could not be removed."""
    if exc.errno in (errno.EACCES, errno.EPERM):
        place = exc.filename or path
        if os.access(place, _ALL) or not os.path.isdir(place):
            place = os.path.dirname(place)
        return "{} stays: it belongs to {}".format(path, _owner(place))
    return "{} stays: {}".format(path, exc.strerror or exc)


def _owner(path):
    try:
        status = os.lstat(path)
    except OSError:
        return "another account"
    if status.st_uid == os.geteuid():
        return "this account, but is protected ({})".format(stat.filemode(status.st_mode))
    return Accounts(Tree()).name(status.st_uid)
