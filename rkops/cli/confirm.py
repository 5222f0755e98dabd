"""Asking before something is taken away."""

import sys

import typer

from rkops.core.errors import UsageError


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal, unless `yes` answers already; go on only after a yes.

    Raises:
        UsageError: there is nobody to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"this wants an answer, and there is no terminal to ask on: {question}",
            hint="say yes beforehand: --yes",
        )
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)
