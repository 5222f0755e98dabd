"""`rkops board` as a user types it: exit codes, words, and what is in the file afterwards."""

import json
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from rkops.cli.app import main
from rkops.fleet.inventory import load_inventory
from rkops.lab.wire.boards import WireBoard, WireLab
from rkops.lab.wire.replay import ReplayEndpoint

COMMENTED = """\
# the fleet of the door
boards:
  old:   # since 2024
    adb: 127.0.106.9:1   # closed

  # the end
"""


def run(*argv: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(argv)
    return int(stop.value.code or 0)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RKOPS_INVENTORY", "XDG_CONFIG_HOME", "RKOPS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def adb_server(monkeypatch):
    """A port of the test's own for the adb server, which ends with the test."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
    yield port
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as server:
        server.sendall(b"0009host:kill")
        server.recv(4)


@pytest.fixture
def wire(adb_server):
    """A board that says who it is; `identity` of the returned object may be changed."""

    class Board:
        identity = "dt:0123abcd"
        address = ""

        def answer(self, command: str, stdin: bytes) -> tuple[bytes, int]:
            return b"\n@rkops-wrong %b\n" % self.identity.encode(), 113

    board = Board()
    with WireLab([WireBoard("b", ReplayEndpoint({"": board.answer}))]) as lab:
        board.address = lab.adb["b"].serial
        yield board


@pytest.fixture
def commented(home):
    file = home / "boards.yaml"
    file.write_text(COMMENTED)
    return file


@pytest.mark.adb
def test_add_records_who_the_board_is(wire, home, capsys):
    assert run("board", "add", "b1", "--adb", wire.address, "--group", "rack", "--tag", "x") == 0
    out = capsys.readouterr().out
    assert "added b1 to inventory/boards.yaml:" in out
    assert "new group rack" in out
    assert "identity dt:0123abcd" in out
    board = load_inventory(home / "inventory").boards["b1"]
    assert (board.identity, board.groups, board.tags) == ("dt:0123abcd", ("rack",), ("x",))


@pytest.mark.adb
def test_a_second_name_for_one_board_is_a_warning(wire, capsys):
    assert run("board", "add", "b1", "--adb", wire.address) == 0
    assert run("board", "add", "b2", "--adb", wire.address) == 0
    assert "b1 has the same identity as b2" in capsys.readouterr().err


@pytest.mark.adb
def test_adopt_accepts_the_board_that_is_there_now(wire, home, capsys):
    assert run("board", "add", "b1", "--adb", wire.address) == 0
    wire.identity = "dt:ffff"
    assert run("board", "adopt", "b1", "--yes") == 0
    assert "b1 is now dt:ffff (was dt:0123abcd)" in capsys.readouterr().out
    assert load_inventory().boards["b1"].identity == "dt:ffff"
    assert run("board", "adopt", "b1") == 0
    assert "nothing to do" in capsys.readouterr().out


@pytest.mark.adb
def test_a_board_without_identity_is_added_and_adopted(wire, capsys):
    wire.identity = ""
    assert run("board", "add", "b1", "--adb", wire.address) == 0
    said = capsys.readouterr().err
    assert "no identity" in said
    assert "not reached" not in said
    assert "first contact" not in said
    assert load_inventory().boards["b1"].identity is None
    assert run("board", "adopt", "b1") == 0
    assert "nothing to do" in capsys.readouterr().out


@pytest.mark.adb
def test_a_board_whose_successor_has_no_identity(wire, capsys):
    run("board", "add", "b1", "--adb", wire.address)
    wire.identity = ""
    assert run("board", "adopt", "b1") == 2
    assert load_inventory().boards["b1"].identity == "dt:0123abcd"
    assert run("board", "adopt", "b1", "--yes") == 0
    assert "(was dt:0123abcd)" in capsys.readouterr().out
    assert load_inventory().boards["b1"].identity is None
    wire.identity = "dt:0123abcd"
    assert run("board", "adopt", "b1", "--yes") == 0
    assert load_inventory().boards["b1"].identity == "dt:0123abcd"


def test_a_board_that_is_off_is_added_all_the_same(commented, capsys):
    argv = ["board", "add", "new", "--ssh", "me@127.0.106.9:1", "--sdk", "2.3.2"]
    assert run(*argv, "-i", str(commented)) == 0
    captured = capsys.readouterr()
    assert f"added new to {commented}:5" in captured.out
    assert "not reached: 127.0.106.9 refuses" in captured.err
    assert "first contact" in captured.err
    added = "  new:\n    ssh: me@127.0.106.9:1\n    sdk: 2.3.2\n"
    assert commented.read_text() == COMMENTED.replace("# closed\n", "# closed\n" + added)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["old", "--adb", "h"], ["old is there already", ":3", "rkops board rm old"]),
        (["new"], ["neither adb nor ssh"]),
        (["new", "--adb", "h:0"], ["port"]),
        (["new", "--adb", "h", "--sdk", "latest"], ["2.3.2"]),
        (["new", "--adb", "h", "--soc", "rk3589"], ["did you mean 'rk3588'"]),
        (["new", "--adb", "h", "--group", "a b"], ["no usable name"]),
        (["new", "--adb", "h", "--group", "new"], ["group of that name"]),
        (["!new", "--adb", "h"], ["no usable name"]),
        (["new", "--ssh", "me:secret@h"], ["password"]),
        (["new", "--adb", "h", "--via", "ssh"], ["no such address"]),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(commented, capsys, argv, words):
    assert run("board", "add", *argv, "-i", str(commented)) == 2
    said = capsys.readouterr().err
    assert [word for word in words if word not in said] == []
    assert "draft" not in said
    assert commented.read_text() == COMMENTED


def test_ls_lists_what_is_written(commented, capsys):
    assert run("board", "ls", "-i", str(commented)) == 0
    assert capsys.readouterr().out.splitlines() == [
        "BOARD  ADDRESS        GROUPS  TAGS  SDK  IDENTITY",
        "old    127.0.106.9:1  -       -     -    -",
    ]
    assert run("board", "ls", "-i", str(commented), "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "rkops.boards/1"
    assert document["boards"][0]["written"] == f"{commented}:3"


def test_ls_without_boards_says_how_to_begin(home, capsys):
    (home / "empty.yaml").touch()
    assert run("board", "ls", "-i", "empty.yaml") == 0
    assert "rkops board add" in capsys.readouterr().err
    assert run("board", "ls") == 2
    assert "rkops board add" in capsys.readouterr().err


def test_show_fills_in_groups_and_defaults(home, capsys):
    Path("f.yaml").write_text("defaults: {user: firefly}\nboards: {b: {ssh: 'h:22'}}")
    assert run("board", "show", "b", "-i", "f.yaml") == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert lines["ssh"] == "firefly@h:22"
    assert lines["model-dir"] == "/opt/rkops/models"
    assert run("board", "show", "c*", "-i", "f.yaml") == 2


def test_rm_takes_the_board_out_and_leaves_the_comments(commented, capsys):
    assert run("board", "rm", "old", "-i", str(commented), "--yes") == 0
    assert commented.read_text() == "# the fleet of the door\nboards:\n\n  # the end\n"
    assert run("board", "rm", "old", "-i", str(commented)) == 2


def test_rm_without_a_terminal_wants_yes(commented, capsys):
    assert run("board", "rm", "old", "-i", str(commented)) == 2
    assert "try: say yes beforehand: --yes" in capsys.readouterr().err
    assert commented.read_text() == COMMENTED


@pytest.mark.adb
def test_adopt_without_a_terminal_wants_yes(wire, capsys):
    assert run("board", "add", "b1", "--adb", wire.address) == 0
    wire.identity = "dt:ffff"
    assert run("board", "adopt", "b1") == 2
    assert "--yes" in capsys.readouterr().err
    assert load_inventory().boards["b1"].identity == "dt:0123abcd"


def test_adopt_of_a_board_that_is_off_is_unreachable(commented):
    assert run("board", "adopt", "old", "-i", str(commented)) == 3
    assert commented.read_text() == COMMENTED


def test_ls_loads_nothing_heavy(commented):
    code = (
        "import sys\n"
        "from rkops.cli.app import main\n"
        "try: main(['board', 'ls', '-i', 'boards.yaml'])\n"
        "except SystemExit: pass\n"
        "heavy = {'rich', 'ruamel', 'adbutils', 'fabric', 'paramiko', 'asyncio', 'msgspec'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "heavy: []"
