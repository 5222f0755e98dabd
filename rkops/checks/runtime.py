"""librknnrt.so: there, for this machine, found by the loader, one version, the wanted one."""

import shlex

from rkops.checks.registry import check
from rkops.checks.restart import restart_commands
from rkops.checks.subject import Wanted
from rkops.checks.tidy import PLACE, Tidying, see_tidying, tidying
from rkops.checks.versions import (
    differs,
    fitting_copies,
    loaded_copy,
    loaded_version,
    system_copies,
    version_text,
)
from rkops.core.outcome import Outcome, Severity, failed, passed, skipped
from rkops.facts.board import BoardFacts, LibraryCopy, Runtime, System
from rkops.facts.fact import Absent, Present, Unknown, value_of


@check("RKN101", "librknnrt is there", severity=Severity.ERROR)
def runtime_there(runtime: Runtime, system: System) -> Outcome:
    """Without librknnrt.so no program reaches the NPU.

    Why: rknn_server, rknnlite and C programs all load this one library; without it they say
    `Can not find dynamic library` or `cannot open shared object file`.
    Fix: copy librknnrt.so for aarch64 Linux from the RKNN SDK (directory rknpu2/runtime) to
    /usr/lib and run ldconfig.
    """
    if fitting := fitting_copies(runtime, system.arch):
        return passed(_listed(fitting))
    if runtime.copies:
        return skipped("only copies for another machine: see RKN104")
    if isinstance(runtime.loaded, Unknown) and runtime.loaded.needs:
        return skipped(f"not looked for: {runtime.loaded.reason}", needs=runtime.loaded.needs)
    return failed(
        "librknnrt.so is nowhere on the board",
        hint=f"copy librknnrt.so of the RKNN SDK to {PLACE} and refresh the loader's cache",
        commands=(f"sudo install -m 644 librknnrt.so {PLACE}", "sudo ldconfig"),
    )


@check("RKN102", "librknnrt is one version", severity=Severity.WARNING)
def runtime_single(facts: BoardFacts, wanted: Wanted) -> Outcome:
    """Several copies of different versions make it chance which one a program gets.

    Why: programs take the copy beside them, then LD_LIBRARY_PATH, then the loader's cache. An old
    copy that comes first gives `Invalid RKNN model version` although /usr/lib holds the new one
    (rockchip-linux/rknn-toolkit2#345). It is an error when the inventory asks for a version and
    the copy that loads is another one.
    Fix: remove the copies that are not wanted, run ldconfig, restart rknn_server. Which one is
    wanted says `sdk:` in the inventory; without it, the version that rknn_server and rknnlite
    have. Where no copy has it, install that one first.
    """
    runtime, arch = facts.runtime, facts.system.arch
    copies = system_copies(runtime, arch)
    known = [copy for copy in copies if isinstance(copy.version, Present)]
    if not known:
        return skipped("no copy whose version could be read")
    first = version_text(known[0].version)
    if all(not differs(first, version_text(copy.version)) for copy in known):
        return passed(_listed(copies))
    loads = value_of(loaded_copy(runtime, arch))
    number = version_text(loads.version) if loads else ""
    wrong = bool(wanted.sdk and number and differs(number, wanted.sdk))
    plan = tidying(facts, wanted)
    restart = restart_commands(facts.server) if plan else ()
    return failed(
        f"{len(copies)} copies of librknnrt with different versions: {_listed(copies, loads)}",
        severity=Severity.ERROR if wrong or wanted.strict else None,
        hint=_tidying_hint(plan, wanted, restarts=bool(restart)),
        commands=(*plan.commands, *restart) if plan else (),
    )


def _tidying_hint(plan: Tidying | None, wanted: Wanted, *, restarts: bool) -> str:
    if plan is not None:
        then = "run ldconfig, restart rknn_server" if restarts else "run ldconfig"
        return f"keep {plan.version}: remove the others, {then}"
    if wanted.sdk:
        return f"none is {wanted.sdk}: install it to {PLACE} first, then remove the others"
    return "name the wanted version as sdk: in the inventory, then ask again what to remove"


