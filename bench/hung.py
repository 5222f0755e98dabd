"""What a board that accepts and never answers costs the other twenty.

The moment each good board's result is there, counted from the start, with and without the hung
board in the inventory, the runs in turn. The hung one: adb that comes up and answers no command
(mute), adb and ssh ports that accept and say nothing (silent).
"""

import argparse
import logging
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import doctor
import measure
from wire_fleet import address_of

from rkops.fleet.inventory import load_inventory
from rkops.lab.faults import Faults
from rkops.lab.wire.boards import WireBoard, WireLab
from rkops.lab.wire.replay import ReplayEndpoint
from rkops.services.gather import gather
from rkops.transport.adb.private import private_server

TIMEOUT = 2.0


@contextmanager
def hung_boards(number: int, port: int) -> Iterator[dict[str, str]]:
    """Boards that hang, each its own way; yields their addresses as an inventory has them."""
    mute = WireBoard(
        "mute", ReplayEndpoint({}), faults=Faults(mute=True), address=address_of(number, port)
    )
    with WireLab([mute]) as lab, _silent() as adb, _silent() as ssh:
        yield {
            "mute adb": f"adb: '{lab.adb['mute'].serial}'",
            "silent adb": f"adb: '{adb}'",
            "silent ssh": f"ssh: 'root@{ssh}'",
        }


@contextmanager
def _silent() -> Iterator[str]:
    """An address where the kernel takes connections and nobody ever reads them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def moments(inventory: Path, expected: int) -> tuple[list[float], float]:
    """Return when each good board's result was there, and when all was over."""
    found: list[float] = []
    started = time.perf_counter()

    def heard(result: object) -> None:
        if type(result).__name__ == "Answered":
            found.append(time.perf_counter() - started)

    boards = list(load_inventory(inventory).boards.values())
    gather(boards, timeout_seconds=TIMEOUT, jobs=64, on_result=heard)
    ended = time.perf_counter() - started
    assert len(found) == expected, f"{len(found)} of {expected} answered"
    return found, ended


def compare(place: Path, hung: dict[str, str], options: argparse.Namespace) -> None:
    """Print one row for each kind of hung board."""
    plain = place / "plain.yaml"
    doctor.write_inventory(plain, options.boards, options.port)
    print("| hung board | others' median, s (min to max) | to none hung | last, s | all, s |")
    print("|---|---|---|---|---|")
    for way, address in hung.items():
        spoilt = place / f"{way.replace(' ', '-')}.yaml"
        lines = plain.read_text().splitlines()
        lines.insert(2 + options.boards // 2, f"  hung: {{{address}, groups: [rack]}}")
        spoilt.write_text("\n".join(lines) + "\n")
        _compare(way, plain, spoilt, options)


def _compare(way: str, plain: Path, spoilt: Path, options: argparse.Namespace) -> None:
    without: list[float] = []
    beside: list[float] = []
    last, ends = 0.0, 0.0
    for turn in range(options.runs + 1):
        # Whoever goes first in a pair finds colder caches: they take turns.
        pair = {place: moments(place, options.boards) for place in _order(plain, spoilt, turn)}
        if turn:
            without.append(statistics.median(pair[plain][0]))
            beside.append(statistics.median(pair[spoilt][0]))
            last, ends = max(last, *pair[spoilt][0]), max(ends, pair[spoilt][1])
    print(measure.row("none", without).rstrip("| ") + " | | | |")
    print(measure.row(way, beside, without).rstrip("| ") + f" | {last:.3f} | {ends:.2f} |")


def _order(plain: Path, spoilt: Path, turn: int) -> tuple[Path, Path]:
    return (plain, spoilt) if turn % 2 else (spoilt, plain)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", type=int, default=20)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--port", type=int, default=5557)
    parser.add_argument("--probe", type=float, default=0.0, help="Seconds a board thinks.")
    options = parser.parse_args()
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # as the command line does
    with tempfile.TemporaryDirectory() as name, private_server():
        place = Path(name)
        facts = doctor.record(place)
        with (
            doctor.fleet(facts, options.boards, options.port, (0.0, options.probe)),
            hung_boards(options.boards + 1, options.port) as hung,
        ):
            print(measure.conditions())
            print(
                f"{options.boards} wire boards that think {options.probe:g} s; {TIMEOUT:g} s each"
            )
            compare(place, hung, options)


if __name__ == "__main__":
    main()
