"""Shell completion of board names. Never fails: a broken inventory completes nothing."""

from rkops.core.errors import RkopsError


def board_names(incomplete: str) -> list[str]:
    """Return the names, groups and tags of the inventory that begin with `incomplete`."""
    from rkops.fleet.inventory import load_inventory

    try:
        inventory = load_inventory()
    except RkopsError:
        return []
    names = set(inventory.boards)
    for board in inventory.boards.values():
        names.update(board.groups)
        names.update(f"tag:{tag}" for tag in board.tags)
    return sorted(name for name in names if name.startswith(incomplete))
