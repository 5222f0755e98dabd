"""`rkops demo`: the main job on simulated boards, with the commands a user would type."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from rkops.core.exit import ExitCode

_MODELS = Path(__file__).parents[1] / "lab" / "data"


def register(app: typer.Typer) -> None:
    """Add `rkops demo`."""
    app.command()(demo)


def demo(
    boards: Annotated[int, typer.Option("--boards", min=1, max=24, help="How many boards.")] = 6,
    arm64: Annotated[
        bool, typer.Option("--arm64", help="Boards on an arm64 Debian under qemu-user.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the boards running.")] = False,
) -> None:
    """Show the whole tool on simulated boards.

    Nothing of yours is touched. Boards come up, are judged, get a model, get a newer one, and
    go back.

    Example: rkops demo --boards 3
    """
    with _private_place(keep=keep) as place:
        wrong = [step for step in _story(boards, place, arm64=arm64) if step]
    if wrong:
        for line in wrong:
            typer.echo(f"error: {line}", err=True)
        raise typer.Exit(ExitCode.CHANGE_FAILED)
    typer.echo("\nThat was all simulated. With a board of your own:")
    typer.echo("  rkops board add board1 --adb 192.168.1.222 && rkops doctor board1")


def _story(boards: int, place: Path, *, arm64: bool) -> Iterator[str]:
    """Run the steps one after another; yield a complaint for each that ended unexpectedly."""
    any_finding = (ExitCode.OK, ExitCode.FINDINGS)
    some_refused = (ExitCode.OK, ExitCode.CHANGE_FAILED)
    first, second = (str(place / f"{name}.rknn") for name in ("tiny", "tiny-int8"))
    yield _step("lab", "up", str(boards), *(["--arm64"] if arm64 else []))
    typer.echo("\n# What is wrong with them? (Most of them are broken on purpose.)")
    yield _step("doctor", "--all", ends=any_finding)
    typer.echo("\n# A model for all of them; the board with another SoC is refused.")
    yield _step("deploy", "--all", first, ends=some_refused)
    typer.echo("\n# Quantised, the same network under the same name: a second release.")
    yield _step("deploy", "--all", second, "--name", "tiny", ends=some_refused)
    typer.echo("\n# What is where?")
    yield _step("deploy", "--all", "--list")
    typer.echo("\n# Back to the release before.")
    yield _step("deploy", "--all", "--rollback", "--name", "tiny", ends=some_refused)
    yield _step("deploy", "--all", "--list")


@contextmanager
def _private_place(*, keep: bool) -> Iterator[Path]:
    """Give the demo a lab, an inventory and an adb server of its own, gone afterwards."""
    from rkops.transport.adb.private import private_server

    place = Path(tempfile.mkdtemp(prefix="rkops-demo-"))
    os.environ["RKOPS_LAB"] = str(place / "lab")
    os.environ["RKOPS_INVENTORY"] = str(place / "lab" / "inventory.yaml")
    for model in _MODELS.glob("*.rknn"):
        shutil.copy(model, place)
    with private_server():
        try:
            yield place
        finally:
            if keep:
                lab = f"RKOPS_LAB={place}/lab RKOPS_INVENTORY={place}/lab/inventory.yaml"
                typer.echo(f"\nstill up: export {lab}; end with rkops lab down")
            else:
                _step("lab", "down")
                shutil.rmtree(place)


def _step(*argv: str, ends: Sequence[ExitCode] = (ExitCode.OK,)) -> str:
    """Show a command, run it as if typed, and return a complaint if it ended unexpectedly."""
    from rkops.cli.app import main

    shown = ["rkops", *(Path(word).name if word.endswith(".rknn") else word for word in argv)]
    typer.echo(f"\n$ {' '.join(shown)}")
    sys.stdout.flush()
    code = 0
    try:
        main(argv)
    except SystemExit as stop:
        code = int(stop.code or 0)
    if code in ends:
        return ""
    return f"{' '.join(shown)} ended with {code}, expected {' or '.join(str(int(e)) for e in ends)}"
