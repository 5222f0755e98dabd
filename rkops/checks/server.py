"""rknn_server: there, running, of the runtime's version, and not replaced under its feet."""

from rkops.checks.registry import check
from rkops.checks.restart import restart_commands, start_commands
from rkops.checks.subject import Wanted
from rkops.checks.tidy import see_tidying, tidying
from rkops.checks.versions import differs, loaded_version, mix_severity
from rkops.core.outcome import Fix, Outcome, Risk, Severity, failed, passed, skipped
from rkops.facts.board import BoardFacts, Server, ServerProcess
from rkops.facts.fact import Absent, Present, Unknown, value_of

_RESTART = Fix("server.restart", Risk.INTERRUPTS)


@check("RKN110", "rknn_server is there", severity=Severity.WARNING)
def server_there(server: Server) -> Outcome:
    """Without rknn_server a connected toolkit cannot reach the board.

    Why: `init_runtime(target=...)` on a host talks to rknn_server and says `server connect fail`
    (ERROR_PIPE) without it. Programs that run on the board itself do not need it.
    Fix: copy rknn_server and start_rknn.sh of the runtime's SDK to /usr/bin and start it as root.
    """
    match server.file:
        case Present(value=path):
            return passed(path)
        case Unknown(reason=reason, needs=needs):
            return skipped(f"not looked for: {reason}", needs=needs)
        case Absent():
            running = value_of(server.processes) or ()
            if running and not any(process.exe in process.gone for process in running):
                return passed(f"runs from {running[0].exe}")
            return failed(
                "the file of the running rknn_server was deleted; it will not start again"
                if running
                else "rknn_server is not on the board; a connected toolkit cannot reach it",
                hint="copy rknn_server of the runtime's SDK to /usr/bin; "
                "programs on the board itself do not need it",
                commands=("sudo install -m 755 rknn_server /usr/bin/rknn_server",),
            )


@check("RKN111", "rknn_server runs", severity=Severity.WARNING)
def server_runs(server: Server) -> Outcome:
    """The file is there, but no rknn_server process is running.

    Why: the toolkit reports `server connect fail! ret = -9(ERROR_PIPE)` then.
    Fix: start it as root with /usr/bin/restart_rknn.sh, the system's own unit, or by hand.
    """
    match server.processes:
        case Unknown(reason=reason, needs=needs):
            return skipped(f"processes not readable: {reason}", needs=needs)
        case Present(value=processes) if processes:
            return passed(f"pid {', '.join(str(p.pid) for p in processes)}")
        case Present() | Absent():
            path = value_of(server.file)
            if path is None:
                return skipped("rknn_server is not there: see RKN110")
            return failed(
                f"{path} is there but does not run",
                hint="start it as root",
                commands=start_commands(server),
                fix=Fix("server.restart", Risk.SAFE),
            )


@check("RKN112", "rknn_server and librknnrt are one version", severity=Severity.WARNING)
def server_matches(facts: BoardFacts, wanted: Wanted) -> Outcome:
    """The server's version differs from the runtime that the loader gives.

    Why: Rockchip's rule is server = runtime = toolkit (RKNN SDK User Guide, section 2.2.3). Mixes
    often connect and often measure well; the toolkit does not warn. So it is a warning, and an
    error when the inventory asks for an `sdk:` version.
    Fix: install rknn_server and librknnrt.so of one SDK and restart the server.
    """
    number = value_of(loaded_version(facts.runtime, facts.system.arch))
    match facts.server.version:
        case Unknown(reason=reason, needs=needs):
            return skipped(f"server version not readable: {reason}", needs=needs)
        case Absent():
            return skipped("rknn_server is not there, or holds no version text: see RKN110")
        case Present(value=version) if number is None:
            return skipped(f"server is {version.number}; the loaded runtime is not known")
        case Present(value=version) if not differs(version.number, number):
            return passed(f"both {number}")
        case Present(value=version, source=source):
            target = wanted.sdk or number
            return failed(
                f"rknn_server is {version.number} ({source}), the runtime that loads is {number}",
                severity=mix_severity(wanted),
                hint=see_tidying(tidying(facts, wanted), version.number)
                or f"install rknn_server and librknnrt.so of SDK {target}, restart the server",
            )


@check("RKN113", "rknn_server runs the files on disk", severity=Severity.WARNING)
def server_fresh(facts: BoardFacts) -> Outcome:
    """The running server's binary or library was replaced under it.

    Why: a running process keeps the old file; versions read from disk are not those in use.
    Fix: restart rknn_server. Files that were deleted and not replaced are RKN101 and RKN110.
    """
    match facts.server.processes:
        case Unknown(reason=reason, needs=needs):
            return skipped(f"processes not readable: {reason}", needs=needs)
        case Absent():
            return skipped("rknn_server does not run: see RKN111")
        case Present(value=processes):
            # The sh probe does not look at them, whoever it runs as.
            needs = "python3" if facts.by == "sh" else "root on the board"
            return _stale(facts.server, processes, needs)


def _stale(server: Server, processes: tuple[ServerProcess, ...], needs: str) -> Outcome:
    stale = [(p, path) for p in processes for path in p.stale]
    if not processes:
        return skipped("rknn_server does not run: see RKN111")
    if not stale and not all(process.readable for process in processes):
        return skipped("the files rknn_server runs were not looked at", needs=needs)
    if not stale:
        return passed("the running files are those on disk")
    what = ", ".join(sorted({path for _, path in stale}))
    return failed(
        f"rknn_server (pid {stale[0][0].pid}) still runs files that were replaced: {what}",
        hint="restart rknn_server",
        commands=restart_commands(server),
        fix=_RESTART,
    )


@check("RKN114", "One rknn_server runs", severity=Severity.WARNING)
def server_single(server: Server) -> Outcome:
    """More than one rknn_server is running.

    Why: two servers compete for one socket name; which of them a toolkit talks to is chance, and
    so is the version it meets. It happens when a unit and start_rknn.sh both start one.
    Fix: stop all, disable one of the two ways it is started, start it once.
    """
    match server.processes:
        case Unknown(reason=reason, needs=needs):
            return skipped(f"processes not readable: {reason}", needs=needs)
        case Present(value=processes) if len(processes) > 1:
            pids = ", ".join(f"{p.pid} ({p.exe})" for p in processes)
            return failed(
                f"{len(processes)} rknn_server processes run: {pids}",
                hint="stop them and keep one way of starting it",
                fix=_RESTART,
            )
        case Present() | Absent():
            return passed("not more than one")
