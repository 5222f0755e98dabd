"""Python of a root file system: its name, its directories and its compiled modules."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from rkops.lab.arm64.tree import Tree

_NEVER_IMPORTED = r"/(test|tests|idlelib|lib2to3|tkinter|turtledemo|ensurepip|pydoc_data)/"


def python_version(tree: Tree) -> str:
    """Return the tree's Python as `3.11`, empty when it has none."""
    names = (path.name for path in tree.at("usr/bin").glob("python3.*"))
    versions = (re.fullmatch(r"python(3\.\d+)", name) for name in names)
    return next((found[1] for found in versions if found), "")


def compile_modules(tree: Tree) -> None:
    """Name the tree's Python `python3` and byte-compile its library with one of this machine.

    Bytecode depends on the minor version and not on the machine. Without it every start of a
    program compiles anew under qemu: importing ssl and ctypes takes 1.6 instead of 0.7 s.
    """
    version = python_version(tree)
    if not version:
        return
    tree.link("usr/bin/python3", f"python{version}")
    tree.directory(f"usr/local/lib/python{version}/dist-packages")
    compiler = _same_version(version)
    if compiler is None:
        sys.stderr.write(f"no Python {version} on this machine: modules stay uncompiled\n")
        return
    command = [compiler, "-m", "compileall", "-q", "-j", "0", "-x", _NEVER_IMPORTED]
    command += ["-s", str(tree.root), "-p", "/"]
    command += [str(tree.at(f"usr/lib/python{version}"))]
    command += [str(tree.at("usr/lib/python3/dist-packages"))]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    # exit code 1 only says that some file of the library is no valid Python, which is so by design
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)


def _same_version(version: str) -> str | None:
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == version:
        return sys.executable
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    return shutil.which(f"python{version}") or next((str(path) for path in pyenv), None)
