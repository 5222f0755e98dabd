import os
import time
from pathlib import Path

import pytest

from rkops.core.errors import InventoryError
from rkops.fleet.board import Board
from rkops.fleet.defaults import writable_file
from rkops.fleet.edit import edit_file
from rkops.fleet.inventory import load_inventory
from rkops.transport.base import AdbAddress, SshAddress


def load(tmp_path: Path, text: str):
    file = tmp_path / "boards.yaml"
    file.write_text(text)
    return load_inventory(file)


def refusal(tmp_path: Path, text: str) -> InventoryError:
    with pytest.raises(InventoryError) as caught:
        load(tmp_path, text)
    return caught.value


def test_board_over_group_over_defaults(tmp_path):
    inventory = load(
        tmp_path,
        """
defaults: {user: firefly, sdk: 2.3.0, tags: [all]}
groups:
  rack-a: {sdk: 2.3.2, tags: [lab], model-dir: /userdata/models}
  rack-b: {sdk: 1.6.0, python: /opt/venv/bin/python}
boards:
  b1: {adb: 192.168.1.222, groups: [rack-a, rack-b], tags: [door]}
  b2: {ssh: root@h, sdk: 2.10}
""",
    )
    assert inventory.boards["b1"] == Board(
        name="b1",
        adb=AdbAddress("192.168.1.222", 5555),
        user="firefly",
        groups=("rack-a", "rack-b"),
        tags=("door", "lab", "all"),
        sdk="2.3.2",
        model_dir="/userdata/models",
        python="/opt/venv/bin/python",
        file=str(tmp_path / "boards.yaml"),
        line=7,
    )
    assert inventory.boards["b2"].sdk == "2.10"  # no number: 2.1 would be another version
    assert inventory.groups == ("rack-a", "rack-b")
    assert inventory.tags == ("all", "door", "lab")


def test_the_preferred_way_comes_first(tmp_path):
    boards = load(
        tmp_path, "boards:\n  a: {adb: h, ssh: h}\n  b: {adb: h, ssh: h, via: ssh}\n"
    ).boards
    assert boards["a"].address == AdbAddress("h")
    assert boards["b"].addresses == (SshAddress("h"), AdbAddress("h"))


def test_user_is_the_ssh_login_unless_the_address_names_one(tmp_path):
    boards = load(
        tmp_path, "defaults: {user: firefly}\nboards:\n  a: {ssh: h}\n  b: {ssh: root@h}\n"
    ).boards
    assert boards["a"].ssh == SshAddress("h", user="firefly")
    assert boards["b"].ssh == SshAddress("h", user="root")


def test_a_relative_key_belongs_to_the_directory_of_its_file(tmp_path):
    board = load(tmp_path, "boards: {a: {ssh: h, key: keys/lab}}").boards["a"]
    assert board.ssh == SshAddress("h", key=str(tmp_path / "keys/lab"))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("boards:\n  a:\n    adress: x\n", 3, ["'adress'", "allowed: adb, ssh"]),
        ("boards:\n  a: {adb: h, skd: 2.3.2}\n", 2, ["did you mean 'sdk'"]),
        ("bords: {}\n", 1, ["did you mean 'boards'", "allowed: defaults, groups, boards"]),
        ("boards:\n  a: {adb: h}\n  a: {adb: i}\n", 3, ["'a'", "twice", "line 2"]),
        ("boards:\n  a:\n    adb: h\n    adb: i\n", 4, ["'adb'", "twice", "line 3"]),
        (
            "boards:\n  a: {adb: h, groups: [rack-b]}\ngroups: {rack-a: }\n",
            2,
            ["'rack-b'", "rack-a"],
        ),
        ("boards:\n  a: {adb: 'h:99999'}\n", 2, ["h:99999", "port"]),
        ("boards:\n  a: {adb: -oProxyCommand=x}\n", 2, ["no address"]),
        ("boards:\n  a: {adb: root@h}\n", 2, ["no user"]),
        ("boards:\n  a: {ssh: 'me@[::1'}\n", 2, ["no address"]),
        ("boards:\n  a: {sdk: 2.3.2}\n", 2, ["neither adb nor ssh"]),
        ("boards:\n  a: {adb: h, via: ssh}\n", 2, ["no such address"]),
        ("boards:\n  a: {adb: h, via: usb}\n", 2, ["allowed: adb, ssh"]),
        ("boards:\n  a: {adb: h, soc: rk3558}\n", 2, ["did you mean 'rk3588'", "rk3568"]),
        ("boards:\n  a: {adb: h, sdk: newest}\n", 2, ["newest", "2.3.2"]),
        ("boards:\n  a: {adb: h, model-dir: models}\n", 2, ["absolute"]),
        ("boards:\n  a: {adb: h, model-dir: /x/../etc}\n", 2, ["absolute"]),
        ("boards:\n  a: {adb: h, identity: 1234}\n", 2, ["dt:SERIAL"]),
        ("boards:\n  a: {adb: [h]}\n", 2, ["one value", "a list"]),
        ("boards:\n  a: h\n", 2, ["key: value"]),
        ("boards:\n  a b: {adb: h}\n", 2, ["no usable name"]),
        ("boards:\n  '!a': {adb: h}\n", 2, ["no usable name"]),
        ("boards:\n  a: {adb: h, tags: [!x y]}\n", 2, ["tag", "'!x'"]),
        ("boards:\n  a: {adb: h}\ngroups: {a: }\n", 2, ["group of that name"]),
        ("boards:\n - a\n", 2, ["not a list"]),
        ("boards:\n  a: {adb: h\n", 3, ["not YAML"]),
        ("boards:\n\t a: h\n", 2, ["not YAML"]),
        ("a: 1\n---\nb: 2\n", 2, ["not YAML"]),
        ("[" * 100_000, 1, ["deeper"]),
    ],
)
def test_an_error_names_file_line_and_what_is_allowed(tmp_path, text, line, words):
    error = refusal(tmp_path, text)
    assert error.message.startswith(f"{tmp_path / 'boards.yaml'}:{line}: ")
    assert [word for word in words if word not in error.message + error.hint] == []


