"""One Python as an account would see it, read from files: for one that may not be run."""

from rkops.agent.fact import absent, present

NOTE = "read from files, not run: "


def _named(name: str) -> tuple:
    """Return package and version of a metadata directory (PEP 376, PEP 503 spelling)."""
    stem, dot, kind = name.rpartition(".")
    title, dash, rest = stem.partition("-")
    if not (dot and dash and kind in ("dist-info", "egg-info")):
        return "", ""
    return title.lower().replace(".", "_"), rest.partition("-")[0]


class FileView:
    """Has what `rkops.agent.views.View` has; nothing is run for it."""

    def __init__(self, tree, site, account, why: str) -> None:
        self.account = account
        self.version = site.version
        self.venv = bool(site.config)
        self.managed = not site.config and tree.is_file(site.library + "/EXTERNALLY-MANAGED")
        self.sys_path = [entry for entry in site.entries if tree.exists(entry)]
        self.pip = ""
        self.lite = absent("rknnlite in the site directories")
        self._look(tree, NOTE + why)

    def _look(self, tree, source: str) -> None:
        lite = location = ""
        for entry in self.sys_path:
            packages = dict(_named(name) for name in tree.names(entry))
            self.pip = self.pip or packages.get("pip", "")
            lite = lite or packages.get("rknn_toolkit_lite2", "")
            if not location and tree.is_dir(entry + "/rknnlite/api"):
                location = entry
        if location:
            self.lite = present({"version": lite, "location": location}, source)
        elif lite:
            self.lite = absent("rknnlite/api: only the metadata of " + lite)

    def wait(self, until: float) -> "FileView":
        """Return at once: nothing was asked."""
        del until
        return self

    def fact(self) -> dict:
        """Return the PythonView of facts/board.py."""
        return {"account": self.account.name, "sys_path": self.sys_path, "lite": self.lite}
