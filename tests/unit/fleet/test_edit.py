import multiprocessing
import stat
from pathlib import Path

import pytest

from rkops.core.errors import InventoryError
from rkops.fleet.board import Board
from rkops.fleet.document import Document, scalar
from rkops.fleet.edit import edit_file
from rkops.fleet.identity import record_identities, record_identity, replace_identity
from rkops.fleet.inventory import load_inventory

COMMENTED = """\
# my fleet, the order matters
defaults: {user: firefly}   # everyone

groups:
  rack-a:   # first rack
    sdk: "2.3.2"

boards:
    # the good one
    board1:
        adb: 192.168.1.222   # lab
        tags:
          - a
          - b   # last
    # the one in the corner

    board2: {ssh: root@10.0.0.2:22, groups: [rack-a]}
    board3:
        ssh: x@y
        identity:
# end
"""


def changed(text: str, *calls) -> str:
    document = Document("f.yaml", text.encode())
    for name, *arguments in calls:
        getattr(document, name)(*arguments)
    return document.render().decode()


def diff(old: str, new: str) -> list[str]:
    was, now = old.splitlines(), new.splitlines()
    return [f"-{line}" for line in was if line not in now] + [
        f"+{line}" for line in now if line not in was
    ]


def test_only_the_lines_that_change_change():
    after = changed(
        COMMENTED,
        ("set_value", "board1", "identity", "dt:abc"),
        ("set_value", "board2", "identity", "mac:aa:bb:cc:00:11:22"),
        ("set_value", "board3", "identity", "dt:9 9"),
        ("add", "boards", {"board4": {"adb": "[fe80::1]:5555", "tags": ["x", "no"]}}),
        ("add", "groups", {"rack-b": None}),
    )
    assert diff(COMMENTED, after) == [
        "-    board2: {ssh: root@10.0.0.2:22, groups: [rack-a]}",
        "-        identity:",
        "+  rack-b:",
        "+        identity: dt:abc",
        "+    board2: {ssh: root@10.0.0.2:22, groups: [rack-a], identity: mac:aa:bb:cc:00:11:22}",
        '+        identity: "dt:9 9"',
        "+    board4:",
        '+      adb: "[fe80::1]:5555"',
        '+      tags: [x, "no"]',
    ]
    assert after.endswith("# end\n")


def test_a_board_goes_with_what_is_inside_it():
    after = changed(COMMENTED, ("remove", "board1"), ("remove", "board3"))
    assert "board1" not in after
    assert "# the good one" in after
    assert "# the one in the corner" in after
    assert list(Document("f", after.encode()).entries("boards")) == ["board2"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "boards:\n  b:\n    adb: h\n"),
        ("# c", "# c\nboards:\n  b:\n    adb: h\n"),
        ("boards:\n", "boards:\n  b:\n    adb: h\n"),
        ("boards: {}\n", "boards: {b: {adb: h}}\n"),
        ("boards: {a: {adb: x}}", "boards: {a: {adb: x}, b: {adb: h}}"),
        ("{boards: {}}", "{boards: {b: {adb: h}}}"),
        ("boards:\n- {}\n", None),
        ("boards: ~\n", None),
        ("{groups: {}}", None),
        ("\ufeffboards:\r\n  a:\r\n    adb: x", "\ufeffboards:\r\n  a:\r\n    adb: x\r\n  b:\r\n"),
    ],
)
def test_a_board_is_added_to_any_form_of_file(before, after):
    if after is None:
        with pytest.raises(InventoryError, match=r"f\.yaml:[12]"):
            changed(before, ("add", "boards", {"b": {"adb": "h"}}))
    else:
        assert changed(before, ("add", "boards", {"b": {"adb": "h"}})).startswith(after)


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_a_board_is_taken_out_of_braces(name):
    after = changed("boards: {a: {adb: h}, b: {adb: h}, c: {adb: h}}  # x\n", ("remove", name))
    left = [other for other in "abc" if other != name]
    assert after == "boards: {" + ", ".join(f"{o}: {{adb: h}}" for o in left) + "}  # x\n"


