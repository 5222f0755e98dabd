"""RKC, RKS, RKT, RKM, RKX, RKD: the rest of one board."""

import pytest

from rkops.checks.registry import all_checks
from rkops.checks.subject import Clock, Subject, Wanted
from rkops.core.outcome import Severity, Status
from rkops.facts.board import (
    AdbExposure,
    DeployedModel,
    Identity,
    PathFile,
    Release,
    Zone,
)
from rkops.facts.fact import Absent, Fact, Present
from tests.unit.checks.profiles import (
    NOW,
    TRIMMED,
    changed,
    devfreq,
    fired,
    healthy,
    mentions,
    run,
    unknown,
    wrong_soc,
)


def at(epoch: float, seconds: float = 0.02):
    clock = all_checks()["RKC120"].board
    assert clock is not None
    facts = changed(healthy(), system__epoch=epoch)
    return clock(Subject(facts, Wanted(), Clock(NOW, seconds)))


def test_another_board() -> None:
    outcome = run("RKC110", identity="dt:other")
    assert mentions(outcome, "dt:a1b2c3", "dt:other")
    assert outcome.commands == ("rkops board adopt board1",)
    assert run("RKC110", identity=None).status is Status.PASS
    nobody = changed(healthy(), identity=Identity("", Absent(), Absent(), Absent()))
    assert run("RKC110", nobody).status is Status.SKIP


def test_a_board_without_an_identity_is_told() -> None:
    facts = changed(
        healthy(), identity__key="", identity__machine_id=Present("0123456789abcdef", "")
    )
    outcome = run("RKC114", facts)
    assert (outcome.status, outcome.severity) == (Status.FAIL, None)
    assert "machine-id is 0123456789abcdef" in outcome.message
    assert run("RKC110", facts).status is Status.SKIP
    assert run("RKC114", healthy()).status is Status.PASS


@pytest.mark.parametrize("off", [0, 290, -290, 300])
def test_clock_is_right(off: float) -> None:
    assert at(NOW + off).status is Status.PASS


@pytest.mark.parametrize(
    ("off", "words"),
    [
        (301, "5 min ahead"),
        (-400, "7 min behind"),
        (-86400 * 9, "9 days behind"),
        (7300, "2 hours"),
    ],
)
def test_clock_is_off(off: float, words: str) -> None:
    outcome = at(NOW + off)
    assert outcome.status is Status.FAIL
    assert mentions(outcome, words)


def test_a_slow_answer_is_no_wrong_clock() -> None:
    assert at(NOW - 400, seconds=200).status is Status.PASS


def test_a_clock_out_of_all_reason_is_still_reported() -> None:
    assert at(1e30).status is Status.FAIL


def test_soc() -> None:
    assert mentions(run("RKS101", wrong_soc()), "rk3568", "rk3588")
    assert run("RKS101", wrong_soc(), soc="rk3568").status is Status.FAIL
    assert run("RKS101", soc="rk3588s").status is Status.PASS
    plain = changed(healthy(), system__compatible=Present(("rockchip,rk3588",)))
    assert run("RKS101", plain, soc="rk3588s").status is Status.FAIL
    other = changed(healthy(), system__compatible=Present(("raspberrypi,4", "brcm,bcm2711")))
    assert mentions(run("RKS101", other), "brcm,bcm2711")
    assert run("RKS101", changed(healthy(), system__compatible=Absent())).status is Status.FAIL
    assert run("RKS101", changed(healthy(), system__compatible=unknown())).status is Status.SKIP


def test_clocks() -> None:
    assert run("RKT101", changed(healthy(), clocks__dmc=unknown())).status is Status.SKIP
    assert run("RKT102", changed(healthy(), clocks__npu=Absent())).status is Status.FAIL
    npu = devfreq("/sys/class/devfreq/fdab0000.npu", TRIMMED, "rknpu_ondemand")
    outcome = run("RKT110", changed(healthy(), clocks__npu=Present(npu)))
    assert mentions(outcome, "npu rknpu_ondemand")
    assert mentions(run("RKT102", changed(healthy(), clocks__npu=Present(npu))), "min_freq")


def test_a_memory_clock_without_dmc_is_told() -> None:
    facts = changed(healthy(), clocks__dmc=Absent(), clocks__ddr_clock_hz=Present(2_112_000_000))
    assert mentions(run("RKT101", facts), "can be read (2112 MHz) but not pinned")
    facts = changed(healthy(), clocks__dmc=Absent())
    assert mentions(run("RKT101", facts), "can be neither read nor pinned")


def test_equal_limits_hold_a_clock() -> None:
    free = devfreq("/sys/class/devfreq/fdab0000.npu", TRIMMED, "rknpu_ondemand")
    pinned = type(free)(
        **{f: getattr(free, f) for f in free.__struct_fields__} | {"min_hz": free.max_hz}
    )
    assert run("RKT110", changed(healthy(), clocks__npu=Present(pinned))).status is Status.PASS


