"""Bring models to boards: refuse what will not run, skip what is there, push, verify, switch."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec import structs

from rkops.core.errors import AgentError, TransportError
from rkops.core.events import Listener, Progress, silent
from rkops.core.exit import ExitCode
from rkops.core.result import BoardResult, Lost
from rkops.facts.board import BoardFacts
from rkops.facts.parse import parse_facts
from rkops.fleet.board import Board
from rkops.fleet.contact import Contact, for_each
from rkops.fleet.identity import record_identity
from rkops.fleet.session import AgentSession
from rkops.services.boardmodels import BoardModels
from rkops.services.changes import Action, Change, DeployReport, failure, filled, report_of, stopped
from rkops.services.delivery import CLEAN_UP_SECONDS, adopt, deliver, forecast
from rkops.services.gather import probe_request
from rkops.services.payload import Payload, fit

OnBoard = Callable[[Sequence[Change]], None]


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """How to deploy. `timeout_seconds` is for a silent board, not for the bytes of a model."""

    timeout_seconds: float = 20.0
    jobs: int = 32
    keep: int = 3
    force: bool = False
    dry_run: bool = False


def unheard(changes: Sequence[Change]) -> None:
    """The listener to finished boards that listens to nothing."""
    del changes


def deploy(
    boards: Sequence[Board],
    payloads: Sequence[Payload],
    options: DeployOptions,
    *,
    listener: Listener = silent,
    on_board: OnBoard = unheard,
) -> DeployReport:
    """Deploy every model to every board; one board's trouble is its own.

    `on_board` is called with a board's rows as it ends. Ctrl-C stops the pushes, cleans up on
    boards that answer within two seconds, and returns what was done by then.
    """
    return _Deployment(boards, payloads, options, listener).run(on_board)


class _Deployment:
    """One run. A board's rows are written by its own worker only, until it ended."""

    def __init__(
        self,
        boards: Sequence[Board],
        payloads: Sequence[Payload],
        options: DeployOptions,
        listener: Listener,
    ) -> None:
        self._boards = boards
        self._payloads = payloads
        self._options = options
        self._tell = listener
        self._rows: dict[str, list[Change]] = {board.name: [] for board in boards}
        self._underway: dict[str, tuple[BoardModels, Payload]] = {}

    def run(self, on_board: OnBoard) -> DeployReport:
        """Run until every board has its rows."""
        names = [payload.name for payload in self._payloads]
        started = time.monotonic()
        ended: set[str] = set()
        interrupted = False

        def settle(result: BoardResult[None]) -> None:
            rows = list(self._rows[result.board])
            if isinstance(result, Lost):
                rows = filled(result.board, names, rows, result.error)
            self._rows[result.board] = rows
            ended.add(result.board)
            on_board(rows)

        try:
            for_each(
                self._boards,
                self._one,
                timeout_seconds=self._options.timeout_seconds,
                jobs=self._options.jobs,
                on_result=settle,
            )
        except KeyboardInterrupt:
            interrupted = True
            for name in self._rows.keys() - ended:
                self._rows[name] = stopped(name, names, self._rows[name])
            self._clean_up()
        rows = [row for board in self._boards for row in self._rows[board.name]]
        seconds = time.monotonic() - started
        return report_of(
            "deploy",
            rows,
            seconds=seconds,
            dry_run=self._options.dry_run,
            interrupted=interrupted,
        )

    def _one(self, contact: Contact) -> None:
        board = contact.board.name
        rows = self._rows[board]
        self._tell(Progress(board, "probe"))
        session, facts = probe(contact, self._options.timeout_seconds)
        models = BoardModels(contact, session, self._options.timeout_seconds)
        for payload in self._payloads:
            try:
                row = self._bring(models, facts, payload)
            except (AgentError, TransportError) as error:
                if error.exit_code is ExitCode.UNREACHABLE:
                    raise
                row = failure(board, payload.name, error)
            rows.append(structs.replace(row, simulated=facts.system.simulated))

    def _bring(self, models: BoardModels, facts: BoardFacts, payload: Payload) -> Change:
        board = models.contact.board.name
        judged = fit(payload, facts)
        if judged.refusal and not self._options.force:
            return Change(
                board=board,
                model=payload.name,
                action=Action.REFUSED,
                size_bytes=payload.size_bytes,
                message=judged.refusal,
                hint=judged.hint,
            )
        note = f"forced: {judged.refusal}" if judged.refusal else judged.note
        if self._options.dry_run:
            row = forecast(board, payload, facts)
        else:
            row = self._change(models, payload)
        return structs.replace(row, message="; ".join(filter(None, (row.message, note))))

    def _change(self, models: BoardModels, payload: Payload) -> Change:
        board = models.contact.board.name
        self._underway[board] = (models, payload)
        prepared = models.prepare(payload)
        if prepared.state == "present":
            row = adopt(models, payload, prepared)
        else:
            row = deliver(models, payload, prepared, keep=self._options.keep, tell=self._tell)
        del self._underway[board]
        return row

    def _clean_up(self) -> None:
        """Remove what the interrupted pushes left on boards that still answer.

        A board that had made the release current before it heard of the end says so.
        """
        underway = dict(self._underway)

        def abort(contact: Contact) -> None:
            board = contact.board.name
            models, payload = underway[board]
            current = models.moved_to(contact).abort(payload.name, contact.deadline)
            if current == payload.release:
                self._rows[board] = [
                    _was_done(row, payload) if row.model == payload.name else row
                    for row in self._rows[board]
                ]

        boards = [board for board in self._boards if board.name in underway]
        for_each(boards, abort, timeout_seconds=CLEAN_UP_SECONDS, jobs=self._options.jobs)


def _was_done(row: Change, payload: Payload) -> Change:
    return structs.replace(
        row,
        action=Action.SWITCHED,
        release=payload.release,
        size_bytes=payload.size_bytes,
        message="it was current before it could be stopped",
    )


def probe(contact: Contact, timeout_seconds: float) -> tuple[AgentSession, BoardFacts]:
    """Learn a board's facts; at first contact record who it is.

    Every later call of the session insists on the identity seen now.
    """
    board = contact.board
    session = AgentSession(
        contact.transport, board=board.name, expected_identity=board.identity, python=board.python
    )
    payload = session.call("probe", probe_request(board), deadline=contact.deadline)
    facts = parse_facts(payload, board=board.name)
    if not board.identity and session.identity:
        record_identity(board, session.identity)
        session = AgentSession(
            contact.transport,
            board=board.name,
            expected_identity=session.identity,
            python=board.python,
        )
    contact.renew(timeout_seconds)
    return session, facts
