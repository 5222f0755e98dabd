"""Reports built by hand."""

from rkops.checks.finding import Finding
from rkops.checks.registry import all_checks
from rkops.checks.run import check_board, check_fleet, lost_finding
from rkops.checks.subject import Wanted
from rkops.core.errors import BoardRefusedError, RkopsError, WrongBoardError
from rkops.facts.board import BoardFacts
from rkops.services.doctor_report import BoardLine, BoardReport, DoctorReport, LostLine, count
from tests.unit.checks.profiles import healthy, subject, two_runtimes, user_lite, version_mix


def answered(name: str, facts: BoardFacts) -> BoardReport:
    wanted = Wanted(name=name, sdk="2.3.2", identity="dt:a1b2c3")
    found = tuple(check_board(subject(facts, wanted), all_checks().values()))
    line = BoardLine(
        name, "answered", soc="rk3588s", runtime="2.3.2", by="agent", counts=count(found)
    )
    return BoardReport(line, found)


def lost(name: str, error: RkopsError) -> BoardReport:
    finding = lost_finding(name, error)
    status = "wrong-board" if isinstance(error, WrongBoardError) else "lost"
    return BoardReport(BoardLine(name, status, counts=count([finding])), (finding,))


def whole(
    *reports: BoardReport, notes: tuple[str, ...] = (), fleet: tuple[Finding, ...] = ()
) -> DoctorReport:
    return DoctorReport(
        rkops="0.1.0",
        started="2026-06-01T12:00:00+00:00",
        seconds=0.25,
        boards=tuple(report.line for report in reports),
        lost=tuple(
            LostLine(r.line.board, r.findings[0].code, r.findings[0].message, "", 0.1)
            for r in reports
            if r.line.status == "lost"
        ),
        findings=(*(f for report in reports for f in report.findings), *fleet),
        host=(),
        notes=notes,
        simulated=False,
    )


def twins() -> tuple[Finding, ...]:
    """One board under two names."""
    subjects = [subject(healthy(), Wanted(name=name)) for name in ("good", "mixed")]
    return tuple(check_fleet(subjects, all_checks().values()))


def sample() -> list[BoardReport]:
    """A good board, three bad ones, a lost one and a wrong one."""
    return [
        answered("good", healthy()),
        answered("mixed", version_mix()),
        answered("user", user_lite()),
        answered("twice", two_runtimes()),
        lost("gone", BoardRefusedError("127.0.0.1 refuses", hint="start adbd")),
        lost("other", WrongBoardError("dt:2 answers, dt:1 is recorded")),
    ]