@check("RKN103", "librknnrt is the wanted version", severity=Severity.ERROR)
def runtime_wanted(facts: BoardFacts, wanted: Wanted) -> Outcome:
    """The copy that the loader gives differs from the `sdk:` of the inventory.

    Why: server, runtime and toolkit are meant to have one version (RKNN SDK User Guide, section
    2.2.3). What counts is the file that is really loaded, not the one in /usr/lib.
    Fix: install librknnrt.so of the wanted SDK, or change `sdk:` in the inventory.
    """
    if not wanted.sdk:
        return skipped("the inventory asks for no sdk version")
    loads = value_of(loaded_copy(facts.runtime, facts.system.arch))
    if loads is not None and isinstance(loads.version, Absent):
        return failed(
            f"{loads.path} loads and shows no version, {wanted.sdk} is wanted",
            hint="do what RKN104 says, with librknnrt.so of that SDK",
        )
    match loaded_version(facts.runtime, facts.system.arch):
        case Unknown(reason=reason, needs=needs):
            return skipped(f"loaded version not known: {reason}", needs=needs)
        case Absent():
            return skipped("no runtime is loaded: see RKN101, RKN104 and RKN105")
        case Present(value=number, source=path):
            if not differs(number, wanted.sdk):
                return passed(f"runtime {number} ({path})")
            return failed(
                f"the runtime that loads is {number} ({path}), {wanted.sdk} is wanted",
                hint=see_tidying(tidying(facts, wanted), wanted.sdk)
                or f"put librknnrt.so of SDK {wanted.sdk} there, or change sdk: in the inventory",
            )


@check("RKN104", "librknnrt is a library for this machine", severity=Severity.ERROR)
def runtime_usable(facts: BoardFacts) -> Outcome:
    """The librknnrt.so that loads is made for another machine, or is no librknnrt at all.

    Why: the SDK holds builds for aarch64, 32-bit arm and Android side by side; the wrong one
    gives `wrong ELF class` or `cannot open shared object file`. An empty file, a Git LFS pointer
    or a page that was saved instead of the library gives `file too short` or `invalid ELF header`;
    every real one holds the text `librknnrt version:`. A copy for another machine beside the
    right one does no harm (32-bit programs use it).
    Fix: copy the aarch64 Linux build of librknnrt.so over it and run ldconfig.
    """
    runtime, arch = facts.runtime, facts.system.arch
    if not runtime.copies:
        return skipped("no librknnrt: see RKN101")
    fitting = fitting_copies(runtime, arch)
    if not fitting:
        copy = runtime.copies[0]
        return _unusable(PLACE, f"{copy.path} is made for {copy.machine}, the board is {arch}")
    loads = value_of(loaded_copy(runtime, arch))
    looked = (loads,) if loads else fitting
    if any(not isinstance(copy.version, Absent) for copy in looked):
        return passed(f"made for {arch}")
    copy = looked[0]
    says = "the loader gives it" if loads else "there is no other"
    place = PLACE if copy.bundled else copy.path
    return _unusable(place, f"{copy.path} {_lack(copy, facts.by)}; {says}")


def _unusable(place: str, message: str) -> Outcome:
    return failed(
        message,
        hint=f"copy the Linux build of librknnrt.so for this machine from the RKNN SDK to {place}",
        commands=(f"sudo install -m 644 librknnrt.so {shlex.quote(place)}", "sudo ldconfig"),
    )


def _lack(copy: LibraryCopy, by: str) -> str:
    """Return what a copy without a version text is."""
    if copy.size_bytes == 0:
        return "is empty"
    if not copy.machine and by == "agent":  # the sh probe does not look at it
        return f"is no library: {copy.size_bytes} bytes that are no ELF file"
    return "holds no librknnrt version text: it is another library, or a damaged one"


