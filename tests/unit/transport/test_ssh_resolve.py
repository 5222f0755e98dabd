"""What the user's configuration may ask for: circles, programs that hang, names for nothing."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rkops.core.deadline import Deadline
from rkops.core.errors import TransportError
from rkops.core.exit import ExitCode
from rkops.core.result import Answered, Lost
from rkops.fleet.board import Board
from rkops.fleet.contact import for_each
from rkops.transport.base import AdbAddress, SshAddress
from rkops.transport.ssh.transport import open_ssh
from tests.contract.links.ssh import home


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[Path]:
    with home(tmp_path / "home") as folder:
        yield folder


@pytest.mark.parametrize(
    "text",
    [
        "Host b8\n HostName 127.0.114.9\n ProxyJump b8\n",
        "Host b8\n ProxyJump b9\nHost b9\n ProxyJump root@b8:2222\n",
        "Host b8\n ProxyJump other,b9\nHost b9\n ProxyJump b8\n",
    ],
)
def test_jump_hosts_in_a_circle(ssh: Path, text: str) -> None:
    (ssh / "config").write_text(text)
    with pytest.raises(TransportError, match=r"circle: b8 -> .*b8") as caught:
        open_ssh(SshAddress("b8"), board="b8", deadline=Deadline.after(5))
    assert "ssh -G b8" in caught.value.hint


def test_a_circle_is_one_boards_trouble(ssh: Path) -> None:
    (ssh / "config").write_text("Host b8\n HostName 127.0.114.9\n ProxyJump b8\n")
    boards = [Board(name="b8", ssh=SshAddress("b8"))]

    class Link:
        def close(self) -> None:
            pass

    def opener(board, ways, deadline):
        if board.name == "b7":
            return Link()
        return open_ssh(ways[0], board=board.name, deadline=deadline)

    with socket.create_server(("127.0.114.7", 0)) as server:
        boards.append(Board(name="b7", adb=AdbAddress(*server.getsockname())))
        results = for_each(boards, lambda _: 1, timeout_seconds=2, opener=opener)
    assert [type(result) for result in results] == [Lost, Answered]


def test_a_program_of_the_configuration_that_hangs_is_one_boards_trouble(
    ssh: Path, tmp_path: Path
) -> None:
    """In a process of its own: invoke, which runs the program for paramiko, leaves files open."""
    (ssh / "config").write_text('Match host slow exec "sleep 8"\n User nobody\n')
    boards = tmp_path / "boards.yaml"
    boards.write_text("boards:\n  slow: {ssh: slow}\n  dead: {adb: '127.0.114.9:9'}\n")
    words = ["exec", "--all", "-i", str(boards), "--timeout", "1", "--", "true"]
    main = "import sys; from rkops.cli.app import main; main(sys.argv[1:])"
    began = time.monotonic()
    with (tmp_path / "said").open("w") as said:  # no pipe: the sleep left behind would hold it
        argv = [sys.executable, "-c", main, *words]
        ran = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=said, check=False)
    assert time.monotonic() - began < 5
    assert ran.returncode == ExitCode.UNREACHABLE
    errors = (tmp_path / "said").read_text()
    assert "dead: 127.0.114.9 refuses" in errors
    assert "slow: the SSH configuration for slow could not be read in time" in errors
    assert "Match exec" in errors


def test_ending_a_run_ends_a_proxy_command_of_a_login_under_way(ssh: Path, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    (ssh / "config").write_text(f"Host slow\n ProxyCommand sh -c 'echo $$ >{pid}; exec sleep 60'\n")

    def opener(board, ways, deadline):
        if board.name == "slow":
            return open_ssh(ways[0], board=board.name, deadline=deadline)
        while not (pid.exists() and pid.read_text()):
            deadline.pause(0.02)
        raise KeyError("bug")

    with socket.create_server(("127.0.114.7", 0)) as server:
        good = Board(name="good", adb=AdbAddress(*server.getsockname()))
        boards = [Board(name="slow", ssh=SshAddress("slow")), good]
        with pytest.raises(KeyError, match="bug"):
            for_each(boards, lambda _: 1, timeout_seconds=10, opener=opener)
    assert not Path("/proc", pid.read_text().strip()).exists()
