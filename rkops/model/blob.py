"""Bytes of a file, read piece by piece; no size that the file claims is trusted."""

import os
import struct
from dataclasses import dataclass

from rkops.core.errors import ModelFileError

AGAIN = "copy, download or convert the model again"
_TABLE_ID = b"RKNN"


@dataclass(frozen=True, slots=True)
class Blob:
    """A part of an open file: `size_bytes` bytes from `start` on."""

    file: int
    name: str
    start: int
    size_bytes: int

    def read(self, offset: int, length: int, what: str) -> bytes:
        """Return exactly `length` bytes at `offset`.

        Raises:
            ModelFileError: they are not all there.
        """
        if offset < 0 or length < 0 or offset + length > self.size_bytes:
            raise self.damaged(f"{what} does not fit into its {self.size_bytes} bytes")
        data = os.pread(self.file, length, self.start + offset)
        if len(data) != length:
            raise self.damaged(f"{what} ends early: the file shrank while it was read")
        return data

    def number(self, offset: int, form: str, what: str) -> int:
        """Return one little-endian number; `form` is its letter in `struct`."""
        data = self.read(offset, struct.calcsize("<" + form), what)
        return int(struct.unpack("<" + form, data)[0])

    def part(self, offset: int, length: int, what: str) -> "Blob":
        """Return a part of this part.

        Raises:
            ModelFileError: it does not fit.
        """
        if offset + length > self.size_bytes:
            size = self.size_bytes
            raise self.damaged(f"{what} should end at byte {offset + length}, the file at {size}")
        return Blob(self.file, self.name, self.start + offset, length)

    def damaged(self, problem: str) -> ModelFileError:
        """Return the error for a file that is cut off or overwritten."""
        return ModelFileError(f"{self.name}: truncated or damaged: {problem}", hint=AGAIN)


class Table:
    """The root table of a FlatBuffer, read without its schema: text fields by slot.

    Layout: https://flatbuffers.dev/internals/. Offsets are relative to where they stand.
    """

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self._start = blob.number(0, "I", "the graph")
        self._slots = self._start - blob.number(self._start, "i", "the graph's table")
        self._end = blob.number(self._slots, "H", "the graph's slots")

    def text(self, slot: int, limit: int = 1 << 20) -> bytes:
        """Return the text in a slot; empty when the file has none there."""
        if slot + 2 > self._end:
            return b""
        field = self._blob.number(self._slots + slot, "H", "the graph's slots")
        if not field:
            return b""
        place = self._start + field
        place += self._blob.number(place, "I", "a text of the graph")
        length = self._blob.number(place, "I", "a text of the graph")
        if length > limit:
            raise self._blob.damaged(f"a text of {length} bytes in its header")
        return self._blob.read(place + 4, length, "a text of the graph")


def has_table(blob: Blob) -> bool:
    """Return whether the part is a FlatBuffer of RKNN's kind."""
    room = 16
    return blob.size_bytes >= room and blob.read(4, 4, "the graph") == _TABLE_ID
