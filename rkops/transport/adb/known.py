"""Which boards the adb server has a link to: asked once for all boards of a run.

Saves each board the question what its adbd can do. That is learnt from the first command
instead: a new adbd takes it, an old one refuses the new shell protocol and is asked then.
"""

import threading

from rkops.core.deadline import Deadline


class KnownLinks:
    """The links that were up when the first board of a run was opened."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._serials: frozenset[str] | None = None

    def has(self, serial: str, *, board: str, deadline: Deadline) -> bool:
        """Whether the server calls the link `device`; it may be dead by now all the same.

        Raises:
            TransportError: the adb server gave no answer.
        """
        from rkops.transport.adb.link import links_up  # with sockets: only when boards are asked

        with self._lock:
            if self._serials is None:
                self._serials = links_up(board=board, deadline=deadline)
            return serial in self._serials
