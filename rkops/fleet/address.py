"""Addresses as people write them: `192.168.1.222`, `user@host:port`, `[fe80::1]:5555`."""

import ipaddress
import re
from pathlib import Path

from rkops.core.errors import UsageError
from rkops.transport.base import AdbAddress, Address, SshAddress

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_.])?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@\\+-]{0,63}\$?")
_MAX_PORT = 65535
_ADB_FORMS = "HOST, HOST:PORT or [IPv6]:PORT, as in 192.168.1.222 or 192.168.1.222:5555"
_SSH_FORMS = "HOST, USER@HOST, USER@HOST:PORT or USER@[IPv6]:PORT, as in firefly@192.168.1.222"


def parse_adb(text: str) -> AdbAddress:
    """Read an adb address; port 5555 is assumed.

    Raises:
        UsageError: it is none; the message does not repeat what may be a secret.
    """
    if "@" in text:
        raise UsageError("an adb address has no user", hint=f"write {_ADB_FORMS}")
    host, port = _host_and_port(text, _ADB_FORMS)
    return AdbAddress(host) if port is None else AdbAddress(host, port)


def parse_ssh(
    text: str, *, user: str | None = None, key: str | None = None, base: Path | None = None
) -> SshAddress:
    """Read an ssh address. `user` is the login where it names none.

    A relative `key` is taken from the directory `base`.

    Raises:
        UsageError: it is none, or it holds a password.
    """
    login, at, rest = text.removeprefix("ssh://").rpartition("@")
    if ":" in login:
        raise UsageError(
            "an ssh address holds a password; secrets do not belong in an inventory",
            hint="use a key, or put the password into the environment: RKOPS_SSH_PASSWORD",
        )
    if at and not _USER.fullmatch(login):
        raise UsageError(f"{login!r} is no user name", hint=f"write {_SSH_FORMS}")
    host, port = _host_and_port(rest, _SSH_FORMS)
    return SshAddress(host, port, login or user, key and _key_path(key, base))


def _key_path(key: str, base: Path | None) -> str:
    if "~" not in key and (base is None or key.startswith("/")):
        return key
    try:
        path = Path(key).expanduser()
    except RuntimeError as exc:
        raise UsageError(f"{key!r}: {exc}", hint="write the whole path of the key file") from exc
    return str(path if base is None else base / path)


def _host_and_port(text: str, forms: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, bracket, tail = text[1:].partition("]")
        if not bracket or (tail and not tail.startswith(":")):
            raise UsageError(f"{text!r} is no address", hint=f"write {forms}")
        return _ipv6(host, text, forms), _port(tail[1:], text) if tail else None
    if text.count(":") > 1:
        return _ipv6(text, text, forms), None
    host, colon, port = text.partition(":")
    if not _HOST.fullmatch(host):
        raise UsageError(f"{text!r} is no address", hint=f"write {forms}")
    return host, _port(port, text) if colon else None


def _ipv6(host: str, text: str, forms: str) -> str:
    try:
        ipaddress.IPv6Address(host)
    except ValueError as exc:
        raise UsageError(f"{text!r} is no IPv6 address", hint=f"write {forms}") from exc
    return host


def _port(text: str, whole: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= _MAX_PORT:  # noqa: PLR2004 - digits of 65535
        return int(text)
    raise UsageError(f"{whole!r} has no usable port", hint=f"a port is 1 to {_MAX_PORT}")


def as_text(address: Address) -> str:
    """Write an address the way an inventory holds it."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    if isinstance(address, AdbAddress):
        return f"{host}:{address.port}"
    user = f"{address.user}@" if address.user else ""
    return f"{user}{host}" + (f":{address.port}" if address.port else "")
