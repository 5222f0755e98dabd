"""RKN107: what applications bring by themselves is told, and warns of nothing."""

import msgspec
import pytest

from rkops.core.outcome import Status
from rkops.facts.board import BoardFacts, Runtime
from rkops.facts.fact import Fact, Present, Unknown
from tests.unit.checks.profiles import LIB, changed, copy, healthy, run

WALKED: Fact[tuple[str, ...]] = Present(("/home/firefly", "/opt"))
CUT: Fact[tuple[str, ...]] = Unknown("not all was looked through: the search ended in /opt")


def board(number: str, walked: Fact[tuple[str, ...]] = WALKED) -> BoardFacts:
    app = msgspec.structs.replace(copy(number, "/opt/app/lib/librknnrt.so"), bundled=True)
    runtime = Runtime((copy(), app) if number else (copy(),), Present(LIB), Present(()), walked)
    return changed(healthy(), runtime=runtime)


def test_another_version_that_an_application_brings_is_information() -> None:
    outcome = run("RKN107", board("1.6.0"))
    assert outcome.status is Status.FAIL
    assert "/opt/app/lib/librknnrt.so 1.6.0; the loader gives 2.3.2" in outcome.message
    assert run("RKN102", board("1.6.0")).status is Status.PASS
    assert not any("/opt/app" in command for command in run("RKN103", board("1.6.0")).commands)


@pytest.mark.parametrize("number", ["", "2.3.2"])
def test_none_or_the_same_version_is_fine(number: str) -> None:
    assert run("RKN107", board(number)).status is Status.PASS


def test_a_search_cut_short_finds_nothing_out() -> None:
    assert run("RKN107", board("2.3.2", CUT)).status is Status.SKIP
    assert "the search ended in /opt" in run("RKN107", board("1.6.0", CUT)).message
