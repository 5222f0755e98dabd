"""`rkops exec`: a command on boards."""

import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

import typer
from typer.core import TyperCommand

from rkops.cli.options import (
    AllOpt,
    BoardsArg,
    Format,
    FormatOpt,
    InventoryOpt,
    JobsOpt,
    TimeoutOpt,
)
from rkops.core.errors import UsageError

_WORDS = "rkops.words"
_CHUNK = 1 << 16


class _CommandAfterDashes(TyperCommand):
    """Takes all that follows the first `--` for the board's command, options included."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - click's own type
        if "--" in args:
            here = args.index("--")
            ctx.meta[_WORDS] = args[here + 1 :]
            args = args[:here]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401 - click's own type
        return [*super().collect_usage_pieces(ctx), "-- COMMAND..."]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("exec", cls=_CommandAfterDashes)(run)


def run(
    ctx: typer.Context,
    boards: BoardsArg = None,
    *,
    every: AllOpt = False,
    timeout: TimeoutOpt = 60.0,
    jobs: JobsOpt = 64,
    form: FormatOpt = Format.TABLE,
    inventory: InventoryOpt = None,
) -> None:
    """Run a command on boards and show what it says while it says it.

    One word is a line for the board's shell: rkops exec --all -- 'uname -r | cut -c1-4'. Several
    are a command and its arguments: rkops exec board1 -- cat "/tmp/a b". The exit code is the
    command's own for one board; for several 0, 1 when it failed somewhere, 3 when a board was lost.

    One board also gets what is piped in: rkops exec board1 -- tee /tmp/note < note.txt. The timeout
    is for silence: tail -f on a quiet log wants a long one. Ctrl-C ends the command on the boards.
    """
    words: list[str] = ctx.meta.get(_WORDS, [])
    if not words:
        raise UsageError(
            "no command is given", hint="put it after --: rkops exec board1 -- uname -a"
        )
    from rkops.fleet.inventory import load_inventory
    from rkops.fleet.select import select_boards
    from rkops.report.run import Echo, NobodyReadsError, run_json
    from rkops.services.run import RunOptions, run_everywhere

    chosen = select_boards(load_inventory(inventory), boards or [], everything=every)
    echo = Echo(several=len(chosen) > 1)
    live = form is not Format.JSON
    options = RunOptions(
        timeout_seconds=timeout,
        jobs=jobs,
        on_result=echo.ended if live else lambda _: None,
        heard=echo.heard if live else None,
        typed=_piped() if len(chosen) == 1 else None,
    )
    try:
        report = run_everywhere(chosen, words, options)
    except NobodyReadsError:
        raise BrokenPipeError from None
    if form is Format.JSON:
        typer.echo(run_json(report))
    raise typer.Exit(report.exit_code)


def _piped() -> Callable[[], Iterator[bytes]] | None:
    """Return what reads a standard input that is a pipe or a file: no terminal, not /dev/null."""
    try:
        kind = os.fstat(0).st_mode
    except OSError:
        return None
    if not (stat.S_ISFIFO(kind) or stat.S_ISREG(kind) or stat.S_ISSOCK(kind)):
        return None
    return _pieces


def _pieces() -> Iterator[bytes]:
    # Not through sys.stdin: a thread that waits in there would be in the way of our own end.
    while piece := os.read(0, _CHUNK):
        yield piece
