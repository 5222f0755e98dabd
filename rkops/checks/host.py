"""The machine rkops runs on."""

from rkops.checks.registry import host_check
from rkops.checks.subject import HostFacts
from rkops.core.outcome import Outcome, Severity, failed, passed, skipped


@host_check("RKH101", "The adb server has our client's version", severity=Severity.WARNING)
def server_version(host: HostFacts) -> Outcome:
    """An adb server runs whose version is not that of the adb program rkops would use.

    Why: a client that meets a server of another version kills it, and with it every `adb connect`
    session. rkops speaks to the server that runs and never kills it; another program's adb may.
    Fix: keep one adb on this machine and put it first in PATH.
    """
    if not host.uses_adb:
        return skipped("no board is reached by adb")
    if host.adb_server is None:
        return passed("no adb server runs")
    if not host.adb:
        return passed(f"adb server {host.adb_server}; no adb program beside it")
    ours = host.adb[0]
    if not ours.version:
        return skipped(f"{ours.path} does not say its version")
    if ours.version == host.adb_server:
        return passed(f"both {ours.version}")
    return failed(
        f"the adb server that runs is version {host.adb_server}, {ours.path} is {ours.version}: "
        "starting that program kills the server and every connection",
        hint="keep one adb on this machine; restart the server with it when nothing uses it",
        commands=(f"{ours.path} kill-server", f"{ours.path} start-server"),
    )


@host_check("RKH102", "One adb version is installed", severity=Severity.INFO)
def one_adb(host: HostFacts) -> Outcome:
    """Several adb programs of different versions are on this machine.

    Why: whoever runs the other one kills the server of the first (the toolkit brings its own).
    Fix: remove all but one, or put one first in PATH for every program.
    """
    known = [program for program in host.adb if program.version]
    if len({program.version for program in known}) <= 1:
        return passed(", ".join(f"{p.path} {p.version}" for p in known) or "no adb program")
    return failed(
        "adb programs of different versions: "
        + ", ".join(f"{program.path} {program.version}" for program in known),
        hint="keep one, first in PATH",
    )


@host_check("RKH103", "The adb server can be used", severity=Severity.WARNING)
def server_usable(host: HostFacts) -> Outcome:
    """What listens on the adb server's port does not answer as one.

    Why: another program holds the port, or the server hangs.
    Fix: end it, or set ANDROID_ADB_SERVER_PORT to another port.
    """
    if not host.uses_adb:
        return skipped("no board is reached by adb")
    if not host.adb_problem:
        return passed("no trouble seen")
    return failed(
        f"the adb server on this machine: {host.adb_problem}",
        hint="end what holds its port, or set ANDROID_ADB_SERVER_PORT",
    )
