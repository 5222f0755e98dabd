"""The ADB wire protocol: packets, their numbers, the two manners of daemon.

Source: AOSP packages/modules/adb, protocol.txt, adb.h and SYNC.TXT.
"""

import struct
import zlib
from enum import Enum

HEADER = struct.Struct("<6I")
HEADER_BYTES = HEADER.size


def _word(name: bytes) -> int:
    return int.from_bytes(name, "little")


CNXN = _word(b"CNXN")
AUTH = _word(b"AUTH")
OPEN = _word(b"OPEN")
OKAY = _word(b"OKAY")
CLSE = _word(b"CLSE")
WRTE = _word(b"WRTE")

AUTH_TOKEN = 1
AUTH_PUBLIC_KEY = 3
MAX_PAYLOAD = 1 << 20

# The banner must not end in NUL: the last feature's name would swallow it ("shell_v2\0").
_NAMES = b"device::ro.product.name=rk3588;ro.product.model=rk3588;ro.product.device=rk3588;"


class Manner(Enum):
    """Which adbd a board has.

    LEGACY is the android-tools 4.2 daemon of vendor Linux images: checksums, packets of 4 KiB,
    and only the first shell protocol (a terminal, so CRLF; stderr merged; no exit code).
    MODERN has shell protocol 2 and `exec:`.
    """

    LEGACY = (0x01000000, 4096, _NAMES)
    MODERN = (0x01000001, MAX_PAYLOAD, _NAMES + b"features=cmd,shell_v2")

    def __init__(self, version: int, payload_bytes: int, banner: bytes) -> None:
        self.version = version
        self.payload_bytes = payload_bytes
        self.banner = banner


def byte_sum(data: bytes) -> int:
    """The sum of all bytes, as old daemons want it for a checksum.

    Adler-32's low half is 1 + the sum modulo 65521, and 256 bytes sum to less than that:
    many times faster than `sum`.
    """
    view = memoryview(data)
    adler = zlib.adler32
    return sum((adler(view[i : i + 256]) & 0xFFFF) - 1 for i in range(0, len(data), 256))


def packet(command: int, arg0: int, arg1: int, payload: bytes = b"", *, summed: bool) -> bytes:
    """One packet; `summed` fills the checksum (protocol below 0x01000001)."""
    check = byte_sum(payload) if summed else 0
    head = HEADER.pack(command, arg0, arg1, len(payload), check, command ^ 0xFFFFFFFF)
    return head + payload if payload else head
