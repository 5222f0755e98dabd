import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rkops.agent import ask, elevate, exposure, pathfiles, processes
from rkops.agent.accounts import HUMAN, Account, Accounts, may
from rkops.agent.pythons import Pythons
from rkops.agent.tree import Tree
from rkops.agent.views import View, environment
from rkops.agent.walk import Walk, homes_and_places
from tests.unit.agent.tree_of import board_tree, elf

PASSWD = "root:x:0:0::/root:/bin/sh\nfirefly:x:1000:1000::/home/firefly:/bin/sh\n"
SITE = "/usr/local/lib/python3.11/dist-packages"


def me() -> Account:
    account: Account = Accounts(Tree()).me()
    return account


def login(home: Path) -> Account:
    account = me()
    account.home = str(home)
    return account


def make_venv(place: Path) -> Path:
    """A venv without pip, made by hand: two files are all it takes."""
    (place / "bin").mkdir(parents=True)
    base = Path(sys.executable).resolve()
    (place / "bin/python3").symlink_to(base)
    (place / "pyvenv.cfg").write_text(f"home = {base.parent}\nversion = 3.11.2\n")
    minor = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = place / "lib" / minor / "site-packages"
    site.mkdir(parents=True)
    return site


def install_lite(site: Path, version: str = "2.3.2", *, api: bool = True) -> None:
    (site / f"rknn_toolkit_lite2-{version}.dist-info").mkdir()
    if api:
        (site / "rknnlite/api").mkdir(parents=True)


def view_of(place: Path, tmp_path: Path) -> View:
    view = View(Tree(), str(place / "bin/python3"), login(tmp_path))
    return view.wait(time.monotonic() + 20)


def test_a_view_finds_lite_where_the_interpreter_does(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "venv")
    install_lite(site)
    view = view_of(tmp_path / "venv", tmp_path)
    assert view.lite["value"] == {"version": "2.3.2", "location": str(site)}
    assert (view.venv, view.managed) == (True, False)
    assert view.version.startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")
    assert str(site) in view.sys_path


def test_metadata_without_the_package_is_no_lite(tmp_path: Path) -> None:
    install_lite(make_venv(tmp_path / "venv"), api=False)
    lite = view_of(tmp_path / "venv", tmp_path).lite
    assert (lite["is"], "metadata" in lite["looked"]) == ("absent", True)


def test_a_pth_file_leads_to_lite(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "venv")
    other = tmp_path / "other"
    other.mkdir()
    install_lite(other, "2.0.0b0")
    (site / "rkops.pth").write_text(f"{other}\n")
    value = view_of(tmp_path / "venv", tmp_path).lite["value"]
    assert value == {"version": "2.0.0b0", "location": str(other)}


def test_a_site_that_shouts_does_not_drown_the_view(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "venv")
    (site / "loud.pth").write_text("import sys; sys.stderr.write('oh\\n' * 99); print('hello')\n")
    assert view_of(tmp_path / "venv", tmp_path).lite["is"] == "absent"


def test_a_view_leaves_no_compiled_code(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "venv")
    again = f"import subprocess; subprocess.call([{sys.executable!r}, '-c', 'import hooked'])"
    (site / "hooked.py").write_text("here = True\n")
    (site / "hook.pth").write_text(
        f"import hooked, os; os.environ['PYTHONPATH'] = {str(site)!r}; {again}\n"
    )
    assert view_of(tmp_path / "venv", tmp_path).sys_path
    assert sorted(place.name for place in site.iterdir()) == ["hook.pth", "hooked.py"]


@pytest.mark.parametrize(
    ("script", "reason"),
    [("exit 3", "code 3"), ("sleep 60", "no answer in time"), ("kill -9 $$", "code -9")],
)
def test_a_broken_interpreter_is_unknown_and_says_why(
    tmp_path: Path, script: str, reason: str
) -> None:
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    begun = time.monotonic()
    view = View(Tree(), str(python), login(tmp_path)).wait(time.monotonic() + 1)
    assert view.lite["is"] == "unknown"
    assert reason in view.lite["reason"]
    assert time.monotonic() - begun < 5


def test_a_view_has_a_logins_environment(tmp_path: Path) -> None:
    tree = board_tree(tmp_path, {"/etc/environment": '# x\nQEMU_CPU="cortex-a76"\nbad line\n=\n'})
    found = environment(tree, Account("firefly", 1000, 1000, "/home/firefly"))
    assert found["QEMU_CPU"] == "cortex-a76"
    assert (found["HOME"], found["USER"]) == ("/home/firefly", "firefly")
    assert not set(found) - {"PATH", "LANG", "HOME", "USER", "LOGNAME", "SHELL", "QEMU_CPU"}


