"""Results come in order where that costs nothing, and at once where one hangs."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from rkops.report.order import InOrder


@given(st.permutations(list("abcdef")))
def test_order_holds_whoever_is_first(arrival: list[str]) -> None:
    shown: list[str] = []
    order = InOrder(list("abcdef"), shown.append, patience_seconds=60)
    for name in arrival:
        order.add(name, name)
    order.close()
    assert shown == list("abcdef")


def test_nobody_waits_for_a_board_that_hangs() -> None:
    shown: list[str] = []
    seen = threading.Event()

    def show(name: str) -> None:
        shown.append(name)
        if name == "c":
            seen.set()

    order = InOrder(["hangs", "b", "c"], show, patience_seconds=0.02)
    order.add("c", "c")
    order.add("b", "b")
    assert seen.wait(5)
    assert shown == ["b", "c"]
    order.add("hangs", "hangs")
    order.close()
    assert shown == ["b", "c", "hangs"]


def test_what_is_left_is_shown_at_the_end() -> None:
    shown: list[str] = []
    order = InOrder(["a", "b"], shown.append, patience_seconds=60)
    order.add("b", "b")
    assert shown == []
    order.close()
    assert shown == ["b"]
