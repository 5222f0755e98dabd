"""Which runtime loads which model."""

from functools import cache

from msgspec import Struct, field

from rkops.knowledge.load import load
from rkops.knowledge.version import is_older, parse_version, same_version


class Verdict(Struct, frozen=True):
    """Whether a model runs on a runtime. `certain` is False where nothing is published."""

    runs: bool
    certain: bool
    reason: str
    source: str


class _Row(Struct, frozen=True, forbid_unknown_fields=True):
    model: str
    from_: str = field(name="from")
    to: str = ""


class _Broken(Struct, frozen=True, forbid_unknown_fields=True):
    model: str
    runtime: str
    symptom: str
    source: str


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    unpublished: str
    rows: tuple[_Row, ...]
    broken: tuple[_Broken, ...]


@cache
def _table() -> _File:
    return load("models", _File)


@cache
def model_runs_on(toolkit: str, runtime: str) -> Verdict:
    """Say whether a model made by toolkit version `toolkit` loads on runtime version `runtime`.

    A version without a number, or a pair the table is silent about, never raises: the verdict
    is then not certain.
    """
    table = _table()
    made, board = parse_version(toolkit), parse_version(runtime)
    if made is None or board is None:
        unread = toolkit if made is None else runtime
        return Verdict(
            runs=True, certain=False, reason=f"no version number in {unread!r}", source=table.source
        )
    for pair in table.broken:
        if same_version(pair.model, toolkit) and same_version(pair.runtime, runtime):
            reason = f"this pair failed once: {pair.symptom}"
            return Verdict(runs=True, certain=False, reason=reason, source=pair.source)
    for row in table.rows:
        # Betas are of the release they lead to: 2.0.0b0 is the table's 2.0.0.
        if row.model == made.base_version:
            return _by_row(row, toolkit, runtime, table.source)
    if board < made:
        reason = f"made by toolkit {toolkit}, newer than runtime {runtime}"
        return Verdict(
            runs=False, certain=False, reason=f"{reason} ({table.unpublished})", source=table.source
        )
    return Verdict(runs=True, certain=False, reason=table.unpublished, source=table.source)


def _by_row(row: _Row, toolkit: str, runtime: str, source: str) -> Verdict:
    made = f"made by toolkit {toolkit}"
    if is_older(runtime, row.from_):
        reason = f"{made}, needs runtime {row.from_} or newer, the board has {runtime}"
        return Verdict(runs=False, certain=True, reason=reason, source=source)
    if row.to and is_older(row.to, runtime):
        reason = f"{made}, runs on runtimes up to {row.to} only, the board has {runtime}"
        return Verdict(runs=False, certain=True, reason=reason, source=source)
    return Verdict(
        runs=True, certain=True, reason=f"{made} runs on runtime {runtime}", source=source
    )
