"""Root's view of a Python, without handing root to whoever can change that Python."""

from rkops.agent.fact import unknown
from rkops.agent.fileview import FileView
from rkops.agent.sitepath import SitePath
from rkops.agent.trust import changer
from rkops.agent.views import View, environment

_NEEDS = "an interpreter that only root can change"
_LOADED = ("PYTHONHOME", "LD_PRELOAD", "LD_LIBRARY_PATH")
"""Settings of /etc/environment that name what the interpreter itself is made of."""


class Refused:
    """Stands for a view that was not taken; says why."""

    def __init__(self, account, reason: str) -> None:
        self.account = account
        self.version = ""
        self.venv = False
        self.managed = False
        self.pip = ""
        self.sys_path = []
        self.lite = unknown(reason, _NEEDS)

    def wait(self, until: float) -> "Refused":
        """Return at once: nothing was asked."""
        del until
        return self

    def fact(self) -> dict:
        """Return the PythonView of facts/board.py."""
        return {"account": self.account.name, "sys_path": [], "lite": self.lite}


def _parts(site, values: dict, python: str) -> list:
    """Return the files that make the interpreter, imports aside."""
    found = [python] + ([site.config] if site.config else [])
    for name in _LOADED:
        words = values.get(name, "").replace(" ", ":").split(":")
        found.extend(word for word in words if word.startswith("/"))
    return found


def view_of(tree, accounts, python: str, account):
    """Start `python` as `account` if only root and the account itself can change it.

    Root is also kept from a Python that would import what another account can write; root's view
    is then read from the files, since that import would really happen.
    """
    trusted = (0, account.uid)
    values = environment(tree, account)
    site = SitePath(tree, python, values)
    for path in _parts(site, values, python) + [site.base + "/bin"]:
        who = changer(tree, accounts, path, trusted)
        if who:
            return Refused(
                account, "%s can be changed by %s; not run as %s" % (path, who, account.name)
            )
    if account.uid == 0:
        for path in site.run_at_start():
            who = changer(tree, accounts, path)
            if who:
                return FileView(tree, site, account, "%s can change %s" % (who, path))
    return View(tree, python, account)
