"""Doctor's table as lines: a line per board, its findings below it, a summary at the end."""

from collections.abc import Iterator, Sequence

import msgspec

from rkops.checks.finding import Finding
from rkops.core.outcome import Severity, Status
from rkops.report.columns import GAP, Line, Span, padded, shortened
from rkops.services.doctor_report import BoardLine, BoardReport, Counts, DoctorReport

_STYLES = {
    "error": "bold red",
    "warning": "yellow",
    "info": "cyan",
    "skip": "dim",
    "pass": "green",
    "crash": "bold magenta",
}
_VERSIONS = ("runtime", "server", "driver", "lite")
_SOC_WIDTH = 8
_WIDTHS = (7, 7, 7, 7)
"""Runtime, server, driver, lite: wide enough for what Rockchip writes (2.0.0b0)."""
_VERDICT = 20
"""Room for `2 errors, 3 warnings`."""
_SHORTEST = 12
_LABEL = 9
_VERDICT_HEAD = Span("VERDICT", "bold")
_NAMED = 5
"""How many boards are named before the rest is counted."""
_INDENT = "  "
_DEEP = " " * (len(_INDENT) + _LABEL)


class DoctorLines:
    """Makes lines from reports; `everything` also shows what passed and why something skipped."""

    def __init__(
        self, names: Sequence[str], *, everything: bool = False, width: int | None = None
    ) -> None:
        """`width` is a terminal's: names are shortened and the SoC left out to fit it."""
        self._widths = [max([len("BOARD"), *map(len, names)]), _SOC_WIDTH, *_WIDTHS]
        if width is not None:
            over = sum(self._widths) + len(GAP) * len(self._widths) + _VERDICT - width
            if over > 0:
                del self._widths[1]
                over -= _SOC_WIDTH + len(GAP)
            if over > 0:
                self._widths[0] = max(min(self._widths[0], _SHORTEST), self._widths[0] - over)
        self._everything = everything
        self._informs = everything or len(names) == 1
        """Informations stand below their board only where there is one; else they are counted."""

    def header(self) -> Line:
        """Return the heading of the columns."""
        return (*self._row(("BOARD", "SOC", *map(str.upper, _VERSIONS)), "bold"), _VERDICT_HEAD)

    def board(self, report: BoardReport) -> Iterator[Line]:
        """Yield a board's line, then its findings, the gravest first."""
        line = report.line
        versions = [getattr(line, name) or "-" for name in _VERSIONS]
        yield (*self._row((line.board, line.soc or "-", *versions)), *verdict(line))
        yield from self._findings(report.findings)

    def _row(self, texts: Sequence[str], style: str = "") -> Line:
        name, soc, *versions = texts
        cells = [Span(shortened(name, self._widths[0]), "bold")]
        if len(self._widths) > 1 + len(_VERSIONS):
            cells.append(Span(soc, style))
        return padded([*cells, *(Span(version, style) for version in versions)], self._widths)

    def end(self, report: DoctorReport) -> Iterator[Line]:
        """Yield what concerns several boards or this machine, notes, and the summary."""
        fleet = [f for f in report.findings if _is_fleet(f)]
        for title, findings in (("fleet", fleet), ("this machine", report.host)):
            shown = [f for f in findings if self._everything or f.status != Status.PASS]
            if [f for f in shown if self._everything or f.status != Status.SKIP]:
                yield (Span(title, "bold"),)
                yield from self._findings(merged(shown))
        if not self._informs:
            yield from _informations(report.findings)
        for note in report.notes:
            yield (Span("note: ", "yellow"), Span(note))
        yield ()
        yield summary(report)

    def _findings(self, findings: Sequence[Finding]) -> Iterator[Line]:
        for finding in sorted(filter(self._is_shown, findings), key=_gravity):
            yield from self._finding(finding)
        if not self._everything:
            yield from _skips(findings)

    def _is_shown(self, finding: Finding) -> bool:
        if self._everything:
            return True
        if _is_information(finding):
            return self._informs
        return finding.failed or finding.status == Status.CRASH

    def _finding(self, finding: Finding) -> Iterator[Line]:
        kind = finding.severity if finding.failed else finding.status
        yield (
            Span(_INDENT),
            Span(f"{kind:<{_LABEL}}", _STYLES[kind]),
            Span(f"{finding.code}  ", "bold"),
            Span(finding.message),
        )
        # An information is no call to act; --show all and --explain say what one could do.
        if finding.hint and (kind != "info" or self._everything):
            yield (Span(f"{_DEEP}try: ", "dim"), Span(finding.hint))
        if kind != "info" or self._everything:
            yield from ((Span(f"{_DEEP}  $ {c}", "green"),) for c in finding.commands)


