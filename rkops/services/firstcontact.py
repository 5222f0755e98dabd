"""Boards met for the first time: who they are is noted in the inventory at the end of a run."""

import threading
from types import TracebackType
from typing import Self

from rkops.fleet.board import Board
from rkops.fleet.identity import record_identities


class FirstContacts:
    """Collects identities from any thread; leaving the context writes each file once."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Board, str]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Begin a run."""
        return self

    def note(self, board: Board, key: str | None) -> None:
        """Note who a board is; one that is recorded, or has no identity, is passed over."""
        if key and not board.identity:
            with self._lock:
                self._seen[board.name] = board, key

    def known(self, board: Board) -> str | None:
        """Return the identity that is recorded, or that was seen in this run."""
        with self._lock:
            return board.identity or self._seen.get(board.name, (board, None))[1]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write down who was met, also after Ctrl-C."""
        with self._lock:
            seen = list(self._seen.values())
        record_identities(seen)
