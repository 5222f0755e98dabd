"""Memory, and the place where models go."""

import os

from rkops.agent.accounts import may
from rkops.agent.fact import absent, look, present, unknown

_MEMINFO = "/proc/meminfo"


def memory(tree) -> dict:
    """Return the Memory of facts/board.py."""
    try:
        text = tree.text(_MEMINFO)
    except OSError:
        text = ""
    kilobytes = {}
    for line in text.split("\n"):
        name, _, rest = line.partition(":")
        number = rest.split()[:1]
        if number and number[0].isdigit():
            kilobytes[name] = int(number[0])

    def area(name: str) -> dict:
        if not tree.live:
            return unknown("not a running board")
        if not text:
            return unknown(_MEMINFO + " is not readable")
        if name not in kilobytes:
            return absent("%s in %s" % (name, _MEMINFO))
        return present(kilobytes[name] * 1024, _MEMINFO)

    return {
        "total_bytes": area("MemTotal"),
        "available_bytes": area("MemAvailable"),
        "cma_total_bytes": area("CmaTotal"),
        "cma_free_bytes": area("CmaFree"),
    }


def _free(tree, path: str) -> dict:
    status = os.statvfs(tree.at(path))
    return present(status.f_bavail * status.f_frsize, "statvfs " + path)


def _models(tree, path: str, seconds: float) -> dict:
    if not tree.is_dir(path):
        return absent(path)
    os.listdir(tree.at(path))
    # Here, since it needs hashlib: OpenSSL takes an emulated or slow board long to load.
    from rkops.agent.shelf import list_models

    return present(list_models(tree.at(path), seconds), path)


def storage(tree, model_dir: str, account, seconds: float = 3.0) -> dict:
    """Return the Storage of facts/board.py: what the session's account can do there.

    `seconds` is for hashing the models whose stat changed since that was last done.
    """
    nearest, below = model_dir, ""
    while nearest != "/" and not tree.is_dir(nearest):
        below = nearest
        nearest = os.path.dirname(nearest.rstrip("/")) or "/"
    read_only = False
    writable = False
    try:
        read_only = bool(os.statvfs(tree.at(nearest)).f_flag & os.ST_RDONLY)
        # access(2) knows what mode bits do not say: capabilities, ACLs, read-only mounts.
        writable = os.access(tree.at(nearest), os.W_OK | os.X_OK)
        if not tree.live:
            writable = may(account, tree.stat(nearest), 3)
    except OSError:
        read_only = False
    return {
        "model_dir": model_dir,
        "exists": nearest == model_dir,
        "writable": writable,
        "read_only": read_only,
        "free_bytes": look(nearest, _free, tree, nearest),
        "models": look(model_dir, _models, tree, model_dir, seconds),
        # A link that leads nowhere blocks it as a file does.
        "blocked_by": below if below and os.path.lexists(tree.at(below)) else "",
    }
