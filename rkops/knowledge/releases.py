"""What Rockchip released: SDK versions, banners, and wheels by Python version."""

import re
from functools import cache

from msgspec import Struct

from rkops.knowledge.load import load
from rkops.knowledge.version import same_version


class Release(Struct, frozen=True, forbid_unknown_fields=True):
    """One release of the RKNN SDK. `runtime` and `server` are `COMMIT@TIME` of their banners."""

    sdk: str
    date: str
    runtime: str = ""
    server: str = ""
    toolkit: tuple[str, ...] = ()
    lite: tuple[str, ...] = ()
    pypi: bool = False


class LiteWheels(Struct, frozen=True):
    """The rknn-toolkit-lite2 wheels for one Python: SDK versions, oldest first."""

    tag: str
    releases: tuple[str, ...]
    pypi: tuple[str, ...]

    def has(self, sdk: str) -> bool:
        """True when there is a wheel of this SDK version."""
        return any(same_version(sdk, release) for release in self.releases)


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    releases: tuple[Release, ...]


@cache
def releases() -> tuple[Release, ...]:
    """Return every known release, oldest first."""
    return load("releases", _File).releases


def python_tag(version: str) -> str:
    """Return `cp311` for `3.11.2`, or an empty text for what is no Python version."""
    match = re.match(r"(\d+)\.(\d+)", version)
    return f"cp{match[1]}{match[2]}" if match else ""


@cache
def lite_wheel_for(python_version: str) -> LiteWheels | None:
    """Return the lite wheels that exist for this Python (`3.11.2`), or None."""
    tag = python_tag(python_version)
    fitting = [release for release in releases() if tag in release.lite]
    if not fitting:
        return None
    return LiteWheels(tag, tuple(r.sdk for r in fitting), tuple(r.sdk for r in fitting if r.pypi))


@cache
def lite_pythons() -> tuple[str, ...]:
    """Return every Python tag that any lite wheel was made for, oldest first."""
    tags = {tag for release in releases() for tag in release.lite}
    return tuple(sorted(tags, key=lambda tag: int(tag.removeprefix("cp3"))))
