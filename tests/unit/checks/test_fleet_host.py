"""RKF and RKH: what concerns several boards, or this machine."""

import pytest

from rkops.checks.registry import all_checks
from rkops.checks.run import check_fleet, check_host
from rkops.checks.subject import AdbProgram, HostFacts, Wanted
from rkops.core.outcome import Status
from rkops.facts.board import BoardFacts, Identity
from rkops.facts.fact import Absent, Present
from tests.unit.checks.profiles import changed, healthy, subject, unknown, version_mix


def fleet(*boards: BoardFacts, groups: tuple[str, ...] = ("rack",), code: str = "RKF101"):
    subjects = [
        subject(
            changed(facts, identity=Identity(f"dt:{n}", Absent(), Absent(), Absent())),
            Wanted(name=f"board{n}", sdk="2.3.2", groups=groups),
        )
        for n, facts in enumerate(boards)
    ]
    return list(check_fleet(subjects, [all_checks()[code]]))


def test_the_odd_one_out() -> None:
    (finding,) = fleet(healthy(), healthy(), version_mix(), healthy())
    assert (finding.board, finding.severity) == ("board2", "warning")
    assert "server 1.6.0, 3 of 4 have 2.3.2" in finding.message
    assert "driver 0.8.2" in finding.message
    assert "group rack" in finding.message


def test_two_boards_have_no_majority() -> None:
    assert fleet(healthy(), version_mix()) == []


def test_half_and_half_has_no_odd_one() -> None:
    assert fleet(healthy(), version_mix(), healthy(), version_mix()) == []


def test_what_is_not_known_is_not_compared() -> None:
    blind = changed(healthy(), npu__driver=unknown())
    assert fleet(healthy(), healthy(), blind, healthy()) == []


def test_two_spellings_are_one_version() -> None:
    spelt = changed(healthy(), npu__driver=Present("v0.9.8"))
    assert fleet(healthy(), healthy(), spelt) == []


def test_boards_without_a_group_are_compared() -> None:
    (finding,) = fleet(healthy(), version_mix(), healthy(), groups=())
    assert "without a group" in finding.message


def test_one_board_under_two_names() -> None:
    same = [subject(healthy(), Wanted(name=name)) for name in ("a", "b")]
    found = list(check_fleet(same, [all_checks()["RKF102"]]))
    assert [finding.board for finding in found] == ["a", "b"]
    assert fleet(healthy(), healthy(), code="RKF102") == []


OURS = AdbProgram("/usr/bin/adb", "1.0.41")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (HostFacts(adb=(OURS,), adb_server="1.0.41"), Status.PASS),
        (HostFacts(adb=(OURS,), adb_server="1.0.40"), Status.FAIL),
        (HostFacts(adb=(OURS,)), Status.PASS),
        (HostFacts(adb_server="1.0.41"), Status.PASS),
        (HostFacts(adb=(AdbProgram("/opt/adb", ""),), adb_server="1.0.41"), Status.SKIP),
        (HostFacts(uses_adb=False), Status.SKIP),
    ],
)
def test_server_of_another_version(host: HostFacts, status: Status) -> None:
    (finding,) = check_host(host, [all_checks()["RKH101"]])
    assert finding.status == status
    assert finding.board == ""


def test_several_adb_programs() -> None:
    two = HostFacts(adb=(OURS, AdbProgram("/opt/sdk/adb", "")))
    (finding,) = check_host(two, [all_checks()["RKH102"]])
    assert finding.failed
    assert "/opt/sdk/adb" in finding.message


def test_something_else_on_the_port() -> None:
    (finding,) = check_host(HostFacts(adb_problem="no answer"), [all_checks()["RKH103"]])
    assert finding.failed
    assert "no answer" in finding.message
