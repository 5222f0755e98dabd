"""The inventory a lab writes: ordinary boards, as a user would write them."""

from dataclasses import dataclass

from rkops.lab.boardfiles import USER
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
    kind: str


def inventory_text(paths: Paths, boards: list[LabBoard]) -> str:
    """Return the inventory of these boards."""
    lines = [
        "# Simulated boards of `rkops lab up`; written anew each time.",
        "groups:",
        f"  {GROUP}: {{tags: [simulated]}}",
        "boards:",
    ]
    for board in boards:
        port = "" if board.ssh_port == 22 else f":{board.ssh_port}"  # noqa: PLR2004 - ssh's own
        lines += [
            f"  {board.name}:  # {board.profile.summary}",
            f"    adb: {board.host}",
            f"    ssh: root@{board.host}{port}",
            f"    key: {paths.key}",
            f"    user: {USER}",
            f"    groups: [{GROUP}]",
            f"    tags: [{board.profile.name}]",
            f"    sdk: {board.profile.sdk}",
        ]
    return "\n".join(lines) + "\n"


def write_inventory(paths: Paths, boards: list[LabBoard]) -> None:
    """Write the lab's inventory; it appears whole or not at all."""
    temporary = paths.inventory.with_suffix(".tmp")
    temporary.write_text(inventory_text(paths, boards), "utf-8")
    temporary.replace(paths.inventory)
