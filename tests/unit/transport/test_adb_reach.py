"""All ports at once: live, refused, silent and nameless."""

import socket
import time
from collections.abc import Iterator

import pytest

from rkops.core.deadline import Deadline
from rkops.core.errors import BoardRefusedError, BoardUnreachableError
from rkops.lab.wire.boards import WireBoard, WireLab
from rkops.lab.wire.replay import ReplayEndpoint
from rkops.transport.reach import reach
from rkops.transport.ssh.tcp import connect_tcp


@pytest.fixture(scope="module")
def lab() -> Iterator[WireLab]:
    boards = [WireBoard(name, ReplayEndpoint({})) for name in ("live", "off", "refuse")]
    with WireLab(boards) as lab:
        lab.boards["off"].faults.change(off=True)
        lab.boards["refuse"].faults.change(refuse=True)
        time.sleep(0.1)
        yield lab


def where(lab: WireLab, name: str) -> tuple[str, int]:
    return lab.adb[name].host, lab.adb[name].port


def test_each_is_told_as_what_it_is(lab: WireLab) -> None:
    asked = {name: where(lab, name) for name in ("off", "refuse", "live")}
    asked["name"] = ("no-such-host.invalid", 22)
    asked["local"] = ("localhost", where(lab, "refuse")[1])
    told = dict(reach(asked, 0.5))
    assert set(told) == set(asked)
    assert told["live"] is None
    assert type(told["refuse"]) is BoardRefusedError
    assert type(told["off"]) is BoardUnreachableError
    assert type(told["name"]) is BoardUnreachableError
    assert type(told["local"]) is BoardRefusedError
    assert all(error.hint and error.board == key for key, error in told.items() if error)


def test_live_boards_do_not_wait_for_dead_ones(lab: WireLab) -> None:
    asked = {f"off{number}": where(lab, "off") for number in range(300)}
    asked["live"] = where(lab, "live")
    began = time.monotonic()
    answers = reach(asked, 0.6)
    assert next(answers) == ("live", None)
    assert time.monotonic() - began < 0.5
    rest = list(answers)
    assert len(rest) == 300
    assert 0.5 < time.monotonic() - began < 2.0


def test_a_slow_caller_loses_no_live_board(lab: WireLab) -> None:
    asked = {number: where(lab, "live") for number in range(5)}
    seen = []
    for key, error in reach(asked, 0.05):
        time.sleep(0.05)
        seen.append((key, error))
    assert sorted(seen) == [(number, None) for number in range(5)]


def test_nothing_stays_open_when_the_caller_stops(lab: WireLab) -> None:
    answers = reach({"live": where(lab, "live"), "off": where(lab, "off")}, 5)
    next(answers)
    answers.close()  # type: ignore[attr-defined]  # it is a generator


def test_six_is_an_address_too() -> None:
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
        sock.listen(1)
        assert list(reach({"six": ("::1", sock.getsockname()[1])})) == [("six", None)]


def several(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    """Give the name `board` several addresses, as a name with A and AAAA records has."""
    real = socket.getaddrinfo

    def found(host, port, **asked):
        names = hosts if host == "board" and not asked.get("flags") else (host,)
        return [one for name in names for one in real(name, port, **asked)]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def test_a_name_is_dead_only_when_all_its_addresses_are(
    lab: WireLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = where(lab, "live")
    off = where(lab, "off")[0]
    several(monkeypatch, off, "127.0.114.200", "::1", host)
    assert list(reach({"b": ("board", port)}, 1)) == [("b", None)]
    with connect_tcp(("board", port), board="b", deadline=Deadline.after(4)) as sock:
        assert sock.getpeername() == (host, port)
    several(monkeypatch, "127.0.114.201", "127.0.114.202")
    [(_, error)] = reach({"b": ("board", port)}, 1)
    assert type(error) is BoardRefusedError
