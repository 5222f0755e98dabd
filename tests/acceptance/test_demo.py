"""`rkops demo` as a user runs it: it ends well, and nothing of it is left."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.kit import RKOPS, World, wait_until
from tests.lab.conftest import need_namespaces

pytestmark = pytest.mark.adb
FORBID = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'


@pytest.fixture
def temporary(world: World, tmp_path: Path) -> Path:
    """Where the demo puts its things."""
    place = tmp_path / "tmp"
    place.mkdir()
    return place


def _nothing_left(world: World, temporary: Path, before: list[Path]) -> None:
    assert wait_until(lambda: not world.processes(adb=True)), world.processes(adb=True)
    assert {found.name for found in temporary.iterdir()} <= {f"adb.{os.getuid()}.log"}  # adb's own
    assert _files(world.place) == before
    assert str(temporary) not in Path("/proc/self/mountinfo").read_text()


def _files(place: Path) -> list[Path]:
    own = (".cache", ".android")  # the packed agent, adb's key
    return sorted(found for found in place.rglob("*") if not set(own) & set(found.parts))


def _tells_the_story(said: str) -> None:
    steps = [line for line in said.splitlines() if line.startswith("$ rkops ")]
    assert [" ".join(step.split()[2:4]) for step in steps] == [
        *("lab up", "doctor --all", "deploy --all", "deploy --all", "deploy --all"),
        *("deploy --all", "deploy --all", "lab down"),
    ]
    assert "RKN112" in said
    assert "refused" in said
    assert "switched" in said
    assert "simulated" in said


@pytest.mark.namespaces
def test_on_boards_of_this_machine(world: World, temporary: Path) -> None:
    need_namespaces()
    before = _files(world.place)
    done = world.run("demo", seconds=100, TMPDIR=str(temporary))
    _tells_the_story(done.stdout)
    assert "wire boards" not in done.stdout + done.stderr
    _nothing_left(world, temporary, before)


@pytest.mark.namespaces
def test_where_namespaces_are_forbidden(world: World, temporary: Path) -> None:
    need_namespaces()
    if shutil.which("unshare") is None:
        pytest.skip("no unshare program to forbid namespaces with")
    before = _files(world.place)
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", FORBID, "sh", RKOPS, "demo"],
        env=world.env(TMPDIR=str(temporary)),
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "using recorded wire boards" in done.stderr
    _tells_the_story(done.stdout)
    _nothing_left(world, temporary, before)
