"""Wire boards: recorded answers, files in memory, faults while they run."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rkops.core.deadline import Deadline
from rkops.core.errors import BoardOfflineError, LabError
from rkops.lab.adb.daemon import Manner
from rkops.lab.faults import Faults
from rkops.lab.wire.boards import WireBoard, WireLab
from rkops.lab.wire.replay import ReplayEndpoint
from rkops.transport.adb.server import client_path
from rkops.transport.adb.transport import open_adb
from rkops.transport.base import AdbAddress
from tests.contract.adbserver import own_adb_server_port

pytestmark = pytest.mark.adb


def soon(seconds: float = 20) -> Deadline:
    return Deadline.after(seconds)


def test_many_recorded_boards_answer_for_themselves() -> None:
    boards = [
        WireBoard(f"b{n}", ReplayEndpoint({"who": b"board %d\n" % n}), manner=manner)
        for n, manner in enumerate((Manner.LEGACY, Manner.MODERN) * 30)
    ]
    with own_adb_server_port(), WireLab(boards) as lab, ThreadPoolExecutor(16) as pool:

        def ask(name: str) -> bytes:
            board = open_adb(lab.adb[name], board=name, deadline=soon())
            return board.run(["who"], deadline=soon()).stdout

        said = list(pool.map(ask, lab.adb))
    assert said == [b"board %d\n" % number for number in range(60)]


@pytest.mark.parametrize("manner", Manner)
def test_a_recorded_board_has_codes_and_files(manner: Manner, tmp_path: Path) -> None:
    endpoint = ReplayEndpoint({"fails": (b"no\n", 4), "typed": lambda _, typed: typed.upper()})
    board = WireBoard("b", endpoint, manner=manner)
    with own_adb_server_port(), WireLab([board]) as lab:
        link = open_adb(lab.adb["b"], board="b", deadline=soon())
        failed = link.run(["fails"], deadline=soon())
        assert (failed.code, failed.stdout) == (4, b"no\n")
        assert link.run(["never recorded"], deadline=soon()).code == 127
        if manner is Manner.MODERN:
            assert link.run(["typed"], stdin=b"abc", deadline=soon()).stdout == b"ABC"
        (tmp_path / "f").write_bytes(b"x" * 70_000)
        link.push(tmp_path / "f", "/tmp/f", mode=0o600, deadline=soon())
        assert endpoint.files["/tmp/f"] == b"x" * 70_000
        assert endpoint.modes["/tmp/f"] == 0o600
        assert endpoint.listdir("/tmp") == ["f"]
        assert link.pull("/tmp/f", tmp_path / "g", deadline=soon()) == 70_000


def test_the_adb_command_line_sees_a_board() -> None:
    board = WireBoard("b", ReplayEndpoint({"echo hi": (b"hi\n", 3)}))
    adb = client_path()
    assert adb is not None
    with own_adb_server_port(), WireLab([board]) as lab:
        serial = lab.adb["b"].serial
        open_adb(lab.adb["b"], board="b", deadline=soon()).close()
        said = subprocess.run(
            [adb, "-s", serial, "shell", "echo hi"], capture_output=True, check=False, timeout=20
        )
        assert (said.returncode, said.stdout) == (3, b"hi\n")


def test_an_exit_code_that_lies() -> None:
    board = WireBoard("b", ReplayEndpoint({"": (b"", 9)}), faults=Faults(exit_always_zero=True))
    with own_adb_server_port(), WireLab([board]) as lab:
        link = open_adb(lab.adb["b"], board="b", deadline=soon())
        assert link.run(["false"], deadline=soon()).code == 0


def test_offline_is_said_within_the_deadline() -> None:
    board = WireBoard("b", ReplayEndpoint({"": b""}))
    with own_adb_server_port(), WireLab([board]) as lab:
        link = open_adb(lab.adb["b"], board="b", deadline=soon())
        board.faults.change(offline=True)
        with pytest.raises(Exception, match=r"offline|greet|dead") as caught:
            link.run(["x"], deadline=soon(1))
    assert getattr(caught.value, "hint", "")
    assert not isinstance(caught.value, AssertionError)


def test_an_address_that_is_taken() -> None:
    first = WireBoard("a", ReplayEndpoint({}))
    with WireLab([first]) as lab:
        second = WireBoard("b", ReplayEndpoint({}), address=lab.adb["a"])
        with pytest.raises(LabError, match=r"cannot listen"), WireLab([second]):
            pytest.fail("two boards at one address")


def test_faults_by_name() -> None:
    faults = Faults()
    told: list[bool] = []
    faults.watch(lambda: told.append(faults.mute))
    faults.apply("mute")
    faults.apply("delay-seconds=0.3")
    faults.apply("stall-after-bytes=100")
    assert (faults.mute, faults.delay_seconds, faults.stall_after_bytes) == (True, 0.3, 100)
    faults.apply("stall-after-bytes=off")
    assert faults.stall_after_bytes is None
    faults.apply("none")
    assert faults == Faults()
    assert told == [True, True, True, True, False]


@pytest.mark.parametrize("text", ["deaf", "mute=maybe", "delay-seconds=x", "_watchers", ""])
def test_faults_that_are_none(text: str) -> None:
    with pytest.raises(LabError) as caught:
        Faults().apply(text)
    assert caught.value.hint


def test_serials_of_both_kinds_of_address() -> None:
    assert AdbAddress("192.168.1.222").serial == "192.168.1.222:5555"
    assert AdbAddress("fe80::1", 5556).serial == "[fe80::1]:5556"
    assert BoardOfflineError("x", board="b").board == "b"
