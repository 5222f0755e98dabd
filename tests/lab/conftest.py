"""Labs of the tests: each in a directory, with an adb server and on addresses of its own."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rkops.lab.host.probe import why_not

Run = Callable[..., subprocess.CompletedProcess[str]]


def need_namespaces() -> None:
    """Skip, with the reason, where host boards cannot be had; fail where they are demanded."""
    if reason := why_not():
        if "namespaces" in os.environ.get("RKOPS_REQUIRE", ""):
            pytest.fail(f"namespaces are required here: {reason}")
        pytest.skip(f"no host boards on this machine: {reason}")


@pytest.fixture(scope="session")
def adb_port() -> Iterator[str]:
    """A free port; an adb server that a test starts there is ended at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    yield str(port)
    with socket.socket() as server:
        server.settimeout(5)
        if server.connect_ex(("127.0.0.1", port)) == 0:
            server.sendall(b"0009host:kill")


@pytest.fixture
def rkops(tmp_path: Path, adb_port: str) -> Iterator[Run]:
    """The command line with a lab directory of this test; the lab is taken down at the end."""
    env = {
        **os.environ,
        "RKOPS_LAB": str(tmp_path / "lab"),
        "ANDROID_ADB_SERVER_PORT": adb_port,
        "RKOPS_INVENTORY": str(tmp_path / "lab" / "inventory.yaml"),
    }

    def run(*argv: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-c", "from rkops.cli.app import main; main()", *argv],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    yield run
    run("lab", "down", code=None)
