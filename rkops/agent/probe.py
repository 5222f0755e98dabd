"""Gather everything `rkops/facts/board.py` names, in one go. A gatherer that breaks costs itself."""

from rkops.agent import clocks, identity, npu, space, system
from rkops.agent.accounts import Accounts
from rkops.agent.fact import present, unknown
from rkops.agent.tree import Tree

SCHEMA = 1


def probe(request: dict, out) -> dict:
    """Return the BoardFacts of this board."""
    del out
    tree = Tree(str(request.get("rootfs") or ""))
    accounts = Accounts(tree)
    me = accounts.me()
    later = unknown("not gathered")
    return {
        "schema": SCHEMA,
        "by": "agent",
        "identity": identity.gather(tree),
        "session": system.session(tree, accounts, present("root") if me.uid == 0 else later),
        "system": system.gather(tree),
        "runtime": {"copies": [], "loaded": later, "mapped": later},
        "server": {"file": later, "version": later, "processes": later, "starter": later},
        "npu": npu.gather(tree, me),
        "clocks": clocks.gather(tree),
        "thermal": clocks.thermal(tree),
        "memory": space.memory(tree),
        "storage": space.storage(tree, str(request.get("model_dir") or "/"), me),
        "pythons": later,
        "path_files": later,
        "adb": {"tcp_port": later, "root": later},
    }


VERBS = {"probe": probe}
