"""What matters on this machine: adb programs and the server that runs, and toolkits."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from rkops.checks.subject import AdbProgram, HostFacts, Toolkit
from rkops.core.deadline import Deadline
from rkops.core.errors import AdbServerError

TOOLKIT_VARIABLE = "RKOPS_TOOLKIT_PYTHON"
"""Interpreters that hold an rknn-toolkit2, separated like PATH."""
_ENVIRONMENTS = ("VIRTUAL_ENV", "CONDA_PREFIX")
_SECONDS = 3.0
# `rknn_toolkit2-2.3.2.dist-info`; wheels up to 2.1.0 carry a local part: `2.1.0+708089d1`.
_DIST = re.compile(r"rknn[_-]toolkit2-(?P<version>[^-]+)\.(?:dist|egg)-info", re.IGNORECASE)


def adb_facts(toolkits: tuple[Toolkit, ...], *, uses_adb: bool) -> HostFacts:
    """Return the adb programs of PATH and the adb server that runs; starts none."""
    if not uses_adb:
        return HostFacts(toolkits=toolkits, uses_adb=False)
    from rkops.transport.adb.server import server_facts

    others = tuple(AdbProgram(path, "") for path in _on_path("adb"))
    try:
        found = server_facts(Deadline.after(_SECONDS))
    except AdbServerError as exc:
        return HostFacts(others, adb_problem=str(exc), toolkits=toolkits)
    programs = others
    if found.client_path:
        ours = AdbProgram(found.client_path, _named(found.client_version))
        programs = (ours, *(other for other in others if other.path != ours.path))
    problem = ""
    if found.server_running and found.server_version is None:
        problem = f"what listens at {found.server_at} does not answer as an adb server"
    return HostFacts(
        programs,
        _named(found.server_version) or None,
        problem,
        toolkits,
    )


def find_toolkits() -> tuple[Toolkit, ...]:
    """Return every rknn-toolkit2 of the interpreters this machine's user has at hand.

    Those named in RKOPS_TOOLKIT_PYTHON, the environments that are active (venv, conda),
    `python3` of PATH, and the one that runs us. Versions are read from the names of the
    package's metadata: nothing is started.
    """
    found: dict[Path, Toolkit] = {}
    for python in _pythons():
        for site in _sites(Path(shutil.which(python) or python)):
            for entry in _entries(site):
                if match := _DIST.fullmatch(entry.name):
                    # A venv's lib64 is a link to its lib.
                    found.setdefault(entry.resolve(), Toolkit(python, match["version"]))
    return tuple(found.values())


def _pythons() -> Iterator[str]:
    yield from filter(None, os.environ.get(TOOLKIT_VARIABLE, "").split(os.pathsep))
    for variable in _ENVIRONMENTS:
        if prefix := os.environ.get(variable):
            yield str(Path(prefix) / "bin" / "python")
    if python := shutil.which("python3"):
        yield python
    yield sys.executable


def _sites(python: Path) -> Iterator[Path]:
    """Yield where an interpreter keeps its packages; an environment's own come first.

    The path is not resolved first: an environment's `bin/python` is a link to another place.
    """
    for binary in dict.fromkeys((python, python.resolve())):
        prefix = binary.parent.parent
        for library in ("lib", "lib64", "local/lib"):
            for version in _entries(prefix / library):
                if version.name.startswith("python3"):
                    yield version / "site-packages"
                    yield version / "dist-packages"


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def _on_path(name: str) -> list[str]:
    """Return each program of that name in PATH, in order; links to one file count once."""
    found: dict[Path, str] = {}
    for directory in os.get_exec_path():
        candidate = Path(directory) / name
        if os.access(candidate, os.X_OK) and candidate.is_file():
            found.setdefault(candidate.resolve(), str(candidate))
    return list(found.values())


def _named(version: int | None) -> str:
    return "" if version is None else f"1.0.{version}"
