"""Which boards a lab gets, and of which kind when the wanted kind cannot be had."""

from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path

from rkops.core.errors import LabError
from rkops.lab.client import lab_up
from rkops.lab.host.idmap import has_many_ids
from rkops.lab.profile import DEFAULT_ORDER, load_profile


def choose_profiles(number: int | None, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return `number` profiles, the wanted ones (or the six) in turn.

    Raises:
        LabError: a profile does not exist, or the number is none.
    """
    names = tuple(wanted) or DEFAULT_ORDER
    for name in names:
        load_profile(name)
    count = len(names) if number is None else number
    if count < 1:
        raise LabError(f"{count} boards are none", hint="rkops lab up 6")
    return tuple(islice(cycle(names), count))


def start_lab(top: Path, profiles: Sequence[str], kind: str, *, say: Callable[[str], None]) -> Path:
    """Start a lab; host boards fall back to wire boards where namespaces are forbidden.

    Raises:
        LabError: a lab runs there already, or boards of this kind cannot be had.
    """
    if kind == "host":
        from rkops.lab.host.probe import why_not

        if reason := why_not():
            say(f"host boards cannot be had here ({reason}): using recorded wire boards")
            kind = "wire"
    if kind == "host" and "user-lite" in profiles and not has_many_ids():
        say("boards have no user beside root here, so user-lite shows nothing (install uidmap)")
    if kind == "arm64":
        from rkops.lab.arm64.userland import arm64_userland

        arm64_userland(say=say)  # a root still to be built is built here, where the user is told
    return lab_up(top, profiles, kind)