def test_the_last_board_leaves_an_inventory_without_boards(tmp_path):
    assert changed("boards: {a: {adb: h}}\n", ("remove", "a")) == "boards: {}\n"
    assert changed("boards:\n  a:\n    adb: h\n", ("remove", "a")) == "boards:\n"


@pytest.mark.parametrize("text", ["no", "~", "a: b", "a #b", "é", '"', "x:", "- a", "1e3", "", "{"])
def test_a_value_reads_back_as_it_was_written(text):
    file = Document("f", f"boards: {{b: {{adb: {scalar(text)}}}}}".encode())
    assert file.value("b", "adb") == text


def inventory(tmp_path: Path) -> Path:
    file = tmp_path / "boards.yaml"
    file.write_text(COMMENTED)
    file.chmod(0o640)
    return file


def test_an_identity_is_recorded_once_and_the_mode_stays(tmp_path):
    file = inventory(tmp_path)
    board = load_inventory(file).boards["board1"]
    record_identity(board, "dt:first")
    record_identity(board, "dt:second")
    assert load_inventory(file).boards["board1"].identity == "dt:first"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    replace_identity(board, "dt:third")
    assert load_inventory(file).boards["board1"].identity == "dt:third"
    assert [p.name for p in tmp_path.iterdir()] == ["boards.yaml"]
    assert diff(COMMENTED, file.read_text()) == ["+        identity: dt:third"]


def test_many_identities_are_one_write(tmp_path):
    file = tmp_path / "boards.yaml"
    file.write_text("boards:\n" + "".join(f"  b{i}: {{adb: h}}\n" for i in range(200)))
    boards = load_inventory(file).boards.values()
    node = file.stat().st_ino
    record_identities((board, f"dt:{board.name}") for board in boards)
    assert file.stat().st_ino != node
    after = load_inventory(file).boards.values()
    assert [b.identity for b in after] == [f"dt:b{i}" for i in range(200)]


def test_a_board_without_a_file_or_without_a_key_is_left_alone(tmp_path):
    file = inventory(tmp_path)
    record_identity(Board(name="made-by-hand"), "dt:x")
    record_identity(load_inventory(file).boards["board1"], "")
    assert file.read_text() == COMMENTED


def test_an_inventory_that_cannot_be_written_is_a_warning(tmp_path, caplog):
    file = inventory(tmp_path)
    board = load_inventory(file).boards["board1"]
    file.unlink()
    file.mkdir()  # no one can write it, not even root
    record_identity(board, "dt:x")
    assert "board1" in caplog.text
    assert "not recorded" in caplog.text
    with pytest.raises(InventoryError, match=r"boards\.yaml"):
        replace_identity(board, "dt:x")


def test_a_failed_change_leaves_the_file_and_nothing_beside_it(tmp_path):
    file = inventory(tmp_path)

    def fail(document: Document) -> bool:
        document.remove("board1")
        raise KeyError("bug")

    with pytest.raises(KeyError):
        edit_file(file, fail)
    assert file.read_text() == COMMENTED
    assert [p.name for p in tmp_path.iterdir()] == ["boards.yaml"]


def test_a_link_stays_a_link(tmp_path):
    file = inventory(tmp_path)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    record_identity(load_inventory(link).boards["board1"], "dt:x")
    assert link.is_symlink()
    assert "dt:x" in file.read_text()


def _record(file: str, number: int) -> None:
    for i in range(number, 24, 4):
        record_identity(load_inventory(Path(file)).boards[f"b{i}"], f"dt:{i}")


def test_four_processes_at_once_lose_nothing(tmp_path):
    file = tmp_path / "boards.yaml"
    file.write_text("boards:\n" + "".join(f"  b{i}: {{adb: h}}\n" for i in range(24)))
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_record, args=(str(file), n)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    identities = [board.identity for board in load_inventory(file).boards.values()]
    assert identities == [f"dt:{i}" for i in range(24)]
    assert [p.name for p in tmp_path.iterdir()] == ["boards.yaml"]
