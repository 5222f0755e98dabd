"""`rkops lab`: simulated boards on this machine."""

from typing import Annotated

import typer

from rkops.cli.options import Format, FormatOpt
from rkops.core.errors import UsageError

SCHEMA = "rkops.lab/1"
BoardArg = Annotated[str, typer.Argument(metavar="BOARD", help="A board of the lab.")]


def _up(
    number: Annotated[int | None, typer.Argument(metavar="[N]", help="How many boards.")] = None,
    profile: Annotated[
        str, typer.Option("--profile", metavar="P,...", help="Profiles, taken in turn.")
    ] = "",
    arm64: Annotated[
        bool, typer.Option("--arm64", help="arm64 Debian under qemu-user instead of this machine.")
    ] = False,
    wire: Annotated[
        bool, typer.Option("--wire", help="Recorded boards: no namespaces needed.")
    ] = False,
) -> None:
    """Start simulated boards; prints the path of their inventory.

    Without --profile: healthy, version-mix, user-lite, no-dmc, two-runtimes, wrong-soc in turn.
    Use it as INV=$(rkops lab up 6), then rkops doctor --all -i $INV.
    """
    from rkops.lab.start import choose_profiles, start_lab
    from rkops.lab.state import lab_dir

    kind = "arm64" if arm64 else "wire" if wire else "host"
    profiles = choose_profiles(number, [name for name in profile.split(",") if name])
    typer.echo(start_lab(lab_dir(), profiles, kind, say=lambda words: typer.echo(words, err=True)))


def _ls(form: FormatOpt = Format.TABLE) -> None:
    """List the boards of the running lab.

    Example: rkops lab ls --format json
    """
    from rkops.lab.client import lab_rows
    from rkops.lab.state import lab_dir

    rows = lab_rows(lab_dir())
    if form is Format.JSON:
        import msgspec

        typer.echo(msgspec.json.encode({"schema": SCHEMA, "boards": rows}).decode())
        return
    if not rows:
        typer.echo("no lab is up; start one with: rkops lab up 6", err=True)
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        ssh = f"  ssh {row.host}:{row.ssh_port}" if row.ssh_port else ""
        typer.echo(
            f"{row.name:<{width}}  {row.state:<3}  {row.kind:<5}"
            f"  adb {row.host}:5555 ({row.adb}){ssh}"
        )


def _down() -> None:
    """End the lab: nothing of it runs or is mounted afterwards.

    Example: rkops lab down
    """
    from rkops.lab.client import lab_down
    from rkops.lab.state import lab_dir

    typer.echo(f"{lab_down(lab_dir())} boards down", err=True)


def _exec(
    board: BoardArg,
    command: Annotated[list[str], typer.Argument(metavar="CMD...", help="What to run.")],
) -> None:
    """Run a command on a board as root, behind rkops' back.

    Example: rkops lab exec healthy -- pkill rknn_server
    """
    from rkops.lab.client import find_inside
    from rkops.lab.host.enter import run_inside
    from rkops.lab.state import lab_dir

    row = find_inside(lab_dir(), board)
    argv = command[1:] if command[0] == "--" else command
    if not argv:
        raise UsageError("no command", hint="rkops lab exec BOARD -- CMD...")
    raise typer.Exit(run_inside(row.pid, argv, row.env))


def _fault(
    board: BoardArg,
    fault: Annotated[str, typer.Argument(metavar="FAULT[=VALUE]", help="See docs/lab.md.")],
) -> None:
    """Make a board misbehave; `none` makes it good again, FAULT=off takes one back.

    Example: rkops lab fault healthy delay-seconds=0.3
    """
    from rkops.lab.boardfaults import apply_fault
    from rkops.lab.state import lab_dir

    apply_fault(lab_dir(), board, fault)


def register(app: typer.Typer) -> None:
    """Add the `lab` commands."""
    lab = typer.Typer(no_args_is_help=True, help="Simulated boards on this machine.")
    lab.command("up")(_up)
    lab.command("ls")(_ls)
    lab.command("down")(_down)
    passing = {"allow_interspersed_args": False}
    lab.command("exec", context_settings=passing)(_exec)
    lab.command("fault")(_fault)
    app.add_typer(lab, name="lab")