@pytest.mark.parametrize(
    ("degrees", "severity"),
    [(74.9, None), (75.0, Severity.WARNING), (84.9, Severity.WARNING), (85.0, Severity.ERROR)],
)
def test_temperature(degrees: float, severity: Severity | None) -> None:
    zones = (Zone("soc-thermal", Present(40.0)), Zone("npu-thermal", Present(degrees)))
    outcome = run("RKT120", changed(healthy(), thermal=zones))
    assert outcome.severity == severity
    assert mentions(outcome, "npu-thermal", f"{degrees} °C")


def test_no_thermal_zone() -> None:
    assert run("RKT120", changed(healthy(), thermal=())).status is Status.SKIP


def test_room_for_models() -> None:
    outcome = run("RKM101", changed(healthy(), storage__free_bytes=Present(50 << 20)))
    assert mentions(outcome, "50 MB", "/opt/rkops/models")


def test_model_directory() -> None:
    read_only = changed(healthy(), storage__read_only=True, storage__writable=False)
    assert mentions(run("RKM102", read_only), "read-only")
    denied = changed(healthy(), storage__writable=False)
    assert mentions(run("RKM102", denied), "may not write")


def test_a_file_in_the_place_of_the_model_directory() -> None:
    facts = changed(healthy(), storage__blocked_by="/opt/rkops")
    assert mentions(run("RKM102", facts), "/opt/rkops is no directory", "/opt/rkops/models")
    assert run("RKM101", facts).status is Status.SKIP


def test_npu_memory() -> None:
    small = Present(8 << 20)
    off = run("RKM110", changed(healthy(), npu__iommu=Present(False)))
    assert (off.status, off.severity) == (Status.FAIL, None)
    on_small = run("RKM110", changed(healthy(), memory__cma_total_bytes=small))
    assert on_small.severity is Severity.INFO
    unsure = changed(healthy(), npu__iommu=unknown(), memory__cma_total_bytes=small)
    assert run("RKM110", unsure).severity is None
    assert run("RKM110", changed(healthy(), npu__iommu=unknown())).status is Status.SKIP


def test_little_memory() -> None:
    facts = changed(healthy(), memory__available_bytes=Present(64 << 20))
    assert mentions(run("RKM120", facts), "64 MB")


def test_adb_open_to_the_network() -> None:
    cases: list[tuple[Fact[int], Fact[bool], Status]] = [
        (Present(5555), Present(True), Status.FAIL),
        (Present(5555), Present(False), Status.PASS),
        (Absent(), Present(True), Status.PASS),
        (unknown(), Present(True), Status.SKIP),
    ]
    for port, root, status in cases:
        assert run("RKX101", changed(healthy(), adb=AdbExposure(port, root))).status is status


def test_path_file() -> None:
    site = "/usr/local/lib/python3.8/dist-packages/user.pth"
    entry = PathFile(site, "/home/firefly/.local", "firefly")
    facts = changed(healthy(), path_files=Present((entry,)))
    assert fired(facts) == {"RKX120"}
    assert run("RKX120", facts).commands == (f"sudo rm {site}",)


def deployed(state="whole", target="rk3588", toolkit="2.3.2", current="aaa", extra=()):
    release = Release("aaa", "aaa" * 21, 1000, state, target, toolkit)
    model = DeployedModel("yolo", Present(current), (release, *extra))
    return changed(healthy(), storage__models=Present((model,)))


def test_a_good_model() -> None:
    assert fired(deployed()) == set()


@pytest.mark.parametrize(
    ("facts", "code", "words"),
    [
        (deployed(target="rk3568"), "RKD101", "rk3568"),
        (deployed(toolkit="2.5.0"), "RKD102", "2.5.0"),
        (deployed(toolkit="1.4.0"), "RKD102", "1.5.0"),
        (deployed(state="differs"), "RKD103", "yolo aaa differs"),
        (deployed(current="bbb"), "RKD104", "bbb"),
    ],
)
def test_a_bad_model(facts, code: str, words: str) -> None:
    assert fired(facts, Severity.ERROR) == {code}
    assert mentions(run(code, facts), words)


def test_an_old_release_that_is_broken_is_a_warning() -> None:
    old = Release("old", "0" * 64, 1000, "incomplete", "rk3568", "9.9.9", problem="no manifest")
    facts = deployed(extra=(old,))
    assert fired(facts, Severity.ERROR) == set()
    assert fired(facts) == {"RKD103"}


def test_unreadable_model_directory() -> None:
    facts = changed(healthy(), storage__models=unknown("an account that may read it"))
    for code in ("RKD101", "RKD102", "RKD103", "RKD104"):
        assert run(code, facts).status is Status.SKIP
