"""The host dies, is interrupted, or the link breaks: at any stage `current` stays whole."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rkops.agent import shelf
from rkops.core.exit import ExitCode
from rkops.lab.adb.daemon import Manner
from tests.crash.boards import Site, leftovers, model, wire_boards

pytestmark = pytest.mark.adb
_PADDING = 4_000_000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with wire_boards(tmp_path, "b1") as site:
        yield site


def _deploy(site: Site, tmp_path: Path, letter: str) -> str:
    """Deploy a model that differs by its letter; return its release."""
    ran = site.rkops("deploy", "--all", str(_model(tmp_path, letter)))
    assert ran.code == ExitCode.OK, ran.out + ran.err
    assert leftovers(site, "b1") == []
    return site.current("b1")


def _model(tmp_path: Path, letter: str) -> Path:
    folder = tmp_path / letter
    folder.mkdir(exist_ok=True)
    return model(folder / "m.rknn", letter=letter, padding=_PADDING)


def _whole(site: Site) -> bool:
    root = site.model_dir("b1") / "m"
    state = shelf.inspect(str(root / site.current("b1")), thorough=True)[0]
    return bool(state == shelf.WHOLE)


def _wait_for_push(site: Site) -> None:
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        if any(path.stat().st_size for path in site.model_dir("b1").glob("m/.incoming-*/*")):
            return
        time.sleep(0.01)
    raise AssertionError("no push began")


def test_the_host_is_killed_at_any_time(site: Site, tmp_path: Path) -> None:
    _deploy(site, tmp_path, "A")
    started = time.monotonic()
    current = _deploy(site, tmp_path, "B")
    seconds = time.monotonic() - started
    for letter, part in zip("CDEFG", (0.3, 0.6, 0.75, 0.9, 0.97), strict=True):
        path = _model(tmp_path, letter)
        process = site.start("deploy", "--all", str(path))
        time.sleep(part * seconds)
        process.kill()
        process.communicate()
        assert site.current("b1") in {current, shelf.hash_file(path)[:12]}
        assert _whole(site)
        current = site.current("b1")
    assert _deploy(site, tmp_path, "H") != current
    assert _whole(site)


def test_the_host_is_killed_while_it_pushes(site: Site, tmp_path: Path) -> None:
    old = _deploy(site, tmp_path, "A")
    site.faults["b1"].change(delay_seconds=0.02)
    process = site.start("deploy", "--all", str(_model(tmp_path, "B")))
    _wait_for_push(site)
    process.kill()
    process.communicate()
    assert site.current("b1") == old
    assert _whole(site)
    site.faults["b1"].clear()
    new = _deploy(site, tmp_path, "B")
    assert new != old
    assert _whole(site)


def test_ctrl_c_cleans_up(site: Site, tmp_path: Path) -> None:
    old = _deploy(site, tmp_path, "A")
    site.faults["b1"].change(delay_seconds=0.02)
    process = site.start("deploy", "--all", str(_model(tmp_path, "B")))
    _wait_for_push(site)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)  # hung up by now; what follows is the cleaning
    site.faults["b1"].clear()
    process.communicate(timeout=15)
    assert process.returncode == ExitCode.INTERRUPTED
    assert time.monotonic() - started < 10
    assert leftovers(site, "b1") == []
    assert site.current("b1") == old


def test_ctrl_c_tells_which_boards_were_done(tmp_path: Path) -> None:
    with wire_boards(tmp_path, "b1", "b2") as site:
        site.faults["b1"].change(delay_seconds=0.2, payload_bytes=16384)  # for many seconds
        process = site.start("deploy", "--all", str(_model(tmp_path, "A")))
        _wait_for_push(site)
        end = time.monotonic() + 20
        while not site.current("b2") and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.3)  # its answer comes home
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=15)
        assert process.returncode == ExitCode.INTERRUPTED, err
        assert out.splitlines()[-1].startswith(
            "INCOMPLETE: 1 of 2 boards are as asked: 1 pushed, 1 stopped"
        )
        assert "interrupted" in err
        assert site.current("b1") == ""
        assert site.current("b2") != ""


@pytest.mark.parametrize("manner", list(Manner))
def test_the_link_drops_at_any_byte(tmp_path: Path, manner: Manner) -> None:
    with wire_boards(tmp_path, "b1", manner=manner) as site:
        current = _deploy(site, tmp_path, "A")
        drops = (0, 3_000, 400_000, 2_000_000, 4_000_000)
        for letter, after in zip("BCDEF", drops, strict=True):
            path = str(_model(tmp_path, letter))
            site.faults["b1"].change(drop_after_bytes=after)
            ran = site.rkops("deploy", "--all", "--timeout", "2", "--format", "json", path)
            site.faults["b1"].clear()
            assert _whole(site)
            if site.current("b1") == current:
                assert ran.rows[0]["action"] in {"lost", "failed"}
                assert ran.code in {ExitCode.UNREACHABLE, ExitCode.CHANGE_FAILED}
            current = site.current("b1")
        assert _deploy(site, tmp_path, "G") != current
        assert _whole(site)


def test_a_board_that_falls_silent_in_the_push_costs_its_timeout(
    site: Site, tmp_path: Path
) -> None:
    old = _deploy(site, tmp_path, "A")
    site.faults["b1"].change(stall_after_bytes=1_000_000)
    started = time.monotonic()
    ran = site.rkops("deploy", "--all", "--timeout", "2", str(_model(tmp_path, "B")))
    assert ran.code == ExitCode.UNREACHABLE
    assert time.monotonic() - started < 10
    assert site.current("b1") == old
    assert _whole(site)


def test_a_slow_push_may_take_longer_than_the_timeout(site: Site, tmp_path: Path) -> None:
    site.faults["b1"].change(delay_seconds=0.1)
    started = time.monotonic()
    ran = site.rkops("deploy", "--all", "--timeout", "2", str(_model(tmp_path, "A")))
    assert ran.code == ExitCode.OK, ran.out
    assert time.monotonic() - started > 2
