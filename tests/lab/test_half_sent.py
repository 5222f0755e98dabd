"""The lab's adbd removes a file whose sender goes away in the middle, as the real one does."""

import socket
import struct
import time
from pathlib import Path

import pytest

from rkops.core.deadline import Deadline
from rkops.lab.here.endpoint import HereEndpoint
from rkops.lab.wire.boards import WireBoard, WireLab
from rkops.transport.open import open_transport
from tests.contract.adbserver import own_adb_server_port


def _ask(server: socket.socket, service: str) -> None:
    server.sendall(f"{len(service):04x}{service}".encode())
    assert server.recv(4) == b"OKAY"


def _wait_for(place: Path, *, there: bool) -> bool:
    end = time.monotonic() + 5
    while place.exists() is not there and time.monotonic() < end:
        time.sleep(0.01)
    return place.exists() is there


@pytest.mark.adb
def test_half_a_file_does_not_stay(tmp_path: Path) -> None:
    with own_adb_server_port() as port, WireLab([WireBoard("b", HereEndpoint())]) as lab:
        address = lab.adb["b"]
        open_transport(address, board="b", deadline=Deadline.after(20)).close()
        for number in range(5):
            target = tmp_path / f"half{number}"
            with socket.create_connection(("127.0.0.1", port), 5) as server:
                _ask(server, f"host:transport:{address.serial}")
                _ask(server, "sync:")
                name = f"{target},420".encode()
                server.sendall(struct.pack("<4sI", b"SEND", len(name)) + name)
                server.sendall(struct.pack("<4sI", b"DATA", 1000) + bytes(500))
                assert _wait_for(target, there=True)
            assert _wait_for(target, there=False)