def pythons_in(root: Path, files: dict[str, str | bytes], **request: str) -> Any:
    tree = board_tree(root, {"/etc/passwd": PASSWD, **files})
    accounts = Accounts(tree)
    found = Pythons(tree, request, accounts, accounts.by_name["firefly"]).fact()
    return {item["path"]: item for item in found.get("value", [])}


def test_interpreters_are_found_once_each(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/python3").symlink_to("python3.11")
    (tmp_path / "home/firefly/app/bin").mkdir(parents=True)
    (tmp_path / "home/firefly/app/bin/python3").symlink_to("/usr/bin/python3.11")
    found = pythons_in(
        tmp_path,
        {
            "/usr/bin/python3.11": elf(),
            "/usr/bin/python3-config": "#!/bin/sh",
            "/usr/local/bin/python3.9": "#!/bin/sh\nexec something",
            "/usr/lib/python3.11/EXTERNALLY-MANAGED": "",
            "/home/firefly/app/pyvenv.cfg": "",
            "/home/firefly/.pyenv/versions/3.8.18/bin/python3": elf(),
        },
        python="~/app",
        user="firefly",
    )
    assert {path: item["wanted"] for path, item in found.items()} == {
        "/home/firefly/app/bin/python3": True,
        "/usr/bin/python3": False,
        "/home/firefly/.pyenv/versions/3.8.18/bin/python3": False,
    }
    system = found["/usr/bin/python3"]
    assert (system["version"], system["externally_managed"], system["venv"]) == (
        "3.11",
        True,
        False,
    )
    assert found["/home/firefly/app/bin/python3"]["venv"] is True
    assert system["root"] == {"is": "unknown", "reason": "not a running board", "needs": ""}


def test_environments_are_read_without_running_them(tmp_path: Path) -> None:
    home = "/home/firefly"
    files: dict[str, str | bytes] = {"/etc/passwd": PASSWD, "/usr/bin/python3.9": elf()}
    for place, kind in ((home + "/work/venv", "pyvenv.cfg"), ("/opt/conda", "conda-meta/history")):
        files[f"{place}/{kind}"] = "home = /usr/bin\nversion = 3.9.2\n"
        site = f"{place}/lib/python3.9/site-packages"
        files[f"{site}/rknn_toolkit_lite2-2.3.0.dist-info/METADATA"] = ""
        files[f"{site}/rknnlite/api/__init__.py"] = ""
    files["/opt/conda/bin/python3.9"] = elf()
    files["/opt/conda/lib/python3.9/os.py"] = ""
    files["/opt/conda/envs/npu/conda-meta/history"] = ""
    files["/opt/conda/envs/npu/bin/python3.8"] = elf()
    board_tree(tmp_path, files)
    for link, target in (
        (home + "/work/venv/bin/python3", "/usr/bin/python3.9"),
        ("/opt/conda/bin/python3", "python3.9"),
        ("/opt/conda/envs/npu/bin/python3", "python3.8"),
    ):
        (tmp_path / link[1:]).parent.mkdir(exist_ok=True)
        (tmp_path / link[1:]).symlink_to(target)
    tree = OwnedTree(str(tmp_path), {home: (1000, 0o755)})
    accounts = Accounts(tree)
    pythons = Pythons(tree, {}, accounts, accounts.by_name["firefly"])
    walk = Walk(tree, "librknnrt.so").through(homes_and_places(accounts, HUMAN))
    pythons.add_environments(walk.environments)
    found = {item["path"]: item for item in pythons.fact()["value"]}
    venv = found[home + "/work/venv/bin/python3"]
    (view,) = venv["users"]["value"]
    assert (view["account"], view["lite"]["value"]["version"]) == ("firefly", "2.3.0")
    assert "read from files, not run" in view["lite"]["source"]
    assert (venv["venv"], venv["root"]["is"]) == (True, "unknown")
    conda = found["/opt/conda/bin/python3"]
    assert conda["root"]["value"]["lite"]["value"]["version"] == "2.3.0"
    assert found["/opt/conda/envs/npu/bin/python3"]["version"] == "3.8"


def test_path_names_the_wanted_one(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"/usr/bin/python3": elf(), "/usr/local/bin/python3": elf()}
    found = pythons_in(tmp_path, files)
    assert [path for path, item in found.items() if item["wanted"]] == ["/usr/local/bin/python3"]


class OwnedTree(Tree):
    """A tree whose files belong to root, but for those under the given paths."""

    def __init__(self, prefix: str, owners: dict[str, tuple[int, int]]) -> None:
        super().__init__(prefix)
        self._owners = owners

    def stat(self, path: str) -> Any:
        super().stat(path)
        fitting = [item for item in self._owners if path == item or path.startswith(item + "/")]
        uid, mode = self._owners[max(fitting, key=len)] if fitting else (0, 0o755)
        return SimpleNamespace(st_uid=uid, st_gid=0, st_mode=stat.S_IFDIR | mode, st_dev=1)


def path_files(root: Path, lines: str, owners: dict[str, tuple[int, int]]) -> Any:
    for place in (SITE, "/home/firefly/lib/deep", "/opt/app", "/srv/open", "/tmp/safe"):
        (root / place.lstrip("/")).mkdir(parents=True)
    board_tree(root, {f"{SITE}/app.pth": lines, "/etc/passwd": PASSWD})
    tree = OwnedTree(str(root), owners)
    found = pathfiles.gather(tree, Accounts(tree), [SITE])["value"]
    return {item["target"]: item["writer"] for item in found}


OWNERS = {"/home/firefly": (1000, 0o755), "/srv/open": (0, 0o777), "/tmp": (0, 0o1777)}


def test_pth_lines_others_can_steer_are_found(tmp_path: Path) -> None:
    lines = "# note\nimport os; os.getcwd()\n/home/firefly/lib\n/opt/app\n/srv/open\n/tmp/safe\n"
    owners = {**OWNERS, "/tmp/safe": (0, 0o755)}
    assert path_files(tmp_path, lines, owners) == {
        "/home/firefly/lib": "firefly",
        "/srv/open": "everybody",
    }


def test_a_root_owned_directory_below_a_users_is_still_the_users(tmp_path: Path) -> None:
    owners = {**OWNERS, "/home/firefly/lib/deep": (0, 0o755)}
    assert path_files(tmp_path, "/home/firefly/lib/deep\n", owners) == {
        "/home/firefly/lib/deep": "firefly"
    }


def test_what_is_not_there_yet_belongs_to_who_can_make_it(tmp_path: Path) -> None:
    found = path_files(tmp_path, "/home/firefly/later\n/opt/later\n", OWNERS)
    assert found == {"/home/firefly/later": "firefly"}


def test_a_link_is_judged_by_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt/link").symlink_to("/home/firefly/lib")
    assert path_files(tmp_path, "/opt/link\n", OWNERS) == {"/opt/link": "firefly"}


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (1, "sudo: a password is required\n", ("present", "password")),
        (1, "firefly is not in the sudoers file.\n", ("present", "none")),
        (1, "Sorry, user firefly may not run sudo on board.\n", ("present", "none")),
        (None, "", ("unknown", None)),
        (1, "sudo: effective uid is not 0, is sudo on a nosuid file system?", ("unknown", None)),
    ],
)
def test_what_sudo_says(code: int | None, text: str, expected: tuple[str, str | None]) -> None:
    fact = elevate.refusal(code, text)
    assert (fact["is"], fact.get("value")) == expected


