"""What it takes to get in: the user's configuration, host keys, keys and passwords."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from rkops.core.deadline import Deadline
from rkops.core.errors import (
    AuthFailedError,
    BoardUnreachableError,
    HostKeyChangedError,
    HostKeyUnknownError,
    LinkLostError,
    TransportError,
)
from rkops.lab.ssh.daemon import new_host_key
from rkops.lab.ssh.login import Account
from rkops.transport.base import SshAddress
from rkops.transport.ssh.config import config_for, tcp_address
from rkops.transport.ssh.tcp import connect_tcp
from rkops.transport.ssh.transport import SshTransport, open_ssh
from tests.contract.links.ssh import WIRE_HOST, home, known, new_key, wire

HOST_KEY = new_host_key()
HOST_LINE = HOST_KEY.export_public_key().decode()


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    for name in ("RKOPS_SSH_PASSWORD", "RKOPS_SSH_PASSWORD_B1", "RKOPS_SSH_ACCEPT_NEW"):
        monkeypatch.delenv(name, raising=False)
    with home(tmp_path / "home") as folder:
        yield folder


def get_in(address: SshAddress, board: str = "b1") -> str:
    transport = open_ssh(address, board=board, deadline=Deadline.after(10))
    try:
        return transport.run(["echo", "in"], deadline=Deadline.after(10)).text
    finally:
        transport.close()


def test_an_alias_of_the_configuration_with_an_include(ssh: Path) -> None:
    key, public = new_key(ssh, "odd-name")
    with wire({"bob": Account(keys=(public,))}, host_key=HOST_KEY) as port:
        known(ssh, WIRE_HOST, port, HOST_LINE)
        (ssh / "config").write_text("Include more/*.conf\nHost *\n  User nobody\n")
        (ssh / "more").mkdir()
        (ssh / "more" / "a.conf").write_text(
            f"Host rack\n HostName {WIRE_HOST}\n Port {port}\n User bob\n IdentityFile {key}\n"
        )
        assert get_in(SshAddress("rack")) == "in\n"
        assert tcp_address(SshAddress("rack")) == (WIRE_HOST, port)
    assert config_for(SshAddress("elsewhere")).lookup("elsewhere")["user"] == "nobody"


def test_a_jump_host(ssh: Path) -> None:
    key, public = new_key(ssh)
    account = {"root": Account(keys=(public,))}
    with (
        wire(account, host_key=HOST_KEY) as jump,
        wire(account, host_key=HOST_KEY) as port,
    ):
        for one in (jump, port):
            known(ssh, WIRE_HOST, one, HOST_LINE)
        (ssh / "config").write_text(
            f"Host *\n User root\n IdentityFile {key}\n"
            f"Host jump\n HostName {WIRE_HOST}\n Port {jump}\n"
            f"Host rack\n HostName {WIRE_HOST}\n Port {port}\n ProxyJump jump\n"
        )
        assert tcp_address(SshAddress("rack")) is None
        assert get_in(SshAddress("rack")) == "in\n"


def test_a_jump_host_is_checked_too(ssh: Path) -> None:
    key, public = new_key(ssh)
    account = {"root": Account(keys=(public,))}
    with (
        wire(account, host_key=new_host_key()) as jump,
        wire(account, host_key=HOST_KEY) as port,
    ):
        known(ssh, WIRE_HOST, port, HOST_LINE)
        (ssh / "config").write_text(
            f"Host rack\n HostName {WIRE_HOST}\n ProxyJump jump\n"
            f"Host jump\n HostName {WIRE_HOST}\n Port {jump}\n User root\n"
            f"Host *\n IdentityFile {key}\n"
        )
        with pytest.raises(HostKeyUnknownError, match=str(jump)):
            get_in(SshAddress("rack", port, "root"))


def test_a_proxy_command(ssh: Path, tmp_path: Path) -> None:
    key, public = new_key(ssh)
    relay = tmp_path / "relay.py"
    relay.write_text(
        "import os, socket, sys, threading\n"
        "peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def up():\n"
        "    for data in iter(lambda: os.read(0, 65536), b''): peer.sendall(data)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "for data in iter(lambda: peer.recv(65536), b''): os.write(1, data)\n"
    )
    with wire({"root": Account(keys=(public,))}, host_key=HOST_KEY) as port:
        known(ssh, WIRE_HOST, port, HOST_LINE)
        (ssh / "config").write_text(
            f"Host {WIRE_HOST}\n ProxyCommand {sys.executable} {relay} %h %p\n"
        )
        assert get_in(SshAddress(WIRE_HOST, port, "root", str(key))) == "in\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [("no-such-relay %h", "no-such-relay: not found"), ("sh -c 'exit 7'", "exit code 7")],
)
def test_a_proxy_command_that_cannot_run(ssh: Path, capfd, command: str, said: str) -> None:
    (ssh / "config").write_text(f"Host board\n ProxyCommand {command}\n")
    with pytest.raises(LinkLostError, match=f"ProxyCommand to board:22 ended: .*{said}") as caught:
        get_in(SshAddress("board"))
    assert command.replace("%h", "board") in caught.value.hint
    assert capfd.readouterr().err == ""


def test_known_hosts_kept_nowhere(ssh: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (ssh / "config").write_text("Host *\n UserKnownHostsFile none\n")
    key, public = new_key(ssh)
    with wire({"root": Account(keys=(public,))}, host_key=HOST_KEY) as port:
        address = SshAddress(WIRE_HOST, port, "root", str(key))
        with pytest.raises(HostKeyUnknownError) as caught:
            get_in(address)
        assert ">> none" not in caught.value.hint
        monkeypatch.setenv("RKOPS_SSH_ACCEPT_NEW", "1")
        assert get_in(address) == "in\n"
    assert not (tmp_path / "none").exists()


def test_an_unknown_host_key_is_refused_until_it_is_accepted(ssh: Path, monkeypatch) -> None:
    key, public = new_key(ssh)
    with wire({"root": Account(keys=(public,))}, host_key=HOST_KEY) as port:
        address = SshAddress(WIRE_HOST, port, "root", str(key))
        with pytest.raises(HostKeyUnknownError) as caught:
            get_in(address)
        assert f"ssh-keyscan -p {port} {WIRE_HOST}" in caught.value.hint
        monkeypatch.setenv("RKOPS_SSH_ACCEPT_NEW", "1")
        assert get_in(address) == "in\n"
        monkeypatch.delenv("RKOPS_SSH_ACCEPT_NEW")
        assert get_in(address) == "in\n"
        assert (ssh / "known_hosts").stat().st_mode & 0o777 == 0o600


def test_a_changed_host_key_is_never_accepted(ssh: Path, monkeypatch) -> None:
    monkeypatch.setenv("RKOPS_SSH_ACCEPT_NEW", "1")
    key, public = new_key(ssh)
    with wire({"root": Account(keys=(public,))}, host_key=HOST_KEY) as port:
        known(ssh, WIRE_HOST, port, new_host_key().export_public_key().decode())
        with pytest.raises(HostKeyChangedError, match="known_hosts line 1") as caught:
            get_in(SshAddress(WIRE_HOST, port, "root", str(key)))
    assert f"ssh-keygen -R '[{WIRE_HOST}]:{port}'" in caught.value.hint


def test_the_host_key_alias_and_file_of_the_configuration(ssh: Path) -> None:
    key, public = new_key(ssh)
    (ssh / "own known").write_text(f"rack-7 {HOST_LINE}\n")
    (ssh / "config").write_text(
        f'Host *\n HostKeyAlias rack-7\n UserKnownHostsFile "{ssh}/own known"\n'
    )
    with wire({"root": Account(keys=(public,))}, host_key=HOST_KEY) as port:
        assert get_in(SshAddress(WIRE_HOST, port, "root", str(key))) == "in\n"


@pytest.mark.parametrize("name", ["RKOPS_SSH_PASSWORD", "RKOPS_SSH_PASSWORD_B1"])
def test_a_password_of_the_environment(ssh: Path, monkeypatch, name: str) -> None:
    monkeypatch.setenv("RKOPS_SSH_PASSWORD", "not this")
    monkeypatch.setenv(name, "s3cret")
    with wire({"bob": Account(password="s3cret")}, host_key=HOST_KEY) as port:
        known(ssh, WIRE_HOST, port, HOST_LINE)
        assert get_in(SshAddress(WIRE_HOST, port, "bob")) == "in\n"


def test_a_refused_login_says_what_was_tried_and_no_secret(ssh: Path, monkeypatch) -> None:
    monkeypatch.setenv("RKOPS_SSH_PASSWORD", "wr0ng")
    key, _ = new_key(ssh)
    locked = ssh / "locked"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(locked), passphrase="p")
    (ssh / "config").write_text(f"Host *\n IdentityFile {locked}\n")
    with wire({"bob": Account(password="s3cret")}, host_key=HOST_KEY) as port:
        known(ssh, WIRE_HOST, port, HOST_LINE)
        with pytest.raises(AuthFailedError) as caught:
            get_in(SshAddress(WIRE_HOST, port, "bob", str(key)))
    words = f"{caught.value} {caught.value.hint}"
    assert str(key) in words
    assert f"{locked} (needs its passphrase" in words
    assert "RKOPS_SSH_PASSWORD" in words
    assert "wr0ng" not in words


def test_keys_of_the_agent(ssh: Path, monkeypatch) -> None:
    key, public = new_key(ssh, "in-agent")
    said = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    agent = dict(part.split("=", 1) for part in said.replace("\n", ";").split(";") if "=" in part)
    monkeypatch.setenv("SSH_AUTH_SOCK", agent["SSH_AUTH_SOCK"])
    try:
        subprocess.run(["ssh-add", "-q", str(key)], check=True)
        key.unlink()
        with wire({"root": Account(keys=(public,))}, host_key=HOST_KEY) as port:
            known(ssh, WIRE_HOST, port, HOST_LINE)
            assert get_in(SshAddress(WIRE_HOST, port, "root")) == "in\n"
    finally:
        subprocess.run(["kill", agent["SSH_AGENT_PID"]], check=True)


@pytest.mark.parametrize("text", ["Host board\n Port none\n", "a line without sense\n=\n"])
def test_a_configuration_that_cannot_be_used(ssh: Path, text: str) -> None:
    (ssh / "config").write_text(text)
    with pytest.raises(TransportError, match="SSH configuration") as caught:
        get_in(SshAddress("board"))
    assert "ssh -G board" in caught.value.hint


def test_no_ssh_server_at_the_port(ssh: Path) -> None:
    with socket.create_server((WIRE_HOST, 0)) as server:

        def talk() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=talk, daemon=True).start()
        with pytest.raises(LinkLostError) as caught:
            get_in(SshAddress(WIRE_HOST, server.getsockname()[1], "root"))
    assert caught.value.hint


def test_a_name_without_an_address(ssh: Path) -> None:
    with pytest.raises(BoardUnreachableError, match="no address"):
        connect_tcp(("no-such-board.invalid", 22), board="b1", deadline=Deadline.after(10))


def test_a_closed_transport_stays_closed(ssh: Path) -> None:
    key, public = new_key(ssh)
    with wire({"root": Account(keys=(public,))}, host_key=HOST_KEY) as port:
        known(ssh, WIRE_HOST, port, HOST_LINE)
        address = SshAddress(WIRE_HOST, port, "root", str(key))
        transport: SshTransport = open_ssh(address, board="b1", deadline=Deadline.after(10))
        transport.close()
        with pytest.raises(TransportError, match="closed"):
            transport.run(["true"], deadline=Deadline.after(5))
