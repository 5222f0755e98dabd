"""Any file: the inventory loader returns boards or raises its own error, and nothing else."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rkops.core.errors import InventoryError, UsageError
from rkops.fleet.board import Board
from rkops.fleet.document import Document, scalar
from rkops.fleet.inventory import parse_inventory
from rkops.fleet.select import select_boards

GOOD = """\
defaults: {user: firefly, tags: [all]}
groups:
  rack-a: {sdk: 2.3.2}
boards:
  # one
  board1: &one
    adb: 192.168.1.222
    groups: [rack-a]
    identity: dt:0123
  board2: {ssh: "root@[fe80::1]:22", via: ssh, python: /usr/bin/python3}
"""
SNIPPETS = (
    *("boards:", "groups:", "defaults:", "adb:", "ssh: ", "tags: ", "x", "!board3", "!!python/x"),
    *(
        "&a",
        "*a",
        "*one",
        "<<: *one",
        "[",
        "]",
        "{",
        "}",
        "- ",
        "|",
        ">",
        "%YAML 9.9",
        "---",
        "...",
    ),
    *("\t", "  ", "\n", "\r", "\0", "\x85", "\u2028", "\ufeff", "~", "null", "? ", ": ", "#", '"'),
    *(
        "'",
        '"\\ud800"',
        '"\\x00"',
        "2.3.2",
        "1e999",
        "0x",
        "192.168.1.222:5555",
        "a:b@c",
        "[::1]:5",
    ),
)
WORDS = st.sampled_from(
    [
        *("boards", "groups", "defaults", "adb", "ssh", "via", "user", "tags", "sdk", "soc"),
        *("model-dir", "python", "key", "identity", "password", "rack-a", "b1", ""),
    ]
)
VALUES = st.sampled_from(["h", "~/.ssh/id", "~nobody-here/k", "2.3.2", "rk3588", "ssh", "/m"])
TREE = st.recursive(
    VALUES | st.text(max_size=6) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=6,
)
SETTINGS = settings(
    max_examples=3_400,  # three tests of the loader: 10,200 cases
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def flow(tree: object) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{scalar(k)}: {flow(v)}" for k, v in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(flow, tree)) + "]"
    return "null" if tree is None else scalar(str(tree))


@st.composite
def mutated(draw) -> bytes:
    text = GOOD
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 20)))
        new = "".join(draw(st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=3), max_size=3)))
        text = text[:start] + new + text[end:]
    return text.encode("utf-8", "surrogatepass")


BOARD = st.dictionaries(WORDS, VALUES | TREE, max_size=3).map(lambda more: {"adb": "h", **more})
SECTION = TREE | st.dictionaries(
    VALUES | st.sampled_from(["b1", "b2", "rack-a"]), BOARD | TREE, max_size=3
)
structured = st.builds(
    lambda sections: "\n".join(f"{name}: {flow(value)}" for name, value in sections).encode(),
    st.lists(st.tuples(st.sampled_from(["boards", "groups", "defaults"]), SECTION), max_size=3),
)
soup = st.lists(st.sampled_from(SNIPPETS), max_size=40).map(lambda words: "".join(words).encode())


def load(data: bytes) -> None:
    error, inventory = None, None
    try:
        inventory = parse_inventory([("f.yaml", data)], Path("f.yaml"))
    except InventoryError as caught:
        error = caught
    if inventory is None:
        assert error
        file, line, rest = error.message.split(":", 2)
        assert (file, line.isdigit(), bool(rest)) == ("f.yaml", True, True)
    else:
        assert all(board.address for board in inventory.boards.values())
        assert all(isinstance(board, Board) for board in inventory.boards.values())
        edit_or_refuse(data, list(inventory.boards))


@SETTINGS
@given(data=mutated())
def test_a_mutated_inventory_loads_or_is_an_inventory_error(data):
    load(data)


@SETTINGS
@given(data=structured)
def test_any_structure_loads_or_is_an_inventory_error(data):
    load(data)


@SETTINGS
@given(data=soup | st.binary(max_size=200))
def test_any_text_loads_or_is_an_inventory_error(data):
    load(data)


def edit_or_refuse(data: bytes, names: list[str]) -> None:
    """What loads can also be edited, or is refused; it is never changed elsewhere."""
    try:
        document = Document("f.yaml", data)
        for name in names:
            document.set_value(name, "identity", "dt:new")
        after = parse_inventory([("f.yaml", document.render())], Path("f.yaml"))
    except InventoryError:
        return
    assert list(after.boards) == names
    assert all(board.identity == "dt:new" for board in after.boards.values())


@settings(SETTINGS, max_examples=1_000)
@given(words=st.lists(st.text(max_size=8) | st.sampled_from(["rack-a", "tag:*", "!b*", "["])))
def test_any_selectors_select_boards_or_are_a_usage_error(words):
    inventory = parse_inventory([("f.yaml", GOOD.encode())], Path("f.yaml"))
    error = None
    chosen: tuple[Board, ...] = ()
    try:
        chosen = select_boards(inventory, words, everything=False)
    except UsageError as caught:
        error = caught
    assert chosen or (error and error.hint)
    assert set(chosen) <= set(inventory.boards.values())
