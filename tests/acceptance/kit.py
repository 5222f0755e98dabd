"""rkops as a user has it: the installed command, a home, a lab and an adb server of its own."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

import rkops.report
from tests.contract.adbserver import free_port, kill_adb_server

RKOPS = str(Path(sys.executable).with_name("rkops"))
DATA = Path(__file__).parents[1] / "data"
MODEL = DATA / "tiny-rk3588-2.3.2.rknn"
OTHER_MODEL = DATA / "tiny-rk3588-2.3.2-int8.rknn"
SCHEMA = json.loads(
    (Path(rkops.report.__file__).parent / "schema" / "doctor.schema.json").read_text("utf-8")
)
_MARK = "RKOPS_ACCEPTANCE"
_KEPT = ("PATH", "TMPDIR")

Done = subprocess.CompletedProcess[str]


@dataclass
class World:
    """Everything one user has; what a command of it starts is known by a mark."""

    place: Path
    port: int = field(default_factory=free_port)
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    language: dict[str, str] = field(default_factory=lambda: {"LANG": "C.UTF-8"})

    def __post_init__(self) -> None:
        (self.place / "home").mkdir(parents=True, exist_ok=True)

    @property
    def home(self) -> Path:
        return self.place / "home"

    @property
    def lab(self) -> Path:
        return self.place / "lab"

    @property
    def inventory(self) -> Path:
        return self.lab / "inventory.yaml"

    def env(self, **more: str) -> dict[str, str]:
        """An environment with nothing of the developer's in it."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            **kept,
            "HOME": str(self.home),
            **self.language,
            "RKOPS_LAB": str(self.lab),
            "RKOPS_INVENTORY": str(self.inventory),
            "RKOPS_SSH_ACCEPT_NEW": "1",
            "ANDROID_ADB_SERVER_PORT": str(self.port),
            "ADB_USB": "0",
            "ADB_MDNS": "0",
            _MARK: self.mark,
            **more,
        }

    def run(self, *argv: str, code: int | None = 0, seconds: float = 60, **env: str) -> Done:
        """Run a command to its end and check its exit code, unless that is None."""
        done = subprocess.run(
            [RKOPS, *argv],
            env=self.env(**env),
            cwd=self.place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=seconds,
            check=False,
        )
        assert code is None or done.returncode == code, (argv, done.stdout, done.stderr)
        assert code == 70 or "Traceback" not in done.stderr, done.stderr
        return done

    @contextlib.contextmanager
    def started(self, *argv: str, **env: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command; it is ended with the context if it has not by then."""
        # SIGINT may be ignored where the tests run in the background, and that is inherited.
        process = subprocess.Popen(
            ["env", "--default-signal=INT", RKOPS, *argv],
            env=self.env(**env),
            cwd=self.place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def doctor(self, *argv: str, code: int | None = 0) -> dict[str, Any]:
        """Return doctor's report, once it agrees with its schema."""
        report: dict[str, Any] = json.loads(
            self.run("doctor", *argv, "--format", "json", code=code).stdout
        )
        jsonschema.validate(report, SCHEMA)
        return report

    def fired(self, board: str, *argv: str) -> set[str]:
        """Return what doctor finds on one board at warning or above."""
        report = self.doctor(board, *argv, code=None)
        return fired(report).get(board, set())

    def inside(self, board: str, script: str) -> str:
        """Do something on a board behind the back of rkops."""
        return self.run("lab", "exec", board, "--", "sh", "-c", script).stdout

    def processes(self, *, adb: bool = False) -> dict[int, str]:
        """What commands of this world started and what still runs; adb's server only if asked."""
        found = {}
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (place / "environ").read_bytes().split(b"\0")
                line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                mine = f"{_MARK}={self.mark}".encode() in words or str(self.lab) in line
                if mine and (adb or "fork-server server" not in line):
                    found[int(place.name)] = line
        return found

    def end(self) -> None:
        """Take down the lab and end the adb server."""
        self.run("lab", "down", code=None)
        kill_adb_server(self.port)


def fired(report: dict[str, Any]) -> dict[str, set[str]]:
    """Return what each board fires at warning or above, findings about the fleet aside."""
    found: dict[str, set[str]] = {}
    for one in report["findings"]:
        loud = one["status"] == "fail" and one["severity"] != "info"
        if loud and one["board"] and one["code"] != "RKF101":
            found.setdefault(one["board"], set()).add(one["code"])
    return found


def wait_until(true: Any, seconds: float = 5.0) -> bool:
    """Return whether it came true in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def interrupt(process: subprocess.Popen[str]) -> tuple[int, str, float]:
    """Press Ctrl-C; return the exit code, what was said on stderr, and the seconds it took."""
    begin = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=20)
    return process.returncode, said, time.monotonic() - begin


def closed_address(host: str = "127.0.109.250") -> str:
    """Return an address at which nothing listens."""
    with socket.socket() as sock:
        sock.bind((host, 0))
        return f"{host}:{sock.getsockname()[1]}"
