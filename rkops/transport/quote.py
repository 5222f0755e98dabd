"""From a list of arguments to one line for the board's shell."""

import os
import shlex
from collections.abc import Sequence

from rkops.core.errors import TransportError


def command_line(argv: Sequence[str], *, board: str = "") -> bytes:
    """Return the line that makes a POSIX shell run exactly `argv`.

    The first word is always quoted: so it is never taken for a keyword (`if`) or an
    assignment (`A=1`).

    Raises:
        TransportError: there is no command, or an argument holds a NUL.
    """
    if not argv or any("\0" in word for word in argv):
        raise TransportError(
            "no command to run" if not argv else "an argument of the command holds a NUL",
            board=board,
            hint="check the command and its arguments",
        )
    first = shlex.quote(argv[0])
    if not first.startswith("'"):
        first = f"'{first}'"
    return os.fsencode(" ".join((first, *map(shlex.quote, argv[1:]))))
