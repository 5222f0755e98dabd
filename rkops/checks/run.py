"""Run checks on subjects. A check that breaks is a finding of its own, never an abort."""

import logging
from collections.abc import Iterable, Iterator, Sequence

from rkops.checks.finding import Finding, crashed, finding_of
from rkops.checks.registry import Check, all_checks, loss_code
from rkops.checks.subject import HostFacts, Subject
from rkops.core.errors import RkopsError
from rkops.core.outcome import failed

_log = logging.getLogger(__name__)


def check_board(subject: Subject, checks: Iterable[Check]) -> list[Finding]:
    """Return what each board check says about one board."""
    name = subject.wanted.name
    findings = []
    for check in checks:
        if check.board is None:
            continue
        try:
            findings.append(finding_of(name, check, check.board(subject)))
        except Exception as exc:  # noqa: BLE001 - one broken check must not hide the others
            _log.debug("%s: %s broke", name, check.code, exc_info=True)
            findings.append(crashed(name, check, exc))
    return findings


def check_fleet(subjects: Sequence[Subject], checks: Iterable[Check]) -> Iterator[Finding]:
    """Yield what the fleet checks say; boards they say nothing about pass."""
    for check in checks:
        if check.fleet is None:
            continue
        try:
            outcomes = list(check.fleet(subjects))
        except Exception as exc:  # noqa: BLE001 - one broken check must not hide the others
            _log.debug("%s broke", check.code, exc_info=True)
            yield crashed("", check, exc)
            continue
        for board, outcome in outcomes:
            yield finding_of(board, check, outcome)


def check_host(host: HostFacts, checks: Iterable[Check]) -> Iterator[Finding]:
    """Yield what the checks of this machine say; their findings name no board."""
    for check in checks:
        if check.host is None:
            continue
        try:
            yield finding_of("", check, check.host(host))
        except Exception as exc:  # noqa: BLE001 - one broken check must not hide the others
            _log.debug("%s broke", check.code, exc_info=True)
            yield crashed("", check, exc)


def lost_finding(board: str, error: RkopsError) -> Finding:
    """Return the finding that stands for a board that gave no usable answer."""
    check = all_checks()[loss_code(error)]
    told = failed(error.message, hint=error.hint or "see rkops explain " + check.code)
    return finding_of(board, check, check.loss(error) if check.loss else told)
