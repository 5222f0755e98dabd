"""Worker threads that may be given up: one that hangs never holds up the end."""

import contextlib
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

Task = Callable[[], None]


class Crew:
    """At most `limit` daemon threads that do tasks. Started as needed, reused while there is work.

    The standard pool joins its threads when the process ends, so one board that never comes
    back would keep rkops from ending.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._changed = threading.Condition()
        self._unfinished = 0
        self._threads = 0

    def submit(self, task: Task) -> None:
        """Have a task done. It must raise nothing."""
        with self._changed:
            self._unfinished += 1
            spawn = self._unfinished > self._threads and self._threads < self._limit
        self._tasks.put(task)
        if spawn:
            self._spawn()

    def give_up_one(self) -> None:
        """Count one running task as hung: another thread takes the place of its own."""
        with self._changed:
            self._unfinished -= 1
            self._threads -= 1
            spawn = self._unfinished > self._threads
        if spawn:
            self._spawn()

    def finish(self, wait_seconds: float) -> None:
        """Let the threads end; wait at most so long for tasks that are at their last lines."""
        with self._changed:
            self._changed.wait_for(lambda: self._unfinished <= 0, timeout=wait_seconds)
        self.abort()

    def abort(self) -> None:
        """Forget every task that no thread has begun, and let the threads end. Does not wait."""
        with contextlib.suppress(Empty):
            while True:
                self._tasks.get_nowait()
        for _ in range(self._threads):
            self._tasks.put(None)

    def _spawn(self) -> None:
        self._threads += 1
        threading.Thread(target=self._serve, name="rkops-board", daemon=True).start()

    def _serve(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
            with self._changed:
                self._unfinished -= 1
                self._changed.notify_all()
