"""for_each on real sockets: what answers, what refuses and what hangs is true; only the
transport behind an open port is a stand-in."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from rkops.core.deadline import Deadline
from rkops.core.errors import (
    BoardOfflineError,
    BoardRefusedError,
    BoardUnreachableError,
    DeadlineError,
    WrongBoardError,
)
from rkops.core.result import Answered, Lost
from rkops.fleet.board import Board
from rkops.fleet.contact import GRACE_SECONDS, for_each
from rkops.fleet.ways import open_first
from rkops.transport.base import AdbAddress, SshAddress


@dataclass
class Link:
    """A transport that only remembers whether it was closed."""

    board: str
    scheme: str = "adb"
    closed: bool = False

    def close(self) -> None:
        self.closed = True


class Site:
    """Opens links, and remembers them."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.tried: list[object] = []

    def open(self, board, ways, deadline):
        self.tried.append(list(ways))
        link = Link(board.name)
        self.links.append(link)
        return link


@pytest.fixture
def site():
    return Site()


@contextlib.contextmanager
def listening(backlog: int = 200) -> Iterator[int]:
    with socket.socket() as sock:
        sock.bind(("127.0.106.1", 0))
        sock.listen(backlog)
        yield sock.getsockname()[1]


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A port whose SYN nobody answers: the backlog is full."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.socket())
        sock.bind(("127.0.106.2", 0))
        sock.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
        time.sleep(0.05)
        yield sock.getsockname()[1]


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.106.3", 0))
        return int(sock.getsockname()[1])


def live(name: str, port: int) -> Board:
    return Board(name=name, adb=AdbAddress("127.0.106.1", port))


def test_results_come_in_inventory_order_whoever_answers_first(site):
    seen = []
    with listening() as port:
        boards = [live(f"b{i}", port) for i in range(20)]
        results = for_each(
            boards,
            lambda contact: contact.deadline.pause(0.1 if contact.board.name == "b0" else 0),
            timeout_seconds=5,
            on_result=lambda result: seen.append(result.board),
            opener=site.open,
        )
    assert [r.board for r in results] == [b.name for b in boards]
    assert sorted(seen) == sorted(b.name for b in boards)
    assert seen[-1] == "b0"
    assert all(link.closed for link in site.links)


def test_dead_boards_take_no_worker_and_the_live_ones_are_there_before(site):
    order = []
    with listening() as port, silent() as dead:
        boards = [Board(name=f"d{i}", adb=AdbAddress("127.0.106.2", dead)) for i in range(30)]
        boards += [live(f"b{i}", port) for i in range(5)]
        started = time.monotonic()
        results = for_each(
            boards,
            lambda contact: "ok",
            timeout_seconds=5,
            jobs=1,
            on_result=lambda r: order.append((r.board, time.monotonic() - started)),
            opener=site.open,
        )
        took = time.monotonic() - started
    assert {name for name, _ in order[:5]} == {f"b{i}" for i in range(5)}
    assert order[4][1] < 0.8
    assert took < 2
    assert len(site.links) == 5
    for result in results[:30]:
        assert isinstance(result, Lost)
        assert isinstance(result.error, BoardUnreachableError)
        assert (result.error.board, bool(result.error.hint)) == (result.board, True)


def test_a_refused_board_is_known_at_once(site):
    board = Board(name="off", adb=AdbAddress("127.0.106.3", closed_port()))
    [result] = for_each([board], lambda _: 1, timeout_seconds=5, opener=site.open)
    assert isinstance(result, Lost)
    assert isinstance(result.error, BoardRefusedError)
    assert result.seconds < 0.5


def test_a_worker_that_never_comes_back_holds_nobody_up(site):
    stop = threading.Event()

    def work(contact):
        if contact.board.name == "b1":
            stop.wait(30)
        return "ok"

    with listening() as port:
        boards = [live(f"b{i}", port) for i in range(4)]
        started = time.monotonic()
        results = for_each(boards, work, timeout_seconds=0.3, jobs=1, opener=site.open)
        took = time.monotonic() - started
    stop.set()
    assert took < 0.3 + GRACE_SECONDS + 1
    assert [isinstance(r, Answered) for r in results] == [True, False, True, True]
    assert isinstance(results[1], Lost)
    assert isinstance(results[1].error, DeadlineError)


def test_a_board_that_renews_its_time_is_not_given_up(site):
    def work(contact):
        for _ in range(4):
            contact.renew(0.5)
            time.sleep(0.4)
        return "ok"

    with listening() as port:
        [result] = for_each([live("b", port)], work, timeout_seconds=0.1, opener=site.open)
    assert isinstance(result, Answered)
    assert result.seconds > 1.5


