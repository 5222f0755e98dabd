"""Tables and bars on narrow terminals: words stay whole, a bar is a bar."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from rkops.core.events import Progress
from rkops.report.columns import plain, plain_table, shortened, wrapped
from rkops.report.doctor_lines import DoctorLines
from rkops.report.progress import BarWatcher, drawn_bars
from tests.unit.checks.profiles import version_mix
from tests.unit.report.builders import answered

BOARD = "rack-a-shelf-07-board-01"
MODEL = "yolov8n-seg-rk3588-int8"
HEAD = ("board", "model", "what", "release", "previous", "size", "push", "hash", "sync")
ROW = (BOARD, MODEL, "pushed", "0" * 12, "1" * 12, "12.0 MB", "1.50 s x4", "0.10 s", "0.20 s")
SPARE = ("hash", "sync", "previous", "size")


@pytest.mark.parametrize(
    ("width", "gone"),
    [(None, set()), (200, set()), (120, {"HASH"}), (80, {"HASH", "SYNC", "PREVIOUS", "SIZE"})],
)
def test_what_is_not_needed_goes_first(width: int | None, gone: set[str]) -> None:
    head, row = plain_table(HEAD, [ROW], width=width, spare=SPARE).splitlines()
    assert width is None or max(len(head), len(row)) <= width
    assert {name.upper() for name in HEAD} - set(head.split()) == gone
    assert "…" in row if width == 80 else BOARD in row


@given(st.lists(st.text("abc-", min_size=1, max_size=40), min_size=9, max_size=9), st.integers(80))
def test_no_table_is_wider_than_its_terminal(row: list[str], width: int) -> None:
    table = plain_table(HEAD, [row], width=width, spare=SPARE)
    assert max(map(len, table.splitlines())) <= width


def test_names_keep_both_ends() -> None:
    assert shortened(BOARD, 16) == "rack-a-s…oard-01"
    assert shortened("short", 16) == "short"


def test_prose_is_broken_between_words() -> None:
    line = "board: made by toolkit 2.3.2, newer than runtime 1.6.0"
    lines = wrapped(line, 30).splitlines()
    assert " ".join(part.strip() for part in lines) == line
    assert max(map(len, lines)) <= 30
    assert wrapped(line, None) == line


@pytest.mark.parametrize(("width", "soc"), [(None, True), (120, True), (80, False)])
def test_doctor_leaves_out_the_soc_first(width: int | None, *, soc: bool) -> None:
    lines = DoctorLines([BOARD], width=width)
    head = plain(lines.header())
    row = plain(next(iter(lines.board(answered(BOARD, version_mix())))))
    assert ("SOC" in head, "rk3588s" in row) == (soc, soc)
    assert row.index("1 error") == head.index("VERDICT")
    assert (BOARD in row) is (width != 80)
    assert len(row) <= (width or 200)


def test_a_bar_is_there_at_80_columns() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    with drawn_bars(console) as bars:
        watcher = BarWatcher(bars, [BOARD])
        watcher.listen(Progress(BOARD, f"push {MODEL}", 6_000_000, 12_000_000))
        bars.refresh()
        line = next(x for x in reversed(out.getvalue().splitlines()) if "push" in x)
    assert "━" * 8 in line
    assert len(line.rstrip()) <= 81
