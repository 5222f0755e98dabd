"""The `rkops` command. `main` is the only place that turns an error into words and an exit code.

Each module of this package that has a `register(app)` function adds its commands: one file
per command group, no list to edit. Modules import typer and `rkops.core` at the top, and
everything heavier inside the command that uses it, so that `rkops --help` stays quick.
"""

import gc
import importlib
import logging
import os
import pkgutil
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

os.environ.setdefault("TYPER_USE_RICH", "0")  # rich help costs three times typer's own start

import typer
from typer.core import TyperGroup

import rkops.cli
from rkops import __version__
from rkops.cli.config import default_map
from rkops.core.errors import RkopsError
from rkops.core.exit import ExitCode

_GC_THRESHOLD = 50_000
"""Reports are many small objects without cycles: the default of 700 costs doctor a tenth."""
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_SETTINGS = {"help_option_names": ["-h", "--help"]}


class _Commands(TyperGroup):
    """Says so when a command is interrupted: typer alone ends with 130 and no word."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - click's own types
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"rkops {__version__}")
        raise typer.Exit


def _root(
    ctx: typer.Context,
    verbose: Annotated[
        int, typer.Option("-v", "--verbose", count=True, help="Log commands; -vv: everything.")
    ] = 0,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    """Keep Rockchip RK3588 boards and the neural networks on them in order.

    First steps without a board: rkops demo. With one: rkops board add board1 --adb 192.168.1.222,
    then rkops doctor board1, then rkops deploy -b board1 model.rknn.
    """
    del version
    ctx.obj = {"debug": debug}
    level = _LEVELS[min(verbose, len(_LEVELS) - 1)]
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("rkops").setLevel(level)
    for noisy in ("paramiko", "asyncio", "asyncssh"):
        logging.getLogger(noisy).setLevel(level if level == logging.DEBUG else logging.CRITICAL)


def build_app() -> typer.Typer:
    """Return the whole command line, every command registered."""
    app = typer.Typer(
        name="rkops",
        cls=_Commands,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=_SETTINGS,
    )
    app.callback()(_root)
    for module in sorted(m.name for m in pkgutil.iter_modules(rkops.cli.__path__)):
        if register := getattr(importlib.import_module(f"rkops.cli.{module}"), "register", None):
            register(app)
    return app


def explain_error(error: RkopsError) -> None:
    """Write an error to stderr: what, where, and what to try."""
    where = f"{error.board}: " if error.board else ""
    typer.echo(f"error: {where}{error}", err=True)
    if error.hint:
        typer.echo(f"  try: {error.hint}", err=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Run rkops and exit the process with one of `rkops.core.exit.ExitCode`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    gc.set_threshold(_GC_THRESHOLD)
    try:
        app = build_app()
        app(args=arguments, prog_name="rkops", default_map=default_map(app))
    except RkopsError as error:
        explain_error(error)
        if "--debug" in arguments:
            traceback.print_exc()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
    except Exception as bug:  # noqa: BLE001 - Python would end with 1, which says "findings"
        traceback.print_exc()
        typer.echo(f"error: a bug in rkops: {type(bug).__name__}: {bug}", err=True)
        typer.echo("  try: again; if it stays, report the lines above", err=True)
        sys.exit(ExitCode.INTERNAL)
