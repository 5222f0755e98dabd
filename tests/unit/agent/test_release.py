import hashlib
import json
import os
from pathlib import Path

import pytest

from rkops.agent import release, shelf
from rkops.agent.frames import AgentFault
from tests.unit.agent.release_board import Board


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_a_release_is_named_by_its_hash_and_current(board: Board) -> None:
    done = board.deploy(b"one")
    assert done["release"] == hashlib.sha256(b"one").hexdigest()[:12]
    assert str((board.root / "current").readlink()) == done["release"]
    assert board.current() == b"one"
    assert board.leftovers() == []
    assert board.free()


def test_what_is_there_is_not_pushed_again(board: Board) -> None:
    board.deploy(b"one")
    again = board.prepare(b"one")
    assert again["state"] == "present"
    assert again["current"] == again["release"]
    assert not Path(again["dir"]).exists()
    assert board.free()


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_other_accounts_may_read_the_model(board: Board, umask: int) -> None:
    old = os.umask(umask)
    try:
        board.deploy(b"one")
    finally:
        os.umask(old)
    modes = {path.stat().st_mode & 0o055 for path in (board.model_dir, board.root)}
    assert modes == {0o055}


@pytest.mark.parametrize(
    ("pushed", "said"), [(b"on", "2 of 3 bytes"), (b"two", "another sha256"), (None, "No such")]
)
def test_a_damaged_push_changes_nothing(board: Board, pushed: bytes | None, said: str) -> None:
    board.deploy(b"old")
    prepared = board.prepare(b"one")
    if pushed is not None:
        (Path(prepared["dir"]) / "yolo.rknn").write_bytes(pushed)
    with pytest.raises(AgentFault, match=said) as caught:
        release.commit(board.wanted(b"one"), None)
    assert caught.value.hint != ""
    assert board.current() == b"old"
    assert board.leftovers() == []
    assert board.free()


def test_parts_of_a_parallel_push_do_not_come_along(board: Board) -> None:
    prepared = board.prepare(b"one")
    incoming = Path(prepared["dir"])
    (incoming / "yolo.rknn").write_bytes(b"one")
    (incoming / "yolo.rknn.part7").write_bytes(b"e")
    (incoming / "more").mkdir()
    done = release.commit(board.wanted(b"one"), None)
    names = {path.name for path in (board.root / done["release"]).iterdir()}
    assert names == {"manifest.json", "yolo.rknn"}


def test_the_last_three_stay(board: Board) -> None:
    releases = [board.deploy(data)["release"] for data in (b"1", b"2", b"3", b"4")]
    assert shelf.release_ids(str(board.root)) == sorted(releases[1:])


def test_the_way_back_is_never_pruned(board: Board) -> None:
    first = board.deploy(b"1")["release"]
    second = board.deploy(b"2", keep=1)
    assert second["kept"] == [second["release"], first]
    release.switch(board.request(previous=True), None)
    third = board.deploy(b"3", keep=1)
    assert sorted(third["kept"]) == sorted([third["release"], first])
    assert third["previous"] == first


def test_rollback_goes_to_and_fro(board: Board) -> None:
    for data in (b"1", b"2"):
        board.deploy(data)
    for wanted in (b"1", b"2", b"1"):
        release.switch(board.request(previous=True), None)
        assert board.current() == wanted


def test_a_switch_that_was_only_announced_does_not_count(board: Board) -> None:
    first, second = (board.deploy(data)["release"] for data in (b"1", b"2"))
    never = board.deploy(b"3")["release"]
    (board.root / "current").unlink()
    (board.root / "current").symlink_to(second)
    assert shelf.previous_of(str(board.root)) == first
    fourth = board.deploy(b"4")
    assert fourth["previous"] == second
    assert fourth["removed"] == [never]


