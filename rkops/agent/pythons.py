"""Every Python 3 on the board, and how root and its users see it."""

import os
import re

from rkops.agent.accounts import HUMAN
from rkops.agent.ask import SEARCH
from rkops.agent.fact import ROOT, absent, present, unknown
from rkops.agent.fileview import FileView
from rkops.agent.rootview import view_of
from rkops.agent.sitepath import SitePath, venv_file
from rkops.agent.system import elf_machine
from rkops.agent.views import View, has_site

_NAME = re.compile(r"python3(\.\d+)?$")
_OWN = (".pyenv/versions", "miniconda3/envs", "miniforge3/envs", "anaconda3/envs")
_BASES = ("/opt/conda", "/opt/miniconda3", "/opt/miniforge3")
_AT_MOST = 20
_ASKED = 5
"""Interpreters that are run as every account: those on PATH, and the wanted one."""


class Python:
    """One interpreter that was found."""

    def __init__(self, path: str, real: str, *, on_path: bool, wanted: bool) -> None:
        self.path = path
        self.real = real
        self.on_path = on_path
        self.wanted = wanted
        self.root = None
        self.users = []
        self.files = None
        """The owner's view, read from files; of an interpreter that is not asked."""


class Pythons:
    """Finds the interpreters, starts asking them, and later collects what they said."""

    def __init__(self, tree, request: dict, accounts, login) -> None:
        self._tree = tree
        self._accounts = accounts
        self._login = login
        self._user = str(request.get("user") or "")
        self._found = {}
        self._search(str(request.get("python") or ""))
        if tree.live:
            self._ask()

    def _people(self) -> list:
        """Return the accounts whose view matters: the wanted, the login's, people with packages."""
        by_name = self._accounts.by_name
        people = {}
        for name in (self._user, self._login.name):
            if name in by_name:
                people[name] = by_name[name]
        for account in self._accounts.by_uid.values():
            if account.uid in HUMAN and has_site(self._tree.at(account.home)):
                people[account.name] = account
        return [account for account in people.values() if account.uid != 0]

    def _search(self, wanted: str) -> None:
        places = []
        for place in (SEARCH + ":" + os.environ.get("PATH", "")).split(":"):
            if place.startswith("/") and place not in places:
                places.append(place)
        if wanted:
            self._add(self._resolve(wanted, places), on_path=False, wanted=True)
        for place in places:
            for name in sorted(filter(_NAME.match, self._tree.names(place)), key=len):
                first = not any(python.wanted for python in self._found.values())
                here = name == "python3" and first and not wanted
                self._add("%s/%s" % (place, name), on_path=True, wanted=here)
        homes = [account.home for account in self._people()] + ["/root"]
        for base in list(_BASES) + ["%s/%s" % (home, own) for home in homes for own in _OWN]:
            inside = [base] + ["%s/%s" % (base, name) for name in self._tree.names(base)]
            for prefix in inside:
                self._add(prefix + "/bin/python3", on_path=False, wanted=False)

    def _resolve(self, wanted: str, places: list) -> str:
        """Return the file the inventory's `python:` means: a path, a venv, or a name on PATH."""
        if wanted.startswith("~/"):
            user = self._accounts.by_name.get(self._user, self._login)
            wanted = user.home + wanted[1:]
        if "/" not in wanted:
            paths = ["%s/%s" % (place, wanted) for place in places]
            return next((path for path in paths if self._tree.is_file(path)), wanted)
        return wanted + "/bin/python3" if self._tree.is_dir(wanted) else wanted

    def _add(self, path: str, *, on_path: bool, wanted: bool) -> None:
        """Note an interpreter once; /bin and /usr/bin may be one, a venv is its own."""
        if len(self._found) >= _AT_MOST or not self._tree.is_file(path):
            return
        try:
            head = self._tree.read(path, 64)
        except OSError:
            head = b""
        if not elf_machine(head) and not wanted:
            return  # a wrapper script; the interpreter behind it is found by itself
        place = os.path.dirname(path)
        real = self._tree.real(path)
        key = real
        if venv_file(self._tree, path):
            key = "%s/%s" % (self._tree.real(place), "venv")
        known = self._found.get(key)
        if known is None:
            self._found[key] = Python(path, real, on_path=on_path, wanted=wanted)
        else:
            known.on_path = known.on_path or on_path

    def _ask(self) -> None:
        """Start every view; they answer while the rest is gathered."""
        asked = [python for python in self._found.values() if python.wanted or python.on_path]
        people = self._people()
        root = self._accounts.by_uid.get(0)
        for python in asked[:_ASKED]:
            if os.geteuid() == 0:
                if root is not None:
                    python.root = self._view(python, root)
                python.users = [self._view(python, person) for person in people]
            else:
                python.users = [View(self._tree, python.path, self._login)]

    def add_environments(self, prefixes: list) -> None:
        """Note the virtual environments that were found; what is not asked is read from files."""
        for prefix in prefixes:
            self._add(prefix + "/bin/python3", on_path=False, wanted=False)
        for python in self._found.values():
            if not (python.wanted or python.on_path):
                python.files = self._from_files(python)

    def _from_files(self, python: Python):
        try:
            owner = self._tree.stat(os.path.dirname(python.path)).st_uid
        except OSError:
            return None
        account = self._accounts.by_uid.get(owner)
        if account is None:
            return None
        site = SitePath(self._tree, python.path, {"HOME": account.home})
        return FileView(self._tree, site, account, "not on PATH")

    def _view(self, python: Python, account):
        return view_of(self._tree, self._accounts, python.path, account)

    def wait(self, until: float) -> None:
        """Let the views end."""
        for python in self._found.values():
            for view in [python.root] + python.users:
                if view is not None:
                    view.wait(until)

    def sites(self) -> list:
        """Return every sys.path entry any view said."""
        entries = []
        for python in self._found.values():
            for view in [python.root, python.files] + python.users:
                entries.extend(view.sys_path if view is not None else [])
        return entries or site_guesses(self._tree)

    def root_sites(self) -> list:
        """Return the site directories of root's views; guesses where root was not asked."""
        entries = set()
        for python in self._found.values():
            if python.root is not None:
                entries.update(python.root.sys_path)
        found = [entry for entry in entries if entry.endswith(("site-packages", "dist-packages"))]
        return sorted(found) or site_guesses(self._tree)

    def fact(self) -> dict:
        """Return the Interpreters of facts/board.py."""
        if not self._found:
            return absent("python3 in " + SEARCH)
        found = [self._interpreter(python) for python in self._found.values()]
        return present(found, "PATH, homes and /opt")

    def _interpreter(self, python: Python) -> dict:
        views = [python.root] + python.users + [python.files]
        views = [view for view in views if view is not None]
        told = [view for view in views if view.version]
        pips = [view.pip for view in told if view.pip]
        pip = absent("pip in sys.path") if told else unknown("the interpreter was not asked")
        return {
            "path": python.path,
            "real": python.real,
            "version": told[0].version if told else self._version(python),
            "wanted": python.wanted,
            "externally_managed": told[0].managed if told else self._managed(python),
            "venv": bool(venv_file(self._tree, python.path)),
            "pip": present(pips[0], "sys.path") if pips else pip,
            "root": self._root_fact(python),
            "users": self._users_fact(python),
        }

    def _version(self, python: Python) -> str:
        """Return the version by name: `python3.11` says 3.11."""
        found = re.search(r"python(3\.\d+)$", python.real)
        return found.group(1) if found else ""

    def _managed(self, python: Python) -> bool:
        """Return whether PEP 668 forbids pip to install into this Python."""
        base = os.path.dirname(os.path.dirname(python.real))
        name = "%s/lib/python%s/EXTERNALLY-MANAGED" % (base, self._version(python))
        return not venv_file(self._tree, python.path) and self._tree.is_file(name)

    def _why_not(self, python: Python) -> dict:
        if not self._tree.live:
            return unknown("not a running board")
        if not (python.wanted or python.on_path):
            return unknown("not asked: neither on PATH nor the inventory's python")
        return unknown("only root can look", ROOT + ", or sudo without a password")

    def _root_fact(self, python: Python) -> dict:
        if python.files is not None and python.files.account.uid == 0:
            return present(python.files.fact(), python.path)
        if python.root is None:
            return self._why_not(python)
        if not python.root.sys_path:
            return dict(python.root.lite)
        return present(python.root.fact(), python.path)

    def _users_fact(self, python: Python) -> dict:
        asked = python.wanted or python.on_path
        if python.files is not None and python.files.account.uid != 0:
            return present([python.files.fact()], python.path)
        if not self._tree.live or not asked:
            return self._why_not(python)
        views = [view.fact() for view in python.users]
        names = [view["account"] for view in views]
        if self._user and self._user not in names and os.geteuid() != 0:
            why = unknown("only root can look as " + self._user, ROOT)
            views.append({"account": self._user, "sys_path": [], "lite": why})
        return present(views, python.path)


def site_guesses(tree) -> list:
    """Return the site directories Debian and others use, for when no interpreter was asked."""
    found = []
    for base in ("/usr/local/lib", "/usr/lib"):
        for name in tree.names(base):
            if name.startswith("python3"):
                for kind in ("dist-packages", "site-packages"):
                    path = "%s/%s/%s" % (base, name, kind)
                    found.extend([path] if tree.is_dir(path) else [])
    return found
