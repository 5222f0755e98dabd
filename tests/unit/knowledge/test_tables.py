"""The tables answer as their sources do."""

import itertools

import pytest

from rkops.core.outcome import Severity
from rkops.knowledge.limits import default_limits
from rkops.knowledge.models import model_runs_on
from rkops.knowledge.releases import lite_pythons, lite_wheel_for, releases
from rkops.knowledge.socs import soc_named, soc_of
from rkops.knowledge.version import is_older


@pytest.mark.parametrize(
    ("model", "runtime", "runs", "certain"),
    [
        ("1.2.0", "1.5.0", True, True),
        ("1.3.0", "1.2.0", False, True),
        ("1.4.0", "1.5.2", False, True),
        ("1.5.0", "1.5.0", True, True),
        ("1.5.0", "1.6.0", False, True),
        ("1.5.2", "2.3.2", True, True),
        ("1.6.0", "1.5.2", True, True),
        ("1.6.0", "1.5.0", False, True),
        ("2.0.0b0", "2.0.0b0", True, True),
        ("2.0.0b22", "1.6.0", False, True),
        ("2.1.0+708089d1", "2.0.0b0", True, True),
        ("2.2.0", "2.1.0", False, False),
        ("2.3.2", "2.3.2", True, False),
        ("2.3.2", "1.6.0", False, False),
        ("2.3.0", "2.3.2", True, False),
        ("nonsense", "2.3.2", True, False),
        ("2.3.2", "", True, False),
    ],
)
def test_model_on_runtime(model: str, runtime: str, runs: bool, certain: bool) -> None:
    verdict = model_runs_on(model, runtime)
    assert (verdict.runs, verdict.certain) == (runs, certain)
    assert verdict.reason
    assert verdict.source


def test_a_refusal_names_both_versions() -> None:
    assert all(word in model_runs_on("2.3.2", "1.6.0").reason for word in ("2.3.2", "1.6.0"))


def test_lite_wheels_by_python() -> None:
    for_39, for_311 = lite_wheel_for("3.9.2"), lite_wheel_for("3.11.2")
    assert for_39
    assert for_311
    assert "1.4.0" in for_39.releases
    assert for_311.pypi == ("2.3.0", "2.3.2", "2.5.0")
    assert for_311.has("2.1.0+708089d1")
    assert not for_311.has("1.4.0")


@pytest.mark.parametrize("version", ["3.6.9", "3.13.1", "3.14.0", "2.7.18", "", "rubbish"])
def test_no_lite_wheel(version: str) -> None:
    assert lite_wheel_for(version) is None


def test_pythons_are_in_order() -> None:
    assert lite_pythons() == ("cp37", "cp38", "cp39", "cp310", "cp311", "cp312")


def test_releases_are_in_order() -> None:
    numbers = [release.sdk for release in releases()]
    assert all(is_older(a, b) for a, b in itertools.pairwise(numbers))


@pytest.mark.parametrize(
    ("compatible", "name", "family"),
    [
        (("rockchip,rk3588-orangepi-5-plus", "rockchip,rk3588"), "rk3588", "rk3588"),
        (("rockchip,rk3588s-orangepi-5", "rockchip,rk3588"), "rk3588s", "rk3588"),
        (("radxa,rock-5b", "rockchip,rk3588"), "rk3588", "rk3588"),
        (("radxa,rock-5a", "rockchip,rk3588s"), "rk3588s", "rk3588"),
        (("radxa,rock-5c", "rockchip,rk3588f"), "rk3588f", "rk3588"),
        (("firefly,rk3568-roc-pc", "rockchip,rk3568"), "rk3568", "rk3568"),
        (("radxa,e52c", "rockchip,rk3582"), "rk3582", "rk3582"),
        (("vendor,board", "rockchip,rk3999"), "rk3999", "rk3999"),
    ],
)
def test_soc(compatible: tuple[str, ...], name: str, family: str) -> None:
    soc = soc_of(compatible)
    assert soc is not None
    assert (soc.name, soc.family) == (name, family)


def test_no_soc() -> None:
    assert soc_of(("raspberrypi,4-model-b", "brcm,bcm2711")) is None
    assert soc_of(()) is None


def test_what_runs_where() -> None:
    assert soc_named("rk3588s").runs_target("RK3588")
    assert not soc_named("rk3588s").runs_target("rk3568")
    assert not soc_named("rk3582").targets
    assert soc_named("rk3588s").is_a("rk3588")
    assert not soc_named("rk3588").is_a("rk3588s")


@pytest.mark.parametrize(
    ("driver", "level"),
    [
        ("0.7.2", Severity.ERROR),
        ("0.8.0", Severity.WARNING),
        ("0.8.7", Severity.WARNING),
        ("0.8.8", Severity.INFO),
        ("0.9.1", Severity.INFO),
        ("0.9.2", None),
        ("0.9.8", None),
        ("odd", None),
    ],
)
def test_driver_levels(driver: str, level: Severity | None) -> None:
    found = default_limits().driver_level(driver)
    assert (found[0] if found else None) == level
