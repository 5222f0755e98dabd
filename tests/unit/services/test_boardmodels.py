from pathlib import Path
from typing import cast

import pytest

from rkops.core.deadline import Deadline
from rkops.core.errors import LinkLostError
from rkops.fleet.board import Board
from rkops.fleet.contact import Contact
from rkops.fleet.session import AgentSession
from rkops.services.boardmodels import BoardModels
from rkops.services.payload import Payload
from rkops.transport.base import AdbAddress, Transport


class Untouched:
    """A transport over which nothing may go."""

    scheme = "adb"

    def run(self, *argv: object, **more: object) -> None:
        raise AssertionError("a board that was hung up on was asked")


def test_a_board_that_was_hung_up_on_is_not_changed() -> None:
    transport = cast("Transport", Untouched())
    board = Board(name="b1", adb=AdbAddress("127.0.0.1"), model_dir="/opt/rkops/models")
    contact = Contact(board, transport, Deadline.after(5), hung_up=True)
    models = BoardModels(contact, AgentSession(transport, board="b1", expected_identity=""), 5)
    payload = Payload(Path("m.rknn"), "m", 1, "0" * 64, ("rk3588",), "2.3.2")
    with pytest.raises(LinkLostError):
        models.prepare(payload)
    with pytest.raises(LinkLostError):
        models.commit(payload, keep=3, pushed_at=0.0)
    with pytest.raises(LinkLostError):
        models.switch("m", "0" * 12)
