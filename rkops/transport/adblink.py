"""Getting a board's link up at the adb server, and keeping its words apart from its state."""

import contextlib
from contextlib import closing

from rkops.core.deadline import Deadline
from rkops.core.errors import BoardOfflineError, DeadlineError, RkopsError
from rkops.transport.adbsocket import ServerSocket
from rkops.transport.adbwords import said_connected, server_error

_SETTLE_SECONDS = 3.0
_PARTING_SECONDS = 0.5


def link_up(serial: str, *, board: str, deadline: Deadline) -> frozenset[str]:
    """Make sure that the adb server has a live link to the board; return adbd's features.

    Raises:
        TransportError: no link; refused, silent, offline and unauthorized differ.
    """
    words, features = _features(serial, board, deadline)
    if words is None:
        return features
    error = server_error(words, serial, board=board)
    if not isinstance(error, BoardOfflineError):
        raise error
    if "not found" not in words:
        disconnect(serial, board=board, deadline=deadline)
    return _connect(serial, board, deadline)


def disconnect(serial: str, *, board: str, deadline: Deadline) -> None:
    """Let the adb server forget the board; it is no error when it did not know it."""
    _ask(f"host:disconnect:{serial}", "disconnecting a dead link", board, deadline)


def _connect(serial: str, board: str, deadline: Deadline) -> frozenset[str]:
    try:
        answer = _connect_words(serial, board, deadline)
        if answer.startswith("already"):
            words, features = _features(serial, board, deadline)
            if words is None:
                return features
            # Known but dead: `connect` alone would say "already connected" for ever.
            disconnect(serial, board=board, deadline=deadline)
            answer = _connect_words(serial, board, deadline)
    except DeadlineError:
        # The server would go on trying, for two minutes if the board is off.
        with contextlib.suppress(RkopsError):
            disconnect(serial, board=board, deadline=Deadline.after(_PARTING_SECONDS))
        raise
    if not said_connected(answer):
        raise server_error(answer, serial, board=board)
    return _settled(serial, board, deadline)


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
    words, text = _ask(f"host-serial:{serial}:features", doing, board, deadline)
    return words, frozenset(text.split(","))


def _ask(service: str, doing: str, board: str, deadline: Deadline) -> tuple[str | None, str]:
    """Ask the server itself: the words it refuses with, or None and its answer."""
    with closing(ServerSocket(board, deadline)) as link:
        words = link.request(service.encode(), doing)
        return words, link.text() if words is None else ""
