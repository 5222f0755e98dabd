"""The adb server on this machine: the one that runs is used, and never killed.

Only when none runs one is started: from `adb` in PATH, else the binary that adbutils bundles.
"""

import os
import re
import shutil
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from rkops.core.deadline import Deadline
from rkops.core.errors import AdbServerError

START_SECONDS = 5.0
_CONNECT_SECONDS = 3.0
_DEFAULT_PORT = 5037
_starting = threading.Lock()

Where = tuple[str, int] | str
"""Host and port, or the path of a unix socket."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The adb client this rkops would start, and the server that runs. None: there is none.

    `client_version` and `server_version` are the protocol numbers that adb compares (41 in
    "1.0.41"); `client_release` is the rest of what `adb version` says ("29.0.6-debian").
    """

    client_path: str | None
    client_version: int | None
    client_release: str
    server_at: str
    server_running: bool
    server_version: int | None


def server_where() -> Where:
    """Return where adb clients of this environment look for the server.

    Raises:
        AdbServerError: ADB_SERVER_SOCKET or ANDROID_ADB_SERVER_PORT cannot be understood.
    """
    spec = os.environ.get("ADB_SERVER_SOCKET") or ""
    port = os.environ.get("ANDROID_ADB_SERVER_PORT") or str(_DEFAULT_PORT)
    if spec.startswith("localfilesystem:"):
        return spec.partition(":")[2]
    if spec and not (found := re.fullmatch(r"tcp:(?:(.+):)?(\d+)", spec)):
        raise AdbServerError(
            f"ADB_SERVER_SOCKET is {spec!r}, which rkops cannot use",
            hint="tcp:PORT, tcp:HOST:PORT or localfilesystem:PATH",
        )
    host, port = (found[1] or "127.0.0.1", found[2]) if spec and found else ("127.0.0.1", port)
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise AdbServerError(
            f"the adb server's port is {port!r}", hint="set ANDROID_ADB_SERVER_PORT to 1 to 65535"
        )
    return ("127.0.0.1" if host == "localhost" else host.strip("[]"), int(port))


def connect_server(deadline: Deadline) -> socket.socket:
    """Return a connection to the adb server, starting one when none runs.

    Raises:
        AdbServerError: no server could be reached or started.
    """
    where = server_where()
    sock = _connected(where, deadline)
    if sock is not None:
        return sock
    with _starting:
        sock = _connected(where, deadline)  # another thread may have started it meanwhile
        return sock or _started(where, deadline.within(START_SECONDS))


def client_path() -> str | None:
    """Return the adb binary to use: PATH's, else the one adbutils bundles, else None."""
    found = shutil.which("adb")
    if found:
        return found
    import adbutils

    try:
        return str(adbutils.adb_path())
    except (adbutils.AdbError, OSError):
        return None


def server_facts(deadline: Deadline) -> ServerFacts:
    """Say which client and which server there are; starts nothing."""
    where = server_where()
    path = client_path()
    version, release = _client_version(path, deadline) if path else (None, "")
    running, number = _server_version(where, deadline)
    at = where if isinstance(where, str) else f"{where[0]}:{where[1]}"
    return ServerFacts(path, version, release, at, running, number)


def _connected(where: Where, deadline: Deadline) -> socket.socket | None:
    """A connection; None when nothing listens there."""
    family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
    if not isinstance(where, str) and ":" in where[0]:
        family = socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(max(0.001, deadline.within(_CONNECT_SECONDS).remaining))
        if family != socket.AF_UNIX:
            # Without it a small packet after a small packet waits 40 ms for an ACK.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect(where)
    except (ConnectionRefusedError, FileNotFoundError):
        sock.close()
        return None
    except OSError as exc:
        sock.close()
        raise AdbServerError(
            f"the adb server at {where} cannot be reached: {exc}",
            hint="is ADB_SERVER_SOCKET or ANDROID_ADB_SERVER_PORT right?",
        ) from exc
    return sock


def _started(where: Where, deadline: Deadline) -> socket.socket:
    if not isinstance(where, str) and not where[0].startswith("127."):
        raise AdbServerError(
            f"no adb server runs at {where[0]}:{where[1]}",
            hint="start it on that machine: adb -a start-server",
        )
    path = client_path()
    if path is None:
        raise AdbServerError(
            "no adb server runs and no adb was found to start one",
            hint="install adb (apt install adb)",
        )
    log = _log_file()
    try:
        _launch(path, log)
    except (OSError, subprocess.SubprocessError) as exc:
        raise AdbServerError(f"{path} could not be run: {exc}", hint="reinstall adb") from exc
    while not deadline.expired:
        sock = _connected(where, deadline)
        if sock is not None:
            return sock
        deadline.pause(0.01)
    raise AdbServerError(
        f"{path} was started but no adb server answers at {where}: {_last_words(log)}",
        hint=f"run it by hand to see why: {path} server nodaemon",
    )


def _log_file() -> Path:
    """Where adb itself would log; nowhere when that file belongs to somebody else."""
    log = Path(os.environ.get("TMPDIR") or "/tmp", f"adb.{os.getuid()}.log")  # noqa: S108 - adb's
    try:
        with log.open("ab"):
            return log
    except OSError:
        return Path(os.devnull)


def _launch(path: str, log: Path) -> None:
    """Start a server that outlives us, in a session of its own.

    Not `adb start-server`: that one kills a server of another version, and fails when its log
    cannot be written. `server nodaemon` only ever fails to bind. Without ADB_USB=0 and
    ADB_MDNS=0 a cold start takes 3 s and opens mDNS; USB boards are not rkops's.
    """
    subprocess.run(
        ["/bin/sh", "-c", '"$@" </dev/null >>"$0" 2>&1 &', str(log), path, "server", "nodaemon"],
        env={"ADB_USB": "0", "ADB_MDNS": "0", **os.environ},
        cwd="/",
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        timeout=START_SECONDS,
        check=True,
    )


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "it left no word why"


def _client_version(path: str, deadline: Deadline) -> tuple[int | None, str]:
    """What `adb version` says; it starts no server."""
    try:
        said = subprocess.run(
            [path, "version"],
            capture_output=True,
            text=True,
            check=False,
            timeout=max(0.001, deadline.within(START_SECONDS).remaining),
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None, ""
    number = re.search(r"version 1\.0\.(\d+)", said)
    release = re.search(r"^Version (\S+)", said, re.MULTILINE)
    return int(number[1]) if number else None, release[1] if release else ""


def _server_version(where: Where, deadline: Deadline) -> tuple[bool, int | None]:
    """Ask `host:version`: OKAY, then four hex digits of length, then the number in hex."""
    try:
        sock = _connected(where, deadline)
        if sock is None:
            return False, None
        with sock:
            sock.settimeout(max(0.001, deadline.within(_CONNECT_SECONDS).remaining))
            sock.sendall(b"000chost:version")
            with sock.makefile("rb") as answer:
                said = answer.read(12)
        return True, int(said[8:], 16)
    except (OSError, ValueError, AdbServerError):
        return True, None