@pytest.mark.parametrize(
    "text",
    [
        "boards: {board-1: {ssh: h, password: hunter2}}",
        "defaults: {sudo-pass: hunter2}",
        "boards: {board-1: {ssh: 'me:hunter2@h'}}",
        'boards: {b: {ssh: h, key: "-----BEGIN OPENSSH PRIVATE KEY-----hunter2"}}',
    ],
)
def test_a_secret_is_refused_and_not_repeated(tmp_path, text):
    error = refusal(tmp_path, text)
    assert "hunter2" not in error.message + error.hint
    assert "RKOPS_SSH_PASSWORD" in error.hint or "key file" in error.message


def test_the_hint_for_a_password_names_the_boards_own_variable(tmp_path):
    error = refusal(tmp_path, "boards: {board-1: {ssh: h, password: x}}")
    assert "RKOPS_SSH_PASSWORD_BOARD_1" in error.hint


def test_a_directory_is_one_inventory(tmp_path):
    (tmp_path / "a.yaml").write_text("boards: {a: {adb: h, groups: [rack]}}")
    (tmp_path / "b.yml").write_text("groups: {rack: {sdk: 2.3.2}}\nboards: {b: {adb: h}}")
    (tmp_path / ".c.yaml").write_text("not: read")
    (tmp_path / "notes.txt").write_text("not: read")
    inventory = load_inventory(tmp_path)
    assert list(inventory.boards) == ["a", "b"]
    assert inventory.boards["a"].sdk == "2.3.2"


def test_a_board_in_two_files_names_both(tmp_path):
    (tmp_path / "a.yaml").write_text("boards: {a: {adb: h}}")
    (tmp_path / "b.yaml").write_text("\nboards: {a: {adb: i}}")
    with pytest.raises(InventoryError, match=r"b\.yaml:2: board a is there twice.*a\.yaml:1"):
        load_inventory(tmp_path)


def test_where_it_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RKOPS_INVENTORY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with pytest.raises(InventoryError, match="no inventory") as none:
        load_inventory()
    assert "rkops board add" in none.value.hint
    own = tmp_path / "config" / "rkops" / "inventory"
    own.mkdir(parents=True)
    (own / "x.yaml").write_text("boards: {own: {adb: h}}")
    assert list(load_inventory().boards) == ["own"]
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "x.yaml").write_text("boards: {here: {adb: h}}")
    assert list(load_inventory().boards) == ["here"]
    (tmp_path / "named.yaml").write_text("boards: {named: {adb: h}}")
    monkeypatch.setenv("RKOPS_INVENTORY", str(tmp_path / "named.yaml"))
    assert list(load_inventory().boards) == ["named"]
    with pytest.raises(InventoryError, match="gone"):
        load_inventory(tmp_path / "gone")


def test_an_inventory_that_may_not_be_read_is_an_inventory_error(tmp_path):
    (tmp_path / "boards.yaml").symlink_to(tmp_path / "boards.yaml")
    with pytest.raises(InventoryError):
        load_inventory(tmp_path / "boards.yaml")


def test_two_hundred_boards_load_quickly(tmp_path):
    lines = ["groups: {rack: {sdk: 2.3.2}}", "boards:"]
    for i in range(200):
        lines += [
            f"  b{i}:",
            f"    adb: 127.0.1.{i}",
            "    groups: [rack]",
            f"    identity: dt:{i}",
        ]
    (tmp_path / "x.yaml").write_text("\n".join(lines))
    times = []
    for _ in range(5):
        started = time.process_time()
        assert len(load_inventory(tmp_path).boards) == 200
        times.append(time.process_time() - started)
    assert min(times) < 0.06


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (pipe, Path("/dev/zero")):
        with pytest.raises(InventoryError, match="no regular file"):
            load_inventory(place)
        with pytest.raises(InventoryError, match="no regular file"):
            edit_file(writable_file(place), lambda document: True)


def test_a_file_without_end_is_read_only_so_far(tmp_path):
    huge = tmp_path / "boards.yaml"
    with huge.open("wb") as file:
        file.truncate(1 << 36)
    with pytest.raises(InventoryError, match="larger than"):
        load_inventory(huge)


def test_a_file_that_is_no_inventory_is_not_read_back(tmp_path):
    error = refusal(tmp_path, "root:$y$j9T$c2FsdHNhbHQ$hash0123456789:20228:0:::\n")
    assert "hash" not in error.message
    error = refusal(tmp_path, "root:$y$j9T$c2FsdHNhbHQ$hash0123456789:20228:0:99999:7:::\nb: c\n")
    assert "hash" not in error.message
