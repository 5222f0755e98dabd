"""Typing at a command over adb, and listening to it at the same time."""

import threading
from collections.abc import Iterable

from rkops.core.errors import LinkLostError, RkopsError
from rkops.transport.adb.connection import ServerSocket
from rkops.transport.adb.output import Output

_STDIN, _CLOSE_STDIN = 0, 4  # AOSP adb, shell_protocol.h
_STDIN_BYTES = 64 * 1024


def packets(stdin: bytes = b"", *, last: bool) -> bytes:
    """Return shell protocol 2's packets for some stdin, and for its end if it is the `last`."""
    typed = [
        bytes((_STDIN,)) + len(piece).to_bytes(4, "little") + piece
        for piece in (stdin[at : at + _STDIN_BYTES] for at in range(0, len(stdin), _STDIN_BYTES))
    ]
    return b"".join((*typed, bytes((_CLOSE_STDIN, 0, 0, 0, 0)) if last else b""))


def converse(link: ServerSocket, output: Output, typed: bytes) -> tuple[bytes, bytes]:
    """Type and listen at once (a command may fill its output before it reads its input)."""
    out: list[bytes] = []
    err: list[bytes] = []
    rest = memoryview(typed)
    while output.code is None:
        if rest and not link.wait(to_send=True):
            try:
                rest = rest[link.send_some(rest) :]
            except LinkLostError:
                rest = rest[:0]  # it ended without reading; what it said is still to come
            continue
        data = link.some()
        if not data:
            break
        new_out, new_err = output.feed(data)
        out.append(new_out)
        err.append(new_err)
    return b"".join(out), b"".join(err)


class Typing:
    """Types at a command, in a thread of its own, what comes piece by piece.

    The thread is left behind when the command ends before its input does.
    """

    def __init__(self, link: ServerSocket, typed: Iterable[bytes] | None) -> None:
        self._link = link
        self._trouble: Exception | None = None
        if typed is not None:
            threading.Thread(target=self._type, args=(typed,), daemon=True).start()

    def check(self) -> None:
        """Raise what ended the typing, if it was more than a command that does not read."""
        if self._trouble:
            raise self._trouble

    def _type(self, typed: Iterable[bytes]) -> None:
        try:
            for piece in typed:
                self._link.send(packets(piece, last=False))
            self._link.send(packets(last=True))
        except LinkLostError:
            return  # it ended without reading
        except (RkopsError, OSError) as exc:
            self._trouble = exc
            self._link.close()  # nothing but all of the input will do
