"""A board that accepts and never answers among twenty: it costs its own time, nobody else's."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from rkops.core.errors import DeadlineError
from rkops.core.result import Answered, Lost
from rkops.fleet.contact import GRACE_SECONDS
from rkops.fleet.inventory import load_inventory
from rkops.lab.faults import Faults
from rkops.lab.ssh.login import Account
from rkops.lab.wire.board import frames, recording
from rkops.lab.wire.boards import WireBoard, WireLab
from rkops.lab.wire.replay import ReplayEndpoint
from rkops.services.gather import gather
from tests.acceptance.kit import World
from tests.contract.adbserver import own_adb_server_port
from tests.contract.links.ssh import WIRE_HOST, new_key, wire

pytestmark = pytest.mark.adb
GOOD = [f"b{number}" for number in range(1, 21)]
TIMEOUT = 3.0
SLACK = 1.5
"""Seconds for a busy machine."""
HANGS = ("mute", "silent", "silent ssh")


def _reply(number: int) -> bytes:
    """What the healthy board's agent said, as a board of its own."""
    facts = recording("healthy")
    serial = f"be{number:06x}"
    facts["identity"]["key"] = f"dt:{serial}"
    facts["identity"]["serial"]["value"] = serial
    facts["system"]["epoch"] = time.time()
    return f"\n@rkops-id dt:{serial}\n".encode() + frames(facts)


@contextmanager
def fleet(place: Path, how: str) -> Iterator[Path]:
    """Twenty boards that answer at once and one that hangs; yields their inventory."""
    place.mkdir(exist_ok=True)
    good = [WireBoard(name, ReplayEndpoint({"": _reply(n)})) for n, name in enumerate(GOOD)]
    faults = Faults(silent=how.startswith("silent"), mute=how == "mute")
    with ExitStack() as stack:
        if how == "silent ssh":
            key, public = new_key(place)
            users = {"root": Account(keys=(public,))}
            port = stack.enter_context(wire(users, faults=faults))
            hung = f"{{ssh: 'root@{WIRE_HOST}:{port}', key: {key}}}"
        else:
            good.insert(10, WireBoard("hung", ReplayEndpoint({"": b""}), faults=faults))
        lab = stack.enter_context(WireLab(good))
        lines = [f"  {name}: {{adb: '{at.serial}'}}" for name, at in lab.adb.items()]
        if how == "silent ssh":
            lines.insert(10, f"  hung: {hung}")
        inventory = place / "boards.yaml"
        inventory.write_text("\n".join(["boards:", *lines]) + "\n")
        yield inventory


@pytest.fixture(scope="module")
def adb_server() -> Iterator[None]:
    with own_adb_server_port():
        yield


@pytest.mark.parametrize("how", HANGS)
@pytest.mark.usefixtures("adb_server")
def test_the_others_are_there_long_before(tmp_path: Path, how: str) -> None:
    heard: dict[str, float] = {}
    started = time.monotonic()
    with fleet(tmp_path, how) as inventory:
        boards = list(load_inventory(inventory).boards.values())
        results = gather(
            boards,
            timeout_seconds=TIMEOUT,
            jobs=64,
            on_result=lambda result: heard.update({result.board: time.monotonic() - started}),
        )
    by_name = {result.board: result for result in results}
    assert [by_name[name] for name in GOOD if not isinstance(by_name[name], Answered)] == []
    assert max(heard[name] for name in GOOD) < TIMEOUT - 0.5
    hung = by_name["hung"]
    assert isinstance(hung, Lost)
    assert isinstance(hung.error, DeadlineError)
    assert TIMEOUT - 0.2 <= hung.seconds <= TIMEOUT + GRACE_SECONDS + SLACK


@pytest.mark.parametrize("how", HANGS)
def test_doctor_shows_them_long_before(world: World, how: str) -> None:
    with (
        fleet(world.place / how.replace(" ", "-"), how) as inventory,
        world.started("doctor", "--all", "-i", str(inventory), "--timeout", "4") as process,
    ):
        begun = time.monotonic()
        assert process.stdout is not None
        shown = [(line.split(" ")[0], time.monotonic() - begun, line) for line in process.stdout]
        ended = time.monotonic() - begun
        assert process.wait() == 3
    rows = {name: (moment, line) for name, moment, line in shown if name in {*GOOD, "hung"}}
    assert list(rows) == [*GOOD, "hung"]
    assert max(rows[name][0] for name in GOOD) < 3.0
    assert rows["hung"][0] >= 3.8
    assert any("RKC107" in line for _, _, line in shown)
    assert ended <= 4 + GRACE_SECONDS + SLACK
