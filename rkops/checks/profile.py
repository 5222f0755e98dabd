"""Profiles: change a severity, a limit, or silence a code, with a reason and an end date."""

import datetime as dt
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from rkops.checks.finding import Finding
from rkops.checks.select import known_prefix
from rkops.core.errors import UsageError
from rkops.core.outcome import Status
from rkops.knowledge.limits import Limits, default_limits

_EXAMPLE = "docs/profiles.md shows one"


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """What to do with findings of one code (or all that begin with it)."""

    code: str
    reason: str
    until: dt.date
    groups: tuple[str, ...] = ()
    boards: tuple[str, ...] = ()
    severity: Literal["info", "warning", "error"] | None = None
    silence: bool = False

    def concerns(self, finding: Finding, groups: tuple[str, ...]) -> bool:
        """True when the rule is for this finding."""
        if not finding.code.startswith(self.code):
            return False
        if not self.groups and not self.boards:
            return True
        named = any(fnmatchcase(finding.board, pattern) for pattern in self.boards)
        return named or bool(set(self.groups) & set(groups))


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """The rules and limits of one profile file."""

    rules: tuple[Rule, ...] = ()
    limits: dict[str, object] = {}

    def apply(self, finding: Finding, groups: tuple[str, ...], today: dt.date) -> Finding:
        """Return the finding as the first rule that concerns it wants it; rules can expire."""
        if finding.status != Status.FAIL:
            return finding
        for rule in self.rules:
            if rule.until >= today and rule.concerns(finding, groups):
                return _changed(finding, rule)
        return finding

    def expired(self, today: dt.date) -> Iterator[str]:
        """Yield a sentence for each rule whose time is over."""
        for rule in self.rules:
            if rule.until < today:
                yield f"the profile's rule for {rule.code} ended on {rule.until} ({rule.reason})"


def _changed(finding: Finding, rule: Rule) -> Finding:
    if rule.silence:
        message = f"{finding.message} (silenced until {rule.until}: {rule.reason})"
        return msgspec.structs.replace(finding, status=Status.SKIP.value, message=message, hint="")
    return msgspec.structs.replace(finding, severity=rule.severity or finding.severity)


def read_profile(path: Path) -> tuple[Profile, Limits]:
    """Read a profile file; return it and the limits that hold with it.

    Raises:
        UsageError: the file is not there or is no profile; the message names the place.
    """
    try:
        profile = msgspec.yaml.decode(path.read_bytes(), type=Profile)
    except OSError as exc:
        raise UsageError(f"profile {path}: {exc.strerror}", hint=_EXAMPLE) from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise UsageError(f"profile {path}: {_one_line(exc)}", hint=_EXAMPLE) from exc
    for number, rule in enumerate(profile.rules, 1):
        _check_rule(path, number, rule)
    return profile, _limits(path, profile)


def _check_rule(path: Path, number: int, rule: Rule) -> None:
    where = f"profile {path}: rule {number} ({rule.code})"
    try:
        known_prefix(rule.code)
    except UsageError as exc:
        raise UsageError(f"{where}: {exc}", hint=exc.hint) from exc
    if rule.silence == (rule.severity is not None):
        raise UsageError(f"{where}: give either severity: or silence: true", hint=_EXAMPLE)
    if not rule.reason.strip():
        raise UsageError(f"{where}: reason: is empty", hint="say why, for who reads it later")


def _limits(path: Path, profile: Profile) -> Limits:
    merged = {**msgspec.to_builtins(default_limits()), **profile.limits}
    try:
        return msgspec.convert(merged, type=Limits)
    except msgspec.ValidationError as exc:
        allowed = ", ".join(msgspec.to_builtins(default_limits()))
        raise UsageError(f"profile {path}: limits: {exc}", hint=f"limits are: {allowed}") from exc


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
