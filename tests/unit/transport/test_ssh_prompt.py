"""The password prompt on a terminal: never echoed, asked once, and its time is nobody's."""

import os
import pty
import select
import subprocess
import sys
import termios
from pathlib import Path

from rkops.core.deadline import Deadline
from rkops.core.exit import ExitCode
from rkops.lab.ssh.daemon import new_host_key
from rkops.lab.ssh.login import Account
from tests.contract.links.ssh import WIRE_HOST, home, known, wire

MAIN = "from rkops.cli.app import main; main()"
SECRET = b"s3cret-word"
PROMPT = b"ssh password of root"


class Screen:
    """A terminal and what was shown on it."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        self.shown = b""

    def until(self, text: bytes) -> None:
        deadline = Deadline.after(15)
        while text not in self.shown:
            assert select.select([self.ours], [], [], deadline.remaining)[0], self.shown
            self.shown += os.read(self.ours, 4096)


def started(place: Path, screen: Screen, port: int) -> subprocess.Popen[bytes]:
    (place / "boards.yaml").write_text(
        f"boards:\n  p1: {{ssh: 'root@{WIRE_HOST}:{port}'}}\n"
        f"  p2: {{ssh: 'root@{WIRE_HOST}:{port}'}}\n"
    )
    words = ["exec", "-i", str(place / "boards.yaml"), "--all", "--timeout", "1.5", "--", "echo up"]
    # A session of its own, whose terminal this is: getpass opens /dev/tty.
    take = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    env = {name: value for name, value in os.environ.items() if "PASSWORD" not in name}
    return subprocess.Popen(
        [sys.executable, "-c", take + MAIN, *words],
        stdin=screen.theirs,
        stdout=screen.theirs,
        stderr=screen.theirs,
        start_new_session=True,
        env=env,
    )


def test_the_prompt(tmp_path: Path) -> None:
    host_key = new_host_key()
    screen = Screen()
    with home(tmp_path / "home") as ssh:
        accounts = {"root": Account(password=SECRET.decode())}
        with wire(accounts, host_key=host_key) as port:
            known(ssh, WIRE_HOST, port, host_key.export_public_key().decode())
            rkops = started(tmp_path, screen, port)
            screen.until(PROMPT)
            Deadline.after(9).pause(3.0)  # twice the boards' time
            os.write(screen.ours, SECRET + b"\n")
            screen.until(b"p1: up")
            screen.until(b"p2: up")
            assert rkops.wait(15) == ExitCode.OK
    assert screen.shown.count(PROMPT) == 1
    assert SECRET not in screen.shown


def test_ctrl_c_at_the_prompt_gives_the_echo_back(tmp_path: Path) -> None:
    host_key = new_host_key()
    screen = Screen()
    accounts = {"root": Account(password=SECRET.decode())}
    with home(tmp_path / "home") as ssh, wire(accounts, host_key=host_key) as port:
        known(ssh, WIRE_HOST, port, host_key.export_public_key().decode())
        rkops = started(tmp_path, screen, port)
        screen.until(PROMPT)
        assert not termios.tcgetattr(screen.theirs)[3] & termios.ECHO
        os.write(screen.ours, b"\x03")
        assert rkops.wait(15) == ExitCode.INTERRUPTED
    assert termios.tcgetattr(screen.theirs)[3] & termios.ECHO
