"""known_hosts: who is known, and which line says otherwise."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from rkops.transport.ssh.known import fingerprint, host_label, judge, known_keys, parse_known

KEY = base64.b64encode(b"key one").decode()
OTHER = base64.b64encode(b"key two").decode()


def known(tmp_path: Path, text: str, host: str):
    (tmp_path / "known_hosts").write_text(text)
    return known_keys(host, [tmp_path / "none", tmp_path / "known_hosts"])


def hashed(host: str) -> str:
    salt = b"0123456789abcdef0123"
    digest = hmac.new(salt, host.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    "hosts", ["board", "x,BOARD", "b?ard", "*", hashed("board"), "boa*,!bored"]
)
def test_lines_that_name_the_host(tmp_path: Path, hosts: str) -> None:
    (key,) = known(tmp_path, f"# by hand\n\n{hosts} ssh-ed25519 {KEY} comment\n", "board")
    assert (key.line, key.blob, key.key_type) == (3, b"key one", "ssh-ed25519")


@pytest.mark.parametrize("hosts", ["boards", "*,!board", hashed("other"), "[board]:2222", "|1|x"])
def test_lines_that_do_not(tmp_path: Path, hosts: str) -> None:
    assert known(tmp_path, f"{hosts} ssh-ed25519 {KEY}\n", "board") == ()


def test_a_port_is_part_of_the_name(tmp_path: Path) -> None:
    assert host_label("board", 22) == "board"
    text = f"[board]:2222 ssh-ed25519 {KEY}\n"
    assert len(known(tmp_path, text, host_label("board", 2222))) == 1


def test_the_line_that_says_otherwise_is_named(tmp_path: Path) -> None:
    keys = known(tmp_path, f"x ssh-ed25519 {KEY}\nboard ssh-ed25519 {OTHER}\n", "board")
    verdict = judge(keys, b"key one")
    assert verdict.word == "changed"
    assert verdict.because is not None
    assert (verdict.because.file.name, verdict.because.line) == ("known_hosts", 2)


def test_verdicts(tmp_path: Path) -> None:
    revoked = known(tmp_path, f"@revoked * ssh-ed25519 {KEY}\n", "board")
    assert judge(revoked, b"key one").word == "revoked"
    assert judge(revoked, b"key two").word == "unknown"
    assert judge(known(tmp_path, f"board ssh-ed25519 {KEY}\n", "board"), b"key one").word == "known"
    assert judge((), b"key one").word == "unknown"


def test_nonsense_is_passed_over() -> None:
    text = "\x00\xff|\n@cert-authority * ssh-ed25519 AAAA\nboard ssh-ed25519 !!\nboard\n@revoked\n"
    assert list(parse_known(text, Path("x"))) == []


def test_the_fingerprint_is_ssh_keygens() -> None:
    digest = base64.b64encode(hashlib.sha256(b"key one").digest()).decode()
    assert fingerprint(b"key one") == "SHA256:" + digest.rstrip("=")
