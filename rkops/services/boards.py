"""Add, remove and adopt boards: the inventory's side of first contact."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rkops.core.errors import InventoryError, RkopsError, UsageError
from rkops.core.result import Answered
from rkops.fleet.board import Board
from rkops.fleet.contact import for_each
from rkops.fleet.defaults import find_inventory, writable_file
from rkops.fleet.document import Data, Document
from rkops.fleet.edit import edit_file
from rkops.fleet.identity import read_identity, record_identity, replace_identity
from rkops.fleet.inventory import Inventory, load_inventory, parse_inventory
from rkops.fleet.select import select_boards

Values = Mapping[str, str | tuple[str, ...] | None]


@dataclass(frozen=True, slots=True)
class Added:
    """What `board add` did. `lost` says why the board could not be asked who it is."""

    board: Board
    new_groups: tuple[str, ...] = ()
    twins: tuple[str, ...] = ()
    """Boards of the inventory with the same identity: a second address, or a cloned image."""
    lost: RkopsError | None = None


def add_board(
    name: str, values: Values, *, path: Path | None = None, timeout_seconds: float
) -> Added:
    """Write a new board to the inventory, then ask it who it is.

    `values` has the keys of an inventory file. A board that is off is added all the same.

    Raises:
        UsageError: a value cannot be, or the name is taken; nothing was written.
    """
    given: dict[str, Data] = {key: value for key, value in values.items() if value}
    _refuse_unusable(name, given)
    file = writable_file(path)
    groups = values.get("groups") or ()
    fresh: list[str] = []

    def change(document: Document) -> bool:
        known = _known(path)
        if name in known.boards:
            there = known.boards[name]
            raise UsageError(
                f"board {name} is there already: {there.file}:{there.line}",
                hint=f"change that line, or take it out first: rkops board rm {name}",
            )
        if name in known.groups or name in groups:
            raise UsageError(f"{name} is the name of a group", hint="choose another name")
        fresh.extend(group for group in groups if group not in known.groups)
        document.add("groups", dict.fromkeys(fresh))
        document.add("boards", {name: given})
        return True

    edit_file(file, change)
    board = load_inventory(path).boards[name]
    return _meet(board, tuple(fresh), path, timeout_seconds)


def _meet(board: Board, fresh: tuple[str, ...], path: Path | None, timeout_seconds: float) -> Added:
    try:
        key = see_identity(board, timeout_seconds=timeout_seconds)
    except RkopsError as error:
        return Added(board, fresh, lost=error)
    record_identity(board, key)
    inventory = load_inventory(path)
    return Added(inventory.boards[board.name], fresh, twins(inventory, board.name, key))


def see_identity(board: Board, *, timeout_seconds: float) -> str:
    """Return the identity of the board that answers now, whatever is recorded; "" for none.

    Raises:
        RkopsError: no board answers.
    """
    [result] = for_each(
        [board],
        lambda contact: read_identity(
            contact.transport, board=board.name, deadline=contact.deadline
        ),
        timeout_seconds=timeout_seconds,
    )
    if not isinstance(result, Answered):
        raise result.error
    return result.value


def twins(inventory: Inventory, name: str, key: str) -> tuple[str, ...]:
    """Return the other boards that have the same identity recorded."""
    boards = inventory.boards.values()
    same = (board.name for board in boards if board.identity == key and board.name != name)
    return tuple(same) if key else ()


def remove_board(name: str, *, path: Path | None = None) -> Board:
    """Take a board out of its inventory file; nothing on the board is touched.

    Raises:
        UsageError: there is no such board.
    """
    board = named(load_inventory(path), name)

    def change(document: Document) -> bool:
        if name not in document.entries("boards"):
            raise InventoryError(f"{board.file}: board {name} is gone from it already")
        document.remove(name)
        return True

    edit_file(Path(board.file), change)
    return board


def adopt_board(board: Board, key: str) -> None:
    """Record that the board at this address is now the one with that identity ("": with none).

    Raises:
        InventoryError: the file cannot be changed.
    """
    replace_identity(board, key)


def named(inventory: Inventory, name: str) -> Board:
    """Return the one board of that name.

    Raises:
        UsageError: there is none; the message lists what there is.
    """
    if name in inventory.boards:
        return inventory.boards[name]
    found = select_boards(inventory, [name], everything=False)
    raise UsageError(
        f"{name!r} is not the name of one board",
        hint=f"it selects {', '.join(board.name for board in found)}: name one of them",
    )


def _known(path: Path | None) -> Inventory:
    """Read the inventory there is, or nothing when its first file is about to be made."""
    place = find_inventory(path)
    return load_inventory(place) if place else Inventory(path or Path())


def _refuse_unusable(name: str, given: Mapping[str, Data]) -> None:
    """Judge the new board as if it stood in a file of its own, before anything is written."""
    draft = Document(_DRAFT, b"")
    groups = given.get("groups")
    draft.add("groups", dict.fromkeys(groups if isinstance(groups, tuple) else ()))
    try:
        draft.add("boards", {name: given})
        parse_inventory([(_DRAFT, draft.render())], Path(_DRAFT))
    except InventoryError as error:
        what = error.message.removeprefix(f"{_DRAFT}:").lstrip("0123456789").removeprefix(": ")
        raise UsageError(what, hint=error.hint) from error


_DRAFT = "draft"