def merged(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings with the boards named in the message, those that say the same as one."""
    boards: dict[Finding, list[str]] = {}
    for finding in findings:
        boards.setdefault(msgspec.structs.replace(finding, board=""), []).append(finding.board)
    return [
        msgspec.structs.replace(finding, message=f"{_named(names)}{finding.message}")
        for finding, names in boards.items()
    ]


def _named(boards: Sequence[str]) -> str:
    named = [board for board in boards if board]
    if not named:
        return ""
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"{', '.join(named[:_NAMED])}{more}: "


def _is_information(finding: Finding) -> bool:
    return finding.failed and finding.level == Severity.INFO


def _informations(findings: Sequence[Finding]) -> Iterator[Line]:
    """Yield one line per code that only informs: on how many boards, and what it is about."""
    boards: dict[tuple[str, str], int] = {}
    for finding in findings:
        if _is_information(finding):
            key = (finding.code, finding.title)
            boards[key] = boards.get(key, 0) + 1
    if boards:
        yield (Span("for information (one board, or --show all, tells more)", "bold"),)
    for (code, title), number in sorted(boards.items()):
        yield (
            Span(_INDENT),
            Span(f"{'info':<{_LABEL}}", _STYLES["info"]),
            Span(f"{code}  ", "bold"),
            Span(f"{title}: not on {_many(number, 'board')}"),
        )


def verdict(line: BoardLine) -> tuple[Span, ...]:
    """Return the verdict on a board in a few words."""
    words: list[Span] = []
    if line.status != "answered":
        words.append(Span("wrong board" if line.status == "wrong-board" else "lost", "bold red"))
    else:
        words += counted(line.counts) or [Span("ok", "green")]
    if line.simulated:
        words.append(Span("(simulated)", "dim"))
    return tuple(Span((" " if n else "") + word.text, word.style) for n, word in enumerate(words))


def counted(counts: Counts) -> list[Span]:
    """Return `1 error, 2 warnings` as spans; informations do not count against a board."""
    kinds = (("crash", counts.crash), ("error", counts.error), ("warning", counts.warning))
    shown = [(kind, number) for kind, number in kinds if number]
    return [
        Span(f"{_many(number, kind)}{',' if n + 1 < len(shown) else ''}", _STYLES[kind])
        for n, (kind, number) in enumerate(shown)
    ]


def summary(report: DoctorReport) -> Line:
    """Return the last line: how many boards, how they are, how long it took.

    A board is counted as its row says. Its row was written before all boards were known, so what
    only the whole fleet shows is counted apart.
    """
    loud = [f for f in report.findings if _is_loud(f)]
    own = {f.board for f in loud if not _is_fleet(f)}
    fleet = {f.board for f in loud if _is_fleet(f)}
    lost = {line.board for line in report.lost}
    fine = sum(1 for line in report.boards if line.board not in own | lost)
    parts = [Span(f"{_many(len(report.boards), 'board')}:"), Span(f" {fine} ok", "green")]
    if troubled := len(own - lost):
        parts.append(Span(f", {troubled} with findings", "yellow"))
    if lost:
        parts.append(Span(f", {len(lost)} lost (the result is incomplete)", "bold red"))
    if fleet:
        parts.append(Span(f"; {len(fleet)} named under fleet", "yellow"))
    parts.append(Span(f"; {report.seconds:.1f} s", "dim"))
    if report.simulated:
        parts.append(Span("; simulated boards", "dim"))
    return tuple(parts)


def _is_loud(finding: Finding) -> bool:
    return finding.status == Status.CRASH or (finding.failed and not _is_information(finding))


def _is_fleet(finding: Finding) -> bool:
    return finding.code.startswith("RKF")


def _gravity(finding: Finding) -> tuple[int, int, str]:
    order = (Status.CRASH, Status.FAIL, Status.SKIP, Status.PASS)
    grade = -finding.level if finding.failed else 0
    return order.index(Status(finding.status)), grade, finding.code


def _skips(findings: Sequence[Finding]) -> Iterator[Line]:
    """Yield one line per thing that is needed; checks that do not apply are not mentioned."""
    by_need: dict[str, list[str]] = {}
    for finding in findings:
        if finding.status == Status.SKIP and finding.hint:
            by_need.setdefault(finding.hint, []).append(finding.code)
    for need, codes in by_need.items():
        yield (Span(f"{_INDENT}{'skipped':<{_LABEL}}{', '.join(codes)}: {need}", "dim"),)


def _many(number: int, word: str) -> str:
    if word == "crash":
        return f"{number} broken check" + ("s" if number != 1 else "")
    return f"{number} {word}" + ("s" if number != 1 else "")
