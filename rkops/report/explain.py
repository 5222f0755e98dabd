"""Checks and known errors in words."""

import textwrap
from collections.abc import Sequence

import msgspec

from rkops.checks.registry import Check, all_checks
from rkops.checks.select import check_named
from rkops.knowledge.errors import Match
from rkops.report.columns import plain_table, terminal_width

CHECKS_SCHEMA = "rkops.checks/1"
ERRORS_SCHEMA = "rkops.errors/1"
_SHOWN = 160
_SECTIONS = ("Why:", "Fix:")


def check_list(*, as_json: bool = False) -> str:
    """Return all checks: code, default severity, area, title."""
    checks = all_checks().values()
    if as_json:
        rows = [
            {"code": c.code, "severity": c.severity.label, "area": c.area, "title": c.title}
            for c in checks
        ]
        document = {"schema": CHECKS_SCHEMA, "checks": rows}
        return msgspec.json.format(msgspec.json.encode(document), indent=1).decode()
    return plain_table(
        ("code", "severity", "area", "title"),
        [(c.code, c.severity.label, c.area, c.title) for c in checks],
        width=terminal_width(),
        spare=("area",),
    )


def check_text(code: str) -> str:
    """Return the explanation of one check.

    Raises:
        UsageError: there is no such check.
    """
    check = check_named(code)
    return f"{check.code}  {check.title}  ({check.severity.label} by default)\n\n{check.doc}"


def sections(check: Check) -> dict[str, str]:
    """Return the docstring's parts by heading: `What`, `Why`, `Fix`, each one paragraph."""
    parts = {"What": ""}
    heading = "What"
    for line in check.doc.splitlines():
        for mark in _SECTIONS:
            if line.startswith(mark):
                heading, line = mark.rstrip(":"), line.removeprefix(mark)  # noqa: PLW2901 - the heading is cut off
                parts[heading] = ""
        parts[heading] = f"{parts[heading]} {line.strip()}".strip()
    return parts


def error_text(matches: Sequence[Match]) -> str:
    """Return what is known of the errors found in a log, the first line first."""
    parts = []
    for match in matches:
        error = match.error
        shown = textwrap.shorten(match.text, _SHOWN, placeholder=" …")
        parts.append(
            f"line {match.line}: {shown}\n"
            f"  cause:  {error.cause}\n"
            f"  fix:    {error.fix}\n"
            f"  source: {error.source} (row {error.id})"
        )
    return "\n\n".join(parts)


def errors_json(matches: Sequence[Match]) -> str:
    """Return the same as JSON."""
    document = {"schema": ERRORS_SCHEMA, "matches": list(matches)}
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode()
