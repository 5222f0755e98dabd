"""Examine boards: gather facts, judge them, and report as results come."""

import dataclasses
import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread

from msgspec.structs import replace

from rkops import __version__
from rkops.checks.finding import Finding
from rkops.checks.lite import lite_views, some_lite, wanted_python
from rkops.checks.profile import Profile
from rkops.checks.registry import Check, all_checks
from rkops.checks.run import check_board, check_fleet, check_host, lost_finding
from rkops.checks.subject import Clock, HostFacts, Subject, Wanted
from rkops.checks.versions import loaded_version, version_text
from rkops.core.errors import WrongBoardError
from rkops.core.result import Answered, BoardResult, Lost
from rkops.facts.fact import value_of
from rkops.fleet.board import Board
from rkops.knowledge.limits import Limits, default_limits
from rkops.knowledge.socs import soc_of
from rkops.services.doctor_report import (
    BoardLine,
    BoardReport,
    Counts,
    DoctorReport,
    LostLine,
    count,
)
from rkops.services.gather import Gathered, gather
from rkops.services.host import adb_facts, find_toolkits
from rkops.transport.base import AdbAddress

_HOST_SECONDS = 10.0
"""Longer than any phase of looking at this machine takes."""


def _all() -> tuple[Check, ...]:
    return tuple(all_checks().values())


def _silent(report: BoardReport) -> None:
    del report


@dataclass(frozen=True, slots=True)
class Examination:
    """How to examine: which checks, how strict, by which profile, how long."""

    checks: tuple[Check, ...] = field(default_factory=_all)
    strict: bool = False
    profile: Profile = field(default_factory=Profile)
    limits: Limits = field(default_factory=default_limits)
    timeout_seconds: float = 10.0
    jobs: int = 64
    on_board: Callable[[BoardReport], None] = _silent
    """Called as each board ends, in whatever order that is."""

    def with_listener(self, on_board: Callable[[BoardReport], None]) -> "Examination":
        """Return the same with another listener."""
        return dataclasses.replace(self, on_board=on_board)


def diagnose(boards: Sequence[Board], how: Examination) -> DoctorReport:
    """Examine the boards and return the whole report. Changes nothing on any board."""
    return _Run(boards, how).report()


