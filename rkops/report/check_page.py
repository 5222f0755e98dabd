"""The documentation page of a check, generated from its docstring."""

from rkops.checks.registry import Check, all_checks
from rkops.report.explain import sections

_KINDS = {
    "board": "each board's facts",
    "fleet": "all boards that answered",
    "host": "the machine rkops runs on",
    "loss": "a board that gave no usable answer",
}
_MADE = "<!-- Made by scripts/docs-checks from the check's docstring. Do not edit. -->"


def check_page(check: Check) -> str:
    """Return the page of one check as Markdown."""
    parts = sections(check)
    lines = [
        _MADE,
        "",
        f"# {check.code}: {check.title}",
        "",
        f"Default severity: **{check.severity.label}**. Judges {_KINDS[check.kind]}.",
        "",
        parts["What"],
    ]
    for heading in ("Why", "Fix"):
        lines += ["", f"## {heading}", "", _sentence(parts[heading])]
    lines += ["", "[All checks](README.md)", ""]
    return "\n".join(lines)


def index_page() -> str:
    """Return the page that lists all checks as Markdown."""
    rows = [
        f"| [{c.code}]({c.code}.md) | {c.severity.label} | {c.title} |"
        for c in all_checks().values()
    ]
    return "\n".join(
        [
            _MADE,
            "",
            "# Checks",
            "",
            "What `rkops doctor` looks at. Codes are permanent. The severity is the default: some",
            "checks grade it, and a [profile](../profiles.md) can change it.",
            "",
            "| code | severity | passes when |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def pages() -> dict[str, str]:
    """Return every page by file name."""
    made = {f"{code}.md": check_page(check) for code, check in all_checks().items()}
    return {"README.md": index_page(), **made}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
