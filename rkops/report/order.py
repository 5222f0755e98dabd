"""Show results in the boards' order where that costs no waiting, as they come where it does."""

from collections.abc import Callable, Sequence
from threading import Lock, Timer
from typing import Generic, TypeVar

T = TypeVar("T")
PATIENCE_SECONDS = 0.25


class InOrder(Generic[T]):
    """Passes results on in the order of `names`; none is held back longer than `patience`.

    Boards answer within milliseconds of each other, so that the order holds; a board that hangs
    keeps nobody else's result from being seen.
    """

    def __init__(
        self,
        names: Sequence[str],
        show: Callable[[T], None],
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._waiting = list(names)
        self._show = show
        self._patience = patience_seconds
        self._held: dict[str, T] = {}
        self._timer: Timer | None = None
        self._lock = Lock()

    def add(self, name: str, result: T) -> None:
        """Take one result; show it now, or when those before it are there or late."""
        with self._lock:
            self._held[name] = result
            while self._waiting and self._waiting[0] in self._held:
                self._show(self._held.pop(self._waiting.pop(0)))
            if self._held and self._timer is None:
                self._timer = Timer(self._patience, self._late)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Show what is still held back; nothing is shown after this."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._flush()

    def _late(self) -> None:
        with self._lock:
            self._timer = None
            self._flush()

    def _flush(self) -> None:
        for name in [name for name in self._waiting if name in self._held]:
            self._waiting.remove(name)
            self._show(self._held.pop(name))
