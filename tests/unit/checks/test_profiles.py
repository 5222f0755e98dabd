"""The lab's six profiles fire exactly what the table says."""

import pytest

from rkops.core.outcome import Severity
from tests.unit.checks.profiles import PROFILES, fired, version_mix

EXACTLY = {
    "healthy": set(),
    "version-mix": {"RKN112", "RKN121"},
    "user-lite": {"RKP111"},
    "no-dmc": set(),
    "two-runtimes": {"RKN102", "RKN103", "RKN112", "RKP112"},
    "wrong-soc": {"RKS101"},
}


@pytest.mark.parametrize("name", EXACTLY)
def test_profile_fires_exactly(name: str) -> None:
    assert fired(PROFILES[name]()) == EXACTLY[name]


def test_healthy_board_has_not_even_an_information() -> None:
    assert fired(PROFILES["healthy"](), Severity.INFO) == set()


def test_no_dmc_informs() -> None:
    assert {"RKT101", "RKT102"} <= fired(PROFILES["no-dmc"](), Severity.INFO)


def test_a_mix_is_an_error_only_where_a_version_is_asked_for() -> None:
    assert "RKN112" in fired(version_mix(), Severity.ERROR)
    assert "RKN112" not in fired(version_mix(), Severity.ERROR, sdk=None)
    assert "RKN112" in fired(version_mix(), Severity.WARNING, sdk=None)
    assert "RKN112" in fired(version_mix(), Severity.ERROR, sdk=None, strict=True)
