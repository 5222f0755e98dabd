"""The one terminal: who draws on it makes room while a person is asked something."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from rkops.core.deadline import while_a_person_answers


class Drawer(Protocol):
    """Something that moves on the terminal by itself, a live line or bars."""

    def clear(self) -> None:
        """Leave the terminal."""
        ...

    def draw(self) -> None:
        """Come back."""
        ...


class Terminal:
    """Lets questions and output take turns, from any thread."""

    def __init__(self) -> None:
        self._turn = threading.RLock()
        self._drawers: list[Drawer] = []

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the terminal for some lines; waits while a question is open."""
        with self._turn:
            yield

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Hold the terminal for a question: nothing moves on it, and no deadline passes."""
        with self._turn, while_a_person_answers():
            for drawer in self._drawers:
                drawer.clear()
            try:
                yield
            finally:
                for drawer in self._drawers:
                    drawer.draw()

    def attend(self, drawer: Drawer) -> None:
        """Have something that moves by itself make room for each question."""
        with self._turn:
            self._drawers.append(drawer)

    def dismiss(self, drawer: Drawer) -> None:
        """Forget what moves no more; it is no error when it is forgotten already."""
        with self._turn, suppress(ValueError):
            self._drawers.remove(drawer)


TERMINAL = Terminal()
"""The terminal of this process."""
