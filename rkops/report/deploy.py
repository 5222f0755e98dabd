"""What came of a deploy, a rollback or a listing, as a table or as JSON."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from rkops.facts.board import DeployedModel, Release
from rkops.facts.fact import value_of
from rkops.report.columns import plain_table, terminal_width, wrapped
from rkops.services.changes import Action, Change, DeployReport
from rkops.services.listing import BoardListing, ReleaseList

_HEAD = ("board", "model", "what", "release", "previous", "size", "push", "hash", "sync")
_LIST_HEAD = ("board", "model", "release", "", "state", "size", "target", "toolkit")
_SPARE = ("hash", "sync", "previous", "size")
_LIST_SPARE = ("toolkit", "size", "target")
"""What a narrow terminal shows last."""
_NONE = "-"
_MEGABYTE = 1e6


def to_json(report: DeployReport | ReleaseList) -> str:
    """Return the report as JSON, fields in a stable order."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def deploy_table(report: DeployReport) -> str:
    """Return a row per board and model, why some are not as asked, and one line that sums up."""
    rows, width = [_row(change) for change in report.changes], terminal_width()
    lines = [plain_table(_HEAD, rows, width=width, spare=_SPARE)]
    lines += [wrapped(line, width) for line in _reasons(report.changes)]
    if any(change.simulated for change in report.changes):
        lines.append("simulated boards: the times say nothing about real ones")
    return "\n".join([*lines, _summary(report)])


def release_table(listing: ReleaseList) -> str:
    """Return a row per release; the current one and the one before it are marked."""
    rows: list[tuple[str, ...]] = []
    for board in listing.boards:
        rows.extend(_board_rows(board))
    lines = [plain_table(_LIST_HEAD, rows, width=terminal_width(), spare=_LIST_SPARE)]
    for board in listing.boards:
        if board.problem:
            lines.append(f"{board.board}: {board.problem}")
            lines.extend([f"  try: {board.hint}"] if board.hint else [])
        for model in board.models:
            lines.extend(_state_lines(board.board, model))
    return "\n".join(lines)


def line_of(change: Change) -> str:
    """Return one change in one line, for terminals that are none and for logs."""
    what = f"{change.board}: {change.model}: {change.action}"
    if change.action is Action.PUSHED:
        return f"{what} ({size_text(change.sent_bytes)} in {change.push_seconds:.2f} s)"
    return what if change.action.good else f"{what}: {change.message}"


def _row(change: Change) -> tuple[str, ...]:
    pushed = change.action is Action.PUSHED
    push = f"{change.push_seconds:.2f} s" if pushed else _NONE
    if change.streams > 1:
        push += f" x{change.streams}"
    return (
        change.board,
        change.model,
        str(change.action),
        change.release or _NONE,
        change.previous or _NONE,
        size_text(change.size_bytes) if change.size_bytes else _NONE,
        push,
        f"{change.hash_seconds:.2f} s" if pushed else _NONE,
        f"{change.sync_seconds:.2f} s" if pushed else _NONE,
    )


def _reasons(changes: Iterable[Change]) -> Iterable[str]:
    """One block per reason, so that forty boards with one fault are one paragraph."""
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        if change.message:
            groups.setdefault((change.message, change.hint), []).append(change)
    for (message, hint), group in groups.items():
        boards = ", ".join(dict.fromkeys(change.board for change in group))
        yield f"{boards}: {message}"
        if hint:
            yield f"  try: {hint}"


def _summary(report: DeployReport) -> str:
    counts = Counter(change.action for change in report.changes)
    parts = ", ".join(f"{counts[action]} {action}" for action in Action if counts[action])
    boards = {change.board for change in report.changes}
    bad = {change.board for change in report.changes if not change.action.good}
    state = "would be" if report.dry_run else "are"
    head = "done"
    if not bad and not report.complete:
        head = "INCOMPLETE: no board has it"
    elif bad:
        head = f"INCOMPLETE: {len(boards) - len(bad)} of {len(boards)} boards {state} as asked"
    elif len(boards) > 1:
        head = f"all {len(boards)} boards {state} as asked"
    return f"{head}: {parts} ({report.seconds:.1f} s)"


def _board_rows(board: BoardListing) -> Iterable[tuple[str, ...]]:
    if not board.models:
        word = board.what or "no models"
        yield (board.board, *(_NONE,) * 3, word, _NONE, _NONE, _NONE)
    for model in board.models:
        for release in sorted(model.releases, key=lambda one: one.pushed_at, reverse=True):
            yield (
                board.board,
                model.name,
                release.id,
                _mark(model, release),
                release.state,
                size_text(release.size_bytes),
                release.target or _NONE,
                release.toolkit or _NONE,
            )


def _mark(model: DeployedModel, release: Release) -> str:
    if value_of(model.current) == release.id:
        return "current"
    return "previous" if model.previous == release.id else ""


def _state_lines(board: str, model: DeployedModel) -> Iterable[str]:
    current = value_of(model.current)
    if current and current not in {release.id for release in model.releases}:
        yield f"{board}: {model.name}: current names {current}, which is not there"
        back = f", or rkops deploy -b {board} --rollback --name {model.name}"
        yield f"  try: deploy the model again{back if model.previous else ''}"
    for release in model.releases:
        if release.problem:
            yield f"{board}: {model.name}: {release.id}: {release.problem}"


def size_text(size_bytes: int) -> str:
    """Return a size as people read it."""
    if size_bytes < _MEGABYTE:
        return f"{size_bytes / 1e3:.1f} kB"
    return f"{size_bytes / _MEGABYTE:.1f} MB"
