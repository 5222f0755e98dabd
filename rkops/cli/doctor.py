"""`rkops doctor`: examine boards and say how to fix what is wrong."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rkops.cli.options import (
    AllOpt,
    BoardsArg,
    Format,
    FormatOpt,
    InventoryOpt,
    JobsOpt,
    TimeoutOpt,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rkops.core.outcome import Severity
    from rkops.fleet.board import Board
    from rkops.services.doctor import Examination
    from rkops.services.doctor_report import DoctorReport


class FailOn(StrEnum):
    """From which severity on a finding makes the exit code 1."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Show(StrEnum):
    """What the report holds."""

    PROBLEMS = "problems"
    ALL = "all"


OnlyOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="CODE,...",
        help="Run these checks only: codes or their beginnings, like RKN or RKP11.",
        show_default=False,
    ),
]
SkipOpt = Annotated[
    list[str] | None,
    typer.Option("--skip", metavar="CODE,...", help="Leave these out.", show_default=False),
]
FailOnOpt = Annotated[
    FailOn,
    typer.Option(
        "--fail-on", envvar="RKOPS_FAIL_ON", help="Exit with 1 from this severity of finding on."
    ),
]
StrictOpt = Annotated[
    bool,
    typer.Option("--strict", envvar="RKOPS_STRICT", help="A mix of versions is an error."),
]
ProfileOpt = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        envvar="RKOPS_PROFILE",
        metavar="FILE",
        help="YAML that changes severities and limits, or silences codes.",
        show_default=False,
    ),
]
ListOpt = Annotated[bool, typer.Option("--list", help="List all checks and stop.")]
ExplainOpt = Annotated[
    str | None,
    typer.Option("--explain", metavar="CODE", help="Explain one check.", show_default=False),
]
ShowOpt = Annotated[
    Show,
    typer.Option("--show", help="problems, or all: passes and their hints too."),
]


def doctor(
    *,
    boards: BoardsArg = None,
    everything: AllOpt = False,
    only: OnlyOpt = None,
    skip: SkipOpt = None,
    fail_on: FailOnOpt = FailOn.ERROR,
    strict: StrictOpt = False,
    show: ShowOpt = Show.PROBLEMS,
    profile: ProfileOpt = None,
    form: FormatOpt = Format.TABLE,
    timeout: TimeoutOpt = 10.0,
    jobs: JobsOpt = 64,
    inventory: InventoryOpt = None,
    listing: ListOpt = False,
    explain: ExplainOpt = None,
) -> None:
    """Say what is wrong with boards, and how to fix it.

    Changes nothing on a board.

    Exit code: 0 fine, 1 findings (see --fail-on), 3 a board gave no answer.

    Example: rkops doctor tag:lab '!board3' --skip RKX --fail-on warning
    """
    from rkops.checks.profile import Profile, read_profile
    from rkops.checks.select import select_checks
    from rkops.core.outcome import Severity
    from rkops.knowledge.limits import default_limits

    if explain is not None or listing:
        _tell(explain, form)
        return
    checks = select_checks(only or (), skip or ())
    rules, limits = read_profile(profile) if profile else (Profile(), default_limits())
    from rkops.fleet.inventory import load_inventory
    from rkops.fleet.select import select_boards
    from rkops.services.doctor import Examination

    chosen = select_boards(load_inventory(inventory), boards or (), everything=everything)
    how = Examination(
        checks=checks,
        strict=strict,
        profile=rules,
        limits=limits,
        timeout_seconds=timeout,
        jobs=jobs,
    )
    level = Severity[fail_on.name]
    if form is Format.JSON:
        report = _as_json(chosen, how, level, everything=show is Show.ALL)
    else:
        report = _as_table(chosen, how, everything=show is Show.ALL)
    raise typer.Exit(report.exit_code(level))


def _as_json(
    boards: "Sequence[Board]", how: "Examination", level: "Severity", *, everything: bool
) -> "DoctorReport":
    from rkops.report.doctor_json import doctor_json
    from rkops.services.doctor import diagnose

    report = diagnose(boards, how)
    typer.echo(doctor_json(report, fail_on=level, everything=everything))
    return report


def _as_table(boards: "Sequence[Board]", how: "Examination", *, everything: bool) -> "DoctorReport":
    from rkops.report.doctor_table import write_doctor_table
    from rkops.services.doctor import diagnose

    return write_doctor_table(
        [board.name for board in boards],
        lambda on_board: diagnose(boards, how.with_listener(on_board)),
        everything=everything,
    )


def _tell(code: str | None, form: Format) -> None:
    from rkops.report.explain import check_list, check_text

    typer.echo(check_list(as_json=form is Format.JSON) if code is None else check_text(code))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)
