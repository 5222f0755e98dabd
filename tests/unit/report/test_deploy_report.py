import json

import msgspec
import pytest

from rkops.core.errors import BoardUnreachableError, TransferError, WrongBoardError
from rkops.core.exit import ExitCode
from rkops.facts.board import DeployedModel, Release
from rkops.facts.fact import Present
from rkops.report.deploy import deploy_table, line_of, release_table, to_json
from rkops.services.changes import Action, Change, failure, filled, report_of
from rkops.services.listing import BoardListing, ReleaseList

PUSHED = Change(
    board="b1",
    model="m",
    action=Action.PUSHED,
    release="0123456789ab",
    size_bytes=12_000_000,
    sent_bytes=12_000_000,
    push_seconds=1.5,
    streams=4,
)
LOST = Change(
    board="b2", model="m", action=Action.LOST, message="nothing answers", hint="is it on?"
)


def report(*changes: Change, dry_run: bool = False):
    return report_of("deploy", changes, seconds=2.0, dry_run=dry_run)


@pytest.mark.parametrize(
    ("actions", "code"),
    [
        ((Action.PUSHED, Action.UNCHANGED, Action.SWITCHED), ExitCode.OK),
        ((Action.PUSHED, Action.LOST), ExitCode.UNREACHABLE),
        ((Action.LOST, Action.FAILED), ExitCode.CHANGE_FAILED),
        ((Action.REFUSED, Action.PUSHED), ExitCode.CHANGE_FAILED),
    ],
)
def test_exit_codes(actions, code):
    changes = [Change(board="b", model="m", action=action) for action in actions]
    assert report(*changes).exit_code == code
    assert report(*changes).complete == (code == ExitCode.OK)


def test_the_last_line_tells_full_from_partial():
    assert deploy_table(report(PUSHED)).splitlines()[-1] == "done: 1 pushed (2.0 s)"
    both = report(PUSHED, Change(board="b2", model="m", action=Action.UNCHANGED))
    last = "all 2 boards are as asked: 1 pushed, 1 unchanged (2.0 s)"
    assert deploy_table(both).splitlines()[-1] == last
    partial = deploy_table(report(PUSHED, LOST)).splitlines()
    assert partial[-1] == "INCOMPLETE: 1 of 2 boards are as asked: 1 pushed, 1 lost (2.0 s)"
    assert partial[-3:-1] == ["b2: nothing answers", "  try: is it on?"]


def test_boards_with_one_reason_share_a_line():
    lines = deploy_table(report(LOST, msgspec.structs.replace(LOST, board="b3"))).splitlines()
    assert lines.count("b2, b3: nothing answers") == 1


def test_streams_and_times_are_shown():
    assert "1.50 s x4" in deploy_table(report(PUSHED))


def test_simulated_times_are_marked():
    shown = msgspec.structs.replace(PUSHED, simulated=True)
    assert "simulated" in deploy_table(report(shown))
    assert json.loads(to_json(report(shown)))["changes"][0]["simulated"] is True


def test_lines_for_no_terminal():
    assert line_of(PUSHED) == "b1: m: pushed (12.0 MB in 1.50 s)"
    assert line_of(LOST) == "b2: m: lost: nothing answers"


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (BoardUnreachableError("x"), Action.LOST),
        (TransferError("x"), Action.FAILED),
        (WrongBoardError("x"), Action.REFUSED),
    ],
)
def test_errors_become_rows(error, action):
    assert failure("b", "m", error).action == action


def test_models_not_reached_are_rows_too():
    rows = filled("b1", ["m", "n"], [PUSHED], BoardUnreachableError("gone"))
    assert [(row.model, row.action) for row in rows] == [("m", "pushed"), ("n", "lost")]


def test_the_list_marks_current_and_previous():
    one, two, three = (
        Release(id=letter * 12, sha256=letter * 64, size_bytes=9, state="whole", pushed_at=at)
        for letter, at in (("a", 1.0), ("b", 2.0), ("c", 3.0))
    )
    three = msgspec.structs.replace(three, state="differs", problem="m.rknn has another sha256")
    model = DeployedModel("m", Present("b" * 12), (one, two, three), previous="a" * 12)
    gone = DeployedModel("n", Present("d" * 12), (one,))
    boards = (
        BoardListing(board="b1", model_dir="/m", models=(model, gone)),
        BoardListing(
            board="b2", model_dir="/m", what="no answer", problem="nothing answers", hint="?"
        ),
        BoardListing(board="b3", model_dir="/m"),
    )
    listing = ReleaseList(boards=boards, exit_code=ExitCode.UNREACHABLE)
    lines = release_table(listing).splitlines()
    assert [line.split()[2] for line in lines[1:4]] == ["c" * 12, "b" * 12, "a" * 12]
    assert "current" in lines[2]
    assert "previous" in lines[3]
    assert "b1: m: cccccccccccc: m.rknn has another sha256" in lines
    assert "b1: n: current names dddddddddddd, which is not there" in lines
    assert "b2: nothing answers" in lines
    assert any(line.startswith("b3") and "no models" in line for line in lines)
    assert json.loads(to_json(listing))["schema"] == "rkops.releases/1"
