"""The one table of exit codes."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell sees. A count is never encoded here."""

    OK = 0
    """Every board answered; no finding at or above `--fail-on`."""
    FINDINGS = 1
    """Boards answered; at least one finding at or above `--fail-on`."""
    USAGE = 2
    """Wrong flag, wrong inventory, unknown board, unusable input file."""
    UNREACHABLE = 3
    """At least one board gave no answer: the result is incomplete."""
    CHANGE_FAILED = 4
    """A fix, deploy or step failed on at least one board: look at that board."""
    INTERNAL = 70
    """A bug in rkops."""
    INTERRUPTED = 130
    """Ctrl-C."""
