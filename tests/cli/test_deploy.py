"""`rkops deploy` on wire boards: real adb server, real agent, a directory for each board."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rkops.agent.lock import BoardLock
from rkops.core.exit import ExitCode
from rkops.lab.adb.daemon import Manner
from tests.crash.boards import Site, leftovers, model, wire_boards
from tests.unit.checks.profiles import healthy, wrong_soc

pytestmark = pytest.mark.adb


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with wire_boards(tmp_path, "b1", "b2") as site:
        yield site


def test_every_board_gets_the_model_and_then_no_byte_more(site: Site, tmp_path: Path) -> None:
    path = model(tmp_path / "m.rknn")
    first = site.rkops("deploy", "--all", str(path))
    assert first.code == ExitCode.OK, first.err
    assert "all 2 boards are as asked: 2 pushed" in first.out
    for board in ("b1", "b2"):
        deployed = site.model_dir(board) / "m" / "current" / "m.rknn"
        assert deployed.read_bytes() == path.read_bytes()
        assert site.pushed_models(board) != []
        site.endpoints[board].pushed.clear()
    again = site.rkops("deploy", "--all", "--format", "json", str(path))
    assert [row["action"] for row in again.rows] == ["unchanged", "unchanged"]
    assert [row["sent_bytes"] for row in again.rows] == [0, 0]
    assert site.endpoints["b1"].pushed == site.endpoints["b2"].pushed == []


def test_json_says_what_was_done(site: Site, tmp_path: Path) -> None:
    path = model(tmp_path / "m.rknn")
    report = json.loads(site.rkops("deploy", "-b", "b1", "--format", "json", str(path)).out)
    assert report["schema"] == "rkops.deploy/1"
    assert report["complete"] is True
    (row,) = report["changes"]
    assert row["board"] == "b1"
    assert row["action"] == "pushed"
    assert row["sent_bytes"] == row["size_bytes"] == path.stat().st_size
    assert row["release"] == site.current("b1")


def test_partial_success_differs_in_table_and_exit_code(site: Site, tmp_path: Path) -> None:
    path = model(tmp_path / "m.rknn")
    site.faults["b2"].change(refuse=True)
    ran = site.rkops("deploy", "--all", str(path))
    assert ran.code == ExitCode.UNREACHABLE
    assert ran.out.splitlines()[-1].startswith("INCOMPLETE: 1 of 2 boards are as asked")
    assert site.current("b1") != ""


def test_a_failed_board_counts_more_than_a_lost_one(tmp_path: Path) -> None:
    path = model(tmp_path / "m.rknn")
    with wire_boards(tmp_path, "b1", "b2", "b3") as site:
        site.faults["b2"].change(refuse=True)
        site.model_dir("b3").write_text("a file where the directory should be")
        ran = site.rkops("deploy", "--all", "--format", "json", str(path))
        assert ran.code == ExitCode.CHANGE_FAILED
        assert [row["action"] for row in ran.rows] == ["pushed", "lost", "failed"]
        assert str(site.model_dir("b3")) in str(ran.rows[2]["message"])
        assert ran.rows[2]["hint"] != ""


@pytest.mark.parametrize("fault", ["disk_full", "read_only", "short_write"])
def test_a_push_that_fails_leaves_nothing(site: Site, tmp_path: Path, fault: str) -> None:
    assert site.rkops("deploy", "-b", "b1", str(model(tmp_path / "m.rknn"))).code == ExitCode.OK
    old = site.current("b1")
    site.faults["b1"].change(**{fault: True})
    ran = site.rkops("deploy", "-b", "b1", str(model(tmp_path / "m.rknn", letter="B")))
    assert ran.code == ExitCode.CHANGE_FAILED, ran.out
    assert site.current("b1") == old
    assert leftovers(site, "b1") == []


def test_rollback_to_and_list(site: Site, tmp_path: Path) -> None:
    releases = []
    for letter in "ABC":
        path = model(tmp_path / "m.rknn", letter=letter)
        assert site.rkops("deploy", "-b", "b1", str(path)).code == ExitCode.OK
        releases.append(site.current("b1"))
    back = site.rkops("deploy", "-b", "b1", "--rollback")
    assert back.code == ExitCode.OK, back.out
    assert site.current("b1") == releases[1]
    assert site.rkops("deploy", "-b", "b1", "--to", releases[0][:6]).code == ExitCode.OK
    assert site.current("b1") == releases[0]
    for more in ([], ["--dry-run"]):
        argv = ["deploy", "-b", "b1", "--to", releases[0], "--format", "json", *more]
        (row,) = site.rkops(*argv).rows
        assert (row["action"], row["previous"]) == ("unchanged", releases[1])
    listing = json.loads(site.rkops("deploy", "--list", "--all", "--format", "json").out)
    (shown,) = listing["boards"][0]["models"]
    assert shown["current"]["value"] == releases[0]
    assert shown["previous"] == releases[1]
    assert {one["id"]: one["state"] for one in shown["releases"]} == dict.fromkeys(
        releases, "whole"
    )
    assert listing["boards"][1]["models"] == []
    assert "current" in site.rkops("deploy", "--list", "-b", "b1").out


def test_nothing_to_roll_back_to_is_a_failure(site: Site, tmp_path: Path) -> None:
    assert site.rkops("deploy", "-b", "b1", str(model(tmp_path / "m.rknn"))).code == ExitCode.OK
    ran = site.rkops("deploy", "--all", "--rollback")
    assert ran.code == ExitCode.CHANGE_FAILED
    assert "no release of m was current before" in ran.out
    assert "b2: no model is deployed" in ran.out


def test_a_board_that_never_had_the_model_is_no_failure(site: Site, tmp_path: Path) -> None:
    for letter in "AB":
        path = str(model(tmp_path / "m.rknn", letter=letter))
        assert site.rkops("deploy", "-b", "b1", path).code == ExitCode.OK
    for argv in (["--rollback"], ["--rollback", "--name", "m"]):
        ran = site.rkops("deploy", "--all", *argv, "--format", "json")
        assert ran.code == ExitCode.OK, ran.out
        assert [row["action"] for row in ran.rows] == ["switched", "nothing-there"]
    for argv in (["-b", "b2"], ["--all", "--name", "other"]):
        ran = site.rkops("deploy", "--rollback", *argv)
        assert ran.code == ExitCode.CHANGE_FAILED
        assert ran.out.splitlines()[-1].startswith("INCOMPLETE: no board has it")


def test_dry_run_changes_nothing(site: Site, tmp_path: Path) -> None:
    path = model(tmp_path / "m.rknn")
    ran = site.rkops("deploy", "--all", "--dry-run", "--format", "json", str(path))
    assert ran.code == ExitCode.OK
    assert [row["action"] for row in ran.rows] == ["would-push", "would-push"]
    assert not site.model_dir("b1").exists()


def test_another_board_at_the_address_is_not_touched(tmp_path: Path) -> None:
    with wire_boards(tmp_path, "b1", identity="dt:someone-else") as site:
        ran = site.rkops("deploy", "--all", "--format", "json", str(model(tmp_path / "m.rknn")))
        assert ran.code == ExitCode.CHANGE_FAILED
        assert [row["action"] for row in ran.rows] == ["refused"]
        assert site.endpoints["b1"].pushed == []
        assert not site.model_dir("b1").exists()
        assert list((tmp_path / "b1" / "home").iterdir()) == []


def test_the_list_says_why_models_are_not_known(site: Site) -> None:
    site.endpoints["b1"].python = False
    site.faults["b2"].change(refuse=True)
    ran = site.rkops("deploy", "--all", "--list")
    rows = {line.split()[0]: line for line in ran.out.splitlines()[1:3]}
    assert "no python3" in rows["b1"]
    assert "no answer" in rows["b2"]


def test_the_list_tells_another_board_from_none(tmp_path: Path) -> None:
    with wire_boards(tmp_path, "b1", identity="dt:someone-else") as site:
        ran = site.rkops("deploy", "--all", "--list")
        assert ran.code == ExitCode.CHANGE_FAILED
        assert "another board" in ran.out.splitlines()[1]


def _hold(site: Site, board: str) -> tuple[BoardLock, dict[str, str]]:
    site.model_dir(board).mkdir()
    holder = {"token": "t9", "who": "otto@ops2", "host": "ops2", "process": "4711:1"}
    with BoardLock(str(site.model_dir(board))) as lock:
        assert lock.take(holder) is None
    return lock, holder


def test_the_holder_of_the_lock_is_named(site: Site, tmp_path: Path) -> None:
    _hold(site, "b1")
    path = str(model(tmp_path / "m.rknn"))
    ran = site.rkops("deploy", "--all", "--timeout", "3", "--format", "json", path)
    assert ran.code == ExitCode.CHANGE_FAILED
    assert [row["action"] for row in ran.rows] == ["failed", "pushed"]
    assert "otto@ops2 (process 4711)" in str(ran.rows[0]["message"])


def test_the_second_host_waits_for_the_first(site: Site, tmp_path: Path) -> None:
    lock, holder = _hold(site, "b1")

    def finish() -> None:
        time.sleep(1.5)
        with lock:
            lock.give_back(holder)

    other = threading.Thread(target=finish)
    other.start()
    ran = site.rkops("deploy", "-b", "b1", str(model(tmp_path / "m.rknn")))
    other.join()
    assert ran.code == ExitCode.OK, ran.out
    assert site.current("b1") != ""


def test_what_will_not_run_is_refused_unless_forced(site: Site, tmp_path: Path) -> None:
    site.endpoints["b1"].facts = healthy()
    site.endpoints["b2"].facts = wrong_soc()
    path = str(model(tmp_path / "m.rknn"))
    ran = site.rkops("deploy", "--all", "--format", "json", path)
    assert ran.code == ExitCode.CHANGE_FAILED, ran.err
    assert [row["action"] for row in ran.rows] == ["pushed", "refused"]
    assert "rk3568" in str(ran.rows[1]["message"])
    assert "--force" in str(ran.rows[1]["hint"])
    assert site.pushed_models("b2") == []
    assert not site.model_dir("b2").exists()
    forced = site.rkops("deploy", "--all", "--force", "--format", "json", path)
    assert forced.code == ExitCode.OK
    assert [row["action"] for row in forced.rows] == ["unchanged", "pushed"]
    assert str(forced.rows[1]["message"]).startswith("forced: ")


def test_two_deploys_at_once_both_come_through(site: Site, tmp_path: Path) -> None:
    paths = [model(tmp_path / f"m{n}.rknn", letter=n, padding=2_000_000) for n in "12"]
    runs = [site.start("deploy", "--all", "--name", "m", str(path)) for path in paths]
    outs = [run.communicate(timeout=60) for run in runs]
    assert [run.returncode for run in runs] == [ExitCode.OK, ExitCode.OK], outs
    for board in ("b1", "b2"):
        assert len(list((site.model_dir(board) / "m").glob("*/manifest.json"))) == 3
        assert leftovers(site, board) == []


def test_a_legacy_board_works_too(tmp_path: Path) -> None:
    with wire_boards(tmp_path, "b1", manner=Manner.LEGACY) as site:
        path = model(tmp_path / "m.rknn", padding=3_000_000)
        assert site.rkops("deploy", "--all", str(path)).code == ExitCode.OK
        deployed = site.model_dir("b1") / "m" / "current" / "m.rknn"
        assert deployed.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["deploy", "--all"], "no model file is named"),
        (["deploy", "--all", "--list", "x.rknn"], "--list stands alone"),
        (["deploy", "--all", "--rollback", "--force"], "--force is for deploying"),
        (["deploy", "--all", "a/m.rknn", "b/m.rknn"], "would both be 'm'"),
        (["deploy", "--all", "--name", "../up", "m.rknn"], "no usable model name"),
        (["deploy", "--all", "--name", "x", "m.rknn", "a/m.rknn"], "--name is for one model"),
        (["deploy", "--all", "no.rknn"], "no.rknn"),
        (["deploy", "--all", "boards.yaml"], "boards.yaml"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, argv: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (".", "a", "b"):
        (tmp_path / folder).mkdir(exist_ok=True)
        model(tmp_path / folder / "m.rknn", letter=folder)
    site = Site(tmp_path / "boards.yaml", 1, tmp_path)
    site.inventory.write_text("boards:\n  b1:\n    adb: 127.0.104.9\n")
    ran = site.rkops(*argv)
    assert ran.code == ExitCode.USAGE, ran.out
    assert said in ran.err
    assert "try:" in ran.err
