"""`rkops explain`: a check's code, or an error message from a log, in words."""

import re
import sys
from typing import Annotated

import typer

from rkops.cli.options import Format, FormatOpt

_CODE = re.compile(r"\s*RK[A-Z]\d{3}\s*", re.IGNORECASE)

WhatArg = Annotated[
    list[str],
    typer.Argument(
        metavar="TEXT|-|CODE",
        help="An error message, - to read a log from stdin, or a code like RKN121.",
    ),
]


def explain(what: WhatArg, form: FormatOpt = Format.TABLE) -> None:
    """Explain a check's code or a known error.

    The argument is a code, an error message, or - to read a log from stdin.

    Exit code: 0 explained, 1 nothing known about it.

    Example: rkops explain RKP111, or: rkops explain - < convert.log
    """
    from rkops.core.exit import ExitCode
    from rkops.report.explain import check_text, error_text, errors_json

    text = " ".join(what)
    if _CODE.fullmatch(text):
        typer.echo(check_text(text))
        return
    from rkops.knowledge.errors import find_errors

    if text == "-":
        text = sys.stdin.buffer.read().decode("utf-8", "backslashreplace")
    matches = find_errors(text)
    if form is Format.JSON:
        typer.echo(errors_json(matches))
    elif matches:
        typer.echo(error_text(matches))
    else:
        typer.echo("nothing known about this", err=True)
        typer.echo("  try: give the whole log with: rkops explain - < LOG", err=True)
    raise typer.Exit(ExitCode.OK if matches else ExitCode.FINDINGS)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explain)
