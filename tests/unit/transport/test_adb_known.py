"""One question to the adb server for a whole run, and what old boards answer to the new shell."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from rkops.core.deadline import Deadline
from rkops.core.errors import TransportError
from rkops.lab.adb.daemon import Manner
from rkops.lab.here.endpoint import HereEndpoint
from rkops.lab.wire.boards import WireBoard, WireLab
from rkops.transport.adb.known import KnownLinks
from rkops.transport.base import AdbAddress
from rkops.transport.open import open_transport
from tests.contract.adbserver import own_adb_server_port


@pytest.fixture(params=list(Manner), ids=lambda manner: manner.name.lower())
def board(request: pytest.FixtureRequest) -> Iterator[tuple[WireBoard, AdbAddress]]:
    wire = WireBoard("b", HereEndpoint(), manner=request.param)
    with own_adb_server_port(), WireLab([wire]) as lab:
        yield wire, lab.adb["b"]


def ask(address: AdbAddress, known: KnownLinks, *argv: str) -> tuple[int, bytes]:
    deadline = Deadline.after(10)
    transport = open_transport(address, board="b", deadline=deadline, known=known)
    with closing(transport):
        result = transport.run(argv, deadline=deadline)
    return result.code, result.stdout


def test_a_link_that_is_up_is_used_without_a_question(board: tuple[WireBoard, AdbAddress]) -> None:
    _, address = board
    assert ask(address, KnownLinks(), "true") == (0, b"")
    known = KnownLinks()
    for _ in range(2):
        assert ask(address, known, "sh", "-c", "echo out; exit 3") == (3, b"out\n")
    assert known.has(address.serial, board="b", deadline=Deadline.after(5))
    assert ask(address, known, "printf", "%s", "x" * 5000) == (0, b"x" * 5000)


def test_a_link_that_died_since_is_brought_up_again(board: tuple[WireBoard, AdbAddress]) -> None:
    wire, address = board
    known = KnownLinks()
    ask(address, KnownLinks(), "true")
    assert known.has(address.serial, board="b", deadline=Deadline.after(5))
    wire.faults.change(offline=True)
    wire.faults.change(offline=False)
    assert ask(address, known, "echo", "back") == (0, b"back\n")


def test_a_refusal_is_said_by_the_first_command(board: tuple[WireBoard, AdbAddress]) -> None:
    wire, address = board
    known = KnownLinks()
    ask(address, KnownLinks(), "true")
    assert known.has(address.serial, board="b", deadline=Deadline.after(5))
    wire.faults.change(refuse=True, offline=True)
    with pytest.raises(TransportError):
        ask(address, known, "true")