def test_a_child_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    child = ask.Child(["/bin/sh", "-c", f"sleep 60 & echo $! > {mark}; wait"], {})
    code, output = child.wait(time.monotonic() + 0.5)
    assert (code, output) == (None, b"")
    pid = int(mark.read_text())
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or ") Z" in state.read_text():
            break
        time.sleep(0.02)
    else:
        pytest.fail("the grandchild still runs")


def test_listening_sockets_beyond_loopback() -> None:
    head = "  sl  local_address rem_address   st ...\n"
    row = "   0: {}:15B3 00000000:0000 {} 00000000:00000000 00:00000000 00000000 0 0 {} 1\n"
    table = head + row.format("00000000", "0A", 11) + row.format("0100007F", "0A", 12)
    assert exposure.listening(table + row.format("00000000", "01", 13)) == {"11": 5555}


def test_a_replaced_file_is_seen_in_a_running_process(tmp_path: Path) -> None:
    """A real process, a real mapping, a real replacement."""
    library = tmp_path / "librknnrt.so"
    library.write_bytes(bytes(4096))
    code = (
        "import mmap,sys\n"
        f"f = open({str(library)!r}, 'rb')\n"
        "m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "print('ready', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == b"ready\n"
        mine = processes.Processes(Tree()).all[child.pid]
        assert mine.mapped(b"librknnrt") == [(str(library), False)]
        library.with_suffix(".new").write_bytes(bytes(4096))
        library.with_suffix(".new").replace(library)
        assert mine.mapped(b"librknnrt") == [(str(library), True)]
        child.communicate(b"")


@pytest.mark.parametrize(
    ("mode", "uid", "expected"), [(0o660, 1000, True), (0o660, 7, False), (0o606, 7, True)]
)
def test_mode_bits_decide_for_an_account(mode: int, uid: int, *, expected: bool) -> None:
    status = SimpleNamespace(st_uid=0, st_gid=44, st_mode=mode)
    account = Account("x", uid, uid, "/")
    account.gids.update({44} if uid == 1000 else set())
    assert may(account, status, 6) is expected


def test_the_process_itself_is_listed() -> None:
    assert os.getpid() in processes.Processes(Tree()).all
