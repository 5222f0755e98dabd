"""One Python as one account sees it: sys.path, and the rknn-toolkit-lite2 that imports.

Only the interpreter itself knows its sys.path (user site, `.pth` files, venv), so it is run as
that account with a login's environment. It imports nothing for the answer but os, and leaves no
compiled code of what a `.pth` file imports (PYTHONDONTWRITEBYTECODE reaches its children too).
"""

import os

from rkops.agent.ask import SEARCH, Child, failure
from rkops.agent.fact import absent, present, unknown

_MARK = b"@rkops-view\0"
_CODE = r"""
import os, sys
lite = api = pip = None
for entry in sys.path:
    if not entry:
        continue
    try:
        names = os.listdir(entry)
    except OSError:
        continue
    for name in names:
        parts = name.split('-')
        if name.endswith(('.dist-info', '.egg-info')) and len(parts) > 1:
            title = parts[0].lower().replace('.', '_')
            version = parts[1].replace('.dist', '').replace('.egg', '')
            if title == 'rknn_toolkit_lite2' and lite is None:
                lite = (version, entry)
            if title == 'pip' and pip is None:
                pip = version
    if api is None and 'rknnlite' in names:
        api = entry if os.path.isdir(os.path.join(entry, 'rknnlite', 'api')) else None
here = os.path.dirname(os.__file__)
venv = sys.prefix != getattr(sys, 'base_prefix', sys.prefix)
managed = not venv and os.path.exists(os.path.join(here, 'EXTERNALLY-MANAGED'))
fields = ['%d.%d.%d' % sys.version_info[:3], str(int(venv)), str(int(managed)), pip or '']
fields += list(lite or ('', '')) + [api or ''] + [entry for entry in sys.path if entry]
text = b'\n@rkops-view\0' + b'\0'.join(os.fsencode(field) for field in fields) + b'\n'
os.write(1, text)
"""


def environment(tree, account) -> dict:
    """Return what a login or `sudo -H` gives: pam_env reads /etc/environment for both."""
    values = {"PATH": SEARCH, "LANG": "C.UTF-8"}
    try:
        lines = tree.text("/etc/environment").split("\n")
    except OSError:
        lines = []
    for line in lines:
        name, equal, value = line.strip().partition("=")
        if equal and name.replace("_", "").isalnum():
            values[name] = value.strip().strip("\"'")
    values.update(HOME=account.home, USER=account.name, LOGNAME=account.name, SHELL="/bin/sh")
    return values


class View:
    """What one interpreter said about itself, run as one account."""

    def __init__(self, tree, python: str, account) -> None:
        self.account = account
        self.version = ""
        self.venv = False
        self.managed = False
        self.pip = ""
        self.sys_path = []
        self.lite = unknown("not asked")
        self._child = None
        try:
            values = dict(environment(tree, account), PYTHONDONTWRITEBYTECODE="1")
            self._child = Child([python, "-B", "-c", _CODE], values, account)
        except OSError as exc:
            self.lite = unknown("%s: %s" % (python, exc.strerror))

    def wait(self, until: float) -> "View":
        """Read the answer; without one the view stays unknown and says why."""
        if self._child is not None:
            code, output = self._child.wait(until)
            self._child = None
            self._read(code, output)
        return self

    def _read(self, code, output: bytes) -> None:
        text = output.rpartition(_MARK)[2].partition(b"\n")[0] if _MARK in output else b""
        fields = [field.decode("utf-8", "backslashreplace") for field in text.split(b"\0")]
        if len(fields) < 7:
            self.lite = unknown("python %s" % failure(code or 0 if code is not None else None))
            return
        self.version, venv, managed, self.pip, lite, where, api = fields[:7]
        self.venv, self.managed = venv == "1", managed == "1"
        self.sys_path = fields[7:]
        if api:
            self.lite = present({"version": lite, "location": api}, where or api)
        elif lite:
            self.lite = absent("rknnlite/api: only the metadata of %s in %s" % (lite, where))
        else:
            self.lite = absent("rknnlite in sys.path")

    def fact(self) -> dict:
        """Return the PythonView of facts/board.py."""
        return {"account": self.account.name, "sys_path": self.sys_path, "lite": self.lite}


def has_site(home: str) -> bool:
    """Return whether a home directory has a Python site directory of its own."""
    try:
        names = os.listdir(os.path.join(home, ".local", "lib"))
    except OSError:
        return False
    return any(name.startswith("python3") for name in names)
