"""Gather everything `rkops/facts/board.py` names, in one go.

Each gatherer stands alone: one that breaks turns its own facts unknown and costs no other's.
What must be asked of other programs is started first and collected last.
"""

import os
import time

from rkops.agent import clocks, exposure, identity, npu, pathfiles, runtime, server, space, system
from rkops.agent.accounts import HUMAN, Accounts
from rkops.agent.elevate import VERB, Elevation
from rkops.agent.fact import look, present, unknown
from rkops.agent.loader import NAME
from rkops.agent.processes import Processes
from rkops.agent.pythons import Pythons
from rkops.agent.tree import Tree
from rkops.agent.walk import Walk, homes_and_places

SCHEMA = 1
_ASK_SECONDS = 2.0
"""For each other program; more when the host has more time (an emulated board is slow)."""
_ASK_SHARE = 3.0
_BUDGET_SECONDS = 10.0
_ROOT_PARTS = ("runtime", "server", "npu", "pythons", "path_files", "clocks", "adb")


def _budget(request: dict) -> float:
    try:
        return max(1.0, float(request.get("budget") or _BUDGET_SECONDS))
    except (TypeError, ValueError):
        return _BUDGET_SECONDS


def _ask_until(request: dict, share: float = _ASK_SHARE) -> float:
    return time.monotonic() + max(_ASK_SECONDS, _budget(request) / share)


def _parts(tree, accounts, request: dict, login) -> dict:
    """Return the parts that root sees more of."""
    until = _ask_until(request)
    pythons = Pythons(tree, request, accounts, login)
    processes = Processes(tree)
    wanted = accounts.by_name.get(str(request.get("user") or ""), login)
    parts = {
        "server": server.gather(tree, processes, accounts),
        "npu": npu.gather(tree, wanted),
        "clocks": clocks.gather(tree),
        "adb": exposure.gather(tree, processes, request, login.uid),
    }
    roots = homes_and_places(accounts, HUMAN)
    walk = Walk(tree, NAME).through(roots)
    pythons.add_environments(walk.environments)
    pythons.wait(until)
    parts["runtime"] = runtime.gather(tree, processes, pythons.sites(), walk, roots)
    parts["pythons"] = look("python3", pythons.fact)
    parts["path_files"] = pathfiles.gather(tree, accounts, pythons.root_sites())
    return parts


def probe_root(request: dict, out) -> dict:
    """Return root's parts; run by the agent itself, under sudo."""
    del out
    tree = Tree()
    accounts = Accounts(tree)
    login = accounts.by_name.get(str(request.get("login") or ""), accounts.me())
    return _parts(tree, accounts, request, login)


def probe(request: dict, out) -> dict:
    """Return the BoardFacts of this board."""
    del out
    tree = Tree(str(request.get("rootfs") or ""))
    accounts = Accounts(tree)
    me = accounts.me()
    sudo = present("root", "uid 0") if me.uid == 0 else unknown("not a running board")
    elevation = Elevation(request, me.name) if tree.live and me.uid != 0 else None
    model_dir = os.path.expanduser(str(request.get("model_dir") or "/"))
    facts = {
        "schema": SCHEMA,
        "by": "agent",
        "identity": identity.gather(tree),
        "system": system.gather(tree),
        "thermal": clocks.thermal(tree),
        "memory": space.memory(tree),
        "storage": space.storage(tree, model_dir, me, min(3.0, _budget(request) / 4)),
    }
    parts = {}
    if elevation is not None:
        elevation.wait(_ask_until(request, 1.5))
        sudo, parts = elevation.sudo, elevation.parts
    if not all(name in parts for name in _ROOT_PARTS):
        parts = _parts(tree, accounts, request, me)
    facts.update((name, parts[name]) for name in _ROOT_PARTS)
    facts["session"] = system.session(tree, accounts, sudo)
    return facts


VERBS = {"probe": probe, VERB: probe_root}
