"""known_hosts files: which host key belongs to which host, and on which line it says so.

paramiko reads these files too, but forgets the line and takes no wildcards and no `@revoked`
(sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
"""

import base64
import binascii
import fnmatch
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One line of a known_hosts file."""

    file: Path
    line: int
    hosts: str
    key_type: str
    blob: bytes
    revoked: bool

    def names(self, host: str) -> bool:
        """Tell whether the line is about this host (`name`, or `[name]:port`)."""
        if self.hosts.startswith("|1|"):
            return _hash_matches(self.hosts, host)
        patterns = self.hosts.lower().split(",")
        if any(p[0] == "!" and _matches(host, p[1:]) for p in patterns if p):
            return False
        return any(_matches(host, p) for p in patterns if p)


def _matches(host: str, pattern: str) -> bool:
    # `[` opens a port here and no character class as in the shell.
    return fnmatch.fnmatchcase(host.lower(), pattern.replace("[", "[[]"))


def _hash_matches(hashed: str, host: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in hashed[3:].split("|"))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.new(salt, host.encode(), hashlib.sha1).digest(), digest)


def host_label(host: str, port: int) -> str:
    """Return the name under which known_hosts lists a host: the port counts unless it is 22."""
    return host if port == 22 else f"[{host}]:{port}"  # noqa: PLR2004 - ssh's port


def parse_known(text: str, file: Path) -> Iterator[KnownKey]:
    """Read known_hosts text; lines that make no sense, and certificate lines, are passed over."""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#") or marker not in ("", "@revoked"):  # noqa: PLR2004 - hosts, type, key
            continue
        try:
            blob = base64.b64decode(words[2], validate=True)
        except (ValueError, binascii.Error):
            continue
        yield KnownKey(file, number, words[0], words[1], blob, revoked=bool(marker))


def known_keys(host: str, files: Iterable[Path]) -> tuple[KnownKey, ...]:
    """Return what the files say about a host; files that cannot be read say nothing."""
    found: list[KnownKey] = []
    for file in files:
        try:
            text = file.read_text("utf-8", "replace")
        except OSError:
            continue
        found.extend(key for key in parse_known(text, file) if key.names(host))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`known`, `unknown`, `changed` or `revoked`; `because` is the line that decided."""

    word: str
    because: KnownKey | None = None


def judge(known: Sequence[KnownKey], blob: bytes) -> Verdict:
    """Say what the known keys of a host make of the key it showed."""
    for key in known:
        if key.blob == blob:
            return Verdict("revoked" if key.revoked else "known", key)
    valid = [key for key in known if not key.revoked]
    return Verdict("changed", valid[0]) if valid else Verdict("unknown")


def fingerprint(blob: bytes) -> str:
    """Return a key's fingerprint as `ssh-keygen -l` prints it."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"
