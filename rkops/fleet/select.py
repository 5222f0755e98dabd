"""From what the user typed to boards: `board1`, `rack-a`, `tag:lab`, `rack1-*`, `!board3`."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from rkops.core.errors import UsageError
from rkops.fleet.board import Board
from rkops.fleet.inventory import Inventory
from rkops.fleet.lines import closest

_TAG = "tag:"
_GLOB = "*?["
_SHOWN = 12


def select_boards(
    inventory: Inventory, selectors: Sequence[str], *, everything: bool
) -> tuple[Board, ...]:
    """Return the chosen boards in inventory order, each once.

    Only exclusions (`!board3`) choose from all boards. A comma separates selectors too.

    Raises:
        UsageError: nothing is chosen, or a selector fits nothing.
    """
    words = [word for text in selectors for word in text.split(",") if word]
    wanted = [word for word in words if not word.startswith("!")]
    if not words and not everything:
        raise UsageError("no board is named", hint=f"name boards, or --all; {there_is(inventory)}")
    if not inventory.boards:
        raise UsageError(
            f"{inventory.path}: no boards in the inventory",
            hint="rkops board add NAME --adb ADDRESS writes the first board",
        )
    chosen = set() if wanted and not everything else set(inventory.boards)
    for word in wanted:
        chosen |= _matching(inventory, word)
    for word in words:
        if word.startswith("!"):
            chosen -= _matching(inventory, word[1:])
    if not chosen:
        raise UsageError(f"no board is left of: {' '.join(words)}", hint=there_is(inventory))
    return tuple(board for name, board in inventory.boards.items() if name in chosen)


def there_is(inventory: Inventory) -> str:
    """Return one line that lists what could be selected."""
    parts = [f"boards: {_some(list(inventory.boards))}"]
    if inventory.groups:
        parts.append(f"groups: {_some(inventory.groups)}")
    if inventory.tags:
        parts.append(f"tags: {_some([_TAG + tag for tag in inventory.tags])}")
    return "; ".join(parts)


def _matching(inventory: Inventory, word: str) -> set[str]:
    boards = inventory.boards
    if word in boards:
        return {word}
    if word.startswith(_TAG):
        found = {n for n, b in boards.items() if _fits(b.tags, word.removeprefix(_TAG))}
    else:
        found = {n for n, b in boards.items() if _fits((n, *b.groups), word)}
    if found:
        return found
    if word in inventory.groups:
        raise UsageError(f"group {word!r} has no boards", hint=there_is(inventory))
    known = [*boards, *inventory.groups, *(_TAG + tag for tag in inventory.tags)]
    raise UsageError(
        f"no board, group or tag fits {word!r}{closest(word, known)}", hint=there_is(inventory)
    )


def _fits(names: Sequence[str], word: str) -> bool:
    if any(sign in word for sign in _GLOB):
        return any(fnmatchcase(name, word) for name in names)
    return word in names


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "none") + more
