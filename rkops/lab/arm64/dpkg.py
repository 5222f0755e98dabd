"""Write the dpkg database of a tree whose packages were only unpacked, so that dpkg -l answers."""

import io
import re
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rkops.lab.arm64.tree import Tree

_ARCHIVES = "var/cache/apt/archives"


def write_database(tree: Tree) -> None:
    """Fill /var/lib/dpkg from the archives that were unpacked."""
    archives = sorted(tree.at(_ARCHIVES).glob("*.deb"))
    tree.directory("var/lib/dpkg/info")
    with ThreadPoolExecutor(4) as pool:
        entries = list(pool.map(lambda archive: _register(tree, archive), archives))
    tree.write("var/lib/dpkg/status", "".join(entries))
    tree.supply("var/lib/dpkg/info/format", "1\n")
    tree.supply("var/lib/dpkg/available", "")
    tree.write("var/lib/dpkg/arch", "arm64\n")


def _register(tree: Tree, archive: Path) -> str:
    """Write the file list of one package; return its entry in the status file."""
    command = ["dpkg-deb", "--ctrl-tarfile", str(archive)]
    packed = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as control_files:
        control = _member(control_files, "control").rstrip("\n") + "\n"
        sums = _member(control_files, "md5sums")
    name = _field(control, "Package")
    if _field(control, "Multi-Arch") == "same":
        name = f"{name}:{_field(control, 'Architecture')}"
    files = ["/" + line.split("  ", 1)[1] for line in sums.splitlines() if "  " in line]
    directories = sorted({"/.", *(file.rpartition("/")[0] for file in files)} - {""})
    tree.write(f"var/lib/dpkg/info/{name}.list", "\n".join([*directories, *files]) + "\n")
    head, rest = control.split("\n", 1)
    return f"{head}\nStatus: install ok installed\n{rest}\n"


def _member(archive: tarfile.TarFile, name: str) -> str:
    for candidate in (f"./{name}", name):
        try:
            file = archive.extractfile(candidate)
        except KeyError:
            continue
        if file is not None:
            return file.read().decode("utf-8", "replace")
    return ""


def _field(control: str, name: str) -> str:
    found = re.search(rf"^{name}: (.*)$", control, re.MULTILINE)
    return found[1] if found else ""
