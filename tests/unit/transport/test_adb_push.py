"""Pushing over adb: one stream or many, and nothing left of parts when it fails."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rkops.core.deadline import Deadline
from rkops.core.errors import DeadlineError, LinkLostError, TransferError, TransportError
from rkops.lab.adb.daemon import Manner
from rkops.lab.faults import Faults
from rkops.lab.here.endpoint import HereEndpoint
from rkops.lab.wire.boards import WireBoard, WireLab
from rkops.transport.adb.transport import AdbTransport, open_adb
from tests.contract.adbserver import own_adb_server_port

pytestmark = pytest.mark.adb
SIZE = 6_000_000


def soon(seconds: float = 40) -> Deadline:
    return Deadline.after(seconds)


@pytest.fixture(scope="module", autouse=True)
def own_server() -> Iterator[None]:
    with own_adb_server_port():
        yield


@pytest.fixture
def lab() -> Iterator[WireLab]:
    boards = [
        WireBoard("old", HereEndpoint(), manner=Manner.LEGACY),
        WireBoard("new", HereEndpoint(), manner=Manner.MODERN),
    ]
    with WireLab(boards) as made:
        yield made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(os.urandom(SIZE))
    return path


def opened(lab: WireLab, name: str) -> tuple[AdbTransport, Faults]:
    faults = lab.boards[name].faults
    faults.clear()
    return open_adb(lab.adb[name], board=name, deadline=soon()), faults


def inside(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_a_link_that_waits_gets_many_streams(lab: WireLab, source: Path) -> None:
    board, faults = opened(lab, "old")
    faults.change(delay_seconds=0.002)
    there = source.parent / "it's there"
    seen: list[int] = []
    report = board.push(
        source, str(there), mode=0o600, deadline=soon(), progress=lambda done, _: seen.append(done)
    )
    assert report.streams == 16
    assert there.read_bytes() == source.read_bytes()
    assert there.stat().st_mode & 0o777 == 0o600
    assert inside(source.parent) == {"source", "it's there"}
    assert seen == sorted(seen)
    assert seen[-1] == SIZE


def test_a_fast_link_gets_one_stream(lab: WireLab, source: Path) -> None:
    board, _ = opened(lab, "new")
    there = source.parent / "there"
    streams = min(board.push(source, str(there), deadline=soon()).streams for _ in range(3))
    assert streams == 1
    assert there.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("fault", "value", "error"),
    [
        ("disk_full", True, TransferError),
        ("short_write", True, TransferError),
        ("drop_after_bytes", 2_000_000, LinkLostError),
        ("stall_after_bytes", 2_000_000, DeadlineError),
    ],
)
def test_no_part_is_left_when_many_streams_fail(
    lab: WireLab, source: Path, fault: str, value: int, error: type[TransportError]
) -> None:
    board, faults = opened(lab, "old")
    faults.change(delay_seconds=0.002)
    there = source.parent / "there"

    def spoil_the_rest(done: int, total: int) -> None:
        if done > total // 2:
            faults.change(**{fault: value})

    with pytest.raises(error):
        board.push(source, str(there), deadline=soon(6), progress=spoil_the_rest)
    if error is TransferError:
        assert inside(source.parent) == {"source", "there"}


def test_a_file_that_shrinks_while_it_is_sent(lab: WireLab, source: Path) -> None:
    board, faults = opened(lab, "old")
    faults.change(delay_seconds=0.001)

    def shrink(done: int, total: int) -> None:
        if done < total:
            os.truncate(source, 1000)

    with pytest.raises(TransferError, match="changed while"):
        board.push(source, str(source.parent / "there"), deadline=soon(), progress=shrink)


def test_a_hundred_calls_at_once_share_the_sockets(lab: WireLab) -> None:
    board, _ = opened(lab, "new")
    codes: list[int] = []

    def one() -> None:
        codes.append(board.run(["sleep", "0.05"], deadline=soon()).code)

    threads = [threading.Thread(target=one) for _ in range(130)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert codes == [0] * 130
