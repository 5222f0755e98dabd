"""Getting a board's link up at the adb server, and keeping its words apart from its state."""

import contextlib
import threading
from contextlib import closing
from dataclasses import dataclass

from rkops.core.deadline import Deadline
from rkops.core.errors import (
    BoardOfflineError,
    BoardUnauthorizedError,
    DeadlineError,
    LinkLostError,
    RkopsError,
)
from rkops.transport.adb.connection import ServerSocket, no_adb_server
from rkops.transport.adb.words import said_connected, server_error

MOST_LINKS = 700
"""Links to leave with an adb server: it aborts at file 1024 ("bit out of range 0 -
FD_SETSIZE", seen with adb 29 and 36 at some 930 boards), and calls need files too."""
_SETTLE_SECONDS = 3.0
_OFFLINE_SECONDS = 0.25
_MAYBE_SOON = ("offline", "still connecting")
"""What adb says of a link that another process is about to make; adb 29 says the first, of a dead
one too (seen; AOSP adb, transport.cpp, acquire_one_transport)."""
_PARTING_SECONDS = 0.5


class LinkCount:
    """How many links the adb server has, as far as this process knows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count: int | None = None

    def made(self, board: str, deadline: Deadline) -> None:
        """Count one more; the first time, ask for those that were there before."""
        with self._lock:
            if self._count is None:
                doing = "asking the adb server for its boards"
                _, text = _ask("host:devices", doing, board, deadline, local=True)
                self._count = text.count("\n")
            else:
                self._count += 1

    def let_go(self) -> bool:
        """Count one less and return True, if there are too many."""
        with self._lock:
            if self._count is None or self._count <= MOST_LINKS:
                return False
            self._count -= 1
            return True


LINKS = LinkCount()


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A live link: what the board's adbd can do, and whether it was made just now."""

    features: frozenset[str]
    made: bool


def link_up(serial: str, *, board: str, deadline: Deadline) -> LinkUp:
    """Make sure that the adb server has a live link to the board.

    Raises:
        TransportError: no link; refused, silent, offline and unauthorized differ.
    """
    words, features = _undisturbed(serial, board, deadline)
    if words is None:
        return LinkUp(features, made=False)
    error = server_error(words, serial, board=board)
    if not isinstance(error, BoardOfflineError | BoardUnauthorizedError):
        raise error
    # A refused key is offered again only on a new connection: it may be accepted by now.
    if "not found" not in words:
        disconnect(serial, board=board, deadline=deadline)
    features = _connect(serial, board, deadline)
    LINKS.made(board, deadline)
    return LinkUp(features, made=True)


def links_up(*, board: str, deadline: Deadline) -> frozenset[str]:
    """Return the serials that the adb server calls `device`."""
    doing = "asking the adb server for its boards"
    words, text = _ask("host:devices", doing, board, deadline, local=True)
    if words is not None:
        raise server_error(words, "its boards", board=board)
    rows = (line.split("\t") for line in text.splitlines())
    return frozenset(row[0] for row in rows if row[-1] == "device")


def disconnect(serial: str, *, board: str, deadline: Deadline) -> None:
    """Let the adb server forget the board; it is no error when it did not know it."""
    _ask(f"host:disconnect:{serial}", "disconnecting a dead link", board, deadline, local=True)


def link_anew(serial: str, *, board: str, deadline: Deadline) -> LinkUp:
    """Replace a link that is up by its state, and on which the board says nothing."""
    disconnect(serial, board=board, deadline=deadline)
    return link_up(serial, board=board, deadline=deadline)


def part(serial: str, *, board: str) -> None:
    """Have the adb server forget a link that led nowhere: the next run starts anew."""
    with contextlib.suppress(RkopsError):
        disconnect(serial, board=board, deadline=Deadline.after(_PARTING_SECONDS))


def _connect(serial: str, board: str, deadline: Deadline) -> frozenset[str]:
    try:
        answer = _connect_words(serial, board, deadline)
        if answer.startswith("already"):
            words, features = _undisturbed(serial, board, deadline)
            if words is None:
                return features
            # Known but dead: `connect` alone would say "already connected" for ever.
            disconnect(serial, board=board, deadline=deadline)
            answer = _connect_words(serial, board, deadline)
    except DeadlineError:
        # The server would go on trying, for two minutes if the board is off.
        part(serial, board=board)
        raise
    if not said_connected(answer):
        raise server_error(answer, serial, board=board)
    return _settled(serial, board, deadline)


def _undisturbed(serial: str, board: str, deadline: Deadline) -> tuple[str | None, frozenset[str]]:
    """Look at the link once no other process is about to make it.

    That looks like a dead one; to disconnect it would be to cut the other process off.
    """
    patience = deadline.within(_OFFLINE_SECONDS)
    while True:
        words, features = _features(serial, board, deadline)
        if words is None or patience.expired or not any(word in words for word in _MAYBE_SOON):
            return words, features
        patience.pause(0.02)


def _settled(serial: str, board: str, deadline: Deadline) -> frozenset[str]:
    """Wait for the greeting: servers before adb 29 say "connected" before it is over."""
    patience = deadline.within(_SETTLE_SECONDS)
    while True:
        words, features = _features(serial, board, deadline)
        if words is None:
            return features
        error = server_error(words, serial, board=board)
        if not isinstance(error, BoardOfflineError) or patience.expired:
            raise error
        patience.pause(0.02)


def _connect_words(serial: str, board: str, deadline: Deadline) -> str:
    doing = f"adb connected to {serial} (it accepts, but does not greet)"
    words, text = _ask(f"host:connect:{serial}", doing, board, deadline)
    return text if words is None else words


def _features(serial: str, board: str, deadline: Deadline) -> tuple[str | None, frozenset[str]]:
    doing = "asking the adb server for the board"
    words, text = _ask(f"host-serial:{serial}:features", doing, board, deadline, local=True)
    return words, frozenset(text.split(","))


def _ask(
    service: str, doing: str, board: str, deadline: Deadline, *, local: bool = False
) -> tuple[str | None, str]:
    """Ask the server itself: the words it refuses with, or None and its answer.

    Asked again once when the server goes away meanwhile (`adb kill-server` by somebody).
    """
    try:
        return _asked(service, doing, board, deadline, local=local)
    except LinkLostError:
        pass
    try:
        return _asked(service, doing, board, deadline, local=local)
    except LinkLostError as exc:
        raise no_adb_server("hangs up", doing, board) from exc


def _asked(
    service: str, doing: str, board: str, deadline: Deadline, *, local: bool
) -> tuple[str | None, str]:
    with closing(ServerSocket(board, deadline)) as link:
        words = link.request(service.encode(), doing, local=local)
        return words, link.text() if words is None else ""
