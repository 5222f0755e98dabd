"""The SSH keys of a lab: one for its user, one that all its boards show."""

from pathlib import Path

import asyncssh

from rkops.lab.state import Paths


def lab_keys(paths: Paths, number: int) -> tuple[str, str]:
    """Return the host key and the client's public line, and write what ssh wants to know.

    Both keys stay in the directory when the lab goes down: a host key that a user has
    accepted is the right one the next time too.
    """
    host, client = _kept_key(paths.host_key), _kept_key(paths.key)
    hosts = f"127.0.{number}.*,[127.0.{number}.*]:2222"
    public = host.export_public_key().decode().strip()
    paths.known_hosts.write_text(f"{hosts} {public}\n")
    line = client.export_public_key().decode().strip()
    return host.export_private_key().decode(), line


def _kept_key(path: Path) -> asyncssh.SSHKey:
    """Return the key in a file; a new one when there is none."""
    if path.exists():
        return asyncssh.read_private_key(path)
    key = asyncssh.generate_private_key("ssh-ed25519")
    path.touch(mode=0o600)
    path.write_bytes(key.export_private_key())
    return key
