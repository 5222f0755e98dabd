"""How to get from several versions of librknnrt to one, without losing the one that is wanted."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from rkops.checks.lite import lite_views
from rkops.checks.subject import Wanted
from rkops.checks.versions import differs, loaded_copy, system_copies, version_text
from rkops.facts.board import BoardFacts, LibraryCopy
from rkops.facts.fact import value_of

PLACE = "/usr/lib/librknnrt.so"
_FOUND = frozenset(("/usr/lib", "/lib"))
"""Where every glibc loader looks, whatever is configured (dl-load.c, system_dirs)."""


@dataclass(frozen=True, slots=True)
class Tidying:
    """Keep one version, remove the copies of the others."""

    version: str
    commands: tuple[str, ...]

    def clears(self, other: str) -> bool:
        """True when a part of this version agrees with librknnrt afterwards."""
        return not differs(self.version, other)


def tidying(facts: BoardFacts, wanted: Wanted) -> Tidying | None:
    """Return how to get to one version.

    None where there is one already, where no copy of the wanted version is on the board, or where
    neither `sdk:` nor server and rknnlite say which version that is.
    """
    copies = system_copies(facts.runtime, facts.system.arch)
    known = [copy for copy in copies if version_text(copy.version)]
    target = wanted.sdk or _agreed(_versions_around(facts, wanted))
    keep = [copy for copy in known if target and not differs(version_text(copy.version), target)]
    spare = [copy for copy in known if copy not in keep]
    if not keep or not spare:
        return None
    loads = value_of(loaded_copy(facts.runtime, facts.system.arch))
    kept = next((copy for copy in keep if copy == loads), None)
    kept = kept or next((copy for copy in keep if _is_found(copy)), keep[0])
    return Tidying(version_text(kept.version), _commands(kept, spare, stays=kept == loads))


def _commands(kept: LibraryCopy, spare: Iterable[LibraryCopy], *, stays: bool) -> tuple[str, ...]:
    put: tuple[str, ...] = ()
    if not stays and not _is_found(kept):
        put = (f"sudo install -m 644 {shlex.quote(kept.real)} {PLACE}",)
    # Of a link the file goes too: ldconfig would make the link again.
    paths = dict.fromkeys(path for copy in spare for path in (copy.path, copy.real))
    doomed = [path for path in paths if not (put and path == PLACE)]
    removals = (f"sudo rm {shlex.quote(path)}" for path in doomed)
    return (*put, *removals, "sudo ldconfig")


def _is_found(copy: LibraryCopy) -> bool:
    return str(PurePosixPath(copy.path).parent) in _FOUND


def _versions_around(facts: BoardFacts, wanted: Wanted) -> tuple[str, ...]:
    views = lite_views(facts, wanted)
    lites = [lite.version for _, lite in views.holders] if views else []
    root = value_of(views.root_lite) if views else None
    server = version_text(facts.server.version)
    return tuple(filter(None, (server, *lites, root.version if root else "")))


def _agreed(versions: tuple[str, ...]) -> str:
    """Return the one version that all of them are, else an empty text."""
    first = versions[0] if versions else ""
    return "" if any(differs(first, other) for other in versions) else first


def see_tidying(plan: Tidying | None, *versions: str) -> str:
    """Return the hint of a check that RKN102's remedy clears; empty where it does not."""
    if plan is None or any(not plan.clears(version) for version in versions):
        return ""
    return f"do what RKN102 says: with librknnrt {plan.version} alone this is in order too"
