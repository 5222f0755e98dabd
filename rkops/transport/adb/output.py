"""What a command says over adb, in both shell protocols, turned back into what it said.

Both decoders take bytes as they come and give (stdout, stderr) pieces; `code` is the exit code
once it is known.
"""

import os
import struct

_HEAD = struct.Struct("<BI")
_STDOUT, _STDERR, _EXIT = 1, 2, 3


class ModernOutput:
    """Shell protocol 2: packets of kind, length, bytes (AOSP adb, shell_protocol.h)."""

    merged = False

    def __init__(self) -> None:
        self.code: int | None = None
        self._buffer = bytearray()

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Take bytes from the link; return what is new on stdout and stderr."""
        buffer = self._buffer
        buffer += data
        out: list[bytes] = []
        err: list[bytes] = []
        at = 0
        while len(buffer) - at >= _HEAD.size:
            kind, size = _HEAD.unpack_from(buffer, at)
            end = at + _HEAD.size + size
            if len(buffer) < end:
                break
            body = bytes(buffer[at + _HEAD.size : end])
            at = end
            if kind == _STDOUT:
                out.append(body)
            elif kind == _STDERR:
                err.append(body)
            elif kind == _EXIT:
                self.code = body[0] if body else 0
        del buffer[:at]
        return b"".join(out), b"".join(err)


class LegacyOutput:
    """The old protocol: one terminal, so LF became CRLF, stderr is mixed in, no exit code.

    The command stands between two marks that nobody can guess. The first shows whether this
    terminal turns LF into CRLF at all; if so each LF has its own CR, and undoing it is exact.
    The second carries the exit code.
    """

    merged = True

    def __init__(self) -> None:
        self.code: int | None = None
        self._mark = b"@" + os.urandom(6).hex().encode()
        self._started = False
        self._returns = False
        self._held = b""

    def wrap(self, command: bytes) -> bytes:
        """Return the line to run: a subshell, so that `exit 3` does not end the rest."""
        return b"echo %b;(%b);echo %b$?" % (self._mark, command, self._mark)

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Take bytes from the link; return what is new, all of it as stdout."""
        data = self._held + data
        if not self._started:
            begin = data.find(self._mark)
            line = data.find(b"\n", begin) if begin >= 0 else -1
            if line < 0:
                self._held = data
                return b"", b""
            self._started = True
            self._returns = data[line - 1 : line] == b"\r"
            data = data[line + 1 :]
        if self.code is not None:
            return b"", b""
        end = data.find(self._mark)
        if end < 0:
            end = len(data) - self._could_be_mark(data)
        else:
            self._read_code(data[end + len(self._mark) :])
        self._held = data[end:]
        out = data[:end]
        return out.replace(b"\r\n", b"\n") if self._returns else out, b""

    def _read_code(self, rest: bytes) -> None:
        digits, found, _ = rest.partition(b"\n")
        if found and digits.strip().isdigit():
            self.code = int(digits)

    def _could_be_mark(self, data: bytes) -> int:
        """How many bytes at the end may yet turn out to be a mark, or a CR of CRLF."""
        tail = data[-len(self._mark) :]
        for start in range(len(tail)):
            if self._mark.startswith(tail[start:]):
                return len(tail) - start
        return 1 if self._returns and tail.endswith(b"\r") else 0


Output = ModernOutput | LegacyOutput
