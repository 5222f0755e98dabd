"""`rkops push` and `rkops pull`: files to boards and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rkops.cli.options import (
    AllOpt,
    BoardsOpt,
    Format,
    FormatOpt,
    InventoryOpt,
    JobsOpt,
    TimeoutOpt,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rkops.services.copy import CopyOptions
    from rkops.services.copy_report import CopyReport

LocalArg = Annotated[Path, typer.Argument(metavar="LOCAL", help="A file of this machine.")]
PlaceArg = Annotated[
    str,  # a Path would forget the slash at the end
    typer.Argument(
        metavar="LOCAL", help="A file or directory here; of several boards LOCAL/BOARD/NAME."
    ),
]
RemoteArg = Annotated[
    str, typer.Argument(metavar="REMOTE", help="A file on the board, or a directory to put it in.")
]
FileArg = Annotated[str, typer.Argument(metavar="REMOTE", help="A file on the board.")]
TIMEOUT = 30.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(push)
    app.command()(pull)


def push(
    local: LocalArg,
    remote: RemoteArg,
    *,
    board: BoardsOpt = None,
    every: AllOpt = False,
    timeout: TimeoutOpt = TIMEOUT,
    jobs: JobsOpt = 16,
    form: FormatOpt = Format.TABLE,
    inventory: InventoryOpt = None,
) -> None:
    """Copy a file to boards: there whole, compared by hash and synced, or not at all.

    For example: rkops push app.conf /etc/app.conf -b board1. The timeout is for silence, not for
    a large file: it counts from the last byte that moved.
    """
    from rkops.fleet.inventory import load_inventory
    from rkops.fleet.select import select_boards
    from rkops.services import copy

    boards = select_boards(load_inventory(inventory), board or [], everything=every)
    names = [board.name for board in boards]
    _show(lambda options: copy.push(boards, local, remote, options), names, timeout, jobs, form)


def pull(
    remote: FileArg,
    local: PlaceArg,
    *,
    board: BoardsOpt = None,
    every: AllOpt = False,
    timeout: TimeoutOpt = TIMEOUT,
    jobs: JobsOpt = 16,
    form: FormatOpt = Format.TABLE,
    inventory: InventoryOpt = None,
) -> None:
    """Copy a file from boards, each into a directory of its own when there are several.

    For example: rkops pull /var/log/app.log logs --all
    """
    from rkops.fleet.inventory import load_inventory
    from rkops.fleet.select import select_boards
    from rkops.services import copy

    boards = select_boards(load_inventory(inventory), board or [], everything=every)
    names = [board.name for board in boards]
    _show(lambda options: copy.pull(boards, remote, local, options), names, timeout, jobs, form)


def _show(
    work: "Callable[[CopyOptions], CopyReport]",
    names: list[str],
    timeout: float,
    jobs: int,
    form: Format,
) -> None:
    """Copy, draw the progress, say what came of each board, and exit."""
    from rkops.report.copy import copy_json, showing
    from rkops.services.copy import CopyOptions

    with showing(names, quiet=form is Format.JSON) as show:
        report = work(CopyOptions(timeout, jobs, listener=show.listen, on_board=show.ended))
    if form is Format.JSON:
        typer.echo(copy_json(report))
    raise typer.Exit(report.exit_code)
