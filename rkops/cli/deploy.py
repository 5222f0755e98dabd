"""`rkops deploy`: models to boards, what is where, and back again."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rkops.cli.options import (
    AllOpt,
    BoardsOpt,
    DryRunOpt,
    Format,
    FormatOpt,
    InventoryOpt,
    JobsOpt,
    TimeoutOpt,
)
from rkops.core.errors import UsageError
from rkops.core.exit import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rkops.fleet.board import Board
    from rkops.services.changes import DeployReport

ModelsArg = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[MODEL]...", help="Files made by RKNN-Toolkit2 (.rknn).", show_default=False
    ),
]
ForceOpt = Annotated[
    bool, typer.Option("--force", help="Deploy what is for another target or too new a model.")
]
ListOpt = Annotated[bool, typer.Option("--list", help="Show which releases are where.")]
RollbackOpt = Annotated[
    bool, typer.Option("--rollback", help="Go back to the release that was current before.")
]
ToOpt = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="RELEASE",
        help="Go to this release, which is on the board.",
        show_default=False,
    ),
]
NameOpt = Annotated[
    str,
    typer.Option(
        "--name",
        metavar="NAME",
        help="The model's name on boards. Default: the file's.",
        show_default=False,
    ),
]
KeepOpt = Annotated[
    int, typer.Option("--keep", min=1, help="Releases to keep; the current and previous stay.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(deploy)


@dataclass(frozen=True, slots=True)
class _Common:
    boards: "Sequence[Board]"
    timeout: float
    jobs: int
    form: Format
    dry_run: bool


def deploy(
    models: ModelsArg = None,
    *,
    board: BoardsOpt = None,
    every: AllOpt = False,
    dry_run: DryRunOpt = False,
    force: ForceOpt = False,
    listing: ListOpt = False,
    rollback: RollbackOpt = False,
    to: ToOpt = "",
    name: NameOpt = "",
    keep: KeepOpt = 3,
    timeout: TimeoutOpt = 20.0,
    jobs: JobsOpt = 32,
    form: FormatOpt = Format.TABLE,
    inventory: InventoryOpt = None,
) -> None:
    """Bring models to boards, and take them back.

    Verified by hash, switched in one step. Applications open MODEL_DIR/NAME/current/NAME.rknn.
    A board that has the release already is sent nothing. Interrupted at any moment, current is
    the old or the new model, whole.

    Example: rkops deploy --all yolov8n.rknn, and back: rkops deploy --all --rollback --name yolov8n
    """
    _refuse_mixtures(models, listing=listing, back=rollback or bool(to), name=name, force=force)
    from rkops.fleet.inventory import load_inventory
    from rkops.fleet.select import select_boards

    boards = select_boards(load_inventory(inventory), board or [], everything=every)
    common = _Common(boards, timeout, jobs, form, dry_run)
    if listing:
        _list(common)
    elif rollback or to:
        _roll_back(common, models or [], name, to)
    else:
        _deploy(common, models or [], name, force=force, keep=keep)


def _refuse_mixtures(
    models: list[Path] | None, *, listing: bool, back: bool, name: str, force: bool
) -> None:
    if listing and (models or back or name or force):
        raise UsageError("--list stands alone", hint="rkops deploy --list --all")
    if back and force:
        raise UsageError(
            "--force is for deploying", hint="a release on the board was let through before"
        )
    if not (models or listing or back):
        raise UsageError("no model file is named", hint="rkops deploy --all model.rknn")


def _list(common: _Common) -> None:
    from rkops.report.deploy import release_table, to_json
    from rkops.services.listing import list_releases

    report = list_releases(common.boards, timeout_seconds=common.timeout, jobs=common.jobs)
    typer.echo(to_json(report) if common.form is Format.JSON else release_table(report))
    raise typer.Exit(report.exit_code)


def _roll_back(common: _Common, models: list[Path], name: str, release: str) -> None:
    from rkops.services.payload import checked_name, name_of
    from rkops.services.rollback import RollbackOptions, rollback

    names = [checked_name(name)] if name else [name_of(path) for path in models]
    options = RollbackOptions(
        release=release,
        timeout_seconds=common.timeout,
        jobs=common.jobs,
        dry_run=common.dry_run,
    )
    _finish(rollback(common.boards, names, options), common)


def _deploy(common: _Common, models: list[Path], name: str, *, force: bool, keep: int) -> None:
    from rkops.report.progress import watching
    from rkops.services.deploy import DeployOptions, deploy
    from rkops.services.payload import read_payloads

    payloads = read_payloads(models, name=name)
    options = DeployOptions(
        timeout_seconds=common.timeout,
        jobs=common.jobs,
        keep=keep,
        force=force,
        dry_run=common.dry_run,
    )
    names = [board.name for board in common.boards]
    with watching(names, quiet=common.dry_run) as watcher:
        report = deploy(
            common.boards, payloads, options, listener=watcher.listen, on_board=watcher.ended
        )
    _finish(report, common)


def _finish(report: "DeployReport", common: _Common) -> None:
    from rkops.report.deploy import deploy_table, to_json

    if report.interrupted:
        typer.echo("interrupted", err=True)
    typer.echo(to_json(report) if common.form is Format.JSON else deploy_table(report))
    if report.exit_code is not ExitCode.OK:
        raise typer.Exit(report.exit_code)
