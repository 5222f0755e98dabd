"""Several rkops at once on an adb server that nobody started yet: none cuts another off."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from rkops.lab.here.endpoint import HereEndpoint
from rkops.lab.wire.boards import WireBoard, WireLab
from tests.acceptance.kit import World
from tests.contract.adbserver import kill_adb_server

ROUNDS = 4


@pytest.mark.adb
def test_nobody_is_told_that_the_board_is_gone(world: World, tmp_path: Path) -> None:
    inventory = tmp_path / "boards.yaml"
    for _ in range(ROUNDS):
        with WireLab([WireBoard("b", HereEndpoint())]) as lab, ExitStack() as stack:
            inventory.write_text(f"boards:\n  b: {{adb: '{lab.adb['b'].serial}'}}\n")
            argv = ("exec", "b", "-i", str(inventory), "--", "echo", "in")
            runs = [stack.enter_context(world.started(*argv)) for _ in range(4)]
            said = [run.communicate(timeout=60) for run in runs]
            assert [run.returncode for run in runs] == [0] * len(runs), said
            assert all("in" in out for out, _ in said)
        kill_adb_server(world.port)
