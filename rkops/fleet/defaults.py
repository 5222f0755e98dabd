"""Where the inventory is looked for when nobody names it."""

import os
from pathlib import Path

from rkops.core.errors import InventoryError

_ADD_HINT = "rkops board add NAME --adb ADDRESS writes the first board"


def find_inventory(path: Path | None = None) -> Path | None:
    """Return where the inventory is, or None when there is none yet.

    `path` if given, else RKOPS_INVENTORY, else ./inventory, else the user's own.
    """
    named = path or _from_environment()
    places = [named] if named else [Path("inventory"), user_inventory()]
    return next((place for place in places if place.exists()), None)


def inventory_path(path: Path | None = None) -> Path:
    """Return the inventory to read.

    Raises:
        InventoryError: there is none.
    """
    found = find_inventory(path)
    if found is not None:
        return found
    if named := path or _from_environment():
        raise InventoryError(f"{named}: no such inventory file or directory", hint=_ADD_HINT)
    raise InventoryError(
        f"no inventory: looked at inventory and {user_inventory()}", hint=_ADD_HINT
    )


def writable_file(path: Path | None = None) -> Path:
    """Return the file a new board goes into; it need not be there yet.

    A file is taken as it is; in a directory it is its only file, else `boards.yaml`.
    """
    chosen = path or _from_environment()
    if chosen is None:
        own = user_inventory()
        chosen = own if own.exists() and not Path("inventory").exists() else Path("inventory")
    if not chosen.is_dir() and (chosen.exists() or chosen.suffix in SUFFIXES):
        return chosen
    files = inventory_files(chosen) if chosen.is_dir() else []
    return files[0] if len(files) == 1 else chosen / "boards.yaml"


SUFFIXES = (".yaml", ".yml")


def inventory_files(path: Path) -> list[Path]:
    """Return the YAML files of an inventory in name order (hidden files left out)."""
    if not path.is_dir():
        return [path]
    found = (f for f in path.iterdir() if f.suffix in SUFFIXES and not f.name.startswith("."))
    return sorted(f for f in found if f.is_file())


def user_inventory() -> Path:
    """Return the inventory of the user, `~/.config/rkops/inventory`."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")  # noqa: PTH111,PTH118 - Path.home() raises without a home
    return Path(base) / "rkops" / "inventory"


def _from_environment() -> Path | None:
    named = os.environ.get("RKOPS_INVENTORY")
    return Path(named) if named else None
