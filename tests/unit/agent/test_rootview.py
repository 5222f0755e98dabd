"""What root may run, and what is read from files instead."""

import json
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rkops.agent.accounts import Account, Accounts
from rkops.agent.rootview import view_of
from rkops.agent.sitepath import SitePath
from rkops.agent.tree import Tree
from rkops.agent.trust import changer, writer
from tests.unit.agent.test_pythons import PASSWD, OwnedTree, install_lite, make_venv
from tests.unit.agent.tree_of import board_tree

GROUPS = "root:x:0:\nstaff:x:50:{}\nfirefly:x:1000:\n"


def board_accounts(root: Path, staff: str = "") -> Accounts:
    return Accounts(board_tree(root, {"/etc/passwd": PASSWD, "/etc/group": GROUPS.format(staff)}))


def root_of(tmp_path: Path) -> Account:
    return Account("root", 0, 0, str(tmp_path / "root"))


def venv_with_hook(tmp_path: Path) -> tuple[Path, Path]:
    """A venv whose interpreter leaves a mark when it runs; its site directory and the mark."""
    site = make_venv(tmp_path / "venv")
    mark = tmp_path / "it-ran"
    (site / "hook.pth").write_text(f"import os; open({str(mark)!r}, 'w').close()\n")
    return site, mark


@pytest.mark.parametrize("part", ["venv", "venv/bin", "venv/pyvenv.cfg", "venv/bin/python3"])
def test_root_runs_no_python_that_another_can_change(tmp_path: Path, part: str) -> None:
    site, mark = venv_with_hook(tmp_path)
    install_lite(site)
    owners = {str(tmp_path / part): (1000, 0o755)}
    if part == "venv/bin/python3":
        owners = {str(Path(sys.executable).resolve()): (1000, 0o755)}
    tree = OwnedTree("", owners)
    python = str(tmp_path / "venv/bin/python3")
    view = view_of(tree, board_accounts(tmp_path / "b"), python, root_of(tmp_path))
    lite = view.wait(0.0).lite
    assert lite["is"] == "unknown"
    assert lite["reason"].endswith("can be changed by firefly; not run as root")
    assert "only root can change" in lite["needs"]
    assert not mark.exists()


@pytest.mark.parametrize("part", ["other", "venv/lib", "hooked"])
def test_root_reads_from_files_what_it_would_import_from_another(tmp_path: Path, part: str) -> None:
    site, mark = venv_with_hook(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    install_lite(other, "2.0.0b0")
    (site / "more.pth").write_text(f"{other}\n# {tmp_path}/none\nimport hooked\n")
    (site / "hooked").mkdir()
    place = site / "hooked" if part == "hooked" else tmp_path / part
    tree = OwnedTree("", {str(place): (1000, 0o755)})
    python = str(tmp_path / "venv/bin/python3")
    view = view_of(tree, board_accounts(tmp_path / "b"), python, root_of(tmp_path))
    fact = view.wait(0.0).fact()
    assert fact["lite"]["value"] == {"version": "2.0.0b0", "location": str(other)}
    assert fact["lite"]["source"].startswith("read from files, not run: firefly can change")
    at = fact["sys_path"].index(str(site))
    assert fact["sys_path"][at + 1] == str(other)
    assert not mark.exists()


def test_an_account_may_run_what_is_its_own(tmp_path: Path) -> None:
    make_venv(tmp_path / "venv")
    tree = OwnedTree("", {str(tmp_path): (1000, 0o700)})
    accounts = board_accounts(tmp_path / "b")
    python = str(tmp_path / "venv/bin/python3")
    assert changer(tree, accounts, python, (0, 1000)) == ""
    stranger = view_of(tree, accounts, python, Account("guest", 1001, 1001, "/")).lite
    assert stranger["reason"].endswith("can be changed by firefly; not run as guest")


def test_a_link_is_as_safe_as_the_directory_it_stands_in(tmp_path: Path) -> None:
    board_tree(tmp_path, {"/usr/bin/python3": b"", "/etc/passwd": PASSWD})
    (tmp_path / "home/firefly").mkdir(parents=True)
    (tmp_path / "home/firefly/python3").symlink_to("/usr/bin/python3")
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt/python3").symlink_to("../home/firefly/python3")
    tree = OwnedTree(str(tmp_path), {"/home/firefly": (1000, 0o755)})
    accounts = Accounts(tree)
    assert writer(tree, accounts, "/opt/python3") == ""
    assert changer(tree, accounts, "/opt/python3") == "firefly"
    assert changer(tree, accounts, "/usr/bin/python3") == ""


@pytest.mark.parametrize(("members", "expected"), [("", ""), ("firefly", "group staff")])
def test_a_group_without_members_changes_nothing(
    tmp_path: Path, members: str, expected: str
) -> None:
    """Debian before 12 gives /usr/local to the group staff, which has no members."""

    class Staff(Tree):
        def stat(self, path: str) -> Any:
            return SimpleNamespace(st_uid=0, st_gid=50, st_mode=stat.S_IFDIR | 0o2775)

    accounts = board_accounts(tmp_path, members)
    assert writer(Staff(), accounts, "/usr/local/lib") == expected


def test_the_owner_of_another_name_space_is_nobody_here(tmp_path: Path) -> None:
    files = {
        "/etc/passwd": PASSWD + "nobody:x:65534:65534::/:/bin/false\n",
        "/proc/sys/kernel/overflowuid": "65534\n",
        "/proc/self/uid_map": "         0       1000          1\n",
    }
    tree = OwnedTree(str(tmp_path), {"/usr": (65534, 0o755)})
    board_tree(tmp_path, {**files, "/usr/bin/python3": b""})
    assert changer(tree, Accounts(tree), "/usr/bin/python3") == ""
    (tmp_path / "proc/self/uid_map").write_text("0 0 4294967295\n")
    assert changer(tree, Accounts(tree), "/usr/bin/python3") == "nobody"


@pytest.mark.parametrize("which", ["venv", "venv with the system's", "its base", "system"])
def test_what_is_read_from_files_is_what_python_says(tmp_path: Path, which: str) -> None:
    """The list is compared with the sys.path of the interpreter itself."""
    site = make_venv(tmp_path / "venv")
    (tmp_path / "more").mkdir()
    (site / "more.pth").write_text(f"{tmp_path}/more\n{tmp_path}/none\n")
    python = tmp_path / "venv/bin/python3"
    if which.startswith("venv"):
        with (tmp_path / "venv/pyvenv.cfg").open("a") as stream:
            stream.write(f"include-system-site-packages = {str(which != 'venv').lower()}\n")
    if which == "its base":
        python = Path(sys.executable).resolve()
    if which == "system":
        python = Path("/usr/bin/python3")
        if not python.exists():
            pytest.skip("this machine has no /usr/bin/python3")
    values = {"HOME": str(tmp_path), "PATH": "/usr/bin", "PYTHONPATH": str(tmp_path)}
    code = "import json, os, sys; print(json.dumps([e for e in sys.path if os.path.isdir(e)]))"
    told = subprocess.run([python, "-c", code], env=values, check=True, stdout=subprocess.PIPE)
    found = SitePath(Tree(), str(python), values).entries
    assert [entry for entry in found if Path(entry).is_dir()] == json.loads(told.stdout)
