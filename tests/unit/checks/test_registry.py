"""What every check owes: a code of its own, words, and no crash whatever it is given."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rkops.checks.registry import Check, all_checks, check, loss_code
from rkops.checks.run import check_board, lost_finding
from rkops.core import errors
from rkops.core.outcome import Outcome, Severity, Status, failed, passed
from rkops.facts.board import BoardFacts
from rkops.report.check_page import pages
from rkops.report.explain import sections
from tests.unit.checks.holes import blind, holes
from tests.unit.checks.profiles import healthy, subject, two_runtimes, user_lite

# The codes and default severities that were promised, once and for all.
PROMISED = {
    "RKC110": "error",
    "RKC120": "warning",
    "RKS101": "error",
    "RKS110": "error",
    "RKN101": "error",
    "RKN102": "warning",
    "RKN103": "error",
    "RKN110": "warning",
    "RKN111": "warning",
    "RKN112": "warning",
    "RKN113": "warning",
    "RKN120": "error",
    "RKN121": "error",
    "RKN130": "warning",
    "RKP101": "warning",
    "RKP102": "warning",
    "RKP110": "warning",
    "RKP111": "error",
    "RKP112": "warning",
    "RKT101": "info",
    "RKT102": "info",
    "RKT110": "info",
    "RKT120": "warning",
    "RKM101": "warning",
    "RKM110": "warning",
    "RKD101": "error",
    "RKD102": "error",
    "RKD103": "error",
    "RKX101": "info",
    "RKX120": "warning",
    "RKF101": "warning",
    "RKH101": "warning",
}


def test_promised_codes() -> None:
    there = {code: check.severity.label for code, check in all_checks().items()}
    assert there | PROMISED == there


@pytest.mark.parametrize("one", list(all_checks().values()), ids=lambda one: one.code)
def test_check_explains_itself(one: Check) -> None:
    parts = sections(one)
    assert one.title
    assert not one.title.endswith(".")
    assert all(parts.get(heading) for heading in ("What", "Why", "Fix"))


def test_a_code_is_never_used_twice() -> None:
    with pytest.raises(ValueError, match="RKN121 is taken"):
        check("RKN121", "again", severity=Severity.INFO)(lambda: passed("never"))


def test_a_code_has_a_form() -> None:
    with pytest.raises(ValueError, match="no check code"):
        check("RK1", "short", severity=Severity.INFO)(lambda: passed("never"))


def test_a_check_may_ask_only_for_what_there_is() -> None:
    def odd(number: int) -> Outcome:
        return passed(str(number))

    with pytest.raises(TypeError, match="RKN999"):
        check("RKN999", "odd", severity=Severity.INFO)(odd)


def test_pages_are_up_to_date() -> None:
    directory = Path(__file__).parents[3] / "docs" / "checks"
    there = {path.name: path.read_text("utf-8") for path in directory.glob("*.md")}
    assert there == pages(), "run scripts/docs-checks"


def test_a_broken_check_hides_no_other() -> None:
    def broken(given: object) -> Outcome:
        raise RuntimeError(f"no {given!r:.3}")

    bad = Check("RKN998", "breaks", Severity.ERROR, "board", "", board=broken)
    findings = check_board(subject(), [bad, all_checks()["RKN121"]])
    assert [finding.status for finding in findings] == [Status.CRASH, Status.PASS]
    assert "RuntimeError" in findings[0].message


def every_error() -> Iterator[type[errors.RkopsError]]:
    for thing in vars(errors).values():
        if isinstance(thing, type) and issubclass(thing, errors.RkopsError):
            yield thing


@pytest.mark.parametrize("kind", list(every_error()), ids=lambda kind: kind.__name__)
def test_every_error_is_a_finding(kind: type[errors.RkopsError]) -> None:
    finding = lost_finding("board1", kind("it broke"))
    assert (finding.code, finding.message) == (loss_code(kind("x")), "it broke")
    assert finding.failed
    assert finding.hint
    assert finding.level is Severity.ERROR


def test_errors_have_codes_of_their_own() -> None:
    codes = {
        kind: loss_code(kind("x"))
        for kind in (
            errors.BoardUnreachableError,
            errors.BoardRefusedError,
            errors.BoardOfflineError,
            errors.BoardUnauthorizedError,
            errors.AuthFailedError,
            errors.HostKeyChangedError,
            errors.DeadlineError,
            errors.AgentReplyError,
            errors.WrongBoardError,
        )
    }
    assert len(set(codes.values())) == len(codes)
    assert codes[errors.WrongBoardError] == "RKC110"


@pytest.mark.parametrize("facts", [healthy(), user_lite(), two_runtimes()], ids="hul")
def test_no_check_breaks_whatever_is_missing(facts: BoardFacts) -> None:
    checks = [one for one in all_checks().values() if one.board]
    tried = 0
    for changed in holes(facts):
        assert isinstance(changed, BoardFacts)
        tried += 1
        for finding in check_board(subject(changed), checks):
            assert finding.status != Status.CRASH, finding
            assert finding.message
            assert finding.hint or finding.status != Status.FAIL
    assert tried > 200


def test_a_board_that_shows_nothing_gets_no_verdict() -> None:
    facts = blind(BoardFacts)
    assert isinstance(facts, BoardFacts)
    checks = [one for one in all_checks().values() if one.board]
    findings = check_board(subject(facts), checks)
    told = {finding.code for finding in findings if finding.status == Status.FAIL}
    # What is no fact but a plain value (identity, clock, writable flag) is judged all the same.
    assert told <= {"RKC114", "RKC120", "RKM102"}, told
    assert not [finding for finding in findings if finding.status == Status.CRASH]


def test_a_failure_wants_a_hint() -> None:
    assert failed("broken", hint="mend it").hint == "mend it"
