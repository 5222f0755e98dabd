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


@host_check("RKH102", "One adb program is installed", severity=Severity.INFO)
def one_adb(host: HostFacts) -> Outcome:
    """Several adb programs are in PATH.

    Why: two versions kill each other's server, and with it every connection; the toolkit brings
    one of its own that it uses when PATH has none.
    Fix: keep one, or put the same one first in PATH for every program.
    """
    paths = [program.path for program in host.adb]
    if len(paths) <= 1:
        return passed(paths[0] if paths else "no adb program")
    return failed(
        f"several adb programs: {', '.join(paths)}; the first is used",
        hint="keep one, or put the same one first in PATH for every program",
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
