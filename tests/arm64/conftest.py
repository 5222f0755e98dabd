"""One arm64 lab for all tests of a worker; the root is built when this machine has none."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from rkops.core.errors import LabError
from rkops.lab.arm64.userland import arm64_userland
from tests.arm64.needs import go_without

_SECONDS = 100
BOARD = "healthy"


@dataclass(frozen=True)
class Arm64Lab:
    """A running lab of one healthy board, with a home and an adb server of its own."""

    home: Path
    env: dict[str, str]
    host: str
    ssh_port: int
    key: Path

    def rkops(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run the command as a user would."""
        program = Path(sys.executable).with_name("rkops")
        return subprocess.run(
            [program, *words],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def inside(self, script: str) -> str:
        """Run a script as the board's root, behind the back of rkops; return what it prints."""
        done = self.rkops("lab", "exec", BOARD, "--", "sh", "-c", script)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def fault(self, text: str) -> None:
        """Make the board misbehave."""
        done = self.rkops("lab", "fault", BOARD, text)
        assert done.returncode == 0, done.stderr

    def inventory(self, way: str) -> str:
        """Write an inventory that knows the board by `adb` or by `LOGIN@ssh` only."""
        if way == "adb":
            line = f"adb: {self.host}"
        else:
            login = way.partition("@")[0]
            line = f"ssh: {login}@{self.host}:{self.ssh_port}\n    key: {self.key}"
        path = self.home / f"{way}.yaml"
        path.write_text(
            f"boards:\n  {BOARD}:\n    {line}\n    user: firefly\n    sdk: 2.3.2\n", "utf-8"
        )
        return str(path)

    def doctor(self, way: str, *words: str) -> tuple[int, dict[str, str], dict[str, str]]:
        """Return the exit code, code to status for every check, and what is said of the board."""
        done = self.rkops(
            "doctor",
            BOARD,
            "-i",
            self.inventory(way),
            "--show",
            "all",
            "--format",
            "json",
            "--timeout",
            "60",
            *words,
        )
        assert done.stdout, done.stderr
        report = json.loads(done.stdout)
        statuses = {one["code"]: one["status"] for one in report["findings"]}
        return done.returncode, statuses, next(iter(report["boards"]), {})


@pytest.fixture(scope="session")
def arm64_lab(tmp_path_factory):
    try:
        arm64_userland(say=print)
    except LabError as exc:
        go_without(f"{exc.message}; {exc.hint}")
    home = tmp_path_factory.mktemp("arm64")
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith("RKOPS_")}
    env |= {
        "HOME": str(home),
        "XDG_CACHE_HOME": cache,
        "RKOPS_LAB": str(home / "lab"),
        "ANDROID_ADB_SERVER_PORT": str(port),
    }
    lab = Arm64Lab(home, env, "", 0, home / "lab/id_ed25519")
    up = lab.rkops("lab", "up", "--arm64", "--profile", BOARD)
    assert up.returncode == 0, up.stdout + up.stderr
    try:
        row = json.loads(lab.rkops("lab", "ls", "--format", "json").stdout)["boards"][0]
        (home / ".ssh").mkdir(mode=0o700)
        (home / ".ssh/known_hosts").write_bytes((home / "lab/known_hosts").read_bytes())
        yield Arm64Lab(home, env, row["host"], row["ssh_port"], home / "lab/id_ed25519")
    finally:
        lab.rkops("lab", "down")
        _end_adb_server(port)


def _end_adb_server(port: int) -> None:
    """Ask the adb server of these tests to end; without one there is nothing to end."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as server:
            server.sendall(b"0009host:kill")
            server.recv(16)
    except OSError:
        return
