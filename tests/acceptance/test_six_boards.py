"""`rkops lab up 6`: doctor fires what the profiles are about, and nothing else."""

import pytest

from tests.acceptance.kit import World, fired
from tests.lab.test_host import SIX

pytestmark = [pytest.mark.namespaces, pytest.mark.adb]


def test_exactly_the_table(lab: World) -> None:
    report = lab.doctor("--all", code=1)
    found = fired(report)
    assert {board: found.get(board, set()) for board in SIX} == SIX
    assert [line["board"] for line in report["boards"]] == list(SIX)
    told = {
        (one["board"], one["code"])
        for one in report["findings"]
        if (one["status"], one["severity"]) == ("fail", "info")
    }
    for code in ("RKT101", "RKT102"):
        assert {board for board, of in told if of == code} == {"no-dmc"}
    assert report["simulated"]
    assert report["lost"] == []


def test_every_finding_says_what_and_what_to_do(lab: World) -> None:
    findings = lab.doctor("--all", "--show", "all", code=1)["findings"]
    needed = {"board", "code", "status", "severity", "message", "hint"}
    assert all(needed <= set(one) for one in findings)
    assert {one["status"] for one in findings} >= {"pass", "fail", "skip"}
    assert all(one["message"] for one in findings)
    assert all(one["hint"] for one in findings if one["status"] == "fail")
    assert not [one for one in findings if one["status"] == "crash"]


def test_each_board_alone(lab: World) -> None:
    assert fired(lab.doctor("healthy", code=0)) == {}
    assert fired(lab.doctor("no-dmc", code=0)) == {}
    assert fired(lab.doctor("wrong-soc", code=1)) == {"wrong-soc": SIX["wrong-soc"]}


def test_over_ssh_the_same(lab: World) -> None:
    by_ssh = lab.place / "ssh.yaml"
    lines = lab.inventory.read_text().splitlines()
    by_ssh.write_text("\n".join(line for line in lines if "    adb:" not in line) + "\n")
    found = fired(lab.doctor("--all", "-i", str(by_ssh), code=1))
    assert {board: found.get(board, set()) for board in SIX} == SIX


def test_one_board_off(lab: World) -> None:
    lab.run("lab", "fault", "no-dmc", "power-off")
    try:
        report = lab.doctor("--all", code=3)
        table = lab.run("doctor", "--all", code=3).stdout
    finally:
        lab.run("lab", "fault", "no-dmc", "power-on")
    found = fired(report)
    assert found.pop("no-dmc") <= {"RKC101", "RKC102"}
    assert {board: found.get(board, set()) for board in SIX if board != "no-dmc"} == {
        board: codes for board, codes in SIX.items() if board != "no-dmc"
    }
    assert [line["board"] for line in report["lost"]] == ["no-dmc"]
    assert all(board in table for board in SIX)
    assert fired(lab.doctor("no-dmc", code=0)) == {}
