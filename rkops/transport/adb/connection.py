"""One connection to the adb server, with the caller's deadline around every step.

adbutils sets its timeouts only after the board has answered the opening, and allows 600 s for
that; a hung board would hang the caller. See docs/adr/0010-adb-thin-path.md.
"""

import contextlib
import select
import socket
import threading

from rkops.core.deadline import Deadline
from rkops.core.errors import AdbServerError, DeadlineError, LinkLostError, TransportError
from rkops.transport.adb.server import connect_server, server_where

_SOCKETS = threading.BoundedSemaphore(96)
"""adb 36 listens with a backlog of 128: more at once cost a second of retransmission each."""
_CHUNK = 1 << 18
_LONGEST_REQUEST = 0xFFFF  # four hex digits


class ServerSocket:
    """A connection to the adb server for one request of one board."""

    def __init__(self, board: str, deadline: Deadline) -> None:
        self.board = board
        self.deadline = deadline
        self.doing = "reaching the adb server"
        self._local = False
        self._closing = threading.Lock()
        if not _SOCKETS.acquire(timeout=deadline.remaining):
            raise self._late()
        try:
            self._sock = connect_server(deadline)
        except BaseException:
            _SOCKETS.release()
            raise
        self._open = True

    @property
    def is_open(self) -> bool:
        """True until it is closed here."""
        return self._open

    def close(self) -> None:
        """Hang up; what runs on the board for this connection is ended."""
        with self._closing:
            was_open, self._open = self._open, False
        if was_open:
            with contextlib.suppress(OSError):  # wakes, and is heard in spite of, other threads
                self._sock.shutdown(socket.SHUT_RDWR)
            self._sock.close()
            _SOCKETS.release()

    def request(self, service: bytes, doing: str, *, local: bool = False) -> str | None:
        """Ask for a service; return None when it is granted, else the server's words.

        `local` is for what the server answers by itself, at once: silence is not the board's.
        """
        self.doing, self._local = doing, local
        if len(service) > _LONGEST_REQUEST:
            return "the request is too long for adb"
        self.send(b"%04x%b" % (len(service), service))
        answer = self.exactly(4)
        if answer == b"OKAY":
            return None
        if answer != b"FAIL":
            raise self._nonsense(answer)
        return self.text()

    def text(self) -> str:
        """Read a text with its length before it."""
        size = self.exactly(4)
        try:
            return self.exactly(int(size, 16)).decode("utf-8", "replace")
        except ValueError:
            raise self._nonsense(size) from None

    def exactly(self, count: int) -> bytes:
        """Read `count` bytes."""
        data = self.some(count)
        if len(data) == count:
            return data
        whole = bytearray(data)
        while data and len(whole) < count:
            data = self.some(count - len(whole))
            whole += data
        if len(whole) < count:
            raise self.lost("the connection was closed")
        return bytes(whole)

    def some(self, limit: int = _CHUNK) -> bytes:
        """Read what there is; nothing means the other side has closed."""
        try:
            while True:
                self._sock.settimeout(self._left())
                with contextlib.suppress(TimeoutError):  # the deadline may be put off meanwhile
                    return self._sock.recv(limit)
        except OSError as exc:
            raise self.lost(str(exc)) from exc

    def send(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything."""
        try:
            self._sock.settimeout(self._left())
            self._sock.sendall(data)
        except TimeoutError:
            raise self._late() from None
        except OSError as exc:
            raise self.lost(str(exc)) from exc

    def send_some(self, data: memoryview) -> int:
        """Send what fits now, without waiting."""
        try:
            self._sock.settimeout(0)
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError as exc:
            raise self.lost(str(exc)) from exc

    def wait(self, *, to_send: bool) -> bool:
        """Wait until there is something to read (True) or, if asked, room to send (False)."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN | (select.POLLOUT if to_send else 0))
        ready = poll.poll(self._left() * 1000)
        if not ready:
            raise self._late()
        return bool(ready[0][1] & ~select.POLLOUT)

    def has_answer(self) -> bool:
        """Whether something can be read now."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(0))

    def shrink(self, size_bytes: int) -> None:
        """Bound what the kernel keeps unsent, so that sending shows the link's own speed."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size_bytes)

    def lost(self, why: str) -> LinkLostError:
        """Return the error for a connection that broke."""
        return LinkLostError(
            f"the link broke while {self.doing}: {why}",
            board=self.board,
            hint="the board, its adbd or the adb server went away: try again",
        )

    def _left(self) -> float:
        left = self.deadline.remaining
        if left <= 0:
            raise self._late()
        return left

    def _late(self) -> TransportError:
        if self._local:
            return no_adb_server("says nothing", self.doing, self.board)
        return DeadlineError(
            f"the board's time ran out while {self.doing}",
            board=self.board,
            hint="the board is slow or hangs: look at it, or give it more with --timeout",
        )

    def _nonsense(self, answer: bytes) -> AdbServerError:
        return no_adb_server(f"says {answer!r}", self.doing, self.board)


def no_adb_server(does: str, doing: str, board: str) -> AdbServerError:
    """Return the error for something else that listens where the adb server should."""
    where = server_where()
    at = where if isinstance(where, str) else f"port {where[1]} of {where[0]}"
    return AdbServerError(
        f"what listens at {at} {does} while {doing}: no adb server, or one that hangs",
        board=board,
        hint="look who has it: ss -ltnp; or set ANDROID_ADB_SERVER_PORT to the adb server's port",
    )
