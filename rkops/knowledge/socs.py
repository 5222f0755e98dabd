"""SoC names: from the device tree to what a model must be made for."""

import re
from collections.abc import Sequence
from functools import cache

from msgspec import Struct

from rkops.knowledge.load import load

# A letter counts only when the name ends there: `rk3588s-orangepi` is an RK3588S.
_NAME = re.compile(r"(?<![a-z0-9])r[kv]\d{4}(?:[a-z]\d?(?![a-z0-9]))?", re.IGNORECASE)


class Soc(Struct, frozen=True):
    """One SoC: its own name, its family, and the model targets that run on it."""

    name: str
    family: str
    targets: tuple[str, ...]
    cores: int

    def is_a(self, wanted: str) -> bool:
        """True when `wanted` names this SoC or its family."""
        return wanted.lower() in {self.name, self.family}

    def runs_target(self, target: str) -> bool:
        """True when a model made for `target` is meant for this SoC."""
        return target.strip().lower() in self.targets


class _Family(Struct, frozen=True, forbid_unknown_fields=True):
    family: str
    names: tuple[str, ...]
    targets: tuple[str, ...]
    cores: int


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    families: tuple[_Family, ...]


@cache
def _families() -> dict[str, _Family]:
    return {n: family for family in load("socs", _File).families for n in family.names}


@cache
def soc_named(name: str) -> Soc:
    """Return what is known of a SoC; one that is not known has no targets."""
    known = _families().get(name)
    if known is None:
        return Soc(name, name, (), 0)
    return Soc(name, known.family, known.targets, known.cores)


def soc_of(compatible: Sequence[str]) -> Soc | None:
    """Return the SoC of a device tree's `compatible` (most specific first), or None."""
    for entry in compatible:
        if match := _NAME.search(entry):
            return soc_named(match[0].lower())
    return None
