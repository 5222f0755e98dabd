"""What a Python would import from, read from files: for one that may not be run.

As CPython's getpath and site build sys.path (Python docs, "The initialization of the sys.path
module search path" and site; PEP 405), with Debian's dist-packages (its site.py).
"""

import os
import re

_LINES = 1000
_IMPORT = re.compile(r"\bimport\s+([\w.]+(?:\s*,\s*[\w.]+)*)")


def venv_file(tree, python: str) -> str:
    """Return the pyvenv.cfg of the venv an interpreter stands in; empty without one."""
    place = os.path.dirname(python)
    for directory in (place, os.path.dirname(place)):
        if tree.is_file(directory + "/pyvenv.cfg"):
            return directory + "/pyvenv.cfg"
    return ""


def lines_of(tree, path: str) -> list:
    """Return the lines of a `.pth` file that count; raises OSError."""
    lines = [line.strip() for line in tree.text(path, 1 << 18).split("\n")[:_LINES]]
    return [line for line in lines if line and not line.startswith("#")]


def is_code(line: str) -> bool:
    """Return whether site.py runs this line of a `.pth` file."""
    return line.startswith(("import ", "import\t"))


class SitePath:
    """One interpreter's places. `values` is the environment it would be run with."""

    def __init__(self, tree, python: str, values: dict) -> None:
        self._tree = tree
        self.config = venv_file(tree, python)
        settings = self._settings()
        real = tree.real(python)
        home = settings.get("home") if self.config else ""
        self.base = os.path.dirname(home.rstrip("/") if home else os.path.dirname(real))
        self.version = self._version(real, settings)
        self.library = self._library()
        self.sites = []
        self.path_files = []
        self.entries = [entry for entry in values.get("PYTHONPATH", "").split(":") if entry]
        self.entries += [self.library, self.library + "/lib-dynload"]
        self._add_sites(settings, values)

    def _settings(self) -> dict:
        try:
            lines = self._tree.text(self.config).split("\n") if self.config else []
        except OSError:
            return {}
        pairs = [line.partition("=") for line in lines]
        return {key.strip().lower(): value.strip() for key, equal, value in pairs if equal}

    def _version(self, real: str, settings: dict) -> str:
        texts = [settings.get("version", ""), settings.get("version_info", "")]
        named = re.search(r"python(3\.\d+)$", real)
        for text in [named.group(1) if named else ""] + texts:
            found = re.match(r"3\.\d+", text)
            if found:
                return found.group()
        for name in self._tree.names(self.base + "/lib"):
            if re.match(r"python3\.\d+$", name) and self._has_library(self.base, name):
                return name[len("python") :]
        return ""

    def _has_library(self, base: str, name: str) -> bool:
        return self._tree.is_file("%s/lib/%s/os.py" % (base, name))

    def _library(self) -> str:
        name = "python" + self.version
        base = self.base if self._has_library(self.base, name) else "/usr"
        return "%s/lib/%s" % (base, name)

    def _system(self) -> list:
        """Return the site directories outside a venv; Debian's own Python has dist-packages."""
        base = os.path.dirname(os.path.dirname(self.library))
        if base == "/usr" and self._tree.is_dir("/usr/lib/python3/dist-packages"):
            return [
                "/usr/local/lib/python%s/dist-packages" % self.version,
                "/usr/lib/python3/dist-packages",
                self.library + "/dist-packages",
            ]
        wide = self.library.replace("/lib/", "/lib64/")
        return [self.library + "/site-packages", wide + "/site-packages"]

    def _add_sites(self, settings: dict, values: dict) -> None:
        # A pyvenv.cfg that does not say it has the system's too (site.venv).
        wide = settings.get("include-system-site-packages", "true").lower() == "true"
        below = "/lib/python%s/site-packages" % self.version
        if self.config:
            self._add(os.path.dirname(self.config) + below)
        if self.config and not wide:
            return
        if not values.get("PYTHONNOUSERSITE"):
            own = values.get("PYTHONUSERBASE") or values.get("HOME", "/root") + "/.local"
            self._add(own + below)
        for site in self._system():
            self._add(site)

    def _add(self, site: str) -> None:
        """Add a site directory and the directories its `.pth` files name, as site.py does."""
        if site in self.entries or not self._tree.is_dir(site):
            return
        self.sites.append(site)
        self.entries.append(site)
        for name in self._tree.names(site):
            if name.endswith(".pth"):
                self._add_lines(site, "%s/%s" % (site, name))

    def _add_lines(self, site: str, path: str) -> None:
        self.path_files.append(path)
        try:
            lines = lines_of(self._tree, path)
        except OSError:
            return
        for line in lines:
            target = os.path.normpath(os.path.join(site, line))
            if not is_code(line) and target not in self.entries and self._tree.exists(target):
                self.entries.append(target)

    def run_at_start(self) -> list:
        """Return the files and directories whose content runs when this Python starts."""
        modules = {"sitecustomize", "usercustomize"}
        for path in self.path_files:
            try:
                code = [line for line in lines_of(self._tree, path) if is_code(line)]
            except OSError:
                continue
            for names in _IMPORT.findall("\n".join(code)):
                modules.update(name.strip().partition(".")[0] for name in names.split(","))
        found = [self.library + "/os.py", self.library + "/site.py"]
        found += self.entries + self.path_files
        for entry in self.entries:
            for name in sorted(modules):
                paths = ("%s/%s" % (entry, name), "%s/%s.py" % (entry, name))
                found.extend(path for path in paths if self._tree.exists(path))
        return found
