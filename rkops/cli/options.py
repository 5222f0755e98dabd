"""The options that many commands share: same flag, same name, same type everywhere."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How a report is written to stdout."""

    TABLE = "table"
    JSON = "json"


def _complete_boards(incomplete: str) -> list[str]:
    from rkops.cli.complete import board_names

    return board_names(incomplete)


BoardsArg = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[BOARDS]...",
        help="Boards: a name, a group, tag:NAME, a glob like rack1-*, or !NAME to leave one out.",
        show_default=False,
        autocompletion=_complete_boards,
    ),
]
BoardsOpt = Annotated[
    list[str] | None,
    typer.Option(
        "-b",
        "--board",
        metavar="SELECTOR",
        help="Boards: a name, a group, tag:NAME, a glob, or !NAME. May be repeated.",
        show_default=False,
        autocompletion=_complete_boards,
    ),
]
AllOpt = Annotated[bool, typer.Option("--all", help="Every board of the inventory.")]
InventoryOpt = Annotated[
    Path | None,
    typer.Option(
        "--inventory",
        "-i",
        envvar="RKOPS_INVENTORY",
        metavar="PATH",
        help="Inventory file or directory. Default: ./inventory, then ~/.config/rkops/inventory.",
        show_default=False,
    ),
]
TimeoutOpt = Annotated[
    float,
    typer.Option(
        "--timeout",
        envvar="RKOPS_TIMEOUT",
        metavar="SECONDS",
        min=0.1,
        help="How long one board may take. A board that hangs costs its own time only.",
    ),
]
JobsOpt = Annotated[
    int,
    typer.Option(
        "--jobs", "-j", envvar="RKOPS_JOBS", min=1, max=96, help="How many boards at a time."
    ),
]
FormatOpt = Annotated[
    Format, typer.Option("--format", envvar="RKOPS_FORMAT", help="How to print the report.")
]
DryRunOpt = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Show what would be done; change nothing.")
]
YesOpt = Annotated[bool, typer.Option("--yes", "-y", help="Answer yes to every question.")]
