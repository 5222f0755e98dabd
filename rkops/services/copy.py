"""Files to boards and back, whole or not at all."""

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from rkops.core.errors import RkopsError, UsageError
from rkops.core.events import Listener, Progress
from rkops.fleet.board import Board
from rkops.fleet.contact import Contact, for_each
from rkops.services.copy_report import Copied, CopyReport, CopyState, row_of
from rkops.services.firstcontact import FirstContacts
from rkops.services.placing import FINISH, NOTHING, REMOVE, RESOLVE, ask
from rkops.services.transfer import QuietDeadline, payload_seconds
from rkops.transport.base import ByteProgress

_CLEAN_UP_SECONDS = 3.0

OnCopied = Callable[[Copied], None]


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """How to go about it."""

    timeout_seconds: float
    jobs: int
    listener: Listener
    on_board: OnCopied


def push(boards: Sequence[Board], source: Path, remote: str, options: CopyOptions) -> CopyReport:
    """Bring a file to every board: a temporary name, compared, synced, renamed.

    Interrupted, it removes the temporary files of the boards that can still be reached.
    """
    _refuse_tilde(remote)
    parcel = _Parcel(source, remote)
    try:
        return _report("push", boards, partial(_push, parcel, options), options, parcel.met)
    except KeyboardInterrupt:
        _sweep([board for board in boards if board.name in parcel.open], parcel)
        raise


def pull(
    boards: Sequence[Board], remote: str, destination: str, options: CopyOptions
) -> CopyReport:
    """Fetch a file of every board; of several into a directory for each board.

    A destination that is a directory, or ends with a slash, is where the file goes under its
    own name.
    """
    _refuse_tilde(remote)
    name = PurePosixPath(remote).name
    if not name:
        raise UsageError(f"{remote} names no file", hint="rkops pull -b board1 /etc/os-release .")
    there = Path(destination)
    place = there / name if there.is_dir() or destination.endswith("/") else there
    targets = {board.name: place for board in boards}
    if len(boards) > 1:
        targets = {board.name: there / board.name / name for board in boards}
    for target in targets.values():
        _make_room(target)
    met = FirstContacts()
    return _report("pull", boards, partial(_pull, remote, targets, options, met), options, met)


class _Parcel:
    """The file to push, measured once, and the temporary files that are still on boards."""

    def __init__(self, source: Path, remote: str) -> None:
        if source.exists() and not source.is_file():
            raise UsageError(
                f"{source} is no file", hint="name a single file; pack a directory first"
            )
        try:
            with source.open("rb") as file:
                self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            found = source.stat()
        except OSError as exc:
            raise UsageError(
                f"{source}: {exc.strerror}", hint="name a file that can be read"
            ) from exc
        self.source = source
        self.remote = remote
        self.size_bytes = found.st_size
        self.mode = found.st_mode & 0o777
        self.open: dict[str, str] = {}
        self.met = FirstContacts()


def _push(parcel: _Parcel, options: CopyOptions, contact: Contact) -> Copied:
    name = contact.board.name
    started = time.monotonic()
    target = ask(contact, RESOLVE, parcel.remote, parcel.source.name, met=parcel.met)
    folder, slash, last = target.rpartition("/")
    part = f"{folder}{slash}.{last}.rkops-{secrets.token_hex(4)}"
    parcel.open[name] = part
    try:
        progress = _watched(contact, options, "push", parcel.size_bytes)
        contact.transport.push(
            parcel.source, part, mode=parcel.mode, deadline=contact.deadline, progress=progress
        )
        contact.renew(options.timeout_seconds + payload_seconds(parcel.size_bytes))
        about = (part, target, str(parcel.size_bytes), parcel.sha256)
        compared = ask(contact, FINISH, *about, met=parcel.met)
    except RkopsError:
        contact.renew(_CLEAN_UP_SECONDS)
        with suppress(RkopsError):
            ask(contact, REMOVE, part, met=parcel.met)
            parcel.open.pop(name)
        raise
    parcel.open.pop(name)
    return Copied(
        board=name,
        state=CopyState.COPIED,
        path=target,
        size_bytes=parcel.size_bytes,
        seconds=round(time.monotonic() - started, 3),
        verified=compared or "size",
    )


def _pull(
    remote: str,
    targets: dict[str, Path],
    options: CopyOptions,
    met: FirstContacts,
    contact: Contact,
) -> Copied:
    name = contact.board.name
    started = time.monotonic()
    ask(contact, NOTHING, met=met)
    size = contact.transport.pull(
        remote,
        targets[name],
        deadline=_quiet(contact, options),
        progress=_watched(contact, options, "pull", 0),
    )
    return Copied(
        board=name,
        state=CopyState.COPIED,
        path=str(targets[name]),
        size_bytes=size,
        seconds=round(time.monotonic() - started, 3),
        verified="size",
    )


def _quiet(contact: Contact, options: CopyOptions) -> QuietDeadline:
    """Give the board its time anew with every byte that moves."""
    if not isinstance(contact.deadline, QuietDeadline):
        contact.deadline = QuietDeadline(options.timeout_seconds)
    return contact.deadline


def _watched(contact: Contact, options: CopyOptions, phase: str, total: int) -> ByteProgress:
    quiet = _quiet(contact, options)
    board = contact.board.name

    def progress(done: int, of: int) -> None:
        quiet.put_off()
        options.listener(Progress(board, phase, done, of or total))

    return progress


def _sweep(boards: Sequence[Board], parcel: _Parcel) -> None:
    """Remove what an interrupted push left on boards, over connections of its own."""
    parts = dict(parcel.open)
    if boards:
        for_each(
            boards,
            lambda contact: ask(contact, REMOVE, parts[contact.board.name], met=parcel.met),
            timeout_seconds=_CLEAN_UP_SECONDS,
        )


def _refuse_tilde(remote: str) -> None:
    if remote.startswith("~"):
        raise UsageError(
            f"{remote}: ~ is not expanded on the board",
            hint="write the whole path, as in /home/firefly/" + remote.partition("/")[2],
        )


def _make_room(target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise UsageError(
            f"{target.parent}: {exc.strerror}", hint="choose a directory that can be written"
        ) from exc


def _report(
    command: str,
    boards: Sequence[Board],
    work: Callable[[Contact], Copied],
    options: CopyOptions,
    met: FirstContacts,
) -> CopyReport:
    started = time.monotonic()
    with met:
        results = for_each(
            boards,
            work,
            timeout_seconds=options.timeout_seconds,
            jobs=options.jobs,
            on_result=lambda result: options.on_board(row_of(result)),
        )
    return CopyReport(
        command=command,
        seconds=round(time.monotonic() - started, 3),
        boards=tuple(map(row_of, results)),
    )
