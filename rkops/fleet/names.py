"""What boards, groups and tags may be called, so that selectors stay unambiguous."""

import re

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


def check_name(name: str) -> str:
    """Return what is wrong with a name, or nothing."""
    if _NAME.fullmatch(name):
        return ""
    return (
        f"{name[:80]!r} is no usable name: letters, digits, `_`, `-` and `.`, at most 64,"
        " not beginning with `-` or `.`"
    )
