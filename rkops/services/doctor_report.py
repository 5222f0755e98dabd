"""What doctor found, as data: this is the JSON report (schema `rkops.doctor/1`)."""

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from rkops.checks.finding import Finding
from rkops.core.exit import ExitCode
from rkops.core.outcome import Severity, Status

SCHEMA = "rkops.doctor/1"
_QUIET = frozenset((Status.PASS.value, Status.SKIP.value))


class Counts(Struct, frozen=True):
    """How many findings of each kind; a crash is a check that broke."""

    error: int = 0
    warning: int = 0
    info: int = 0
    skip: int = 0
    crash: int = 0

    @property
    def failed(self) -> int:
        """Failures of every severity."""
        return self.error + self.warning + self.info


class BoardLine(Struct, frozen=True):
    """One board in a line. An empty text is a version that is not there or not known."""

    board: str
    status: str
    """`answered`, `wrong-board` or `lost`."""
    identity: str = ""
    soc: str = ""
    model: str = ""
    os: str = ""
    kernel: str = ""
    runtime: str = ""
    server: str = ""
    driver: str = ""
    python: str = ""
    lite: str = ""
    sdk: str = ""
    by: str = ""
    simulated: bool = False
    seconds: float = 0.0
    counts: Counts = Counts()


class LostLine(Struct, frozen=True):
    """A board that gave no usable answer, and why."""

    board: str
    code: str
    message: str
    hint: str
    seconds: float


class BoardReport(Struct, frozen=True):
    """One board's line with its findings, as soon as it is known."""

    line: BoardLine
    findings: tuple[Finding, ...]


class DoctorReport(Struct, frozen=True):
    """The whole result of one run."""

    rkops: str
    started: str
    seconds: float
    boards: tuple[BoardLine, ...]
    lost: tuple[LostLine, ...]
    findings: tuple[Finding, ...]
    host: tuple[Finding, ...]
    notes: tuple[str, ...]
    simulated: bool
    schema: str = SCHEMA

    def exit_code(self, fail_on: Severity) -> ExitCode:
        """Return the exit code: incomplete over broken checks over findings over fine."""
        if self.lost:
            return ExitCode.UNREACHABLE
        telling = [f for f in (*self.findings, *self.host) if f.status not in _QUIET]
        if any(finding.status == Status.CRASH for finding in telling):
            return ExitCode.INTERNAL
        if any(finding.level >= fail_on for finding in telling):
            return ExitCode.FINDINGS
        return ExitCode.OK


def count(findings: Iterable[Finding]) -> Counts:
    """Count failures by severity, and skips and crashes."""
    tally = Counter(f.severity if f.status == Status.FAIL else f.status for f in findings)
    return Counts(tally["error"], tally["warning"], tally["info"], tally["skip"], tally["crash"])
