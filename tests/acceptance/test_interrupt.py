"""Ctrl-C at any moment: exit 130 at once, nothing half-written, no process left."""

import contextlib
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.acceptance.kit import MODEL, OTHER_MODEL, World, interrupt, wait_until
from tests.lab.conftest import need_namespaces
from tests.lab.test_host import mounts_of

pytestmark = [pytest.mark.namespaces, pytest.mark.adb]
AT_ONCE = 4.0
"""Seconds: longer than a busy machine needs, shorter than any timeout of the commands."""
BOTH = ("healthy", "version-mix")
SLOW = ("payload-bytes=4096", "delay-seconds=0.25")
"""50 kB take several seconds on such a link."""
MODELS = "/opt/rkops/models"
CURRENT = f"{MODELS}/tiny/current/tiny.rknn"
SIZES = {str(model.stat().st_size) for model in (MODEL, OTHER_MODEL)}
RELEASES = {sha256(model.read_bytes()).hexdigest()[:12] for model in (MODEL, OTHER_MODEL)}


@pytest.fixture(scope="module")
def boards(world: World) -> World:
    need_namespaces()
    world.run("lab", "up", "--profile", "healthy,version-mix")
    world.run("deploy", "--all", "--name", "tiny", str(MODEL))
    return world


@contextlib.contextmanager
def links(boards: World, *faults: str) -> Iterator[None]:
    """Spoil the links of both boards for a while."""
    for board in BOTH:
        for fault in faults:
            boards.run("lab", "fault", board, fault)
    yield
    for board in BOTH:
        boards.run("lab", "fault", board, "none")


def _interrupted(world: World, argv: tuple[str, ...], after: float) -> None:
    """Run a command, interrupt it in its work, and see that it ends well."""
    there = set(world.processes())
    with world.started(*argv) as process:
        time.sleep(after)
        assert process.poll() is None, "too quick to be interrupted"
        code, said, seconds = interrupt(process)
    assert code == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said
    assert seconds < AT_ONCE
    assert wait_until(lambda: set(world.processes()) <= there), world.processes()


def test_doctor(boards: World) -> None:
    with links(boards, "mute"):
        _interrupted(boards, ("doctor", "--all", "--timeout", "30"), 1.0)
    assert boards.fired("healthy") == set()


def test_deploy(boards: World) -> None:
    with links(boards, *SLOW):
        for after in (0.8, 2.5):
            _interrupted(boards, ("deploy", "--all", "--name", "tiny", str(OTHER_MODEL)), after)
            for board in BOTH:
                assert boards.inside(board, f"stat -L -c %s {CURRENT}").strip() in SIZES
                left = set(boards.inside(board, f"cd {MODELS}; ls -A . tiny").split())
                assert left - RELEASES <= {".:", ".rkops-lock", "tiny", "tiny:", ".history"} | {
                    "current"
                }
    report = boards.run("deploy", "--all", "--name", "tiny", str(OTHER_MODEL))
    assert "busy" not in report.stderr
    assert all("RKD103" not in boards.fired(board) for board in BOTH)


def test_push(boards: World) -> None:
    for board in BOTH:
        boards.inside(board, "mkdir /root/in; echo old > /root/in/there")
    with links(boards, *SLOW):
        for after in (0.8, 2.0):
            _interrupted(boards, ("push", "--all", str(OTHER_MODEL), "/root/in/there"), after)
            for board in BOTH:
                # A board hears that the link is gone when its packets are through.
                assert wait_until(lambda at=board: boards.inside(at, "ls -A /root/in") == "there\n")
                assert boards.inside(board, "stat -c %s /root/in/there").strip() in {"4", *SIZES}


@pytest.mark.parametrize("after", [0.2, 0.4])
def test_lab_up(tmp_path: Path, after: float) -> None:
    need_namespaces()
    world = World(tmp_path / "world")
    with world.started("lab", "up", "6") as process:
        time.sleep(after)
        if process.poll() is None:
            code, said, _ = interrupt(process)
        else:
            code, said = process.wait(), ""
    if code == 130:
        assert "Traceback" not in said
        assert wait_until(lambda: not world.processes()), world.processes()
        assert mounts_of(world.lab) == []
        assert world.run("lab", "ls").stdout == ""
        world.run("lab", "up", "1")
    assert code in (0, 130), said
    world.end()
    assert wait_until(lambda: not world.processes()), world.processes()
