from pathlib import Path

import pytest

from rkops.core.errors import UsageError
from rkops.fleet.inventory import parse_inventory
from rkops.fleet.select import select_boards

FLEET = parse_inventory(
    [
        (
            "f.yaml",
            b"""
groups: {rack-a: {tags: [lab]}, rack-b: , empty: }
boards:
  board3: {adb: h, groups: [rack-a]}
  board1: {adb: h, groups: [rack-a]}
  board2: {adb: h, groups: [rack-b], tags: [door]}
  cam-1: {adb: h}
""",
        )
    ],
    Path("f.yaml"),
)


def chosen(*selectors: str, everything: bool = False) -> list[str]:
    return [b.name for b in select_boards(FLEET, selectors, everything=everything)]


@pytest.mark.parametrize(
    ("selectors", "names"),
    [
        (["board1"], ["board1"]),
        (["rack-a"], ["board3", "board1"]),
        (["tag:lab"], ["board3", "board1"]),
        (["board*"], ["board3", "board1", "board2"]),
        (["rack-?"], ["board3", "board1", "board2"]),
        (["tag:d*"], ["board2"]),
        (["rack-a", "!board3"], ["board1"]),
        (["!board3", "rack-a"], ["board1"]),
        (["!tag:lab"], ["board2", "cam-1"]),
        (["board2,cam-1"], ["board2", "cam-1"]),
        (["board2", "rack-a"], ["board3", "board1", "board2"]),
        (["board1", "board1"], ["board1"]),
    ],
)
def test_selectors_choose_in_inventory_order(selectors, names):
    assert chosen(*selectors) == names


def test_all_can_be_narrowed():
    assert chosen(everything=True) == ["board3", "board1", "board2", "cam-1"]
    assert chosen("!rack-*", everything=True) == ["cam-1"]


@pytest.mark.parametrize(
    ("selectors", "words"),
    [
        ([], ["no board is named", "--all", "board1", "rack-a", "tag:lab"]),
        (["bord1"], ["did you mean 'board1'"]),
        (["rack-aa"], ["did you mean 'rack-a'"]),
        (["tag:lob"], ["did you mean 'tag:lab'"]),
        (["!bord1"], ["did you mean 'board1'"]),
        (["x*"], ["'x*'", "groups: rack-a"]),
        (["empty"], ["has no boards"]),
        (["board1", "!board1"], ["no board is left"]),
    ],
)
def test_what_fits_nothing_is_said(selectors, words):
    with pytest.raises(UsageError) as caught:
        chosen(*selectors)
    said = caught.value.message + caught.value.hint
    assert [word for word in words if word not in said] == []


def test_an_inventory_without_boards_says_how_to_begin():
    nothing = parse_inventory([("f.yaml", b"")], Path("f.yaml"))
    with pytest.raises(UsageError, match="no boards") as caught:
        select_boards(nothing, [], everything=True)
    assert "rkops board add" in caught.value.hint
