"""Work on many boards at once; a bad board costs its own time and nobody else's.

All ports are probed first, in one thread; a board starts the moment it answers and a dead
one never takes a worker. Each board has its own deadline from the moment its work starts.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, NoReturn, TypeVar

from rkops.core.deadline import Deadline
from rkops.core.errors import DeadlineError, RkopsError, TransportError
from rkops.core.result import Answered, BoardResult, Lost
from rkops.fleet.board import Board
from rkops.fleet.crew import Crew
from rkops.fleet.ways import Prober, Ways, open_first
from rkops.transport.adb.known import KnownLinks
from rkops.transport.base import Address, Transport
from rkops.transport.open import open_transport
from rkops.transport.opening import cut_opening
from rkops.transport.reach import reach

T = TypeVar("T")
MAX_JOBS = 96
"""The adb server's listen backlog is 128; 96 sockets at once stay clear of it."""
PROBE_SECONDS = 1.0
GRACE_SECONDS = 1.0
"""A board whose worker is not back this long after the deadline is given up."""
_TICK_SECONDS = 0.1
Opener = Callable[[Board, Sequence[Address], Deadline], Transport]
"""Opens the first of a board's addresses that works."""


@dataclass(slots=True)
class Contact:
    """One board in the hand: its description, an open transport, the time it has."""

    board: Board
    transport: Transport
    deadline: Deadline
    hung_up: bool = False
    """The board was given up, or the run interrupted: its worker may change nothing any more."""

    def renew(self, seconds: float) -> Deadline:
        """Give the board `seconds` from now: for transfers, as long as bytes move."""
        self.deadline = Deadline.after(seconds)
        return self.deadline


def _ignore(result: object) -> None:
    del result


def for_each(  # noqa: PLR0913 - what a fleet call needs; all but two by keyword
    boards: Sequence[Board],
    work: Callable[[Contact], T],
    *,
    timeout_seconds: float,
    jobs: int = 64,
    on_result: Callable[[BoardResult[T]], None] = _ignore,
    opener: Opener | None = None,
) -> list[BoardResult[T]]:
    """Run `work` on every board, `jobs` at a time, and return the results in `boards`' order.

    `on_result` is called in the calling thread as each board ends. An RkopsError makes the
    board `Lost`; any other exception is a bug and ends everything. Ctrl-C hangs up and ends
    at once.
    """
    crew = Crew(max(1, min(jobs, MAX_JOBS)))
    opener = opener or partial(open_first, opener=partial(open_transport, known=KnownLinks()))
    run = _Run(boards, work, timeout_seconds, crew, opener)
    return run.to_end(on_result)


class _Job(Generic[T]):
    """One board on its way through the run."""

    def __init__(self, board: Board, targets: Sequence[tuple[str, int] | None]) -> None:
        self.board = board
        self.targets = targets
        self.ways = Ways(board, targets)
        self.started = time.monotonic()
        self.submitted = False
        self.deadline: Deadline | None = None
        self.contact: Contact | None = None
        self.thread: int | None = None
        """Who opens the connection, while it is being opened."""
        self.result: BoardResult[T] | None = None
        self._late_since = 0.0

    def lost(self, error: RkopsError) -> Lost:
        error.board = self.board.name  # the probe only knows keys
        return Lost(self.board.name, error, time.monotonic() - self.started)

    def hangs(self, now: float) -> bool:
        """Return whether the deadline passed, and the grace after it too."""
        deadline = self.contact.deadline if self.contact else self.deadline
        if self.result is not None or deadline is None or not deadline.expired:
            self._late_since = 0.0
            return False
        self._late_since = self._late_since or now
        return now - self._late_since >= GRACE_SECONDS

    def hang_up(self) -> threading.Thread | None:
        """Close the transport, which also wakes most calls that hang in it. Does not wait."""
        if self.contact:
            self.contact.hung_up = True
            end = self.contact.transport.close
        elif self.thread is not None:
            end = partial(cut_opening, self.thread)
        else:
            return None
        closing = threading.Thread(target=end, daemon=True)
        closing.start()
        return closing


