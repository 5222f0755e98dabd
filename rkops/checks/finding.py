"""A finding: what one check said about one board."""

from msgspec import Struct

from rkops.checks.registry import Check
from rkops.core.outcome import Outcome, Severity, Status


class Fix(Struct, frozen=True):
    """The operation that mends the finding, and what it may cost."""

    operation: str
    risk: str


class Finding(Struct, frozen=True):
    """One line of a report. `severity` is what a failure would count as, whatever the status."""

    board: str
    code: str
    status: str
    severity: str
    title: str
    message: str
    hint: str = ""
    commands: tuple[str, ...] = ()
    fix: Fix | None = None

    @property
    def failed(self) -> bool:
        """True for a failure; a crash of a check is none."""
        return self.status == Status.FAIL

    @property
    def level(self) -> Severity:
        """The severity as an ordered value."""
        return LEVELS[self.severity]


LEVELS = {severity.label: severity for severity in Severity}
_LABELS = {severity: label for label, severity in LEVELS.items()}


def finding_of(board: str, check: Check, outcome: Outcome) -> Finding:
    """Return the finding for an outcome; the check's default severity where it graded none."""
    fix = outcome.fix
    return Finding(
        board,
        check.code,
        outcome.status.value,
        _LABELS[outcome.severity or check.severity],
        check.title,
        outcome.message or check.title,
        outcome.hint,
        outcome.commands,
        Fix(fix.operation, fix.risk.value) if fix else None,
    )


def crashed(board: str, check: Check, error: Exception) -> Finding:
    """Return the finding of a check that broke: it says nothing about the board."""
    outcome = Outcome(
        Status.CRASH,
        f"the check itself broke: {type(error).__name__}: {error}",
        hint="this is a fault of rkops, not of the board; please report it",
    )
    return finding_of(board, check, outcome)
