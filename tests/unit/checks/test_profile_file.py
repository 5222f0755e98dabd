"""Profiles change severities and limits, and end."""

import datetime as dt
from pathlib import Path

import pytest

from rkops.checks.profile import read_profile
from rkops.checks.registry import all_checks
from rkops.checks.run import check_board
from rkops.checks.select import check_named, select_checks
from rkops.core.errors import UsageError
from tests.unit.checks.profiles import subject, version_mix

TODAY = dt.date(2026, 6, 1)


def finding(code: str):
    (found,) = check_board(subject(version_mix()), [all_checks()[code]])
    return found


def profile(tmp_path: Path, text: str):
    path = tmp_path / "profile.yaml"
    path.write_text(text)
    return read_profile(path)


RULE = "rules:\n- {code: RKN112, reason: planned, until: 2026-06-01, %s}\n"


def test_severity(tmp_path: Path) -> None:
    rules, _ = profile(tmp_path, RULE % "severity: info")
    assert rules.apply(finding("RKN112"), (), TODAY).severity == "info"
    assert rules.apply(finding("RKN121"), (), TODAY).severity == "warning"


def test_silence(tmp_path: Path) -> None:
    rules, _ = profile(tmp_path, RULE % "silence: true")
    silenced = rules.apply(finding("RKN112"), (), TODAY)
    assert silenced.status == "skip"
    assert "planned" in silenced.message


def test_a_rule_ends(tmp_path: Path) -> None:
    rules, _ = profile(tmp_path, RULE % "silence: true")
    tomorrow = TODAY + dt.timedelta(days=1)
    assert rules.apply(finding("RKN112"), (), tomorrow).failed
    assert list(rules.expired(TODAY)) == []
    (note,) = rules.expired(tomorrow)
    assert "RKN112" in note
    assert "planned" in note


def test_groups_and_boards(tmp_path: Path) -> None:
    rules, _ = profile(tmp_path, RULE % 'silence: true, groups: [rack], boards: ["lab-*"]')
    assert rules.apply(finding("RKN112"), (), TODAY).failed
    assert not rules.apply(finding("RKN112"), ("rack",), TODAY).failed


def test_limits(tmp_path: Path) -> None:
    _, limits = profile(tmp_path, "limits: {temperature-warning-c: 60}\n")
    assert limits.temperature_warning_c == 60.0
    assert limits.driver_error_below == "0.8.0"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rules: 3", "rules"),
        ("rules: [", "profile.yaml"),
        ("- x", "object"),
        ("\x00", "profile.yaml"),
        ("rules:\n- {code: RKN999, reason: x, until: 2026-06-01, silence: true}", "RKN999"),
        ("rules:\n- {code: RKN112, reason: x, until: 2026-06-01}", "either"),
        ("rules:\n- {code: RKN112, reason: ' ', until: 2026-06-01, silence: true}", "reason"),
        ("rules:\n- {code: RKN112, reason: x, silence: true}", "until"),
        ("rules:\n- {code: RKN112, reason: x, until: 2026-06-01, severity: fatal}", "fatal"),
        ("limits: {temperature: 3}", "temperature"),
        ("limits: {free-bytes: many}", "limits"),
    ],
)
def test_a_wrong_profile_is_one_clear_error(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        profile(tmp_path, text)
    assert words in str(caught.value)
    assert caught.value.hint


def test_a_missing_profile(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_profile(tmp_path / "none.yaml")


def test_selection() -> None:
    assert [check.code for check in select_checks(["rkn121,RKX"])] == ["RKN121", "RKX101", "RKX120"]
    assert "RKN121" not in {check.code for check in select_checks([], ["RKN12"])}
    assert len(select_checks()) == len(all_checks())
    with pytest.raises(UsageError, match="RKN1210"):
        select_checks(["RKN1210"])
    with pytest.raises(UsageError, match="several"):
        check_named("RKN")
