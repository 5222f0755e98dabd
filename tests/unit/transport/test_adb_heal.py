"""Links that look well at the adb server and are not: they heal by themselves."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from rkops.core.deadline import Deadline
from rkops.core.errors import BoardUnauthorizedError, DeadlineError
from rkops.lab.here.endpoint import HereEndpoint
from rkops.lab.wire.boards import WireBoard, WireLab
from rkops.lab.wire.replay import ReplayEndpoint
from rkops.transport.adb.transport import AdbTransport, open_adb
from tests.contract.adbserver import own_adb_server_port

pytestmark = pytest.mark.adb


def soon(seconds: float = 10) -> Deadline:
    return Deadline.after(seconds)


@pytest.fixture(scope="module")
def lab() -> Iterator[WireLab]:
    boards = [
        WireBoard(name, ReplayEndpoint({"": b"hi\n"})) for name in ("stalls", "mute", "later")
    ]
    boards.append(WireBoard("busy", HereEndpoint()))
    with own_adb_server_port(), WireLab(boards) as lab:
        yield lab


def opened(lab: WireLab, name: str, seconds: float = 10) -> AdbTransport:
    return open_adb(lab.adb[name], board=name, deadline=soon(seconds))


def test_a_link_that_stalled_is_made_anew_in_the_same_run(lab: WireLab) -> None:
    board = opened(lab, "stalls")
    faults = lab.boards["stalls"].faults
    faults.change(stall_after_bytes=10)
    with pytest.raises(DeadlineError):
        board.run(["echo", "much to say"], deadline=soon(0.6))
    faults.clear()
    began = time.monotonic()
    assert opened(lab, "stalls").run(["x"], deadline=soon(4)).stdout == b"hi\n"
    assert time.monotonic() - began < 3.5


def test_a_link_that_led_nowhere_is_forgotten(lab: WireLab) -> None:
    faults = lab.boards["mute"].faults
    faults.change(mute=True)
    with pytest.raises(DeadlineError, match="adbd"):
        opened(lab, "mute").run(["x"], deadline=soon(0.6))
    faults.clear()
    board = opened(lab, "mute", 5)
    assert board._made
    assert board.run(["x"], deadline=soon(1)).stdout == b"hi\n"


def test_a_key_that_is_accepted_later(lab: WireLab) -> None:
    faults = lab.boards["later"].faults
    faults.change(unauthorized=True)
    with pytest.raises(BoardUnauthorizedError):
        opened(lab, "later")
    with pytest.raises(BoardUnauthorizedError):
        opened(lab, "later")
    faults.clear()
    assert opened(lab, "later").run(["x"], deadline=soon()).stdout == b"hi\n"


def test_what_runs_over_a_link_is_not_cut_when_it_is_slow(lab: WireLab) -> None:
    board = opened(lab, "busy")
    faults = lab.boards["busy"].faults
    late: list[bool] = []

    def ask() -> None:
        with suppress(DeadlineError):
            board.run(["true"], deadline=soon(3))
        late.append(True)

    with board.stream(["sh", "-c", "echo begun; sleep 2; echo ended"], deadline=soon()) as pieces:
        assert next(pieces) == b"begun\n"
        faults.change(mute=True)
        asked = threading.Thread(target=ask)
        asked.start()
        assert next(pieces) == b"ended\n"
        assert not late
    asked.join()