@check("RKN105", "The loader finds librknnrt", severity=Severity.ERROR)
def runtime_found(runtime: Runtime, system: System) -> Outcome:
    """A copy is on the board, but not where the dynamic loader looks.

    Why: rknn_server and rknnlite open the library by name; a copy in an application's directory
    serves that application only.
    Fix: copy it to /usr/lib, or name its directory in /etc/ld.so.conf.d, and run ldconfig.
    """
    copies = fitting_copies(runtime, system.arch)
    if not copies:
        return skipped("no librknnrt for this machine: see RKN101 and RKN104")
    match runtime.loaded:
        case Present(value=path):
            return passed(f"the loader gives {path}")
        case Unknown(reason=reason, needs=needs):
            return skipped(f"the loader was not asked: {reason}", needs=needs)
        case Absent():
            return failed(
                f"the loader finds no librknnrt.so, though there is {_listed(copies)}",
                hint=f"copy it to {PLACE} and refresh the loader's cache",
                commands=(f"sudo cp {copies[0].path} {PLACE}", "sudo ldconfig"),
            )


@check("RKN106", "Running programs use the loaded librknnrt", severity=Severity.INFO)
def runtime_mapped(runtime: Runtime, system: System) -> Outcome:
    """A running program has another version of the library mapped than the loader gives.

    Why: a program that brings its own copy keeps its own version; what was seen on one program
    does not hold for another on the same board.
    Fix: remove the program's own copy, or bring it to the same version, and restart it.
    """
    number = value_of(loaded_version(runtime, system.arch))
    if number is None:
        return skipped("loaded version not known")
    match runtime.mapped:
        case Unknown(reason=reason, needs=needs):
            return skipped(f"other processes not readable: {reason}", needs=needs)
        case Absent():
            return passed("no program uses it")
        case Present(value=mappings):
            versions = {copy.real: version_text(copy.version) for copy in runtime.copies}
            others = [
                f"{m.process} ({m.pid}) uses {m.path} {versions[m.path]}"
                for m in mappings
                if not m.deleted and versions.get(m.path) and differs(versions[m.path], number)
            ]
            if not others:
                return passed("all programs use the copy that loads")
            return failed(
                f"{'; '.join(others)}; the loader gives {number}",
                hint="bring the program's own copy to the same version and restart the program",
            )


@check("RKN107", "No application brings another librknnrt", severity=Severity.INFO)
def runtime_bundled(runtime: Runtime, system: System) -> Outcome:
    """An application, a package or a home directory holds a librknnrt of another version.

    Why: no service finds it by itself, but a program that loads it by path, or by its own
    LD_LIBRARY_PATH or rpath, gets that version and not the board's. Looked through are homes,
    /opt, /srv, /userdata, /usr/local and Python packages, four levels deep, for a limited time.
    Fix: nothing is broken. Remove copies that no program needs.
    """
    cut = runtime.walked.reason if isinstance(runtime.walked, Unknown) else ""
    bundled = [c for c in fitting_copies(runtime, system.arch) if c.bundled]
    number = value_of(loaded_version(runtime, system.arch))
    if number is None:
        return skipped("loaded version not known")
    others = tuple(c for c in bundled if differs(version_text(c.version) or number, number))
    if others:
        return failed(
            f"other copies that an application may bring: {_listed(others)}; the loader gives "
            f"{number}" + (f" ({cut})" if cut else ""),
            hint="remove those that no program needs",
        )
    if cut:
        return skipped(cut)
    return passed("none" if not bundled else f"{_listed(tuple(bundled))}, as the loader's")


def _listed(copies: tuple[LibraryCopy, ...], loads: LibraryCopy | None = None) -> str:
    """Return `/usr/lib/librknnrt.so 2.3.2, ...`, the copy that loads marked."""
    return ", ".join(
        f"{copy.path} {version_text(copy.version) or '(version not readable)'}"
        + (" (this one loads)" if loads is not None and copy.real == loads.real else "")
        for copy in copies
    )