def test_a_damaged_release_is_not_switched_to(board: Board) -> None:
    first = board.deploy(b"1")["release"]
    board.deploy(b"2")
    path = board.root / first / "yolo.rknn"
    status = path.stat()
    path.write_bytes(b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(AgentFault, match="is not whole"):
        release.switch(board.request(previous=True), None)
    assert board.current() == b"2"
    assert board.free()


@pytest.mark.parametrize("asked", ["", "000000000000", "../x"])
def test_a_release_that_is_not_there(board: Board, asked: str) -> None:
    there = board.deploy(b"1")["release"]
    with pytest.raises(AgentFault, match="no release") as caught:
        release.switch(board.request(release=asked), None)
    assert there in caught.value.hint


def test_a_damaged_release_is_replaced(board: Board) -> None:
    first = board.deploy(b"1")["release"]
    (board.root / first / "yolo.rknn").write_bytes(b"damaged")
    prepared = board.prepare(b"1")
    assert prepared["state"] == "ready"
    assert "7 bytes, not 1" in prepared["problem"]
    (Path(prepared["dir"]) / "yolo.rknn").write_bytes(b"1")
    release.commit(board.wanted(b"1"), None)
    assert board.current() == b"1"
    assert board.leftovers() == []


def test_leftovers_of_the_dead_are_swept(board: Board) -> None:
    board.deploy(b"1")
    for name in (".incoming-dead", ".trash-dead-0"):
        (board.root / name).mkdir()
        (board.root / name / "x").write_bytes(b"x")
    (board.root / ".current-dead").symlink_to("nowhere")
    (board.root / ".history-dead").write_bytes(b"[")
    other = board.model_dir / "other"
    (other / ".incoming-dead").mkdir(parents=True)
    swept = board.prepare(b"2")["swept"]
    assert len(swept) == 5
    assert list(other.iterdir()) == []


def test_no_space_names_both_figures(board: Board, tmp_path: Path) -> None:
    huge = board.wanted(b"1")
    huge["files"][0]["size"] = 1 << 60
    with pytest.raises(AgentFault, match=r"needs [\d.]+ MB .* has [\d.]+ MB free") as caught:
        release.prepare(huge, None)
    assert caught.value.code == "no-space"
    assert board.leftovers() == []
    assert board.free()


@pytest.mark.parametrize(
    "wrong",
    [
        {"model_dir": "relative"},
        {"name": "../up"},
        {"name": ""},
        {"name": 7},
        {"holder": None},
        {"holder": {"token": "a/b"}},
        {"files": []},
        {"files": [{"name": "x", "size": -1, "sha256": "0" * 64}]},
        {"files": [{"name": "../x", "size": 1, "sha256": "0" * 64}]},
        {"files": [{"name": "x", "size": 1, "sha256": "zz"}]},
    ],
)
def test_a_request_that_makes_no_sense_touches_nothing(
    board: Board, tmp_path: Path, wrong: dict[str, object]
) -> None:
    with pytest.raises(AgentFault) as caught:
        release.prepare({**board.wanted(b"1"), **wrong}, None)
    assert caught.value.code == "bad-request"
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_followed_out_of_the_model_directory(board: Board, tmp_path: Path) -> None:
    board.model_dir.mkdir()
    (tmp_path / "elsewhere").mkdir()
    board.root.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AgentFault) as caught:
        board.prepare(b"1")
    assert caught.value.code == "bad-path"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_list_tells_states_apart(board: Board) -> None:
    whole, differs, incomplete = (board.deploy(data)["release"] for data in (b"1", b"2", b"3"))
    (board.root / differs / "yolo.rknn").write_bytes(b"x")
    (board.root / incomplete / "manifest.json").write_text("[")
    (model,) = release.VERBS["release-list"]({"model_dir": str(board.model_dir)}, None)["models"]
    assert {one["id"]: one["state"] for one in model["releases"]} == {
        whole: "whole",
        differs: "differs",
        incomplete: "incomplete",
    }
    assert model["previous"] == differs
    assert all(one["problem"] for one in model["releases"] if one["id"] != whole)


def test_a_copied_release_is_hashed_and_time_is_bounded(board: Board) -> None:
    one = board.deploy(b"1")["release"]
    path = board.root / one / "yolo.rknn"
    path.unlink()
    path.write_bytes(b"1")
    assert shelf.inspect(str(path.parent))[0] == "whole"
    (model,) = shelf.list_models(str(board.model_dir), seconds=-1)
    assert model["releases"][0]["state"] == "unchecked"


def test_no_model_directory_holds_no_models(tmp_path: Path) -> None:
    assert shelf.list_models(str(tmp_path / "none")) == []


@pytest.mark.parametrize(
    "text", [b"", b"[", b"{}", b"\xff", b'{"files": [1]}', b'{"files": {}}', b"[" * 100_000]
)
def test_a_damaged_manifest_is_none(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(text)
    assert shelf.read_manifest(str(tmp_path)) is None


def test_the_manifest_tells_what_was_pushed(board: Board) -> None:
    done = board.deploy(b"1")
    manifest = json.loads((board.root / done["release"] / "manifest.json").read_text())
    (entry,) = manifest["files"]
    status = (board.root / done["release"] / "yolo.rknn").stat()
    assert entry["inode"] == status.st_ino
    assert entry["ctime_ns"] == status.st_ctime_ns
    assert manifest["holder"] == "anna@ops1"
