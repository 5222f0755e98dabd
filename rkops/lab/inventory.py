"""The inventory a lab writes: ordinary boards, as a user would write them."""

from dataclasses import dataclass

from rkops.lab.host.files import USER
from rkops.lab.profile import Profile
from rkops.lab.state import Paths

GROUP = "lab"


@dataclass(frozen=True, slots=True)
class LabBoard:
    """One running board, as seen from outside."""

    name: str
    profile: Profile
    host: str
    ssh_port: int
    """0: no SSH."""
    kind: str
    has_user: bool = True


def inventory_text(paths: Paths, boards: list[LabBoard]) -> str:
    """Return the inventory of these boards."""
    lines = [
        "# Simulated boards of `rkops lab up`; written anew each time.",
        "groups:",
        f"  {GROUP}: {{tags: [simulated]}}",
        "boards:",
    ]
    for board in boards:
        lines += [
            f"  {board.name}:  # {board.profile.summary}",
            f"    adb: {board.host}",
            *(_ssh(paths, board) if board.ssh_port else ()),
            *([f"    user: {USER}"] if board.has_user else ()),
            f"    groups: [{GROUP}]",
            f"    tags: [{board.profile.name}]",
            f"    sdk: {board.profile.sdk}",
        ]
    return "\n".join(lines) + "\n"


def _ssh(paths: Paths, board: LabBoard) -> tuple[str, ...]:
    port = "" if board.ssh_port == 22 else f":{board.ssh_port}"  # noqa: PLR2004 - ssh's own
    return (f"    ssh: root@{board.host}{port}", f"    key: {paths.key}")


def write_inventory(paths: Paths, boards: list[LabBoard]) -> None:
    """Write the lab's inventory; it appears whole or not at all."""
    temporary = paths.inventory.with_suffix(".tmp")
    temporary.write_text(inventory_text(paths, boards), "utf-8")
    temporary.replace(paths.inventory)
