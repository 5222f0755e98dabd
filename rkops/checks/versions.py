"""What several checks say about versions in the same way."""

from rkops.checks.subject import Wanted
from rkops.core.outcome import Severity
from rkops.facts.board import LibraryCopy, Runtime, Version
from rkops.facts.fact import Absent, Fact, Present, Unknown, value_of
from rkops.knowledge.version import same_version

# ELF machine of a library by what `uname -m` says.
_MACHINES = {"aarch64": "aarch64", "arm64": "aarch64", "armv7l": "arm", "armv8l": "arm"}


def mix_severity(wanted: Wanted) -> Severity | None:
    """A mix is an error when a version is asked for (or --strict), else the check's default."""
    return Severity.ERROR if wanted.sdk or wanted.strict else None


def fitting_copies(runtime: Runtime, arch: str) -> tuple[LibraryCopy, ...]:
    """Return the copies made for this machine, each file once (links are not copies).

    The copy that loads says what the user land is: a 64-bit kernel may carry a 32-bit one.
    """
    path = value_of(runtime.loaded)
    loads = next((c.machine for c in runtime.copies if path in {c.real, c.path}), "")
    machine = loads or _MACHINES.get(arch, arch)
    by_file: dict[str, LibraryCopy] = {}
    for copy in runtime.copies:
        if copy.machine in {"", machine}:
            by_file.setdefault(copy.real, copy)
    return tuple(by_file.values())


def system_copies(runtime: Runtime, arch: str) -> tuple[LibraryCopy, ...]:
    """Return the fitting copies that a service may find; those of applications are RKN107's."""
    return tuple(copy for copy in fitting_copies(runtime, arch) if not copy.bundled)


def loaded_copy(runtime: Runtime, arch: str) -> Fact[LibraryCopy]:
    """Return the copy that the loader gives.

    Where the loader could not be asked, the copies decide if they all have one version.
    """
    copies = system_copies(runtime, arch)
    match runtime.loaded:
        case Present(value=path, source=source):
            match = next((c for c in runtime.copies if path in {c.real, c.path}), None)
            if match is None:
                return Unknown(f"the loader gives {path}, which was not looked into")
            return Present(match, source)
        case Absent(looked=looked):
            return Absent(looked)
        case Unknown(reason=reason, needs=needs):
            versions = {version_text(copy.version) for copy in copies}
            if len(versions) == 1 and "" not in versions:
                return Present(copies[0], "the only version on the board")
            return Absent("no copy") if not copies else Unknown(reason, needs)


def loaded_version(runtime: Runtime, arch: str) -> Fact[str]:
    """Return the version number of the runtime that the loader gives."""
    copy = loaded_copy(runtime, arch)
    if not isinstance(copy, Present):
        return copy
    match copy.value.version:
        case Present(value=version):
            return Present(version.number, copy.value.path)
        case Absent():
            return Unknown(f"{copy.value.path} holds no version text")
        case Unknown() as unknown:
            return unknown


def version_text(fact: Fact[Version]) -> str:
    """Return the number of a version fact, or an empty text."""
    return fact.value.number if isinstance(fact, Present) else ""


def differs(one: str, other: str) -> bool:
    """True when two version texts name different releases."""
    return not same_version(one, other)
