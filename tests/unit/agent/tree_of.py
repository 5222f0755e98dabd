"""A board's root file system in a temporary directory: the agent reads it by `Tree(prefix)`."""

import struct
from collections.abc import Mapping
from pathlib import Path

from rkops.agent.tree import Tree

RUNTIME = b"librknnrt version: %s (429f97ae6b@2025-04-09T09:09:27)"
SERVER = b"rknn_server version: %s (1842325 build@2025-03-30T09:54:34)"
AARCH64 = 183
X86_64 = 62


def elf(banner: bytes = b"", machine: int = AARCH64) -> bytes:
    """An ELF header, as far as anyone here looks, with a banner among megabytes of nothing."""
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, machine)
    return head.ljust(64, b"\0") + bytes(70_000) + b"\0 " + banner + b"\0" + bytes(500)


def ld_cache(entries: list[tuple[str, str]], *, old_table: bool = False) -> bytes:
    """An /etc/ld.so.cache as glibc writes it; `old_table`: with the older table in front."""
    strings = b""
    table = b""
    base = 48 + 24 * len(entries)
    for name, path in entries:
        key = base + len(strings)
        strings += name.encode() + b"\0"
        value = base + len(strings)
        strings += path.encode() + b"\0"
        table += struct.pack("=iIIIQ", 0x0A03, key, value, 0, 0)
    head = b"glibc-ld.so.cache1.1" + struct.pack("=II", len(entries), len(strings))
    front = b"ld.so-1.7.0\0" + struct.pack("=I", 0) if old_table else b""
    return front + head.ljust(48, b"\0") + table + strings


def board_tree(root: Path, files: Mapping[str, str | bytes]) -> Tree:
    """Write the files and return the tree."""
    for path, content in {"/bin/sh": elf(), **files}.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Tree(str(root))
