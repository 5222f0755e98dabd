"""Who a board is, and keeping that in the inventory. A board is not an address."""

import logging
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from rkops.core.deadline import Deadline
from rkops.core.errors import AgentReplyError, InventoryError
from rkops.fleet.board import Board
from rkops.fleet.bootstrap import identity_guard
from rkops.fleet.document import Document
from rkops.fleet.edit import edit_file
from rkops.fleet.frames import parse_reply
from rkops.transport.base import Transport

_log = logging.getLogger(__name__)
_NOBODY = "nobody"
"""An identity that no board has: the guard then answers with the one that is there."""


def read_identity(transport: Transport, *, board: str, deadline: Deadline) -> str:
    """Return the identity key of the board at the other end, empty when it has none.

    One shell command that writes nothing on the board.

    Raises:
        AgentReplyError: the board did not say.
    """
    result = transport.run(["sh", "-c", identity_guard(_NOBODY)], deadline=deadline)
    seen = parse_reply(result.stdout).wrong
    if seen is None:
        raise AgentReplyError(
            "the board did not say who it is",
            board=board,
            hint="does `sh` work there? try: rkops exec " + board + " -- true",
        )
    return seen


def record_identity(board: Board, key: str) -> None:
    """Note the identity of a board at first contact; an identity that is there stays.

    An inventory that cannot be written is a warning, since the board itself answered.
    """
    record_identities([(board, key)])


def record_identities(seen: Iterable[tuple[Board, str]]) -> None:
    """Note the identities of many boards; each file is written once."""
    files: dict[str, dict[str, str]] = {}
    for board, key in seen:
        if key and board.file and not board.identity:
            files.setdefault(board.file, {})[board.name] = key
    for file, keys in files.items():
        try:
            edit_file(Path(file), partial(_fill_in, keys))
        except InventoryError as error:
            names = ", ".join(keys)
            _log.warning("the identity of %s is not recorded: %s", names, error)


def replace_identity(board: Board, key: str) -> None:
    """Make `key` the identity of a board, whatever was recorded.

    Raises:
        InventoryError: the file cannot be changed.
    """

    def change(document: Document) -> bool:
        if board.name not in document.entries("boards"):
            raise InventoryError(f"{board.file}: board {board.name} is gone from it")
        document.set_value(board.name, "identity", key)
        return True

    edit_file(Path(board.file), change)


def _fill_in(keys: dict[str, str], document: Document) -> bool:
    boards = document.entries("boards")
    missing = [name for name in keys if name in boards and not document.value(name, "identity")]
    for name in missing:
        document.set_value(name, "identity", keys[name])
    return bool(missing)