class _Run:
    """One examination under way."""

    def __init__(self, boards: Sequence[Board], how: Examination) -> None:
        self._boards = boards
        self._how = how
        self._names = {board.name: board for board in boards}
        self._today = dt.datetime.now(dt.UTC).date()
        self._subjects: dict[str, Subject] = {}
        self._reports: dict[str, BoardReport] = {}
        self._lost: dict[str, LostLine] = {}
        self._toolkits = HostFacts(toolkits=find_toolkits())
        self._host: SimpleQueue[HostFacts] = SimpleQueue()

    def report(self) -> DoctorReport:
        started, begin = dt.datetime.now(dt.UTC), time.monotonic()
        # This machine is looked at while the boards are asked: it costs no time of its own.
        Thread(target=self._look_at_host, daemon=True).start()
        gather(
            self._boards,
            timeout_seconds=self._how.timeout_seconds,
            jobs=self._how.jobs,
            on_result=self._take,
        )
        fleet = self._fleet()
        reports = [self._reports[board.name] for board in self._boards]
        host = check_host(self._host_facts(), self._how.checks)
        return DoctorReport(
            rkops=__version__,
            started=started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - begin, 3),
            boards=tuple(_with(r.line, fleet) for r in reports),
            lost=tuple(self._lost[b.name] for b in self._boards if b.name in self._lost),
            findings=(*(f for r in reports for f in r.findings), *fleet),
            host=tuple(self._profiled(finding) for finding in host),
            notes=tuple(self._how.profile.expired(self._today)),
            simulated=any(report.line.simulated for report in reports),
        )

    def _look_at_host(self) -> None:
        adb = any(isinstance(way, AdbAddress) for b in self._boards for way in b.addresses)
        try:
            self._host.put(adb_facts(self._toolkits.toolkits, uses_adb=adb))
        except OSError as exc:
            self._host.put(HostFacts(adb_problem=str(exc), toolkits=self._toolkits.toolkits))

    def _host_facts(self) -> HostFacts:
        try:
            return self._host.get(timeout=_HOST_SECONDS)
        except Empty:
            return HostFacts(adb_problem="could not be looked at in time")

    def _take(self, result: BoardResult[Gathered]) -> None:
        report = self._judge(result) if isinstance(result, Answered) else self._lose(result)
        self._reports[result.board] = report
        self._how.on_board(report)

    def _judge(self, answer: Answered[Gathered]) -> BoardReport:
        got = answer.value
        subject = Subject(
            got.facts,
            wanted_of(got.board, strict=self._how.strict),
            Clock(got.host_epoch, got.seconds),
            self._toolkits,
            self._how.limits,
        )
        self._subjects[got.board.name] = subject
        found = tuple(map(self._profiled, check_board(subject, self._how.checks)))
        return BoardReport(_line(subject, answer.seconds, found), found)

    def _lose(self, lost: Lost) -> BoardReport:
        finding = lost_finding(lost.board, lost.error)
        board = self._names[lost.board]
        wrong = isinstance(lost.error, WrongBoardError)
        if not wrong:
            self._lost[lost.board] = LostLine(
                lost.board, finding.code, finding.message, finding.hint, round(lost.seconds, 3)
            )
        line = BoardLine(
            lost.board,
            "wrong-board" if wrong else "lost",
            identity=board.identity or "",
            sdk=board.sdk or "",
            seconds=round(lost.seconds, 3),
            counts=count([finding]),
        )
        return BoardReport(line, (finding,))

    def _fleet(self) -> list[Finding]:
        subjects = [self._subjects[b.name] for b in self._boards if b.name in self._subjects]
        return [self._profiled(f) for f in check_fleet(subjects, self._how.checks)]

    def _profiled(self, finding: Finding) -> Finding:
        board = self._names.get(finding.board)
        return self._how.profile.apply(finding, board.groups if board else (), self._today)


def wanted_of(board: Board, *, strict: bool = False) -> Wanted:
    """Return what the inventory asks of a board."""
    return Wanted(
        name=board.name,
        groups=board.groups,
        soc=board.soc,
        sdk=board.sdk,
        user=board.user,
        python=board.python,
        identity=board.identity,
        strict=strict,
    )


def _line(subject: Subject, seconds: float, findings: Sequence[Finding]) -> BoardLine:
    facts = subject.facts
    compatible = value_of(facts.system.compatible)
    soc = soc_of(compatible) if compatible else None
    python = wanted_python(facts, subject.wanted)
    views = lite_views(facts, subject.wanted)
    lite = some_lite(views) if views else None
    return BoardLine(
        board=subject.wanted.name,
        status="answered",
        identity=facts.identity.key,
        soc=soc.name if soc else "",
        model=value_of(facts.system.model) or "",
        os=value_of(facts.system.os) or "",
        kernel=value_of(facts.system.kernel) or "",
        runtime=value_of(loaded_version(facts.runtime, facts.system.arch)) or "",
        server=version_text(facts.server.version),
        driver=value_of(facts.npu.driver) or "",
        python=python.version if python else "",
        lite=lite.version if lite else "",
        sdk=subject.wanted.sdk or "",
        by=facts.by,
        simulated=facts.system.simulated,
        seconds=round(seconds, 3),
        counts=count(findings),
    )


def _with(line: BoardLine, fleet: Sequence[Finding]) -> BoardLine:
    """Return the line with the fleet's findings about its board counted in."""
    own = [finding for finding in fleet if finding.board == line.board]
    if not own:
        return line
    have, more = line.counts, count(own)
    total = Counts(
        have.error + more.error,
        have.warning + more.warning,
        have.info + more.info,
        have.skip + more.skip,
        have.crash + more.crash,
    )
    return replace(line, counts=total)