def test_each_board_has_its_own_time_from_its_own_start(site):
    def work(contact):
        contact.deadline.pause(0.25)
        return contact.deadline.remaining

    with listening() as port:
        boards = [live(f"b{i}", port) for i in range(4)]
        results = for_each(boards, work, timeout_seconds=0.5, jobs=1, opener=site.open)
    assert all(isinstance(r, Answered) and r.value > 0.1 for r in results)


def test_an_error_of_rkops_loses_the_board_and_a_bug_ends_everything(site):
    def refuse(contact):
        raise WrongBoardError("another board", hint="rkops board adopt")

    def bug(contact):
        if contact.board.name == "b3":
            raise KeyError("bug")
        contact.deadline.pause(0.1)

    with listening() as port:
        boards = [live(f"b{i}", port) for i in range(30)]
        [result] = for_each(boards[:1], refuse, timeout_seconds=1, opener=site.open)
        assert isinstance(result, Lost)
        assert isinstance(result.error, WrongBoardError)
        assert result.error.board == "b0"
        with pytest.raises(KeyError, match="bug"):
            for_each(boards, bug, timeout_seconds=1, jobs=2, opener=site.open)
        begun = len(site.links)
        time.sleep(0.3)
    assert begun < 20
    assert len(site.links) <= begun + 2  # at most those that were about to begin
    assert all(link.closed for link in site.links)


def test_ctrl_c_ends_at_once_and_hangs_up(site):
    begun = threading.Event()

    def work(contact):
        begun.set()
        threading.Event().wait(20)

    def interrupt():
        begun.wait(5)
        os.kill(os.getpid(), signal.SIGINT)

    with listening() as port:
        threading.Thread(target=interrupt, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            for_each([live("b", port)], work, timeout_seconds=20, opener=site.open)
        assert time.monotonic() - started < 2
    end = Deadline.after(2)
    while not all(link.closed for link in site.links) and not end.expired:
        end.pause(0.01)
    assert [link.closed for link in site.links] == [True]


def test_the_other_way_is_taken_when_the_preferred_one_is_dead(site):
    with listening() as port:
        ssh = SshAddress("127.0.106.1", port)
        board = Board(name="b", adb=AdbAddress("127.0.106.3", closed_port()), ssh=ssh)
        [result] = for_each([board], lambda _: 1, timeout_seconds=2, opener=site.open)
    assert isinstance(result, Answered)
    assert site.tried == [[ssh]]


def test_two_hundred_instant_boards_cost_little(site):
    with listening(backlog=512) as port:
        boards = [live(f"b{i}", port) for i in range(200)]
        times = []
        for _ in range(3):
            started = time.process_time()
            results = for_each(boards, lambda _: 1, timeout_seconds=5, opener=site.open)
            times.append(time.process_time() - started)
    assert len(results) == 200
    assert min(times) < 0.15


def test_no_boards_is_no_work():
    assert for_each([], lambda _: 1, timeout_seconds=1) == []


def test_when_every_way_fails_the_first_says_why_and_the_others_are_named():
    ways = (AdbAddress("127.0.106.3", closed_port()), SshAddress("127.0.106.3", closed_port()))
    board = Board(name="b", adb=ways[0], ssh=ways[1])

    def refuse(address, *, board, deadline):
        raise BoardOfflineError(f"{type(address).__name__} is dead", hint="look", board=board)

    with pytest.raises(BoardOfflineError) as caught:
        open_first(board, ways, Deadline.after(3), opener=refuse)
    assert caught.value.message == "AdbAddress is dead"
    assert caught.value.hint == "look; the other way: SshAddress is dead"


def test_a_dead_adb_link_leaves_time_for_ssh():
    ways = (AdbAddress("127.0.106.1"), SshAddress("127.0.106.1"))
    board = Board(name="b", adb=ways[0], ssh=ways[1])
    opened = []

    class Dead(Link):
        def run(self, argv, *, deadline):
            deadline.pause(9)
            raise DeadlineError("says nothing", board=self.board)

    def opener(address, *, board, deadline):
        opened.append(Dead(board) if isinstance(address, AdbAddress) else Link(board, "ssh"))
        return opened[-1]

    deadline = Deadline.after(1)
    link: object = open_first(board, ways, deadline, opener=opener)
    assert link is opened[1]
    assert opened[0].closed
    assert deadline.remaining > 0.3
