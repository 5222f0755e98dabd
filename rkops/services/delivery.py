"""One model to one board: push, verify and switch; or see that it is there already."""

import time
from contextlib import suppress

from rkops.core.deadline import Deadline
from rkops.core.errors import RkopsError
from rkops.core.events import Listener, Progress
from rkops.facts.board import BoardFacts
from rkops.facts.fact import value_of
from rkops.services.boardmodels import BoardModels, Committed, Prepared
from rkops.services.changes import Action, Change
from rkops.services.payload import Payload
from rkops.services.transfer import Heartbeat, QuietDeadline
from rkops.transport.base import PushReport

CLEAN_UP_SECONDS = 2.0
_RENEWALS_PER_LEASE = 5


def forecast(board: str, payload: Payload, facts: BoardFacts) -> Change:
    """Return what a deploy would do, from facts alone."""
    models = {model.name: model for model in value_of(facts.storage.models) or ()}
    model = models.get(payload.name)
    current = value_of(model.current) or "" if model else ""
    whole = {one.id for one in model.releases if one.state == "whole"} if model else set()
    if payload.release not in whole:
        action = Action.WOULD_PUSH
    else:
        action = Action.UNCHANGED if current == payload.release else Action.WOULD_SWITCH
    previous = model.previous if model and current == payload.release else current
    return _row(board, payload, action, previous=previous, note=_room(payload, facts, action))


def _room(payload: Payload, facts: BoardFacts, action: Action) -> str:
    storage = facts.storage
    free = value_of(storage.free_bytes)
    if action is not Action.WOULD_PUSH:
        return ""
    if storage.read_only:
        return f"{storage.model_dir} is read-only"
    if free is not None and free < payload.size_bytes:
        return f"only {free / 1e6:.1f} MB are free at {storage.model_dir}"
    return ""


def adopt(models: BoardModels, payload: Payload, prepared: Prepared) -> Change:
    """Make a release current that is on the board already; no byte of it is sent."""
    board = models.contact.board.name
    if prepared.current == payload.release:
        return _row(board, payload, Action.UNCHANGED, previous=prepared.previous)
    switched = models.switch(payload.name, payload.release, size_bytes=payload.size_bytes)
    return _row(board, payload, Action.SWITCHED, previous=switched.previous)


def deliver(
    models: BoardModels, payload: Payload, prepared: Prepared, *, keep: int, tell: Listener
) -> Change:
    """Push a model into its temporary directory and have it made the current release.

    When the push fails its files are removed, if the board can still be reached.
    """
    board = models.contact.board.name
    try:
        pushed = _push(models, payload, prepared, tell)
    except RkopsError:
        with suppress(RkopsError):
            models.abort(payload.name, Deadline.after(CLEAN_UP_SECONDS))
        raise
    tell(Progress(board, f"verify {payload.name}", payload.size_bytes, payload.size_bytes))
    committed = models.commit(payload, keep=keep, pushed_at=time.time())
    return _pushed_row(board, payload, pushed, committed, prepared.problem)


def _push(models: BoardModels, payload: Payload, prepared: Prepared, tell: Listener) -> PushReport:
    contact = models.contact
    quiet = QuietDeadline(models.timeout_seconds)
    contact.deadline = quiet
    heartbeat = Heartbeat(
        lambda: models.renew(payload.name), prepared.lease_seconds / _RENEWALS_PER_LEASE
    )

    def progress(done: int, total: int) -> None:
        quiet.put_off()
        tell(Progress(contact.board.name, f"push {payload.name}", done, total))
        heartbeat.tick()

    progress(0, payload.size_bytes)
    return contact.transport.push(
        payload.path, f"{prepared.dir}/{payload.file_name}", deadline=quiet, progress=progress
    )


def _pushed_row(
    board: str, payload: Payload, pushed: PushReport, committed: Committed, replaced: str
) -> Change:
    notes = [f"replaced a damaged release: {replaced}" if replaced else ""]
    notes.append(committed.problem)
    return Change(
        board=board,
        model=payload.name,
        action=Action.PUSHED,
        release=committed.release,
        previous=committed.previous,
        size_bytes=payload.size_bytes,
        sent_bytes=pushed.size_bytes,
        push_seconds=round(pushed.seconds, 6),
        hash_seconds=committed.hash_seconds,
        sync_seconds=committed.sync_seconds,
        streams=pushed.streams,
        message="; ".join(filter(None, notes)),
        hint="remove it on the board, as who owns it" if committed.problem else "",
    )


def _row(
    board: str, payload: Payload, action: Action, *, previous: str = "", note: str = ""
) -> Change:
    return Change(
        board=board,
        model=payload.name,
        action=action,
        release=payload.release,
        previous=previous,
        size_bytes=payload.size_bytes,
        message=note,
    )
