"""Rockchip's version numbers: compared by their public part, PEP 440 order, never crashing.

`2.1.0+708089d1` is `2.1.0`; `2.0.0b0` is older than `2.0.0`; `v0.9.8` is `0.9.8`. One release
number can be several builds, so commits are never compared.
"""

import re
from functools import lru_cache

from packaging.version import InvalidVersion, Version

_NUMBER = re.compile(r"\d+(?:\.\d+)*(?:(?:a|b|rc|alpha|beta)\d*)?")


@lru_cache(maxsize=1024)
def parse_version(text: str) -> Version | None:
    """Return the public version in `text`, or None when there is no number to compare."""
    cleaned = text.strip().lower().removeprefix("v")
    try:
        return Version(Version(cleaned).public)
    except InvalidVersion:
        pass
    # Wheels of 1.4.0 say `1.4.0-22dcfef4`, which is no PEP 440 version.
    match = _NUMBER.match(cleaned)
    return Version(match[0]) if match else None


def same_version(one: str, other: str) -> bool:
    """True when both name the same release; texts without a number must be equal as text."""
    if one == other:
        return True
    left, right = parse_version(one), parse_version(other)
    return left is not None and left == right


def is_older(one: str, other: str) -> bool | None:
    """True when `one` is older than `other`; None when that cannot be said."""
    left, right = parse_version(one), parse_version(other)
    return None if left is None or right is None else left < right


def series(text: str) -> str:
    """Return the first two numbers of a kernel release: `6.1.43-rk` gives `6.1`; else empty."""
    match = re.match(r"\d+\.\d+", text)
    return match[0] if match else ""
