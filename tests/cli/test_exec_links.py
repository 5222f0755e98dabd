"""`rkops exec` over every kind of link: piped input, and Ctrl-C."""

import getpass
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rkops.core.deadline import Deadline
from rkops.core.exit import ExitCode
from rkops.lab.adb.daemon import Manner
from rkops.lab.here.endpoint import HereEndpoint
from rkops.lab.wire.boards import WireBoard, WireLab
from tests.contract.adbserver import own_adb_server_port
from tests.contract.links.ssh import SSHD_HOST, home, known, new_key, sshd

MAIN = "from rkops.cli.app import main; main()"
BOARDS = [
    pytest.param("legacy", marks=pytest.mark.adb),
    pytest.param("modern", marks=pytest.mark.adb),
    pytest.param("ssh", marks=pytest.mark.sshd),
]


@pytest.fixture(params=BOARDS)
def inventory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """An inventory with the board `b` behind one kind of link."""
    file = tmp_path / "boards.yaml"
    with home(tmp_path / "home") as ssh:
        if request.param == "ssh":
            key, public = new_key(ssh)
            with sshd(tmp_path / "sshd", public) as (port, host_key):
                known(ssh, SSHD_HOST, port, host_key)
                user = getpass.getuser()
                file.write_text(f"boards: {{b: {{ssh: '{user}@{SSHD_HOST}:{port}', key: {key}}}}}")
                yield file
            return
        board = WireBoard("b", HereEndpoint(), manner=Manner[request.param.upper()])
        with own_adb_server_port(), WireLab([board]) as lab:
            file.write_text(f"boards: {{b: {{adb: '{lab.adb['b'].serial}'}}}}")
            yield file


def started(inventory: Path, script: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", MAIN, "exec", "-i", str(inventory), "b", "--", script]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe)


def test_ctrl_c_ends_the_command_on_the_board(inventory: Path, tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    script = f"echo x > {beat}; echo up; while :; do echo x >> {beat}; sleep 0.02; done"
    rkops = started(inventory, script)
    assert rkops.stdin is not None
    assert rkops.stdout is not None
    rkops.stdin.close()
    assert rkops.stdout.readline() == b"up\n"
    rkops.send_signal(signal.SIGINT)
    assert rkops.wait(10) == ExitCode.INTERRUPTED
    assert stands_still(beat)
    rkops.stdout.close()
    if rkops.stderr:
        rkops.stderr.close()


def stands_still(beat: Path) -> bool:
    """Whether a file that a command keeps writing is left alone, soon."""
    patience = Deadline.after(8)
    while not patience.expired:
        before = beat.stat().st_size
        patience.pause(0.25)
        if beat.stat().st_size == before:
            return True
    return False


def test_piped_input_and_the_exit_code(inventory: Path) -> None:
    rkops = started(inventory, "cat; exit 9")
    typed = bytes(range(256)) * 2000 + b"\r\n\n"
    assert rkops.communicate(typed, timeout=20)[0] == typed
    assert rkops.returncode == 9