class _Run(Generic[T]):
    """One call of `for_each`. Other threads post to `_events`; all else is the caller's thread."""

    def __init__(
        self,
        boards: Sequence[Board],
        work: Callable[[Contact], T],
        timeout_seconds: float,
        crew: Crew,
        opener: Opener,
    ) -> None:
        prober = Prober()
        self._jobs: list[_Job[T]] = [
            _Job(board, [prober.target(way) for way in board.addresses]) for board in boards
        ]
        self._work = work
        self._timeout = timeout_seconds
        self._crew = crew
        self._opener = opener
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._on_result: Callable[[BoardResult[T]], None] = _ignore
        self._left = len(self._jobs)
        self._stopped = False

    def to_end(self, on_result: Callable[[BoardResult[T]], None]) -> list[BoardResult[T]]:
        """Run until every board has a result."""
        self._on_result = on_result
        try:
            threading.Thread(target=self._probe, name="rkops-probe", daemon=True).start()
            for job in self._jobs:
                self._start_if_known(job)
            self._loop()
        except BaseException:
            self._stopped = True
            self._crew.abort()
            self._hang_up()
            raise
        self._crew.finish(GRACE_SECONDS)
        return [job.result for job in self._jobs if job.result is not None]

    def _hang_up(self) -> None:
        """Close all at once; wait a little, so that what runs on the boards is ended."""
        closing = [job.hang_up() for job in self._jobs if job.result is None]
        patience = Deadline.after(GRACE_SECONDS)
        for thread in filter(None, closing):
            thread.join(patience.remaining)

    def _loop(self) -> None:
        looked = time.monotonic()
        while self._left:
            try:
                self._events.get(timeout=_TICK_SECONDS)()
            except Empty:
                looked = 0.0
            now = time.monotonic()
            if now - looked >= _TICK_SECONDS:
                looked = now
                for job in self._jobs:
                    if job.hangs(now):
                        self._give_up(job)

    def _probe(self) -> None:
        targets = {
            (number, way): target
            for number, job in enumerate(self._jobs)
            for way, target in enumerate(job.targets)
            if target
        }
        try:
            for (number, way), error in reach(targets, PROBE_SECONDS):
                self._events.put(partial(self._learn, self._jobs[number], way, error))
            self._events.put(self._probed)
        except BaseException as bug:  # noqa: BLE001 - raised again in the caller's thread
            self._events.put(partial(_raise, bug))

    def _learn(self, job: _Job[T], way: int, error: TransportError | None) -> None:
        job.ways.learn(way, error)
        self._start_if_known(job)

    def _probed(self) -> None:
        for job in self._jobs:
            job.ways.end_probe()
            self._start_if_known(job)

    def _start_if_known(self, job: _Job[T]) -> None:
        usable = job.ways.usable
        if usable is None or job.submitted:
            return
        job.submitted = True
        if usable:
            self._crew.submit(partial(self._one, job, usable))
        else:
            self._settle(job, job.lost(job.ways.error))

    def _one(self, job: _Job[T], usable: Sequence[Address]) -> None:
        job.started = time.monotonic()
        job.deadline = Deadline.after(self._timeout)
        try:
            job.contact = self._opened(job, usable, job.deadline)
            if self._stopped:
                job.contact.transport.close()
                return
            value = self._work(job.contact)
            result: BoardResult[T] = Answered(job.board.name, value, time.monotonic() - job.started)
        except RkopsError as error:
            result = job.lost(error)
        except BaseException as bug:  # noqa: BLE001 - raised again in the caller's thread
            self._events.put(partial(_raise, bug))
            return
        self._events.put(partial(self._settle, job, result))
        if job.contact:
            job.contact.transport.close()

    def _opened(self, job: _Job[T], usable: Sequence[Address], deadline: Deadline) -> Contact:
        job.thread = threading.get_ident()
        try:
            return Contact(job.board, self._opener(job.board, usable, deadline), deadline)
        finally:
            job.thread = None

    def _settle(self, job: _Job[T], result: BoardResult[T]) -> None:
        if job.result is None:
            job.result = result
            self._left -= 1
            self._on_result(result)

    def _give_up(self, job: _Job[T]) -> None:
        self._crew.give_up_one()
        job.hang_up()
        error = DeadlineError(
            f"hangs: gave it up after {time.monotonic() - job.started:.1f} s",
            hint="the other boards' results are complete; look at this one by itself",
        )
        self._settle(job, job.lost(error))


def _raise(bug: BaseException) -> NoReturn:
    raise bug
