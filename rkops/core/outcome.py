"""What a check says: status and severity are two axes."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from msgspec import Struct


class Status(StrEnum):
    """Whether the check passed, failed, could not judge, or broke itself."""

    PASS = "pass"  # noqa: S105 - a status, no secret
    FAIL = "fail"
    SKIP = "skip"
    CRASH = "crash"


class Severity(IntEnum):
    """How much a failure matters. Ordered, so that `--fail-on` is a comparison."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        """The word users read and write."""
        return self.name.lower()


class Risk(StrEnum):
    """What mending a finding may cost."""

    SAFE = "safe"
    INTERRUPTS = "interrupts"
    LOSES_DATA = "loses-data"


@dataclass(frozen=True, slots=True)
class Fix:
    """The operation that mends a finding, and what it may cost."""

    operation: str
    risk: Risk = Risk.SAFE


class Outcome(Struct, frozen=True):
    """The result of one check on one board. `commands` are to be run, `hint` is prose.

    A Struct: one is made for every check of every board, four times as fast as a dataclass.
    """

    status: Status
    message: str
    severity: Severity | None = None
    """Set only where the check itself grades its failure; else the check's default holds."""
    hint: str = ""
    commands: tuple[str, ...] = ()
    fix: Fix | None = None


def passed(message: str) -> Outcome:
    """Return a pass."""
    return Outcome(Status.PASS, message)


def failed(
    message: str,
    *,
    hint: str,
    severity: Severity | None = None,
    commands: tuple[str, ...] = (),
    fix: Fix | None = None,
) -> Outcome:
    """Return a failure; a hint is not optional."""
    return Outcome(Status.FAIL, message, severity, hint, commands, fix)


def skipped(message: str, *, needs: str = "") -> Outcome:
    """Return a skip: the check could not judge; `needs` says what it would take."""
    return Outcome(Status.SKIP, message, hint=f"needs {needs}" if needs else "")
