"""The adb server that runs is used; one is started only when there is none."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rkops.core.deadline import Deadline
from rkops.core.errors import AdbServerError, TransportError
from rkops.transport.adb.server import client_path, connect_server, server_facts, server_where
from rkops.transport.base import AdbAddress
from rkops.transport.open import open_transport
from tests.contract.adbserver import free_port, kill_adb_server

pytestmark = pytest.mark.adb


def soon(seconds: float = 15) -> Deadline:
    return Deadline.after(seconds)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    number = free_port()
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(number))
    monkeypatch.delenv("ADB_SERVER_SOCKET", raising=False)
    yield number
    kill_adb_server(number)


def test_one_is_started_and_then_used(port: int) -> None:
    assert not server_facts(soon()).server_running
    with connect_server(soon()):
        pass
    first = server_facts(soon())
    assert first.server_running
    assert first.client_path
    assert first.server_version == first.client_version
    assert first.server_at == f"127.0.0.1:{port}"


def test_the_bundled_one_serves_where_path_has_none(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    path = client_path()
    assert path is not None
    assert "adbutils" in path
    with connect_server(soon()):
        pass
    assert server_facts(soon()).client_release


def test_a_log_that_cannot_be_written_is_no_trouble(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"adb.{os.getuid()}.log").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with connect_server(soon()):
        pass


def test_an_adb_that_does_not_start_is_said(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    false = tmp_path / "adb"
    false.write_text("#!/bin/sh\necho cannot do it >&2\nexit 1\n")
    false.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(AdbServerError, match="cannot do it") as caught:
        connect_server(soon(1))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANDROID_ADB_SERVER_PORT", "many"),
        ("ANDROID_ADB_SERVER_PORT", "99999"),
        ("ADB_SERVER_SOCKET", "vsock:3:5037"),
    ],
)
def test_settings_that_make_no_sense(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.delenv("ADB_SERVER_SOCKET", raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(AdbServerError) as caught:
        server_where()
    assert value in caught.value.message


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ("tcp:5038", ("127.0.0.1", 5038)),
        ("tcp:localhost:5038", ("127.0.0.1", 5038)),
        ("tcp:192.0.2.9:5038", ("192.0.2.9", 5038)),
        ("localfilesystem:/run/adb", "/run/adb"),
    ],
)
def test_where_a_server_may_be(
    monkeypatch: pytest.MonkeyPatch, spec: str, where: tuple[str, int] | str
) -> None:
    monkeypatch.setenv("ADB_SERVER_SOCKET", spec)
    assert server_where() == where


def test_a_server_of_another_version_is_used_and_lives_on(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in that says version 0x1f and knows no board: rkops must not replace it."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", port)) as server:
        thread = threading.Thread(target=_old_server, args=(server, asked), daemon=True)
        thread.start()
        assert server_facts(soon()).server_version == 0x1F
        with pytest.raises(TransportError, match="too old"):
            open_transport(AdbAddress("127.0.101.9"), board="b1", deadline=soon(5))
        server.shutdown(socket.SHUT_RDWR)
    assert b"host:kill" not in asked
    assert b"host:connect:127.0.101.9:5555" in asked


def _old_server(server: socket.socket, asked: list[bytes]) -> None:
    while True:
        try:
            sock, _ = server.accept()
        except OSError:
            return
        with sock:
            size = int(sock.recv(4, socket.MSG_WAITALL), 16)
            asked.append(sock.recv(size, socket.MSG_WAITALL))
            if asked[-1] == b"host:version":
                sock.sendall(b"OKAY0004001f")
            elif asked[-1].startswith(b"host:connect"):
                sock.sendall(b"OKAY0007too old")
            else:
                sock.sendall(b"FAIL0010device not found")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request", b"OKAYzzzz", b"OK", b""])
def test_what_is_no_adb_server(port: int, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", port)) as server:
        threading.Thread(target=_say, args=(server, answer), daemon=True).start()
        with pytest.raises(AdbServerError, match=f"port {port} .* no adb server") as caught:
            open_transport(AdbAddress("127.0.101.9"), board="b1", deadline=soon(5))
        server.shutdown(socket.SHUT_RDWR)
    assert "ANDROID_ADB_SERVER_PORT" in caught.value.hint


def _say(server: socket.socket, answer: bytes) -> None:
    while True:
        try:
            sock, _ = server.accept()
        except OSError:
            return
        with sock:
            sock.recv(4096)
            sock.sendall(answer)


def test_a_server_that_hangs_costs_the_deadline_and_is_not_the_boards_fault(port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(AdbServerError, match=f"port {port} .* says nothing"),
    ):
        open_transport(AdbAddress("127.0.101.9"), board="b1", deadline=soon(0.4))
