"""All boards together: the odd one out, and one board under two names."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rkops.checks.lite import lite_views, some_lite, wanted_python
from rkops.checks.registry import fleet_check
from rkops.checks.subject import Subject
from rkops.checks.versions import loaded_version, version_text
from rkops.core.outcome import Outcome, Severity, failed
from rkops.facts.fact import value_of
from rkops.knowledge.version import parse_version

_FEW = 3
"""Fewer boards than this have no majority."""


def _lite(subject: Subject) -> str:
    views = lite_views(subject.facts, subject.wanted)
    lite = some_lite(views) if views else None
    return lite.version if lite else ""


def _python(subject: Subject) -> str:
    python = wanted_python(subject.facts, subject.wanted)
    return ".".join(python.version.split(".")[:2]) if python else ""


def _runtime(subject: Subject) -> str:
    return value_of(loaded_version(subject.facts.runtime, subject.facts.system.arch)) or ""


_TRAITS: tuple[tuple[str, Callable[[Subject], str]], ...] = (
    ("sdk", lambda subject: subject.wanted.sdk or ""),
    ("runtime", _runtime),
    ("server", lambda subject: version_text(subject.facts.server.version)),
    ("driver", lambda subject: value_of(subject.facts.npu.driver) or ""),
    ("kernel", lambda subject: value_of(subject.facts.system.kernel) or ""),
    ("python", _python),
    ("lite", _lite),
)


@fleet_check("RKF101", "The board is like the rest of its group", severity=Severity.WARNING)
def odd_one_out(subjects: Sequence[Subject]) -> Iterator[tuple[str, Outcome]]:
    """One board differs from the clear majority of its group.

    Why: the odd board is the one that behaves differently later. Compared are the wanted sdk, and
    the versions of runtime, server, driver, kernel, Python and rknnlite; a majority is two thirds
    of at least three boards that answered. Boards without a group are compared with each other.
    Fix: bring the board to the others' versions, or give it a group of its own.
    """
    groups: dict[str, list[Subject]] = {}
    for subject in subjects:
        for group in subject.wanted.groups or ("",):
            groups.setdefault(group, []).append(subject)
    seen: set[str] = set()
    for group, members in groups.items():
        for name, differences in _odd(members).items():
            if name not in seen:
                seen.add(name)
                where = f"group {group}" if group else "the boards without a group"
                yield (
                    name,
                    failed(
                        f"differs from the rest of {where}: {'; '.join(differences)}",
                        hint="bring it to the others' versions, or give it a group of its own",
                    ),
                )


def _odd(members: list[Subject]) -> dict[str, list[str]]:
    """Return what is different about each board that stands against a clear majority."""
    odd: dict[str, list[str]] = {}
    for trait, read in _TRAITS:
        values = {subject.wanted.name: _normal(read(subject)) for subject in members}
        known = Counter(value for value in values.values() if value)
        total = sum(known.values())
        if total < _FEW or len(known) == 1:
            continue
        usual, count = known.most_common(1)[0]
        if count * 3 < total * 2:
            continue
        for name, value in values.items():
            if value and value != usual:
                said = f"{trait} {value}, {count} of {total} have {usual}"
                odd.setdefault(name, []).append(said)
    return odd


def _normal(text: str) -> str:
    """Two spellings of one version are no difference; other text stays as it is."""
    if "-" in text:  # a kernel release: 6.1.43-rk3588
        return text
    version = parse_version(text)
    return str(version) if version else text


@fleet_check("RKF102", "Every name is a board of its own", severity=Severity.WARNING)
def same_board(subjects: Sequence[Subject]) -> Iterator[tuple[str, Outcome]]:
    """Two names of the inventory lead to boards with one identity.

    Why: it is one board under two names, so work meant for two is done twice on one; or a copied
    image gave two boards the same serial number.
    Fix: remove one of the two names, or give the copied board its own serial number.
    """
    names: dict[str, list[str]] = {}
    for subject in subjects:
        if key := subject.facts.identity.key:
            names.setdefault(key, []).append(subject.wanted.name)
    for key, boards in names.items():
        for name in boards if len(boards) > 1 else ():
            others = ", ".join(other for other in boards if other != name)
            yield (
                name,
                failed(
                    f"{others} shows the same identity {key}",
                    hint="remove one of the names, or give the copied board its own serial number",
                ),
            )
