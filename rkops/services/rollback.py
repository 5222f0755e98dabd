"""Make a release current again that is on the boards already; send nothing."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rkops.core.errors import AgentError, TransportError
from rkops.core.exit import ExitCode
from rkops.core.result import BoardResult, Lost
from rkops.facts.board import DeployedModel
from rkops.facts.fact import value_of
from rkops.fleet.board import Board
from rkops.fleet.contact import Contact, for_each
from rkops.fleet.session import AgentSession
from rkops.services.boardmodels import BoardModels
from rkops.services.changes import Action, Change, DeployReport, failure, filled, report_of
from rkops.services.deploy import OnBoard, unheard

ONLY_MODEL = "-"
"""Stands for "the only model there is" until the board was asked."""


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """What to go back to: `release` (an id or its beginning), or what was current before."""

    release: str = ""
    timeout_seconds: float = 20.0
    jobs: int = 32
    dry_run: bool = False


def rollback(
    boards: Sequence[Board],
    names: Sequence[str],
    options: RollbackOptions,
    *,
    on_board: OnBoard = unheard,
) -> DeployReport:
    """Switch the named models back; without a name, the only one a board has.

    A board that never had the model has nothing to go back from, which is no failure unless it
    is so on every board.
    """
    wanted = tuple(names) or (ONLY_MODEL,)
    rows: dict[str, list[Change]] = {board.name: [] for board in boards}
    started = time.monotonic()

    def work(contact: Contact) -> None:
        _on_board(contact, wanted, options, rows[contact.board.name])

    def settle(result: BoardResult[None]) -> None:
        if isinstance(result, Lost):
            rows[result.board] = filled(
                result.board, wanted, list(rows[result.board]), result.error
            )
        on_board(rows[result.board])

    for_each(
        boards,
        work,
        timeout_seconds=options.timeout_seconds,
        jobs=options.jobs,
        on_result=settle,
    )
    changes = [row for board in boards for row in rows[board.name]]
    seconds = time.monotonic() - started
    return report_of("rollback", changes, seconds=seconds, dry_run=options.dry_run)


def _on_board(
    contact: Contact, wanted: Sequence[str], options: RollbackOptions, rows: list[Change]
) -> None:
    board = contact.board
    session = AgentSession(
        contact.transport, board=board.name, expected_identity=board.identity, python=board.python
    )
    models = BoardModels(contact, session, options.timeout_seconds)
    there = {model.name: model for model in models.models()}
    for name in wanted:
        shown = name
        if not there or (name != ONLY_MODEL and name not in there):
            rows.append(_nothing(board.name, name, there))
            continue
        try:
            model = _named(name, there)
            shown = model.name
            row = _switch(models, model, options)
        except (AgentError, TransportError) as error:
            if error.exit_code is ExitCode.UNREACHABLE:
                raise
            row = failure(board.name, shown, error)
        rows.append(row)


def _nothing(board: str, name: str, there: dict[str, DeployedModel]) -> Change:
    known = ", ".join(sorted(there))
    what = "no model is deployed" if name == ONLY_MODEL else f"no model {name} is deployed"
    return Change(
        board=board,
        model=name,
        action=Action.NOTHING_THERE,
        message=what,
        hint=f"models there: {known}" if known else "",
    )


def _named(name: str, there: dict[str, DeployedModel]) -> DeployedModel:
    if name != ONLY_MODEL:
        return there[name]
    if len(there) > 1:
        known = ", ".join(sorted(there))
        raise AgentError("there are several models", code="which", hint=f"--name one of: {known}")
    return next(iter(there.values()))


def _switch(models: BoardModels, model: DeployedModel, options: RollbackOptions) -> Change:
    board = models.contact.board.name
    sizes = {release.id: release.size_bytes for release in model.releases}
    current = value_of(model.current) or ""
    if options.dry_run:
        return _forecast(board, model, current, options.release)
    done = models.switch(model.name, options.release, size_bytes=max(sizes.values(), default=0))
    return Change(
        board=board,
        model=model.name,
        action=Action.SWITCHED if done.changed else Action.UNCHANGED,
        release=done.release,
        previous=done.previous,
        size_bytes=sizes.get(done.release, 0),
    )


def _forecast(board: str, model: DeployedModel, current: str, release: str) -> Change:
    ids = [one.id for one in model.releases if release and one.id.startswith(release)]
    target = (ids[0] if len(ids) == 1 else "") if release else model.previous
    if not target:
        known = ", ".join(one.id for one in model.releases) or "none"
        what = f"no release of {model.name} is {release}" if release else "nothing to go back to"
        return failure(board, model.name, AgentError(what, hint=f"releases there: {known}"))
    same = target == current
    return Change(
        board=board,
        model=model.name,
        action=Action.UNCHANGED if same else Action.WOULD_SWITCH,
        release=target,
        previous=model.previous if same else current,
    )
