"""Progress as events. Services emit them; the terminal draws them; nobody has to listen."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` bytes (or things) of `what` on one board; `phase` names the step."""

    board: str
    phase: str
    done: int = 0
    total: int = 0


Listener = Callable[[Progress], None]


def silent(event: Progress) -> None:
    """The listener that listens to nothing."""
    del event
