"""The board's files over adb: the `sync:` service, version 1.

Source: AOSP adb, SYNC.TXT. A DATA packet holds at most 64 KiB; sizes are 32 bits.
"""

import os
import stat
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rkops.core.errors import LinkLostError, TransportError
from rkops.transport.adb.connection import ServerSocket
from rkops.transport.adb.words import file_error

_HEAD = struct.Struct("<4sI")
_STAT = struct.Struct("<4sIII")
_DATA_BYTES = 64 * 1024
_SLOTS = 16
SIZE_MASK = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class BoardFile:
    """What STAT says; mode 0: there is no such file (or it may not be seen)."""

    mode: int
    size_bytes: int

    @property
    def is_dir(self) -> bool:
        """True for a directory."""
        return stat.S_ISDIR(self.mode)


class Files:
    """One open `sync:` service; its requests come one after the other."""

    def __init__(self, link: ServerSocket) -> None:
        self._link = link

    def stat(self, path: str) -> BoardFile:
        """Stat a file. Daemons differ in whether links are followed; `DIR/.` follows."""
        self._ask(b"STAT", path)
        name, mode, size, _ = _STAT.unpack(self._link.exactly(_STAT.size))
        if name != b"STAT":
            raise self._nonsense(name)
        return BoardFile(mode, size)

    def send(
        self, path: str, mode: int, blocks: Iterator[memoryview], sent: Callable[[int], None]
    ) -> None:
        """Write a file; returns when the board says that it has it.

        `blocks` are made by `framed_blocks`; `sent` hears the payload size of each.
        """
        self._ask(b"SEND", f"{path},{stat.S_IFREG | mode}")
        try:
            for block in blocks:
                if self._link.has_answer():
                    break  # it refuses: there is no use in sending the rest
                self._link.send(block)
                sent(payload_size(block))
            self._link.send(_HEAD.pack(b"DONE", int(time.time())))
        except LinkLostError:
            if not self._link.has_answer():
                raise
        name, size = _HEAD.unpack(self._link.exactly(_HEAD.size))
        if name == b"FAIL":
            raise file_error(self._words(size), path, board=self._link.board)
        if name != b"OKAY":
            raise self._nonsense(name)

    def receive(self, path: str) -> Iterator[bytes]:
        """Read a file, piece by piece."""
        self._ask(b"RECV", path)
        while True:
            name, size = _HEAD.unpack(self._link.exactly(_HEAD.size))
            if name == b"DONE":
                return
            if name == b"FAIL":
                raise file_error(self._words(size), path, board=self._link.board)
            if name != b"DATA":
                raise self._nonsense(name)
            yield self._link.exactly(size)

    def _ask(self, name: bytes, path: str) -> None:
        raw = os.fsencode(path)
        self._link.send(_HEAD.pack(name, len(raw)) + raw)

    def _words(self, size: int) -> str:
        return self._link.exactly(min(size, _DATA_BYTES)).decode("utf-8", "replace")

    def _nonsense(self, name: bytes) -> TransportError:
        return TransportError(
            f"the board's adbd answers {name!r} to a file request",
            board=self._link.board,
            hint="its adbd does not speak the sync protocol; use ssh for this board",
        )


def framed_blocks(file: int, start: int, end: int, slots: int = _SLOTS) -> Iterator[memoryview]:
    """Read [start, end) of an open file as DATA packets, `slots` of them at a time.

    The packets' heads are laid out once and the file is read in between them, so that a
    megabyte costs one read and one send. Read, not mapped: a file cut short by somebody else
    must not kill us (SIGBUS).
    """
    step = _HEAD.size + _DATA_BYTES
    buffer = bytearray(step * slots)
    view = memoryview(buffer)
    for slot in range(slots):
        _HEAD.pack_into(buffer, slot * step, b"DATA", _DATA_BYTES)
    bodies = [view[slot * step + _HEAD.size : (slot + 1) * step] for slot in range(slots)]
    at = start
    while at < end:
        want = min(end - at, _DATA_BYTES * slots)
        got = min(os.preadv(file, bodies, at), want)
        if not got:
            return  # the file became shorter: the sizes are compared afterwards
        at += got
        full, rest = divmod(got, _DATA_BYTES)
        if not rest:
            yield view[: full * step]
            continue
        _HEAD.pack_into(buffer, full * step, b"DATA", rest)
        yield view[: full * step + _HEAD.size + rest]
        _HEAD.pack_into(buffer, full * step, b"DATA", _DATA_BYTES)


def payload_size(block: memoryview) -> int:
    """How many bytes of the file are in a block of packets."""
    packets = -(-len(block) // (_HEAD.size + _DATA_BYTES))
    return len(block) - packets * _HEAD.size
