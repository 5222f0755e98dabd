"""The user's SSH configuration: where a board's name really leads, and with which keys."""

import functools
import glob
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rkops.transport.base import SshAddress
from rkops.transport.ssh.known import host_label

if TYPE_CHECKING:
    from paramiko import SSHConfig

_SYSTEM = Path("/etc/ssh/ssh_config")
_DEEPEST = 16  # OpenSSH's own limit for nested Include (READCONF_MAX_DEPTH)
_KEYWORD = re.compile(r"^\s*(host|match|include)\b\s*=?\s*(.*?)\s*$", re.IGNORECASE)
Options = Mapping[str, str | list[str]]
_DEFAULT_KEYS = ("id_rsa", "id_ecdsa", "id_ed25519")


@dataclass(frozen=True, slots=True)
class SshSettings:
    """What the configuration says about the keys of one host, ours and its own."""

    label: str
    """The name the host key is filed under: HostKeyAlias, else host and port."""
    plain: str
    """The name without a port, which OpenSSH looks at too."""
    keys: tuple[Path, ...]
    """Private key files that exist, the wanted one first."""
    only_these: bool
    """IdentitiesOnly: of the agent's keys, only those whose `.pub` is named here."""
    agent: bool
    known_files: tuple[Path, ...]
    own_file: Path | None
    """Where new host keys go; None: the user wants none kept (`UserKnownHostsFile none`)."""
    accept_new: bool


def _expanded(path: Path, depth: int) -> str:
    """The text of a config file with its Include lines replaced by what they name."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    out: list[str] = []
    block = "Host *"
    for line in lines:
        found = _KEYWORD.match(line)
        word = found[1].lower() if found else ""
        if found and word == "include":
            if depth < _DEEPEST:
                out.extend(_expanded(name, depth + 1) for name in _included(found[2], path))
            # A block begun in the included file ends with it (ssh_config(5), Include).
            out.append(block)
            continue
        if word:
            block = line
        out.append(line)
    return "\n".join(out) + "\n"


def _included(patterns: str, parent: Path) -> list[Path]:
    folder = _SYSTEM.parent if parent.is_relative_to(_SYSTEM.parent) else Path.home() / ".ssh"
    names: list[Path] = []
    for pattern in shlex.split(patterns):
        full = folder / Path(pattern).expanduser()
        names.extend(Path(name) for name in sorted(glob.glob(str(full))))  # noqa: PTH207 - absolute patterns
    return names


@functools.lru_cache(maxsize=4)
def _text(home: str) -> str:
    return _expanded(Path(home, ".ssh", "config"), 0) + "Host *\n" + _expanded(_SYSTEM, 0)


def config_says(pattern: str) -> bool:
    """Tell whether a line of the configuration starts with what the pattern says."""
    text = _text(str(Path.home()))
    return bool(re.search(rf"^\s*(?:{pattern})\b", text, re.IGNORECASE | re.MULTILINE))


@functools.lru_cache(maxsize=256)
def _parsed(first: str, rest: str) -> "SSHConfig":
    from paramiko import SSHConfig

    return SSHConfig.from_text(first + rest)


def config_for(address: SshAddress) -> "SSHConfig":
    """Return the user's and the system's configuration, behind what the address itself says.

    The first value counts in these files, and a ProxyCommand is to see the address's port.
    """
    first = f"Host {address.host}\n"
    first += f"Port {address.port}\n" if address.port else ""
    first += f"User {address.user}\n" if address.user else ""
    return _parsed(first + "Host *\n", _text(str(Path.home())))


def settings_for(host: str, port: int, options: Options, key: str | None) -> SshSettings:
    """Turn a looked-up host section into settings; what the section leaves open is OpenSSH's."""

    def word(name: str, default: str) -> str:
        value = options.get(name, default)
        return value if isinstance(value, str) else default

    home = Path.home() / ".ssh"
    mine = word("userknownhostsfile", f"{home}/known_hosts {home}/known_hosts2")
    system = word("globalknownhostsfile", "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2")
    mine_files = _paths(mine)
    strict = word("stricthostkeychecking", "ask").lower()
    return SshSettings(
        label=word("hostkeyalias", host_label(host, port)),
        plain=word("hostkeyalias", host),
        keys=_key_files(options.get("identityfile", []), key, home),
        only_these=word("identitiesonly", "no").lower() == "yes",
        agent=word("identityagent", "") != "none",
        known_files=(*mine_files, *_paths(system)),
        own_file=mine_files[0] if mine_files else None,
        accept_new=strict in ("accept-new", "no", "off")
        or os.environ.get("RKOPS_SSH_ACCEPT_NEW", "") == "1",
    )


def _key_files(identity: str | list[str], key: str | None, home: Path) -> tuple[Path, ...]:
    configured = [identity] if isinstance(identity, str) else identity
    names = [key] if key else []
    names += configured or [str(home / name) for name in _DEFAULT_KEYS]
    paths = dict.fromkeys(Path(name).expanduser() for name in names)
    return tuple(path for path in paths if path.is_file())


def _paths(names: str) -> tuple[Path, ...]:
    """Several files, or one with spaces in its name: paramiko has dropped the quotes."""
    if names.strip().lower() == "none":
        return ()
    whole = Path(names).expanduser()
    if whole.exists():
        return (whole,)
    return tuple(Path(name).expanduser() for name in names.split())


def tcp_address(address: SshAddress) -> tuple[str, int] | None:
    """Return where sshd listens once the configuration is applied; None where only trying tells.

    That is behind a proxy, and where reading the configuration itself may wait: for a program
    of `Match exec`, or for the name server. Never waits.
    """
    if config_says(r"match\b.*\bexec|canonicalizehostname"):
        return None
    found = config_for(address).lookup(address.host)
    if found.get("proxyjump") or found.get("proxycommand"):
        return None
    return found["hostname"], int(found.get("port", "22"))
