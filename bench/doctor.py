"""(a) `rkops doctor --all` over 200 instant boards, whole process, against two peers.

Peer 1: a loop of `adb -s X shell FACT`, ten facts a board. Peer 2: adbutils, one call per fact, in
a pool of 32. Then the same doctor with dead boards among the live ones.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import measure
from wire_fleet import SINGLE_FACTS, address_of, identity_of

HERE = Path(__file__).parent
ADB_LOOP = """
import subprocess, sys
for serial in sys.argv[1].split(","):
    for fact in {facts!r}:
        subprocess.run(["adb", "-s", serial, "shell", fact], stdout=subprocess.DEVNULL, check=False)
"""
ADBUTILS_POOL = """
import sys
from concurrent.futures import ThreadPoolExecutor
import adbutils
client = adbutils.AdbClient()
calls = [(serial, fact) for serial in sys.argv[1].split(",") for fact in {facts!r}]
with ThreadPoolExecutor(32) as pool:
    list(pool.map(lambda call: client.device(call[0]).shell(call[1]), calls))
"""


def record(place: Path) -> Path:
    """Probe one healthy board of the lab and keep its facts."""
    env = {**os.environ, "RKOPS_LAB": str(place / "lab")}
    up = [measure.RKOPS, "lab", "up", "1", "--profile", "healthy"]
    inventory = subprocess.run(up, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
    try:
        os.environ["RKOPS_INVENTORY"] = inventory.strip()
        return _probe(place)
    finally:
        subprocess.run([measure.RKOPS, "lab", "down"], env=env, check=True)


def _probe(place: Path) -> Path:
    from rkops.core.deadline import Deadline
    from rkops.fleet.inventory import load_inventory
    from rkops.fleet.session import AgentSession
    from rkops.transport.open import open_transport

    board = next(iter(load_inventory().boards.values()))
    assert board.adb is not None
    deadline = Deadline.after(30)
    transport = open_transport(board.adb, board=board.name, deadline=deadline)
    session = AgentSession(transport, board=board.name, expected_identity=None)
    request = {"model_dir": board.model_dir, "user": board.user}
    facts = place / "facts.json"
    facts.write_bytes(session.call("probe", request, deadline=deadline))
    transport.close()
    return facts


@contextmanager
def fleet(facts: Path, boards: int, port: int, thinking: tuple[float, float]) -> Iterator[None]:
    """Run the wire boards in a process of their own."""
    argv = [sys.executable, str(HERE / "wire_fleet.py"), str(facts)]
    argv += ["--boards", str(boards), "--port", str(port)]
    argv += ["--fact", str(thinking[0]), "--probe", str(thinking[1])]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    try:
        yield
    finally:
        process.communicate()


@contextmanager
def silent(port: int, numbers: range) -> Iterator[None]:
    """Hold addresses whose connections are never accepted: a backlog that is full."""
    import socket

    held = []
    for number in numbers:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address_of(number, port).host, port))
        listener.listen(0)
        held.append(listener)
        for _ in range(3):
            filler = socket.socket()
            filler.settimeout(0)
            filler.connect_ex((address_of(number, port).host, port))
            held.append(filler)
    try:
        yield
    finally:
        for sock in held:
            sock.close()


def write_inventory(path: Path, boards: int, port: int, dead: int = 0) -> None:
    """Write the inventory of the wire boards, the dead ones spread among them."""
    numbers = list(range(1, boards + 1))
    for n in range(dead):
        numbers.insert((n + 1) * boards // (dead + 1) + n, boards + 1 + n)
    lines = ["groups: {rack: {sdk: 2.3.2}}", "boards:"]
    for number in numbers:
        serial = address_of(number, port).serial
        identity = f"'{identity_of(number)}'"
        lines.append(f"  w{number}: {{adb: '{serial}', groups: [rack], identity: {identity}}}")
    path.write_text("\n".join(lines) + "\n")


def first_results(inventory: Path, expected: int) -> tuple[float, float]:
    """Seconds until the last live board's result, and until the end, as JSON lines come."""
    from rkops.fleet.inventory import load_inventory
    from rkops.services.gather import gather

    moments: list[float] = []
    lock = threading.Lock()
    started = time.perf_counter()

    def heard(result: object) -> None:
        if type(result).__name__ == "Answered":
            with lock:
                moments.append(time.perf_counter() - started)

    gather(
        list(load_inventory(inventory).boards.values()),
        timeout_seconds=10,
        jobs=64,
        on_result=heard,
    )
    assert len(moments) == expected
    return max(moments), time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--port", type=int, default=5556)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        facts = record(place)
        version = subprocess.run(["adb", "version"], stdout=subprocess.PIPE, text=True, check=True)
        print(measure.conditions(adb=version.stdout.split()[4]), flush=True)
        for number, thinking in enumerate(((0.005, 0.03), (0.0, 0.0))):
            options.port += number  # an adb server keeps what it knows of an address for a while
            with fleet(facts, options.boards, options.port, thinking):
                print(
                    f"\nA board takes {thinking[0]:g} s for a fact, {thinking[1]:g} s for a probe."
                )
                compare(place, options)
                if not number:
                    dead_boards(place, options)


def compare(place: Path, options: argparse.Namespace) -> None:
    """Print doctor against the two peers."""
    inventory = place / "boards.yaml"
    write_inventory(inventory, options.boards, options.port)
    numbers = range(1, options.boards + 1)
    serials = ",".join(address_of(n, options.port).serial for n in numbers)
    doctor = [measure.RKOPS, "doctor", "--all", "--inventory", str(inventory)]
    first = measure.run(doctor)
    assert first.code in (0, 1), first.output.decode()[-500:]
    loop, pool = (text.format(facts=list(SINGLE_FACTS)) for text in (ADB_LOOP, ADBUTILS_POOL))
    quick = measure.in_turn(
        {"rkops": doctor, "pool": [sys.executable, "-c", pool, serials]}, runs=options.runs
    )
    slow = measure.in_turn({"rkops": doctor, "loop": [sys.executable, "-c", loop, serials]}, runs=2)
    print(f"{options.boards} wire boards, connected; whole processes")
    print("| way | s, median (min to max) | rkops to it |\n|---|---|---|")
    mine = [run.seconds for run in quick["rkops"]]
    print(measure.row("rkops doctor --all", mine))
    for name, runs in (("adb shell loop", slow), ("adbutils, pool of 32", quick)):
        peer = [run.seconds for key, found in runs.items() if key != "rkops" for run in found]
        own = [run.seconds for run in runs["rkops"]]
        times = statistics.median(p / o for p, o in zip(peer, own, strict=True))
        print(measure.row(name, peer).rstrip("| ") + f" | {times:.1f} times less |")
    print(f"peak memory of rkops: {max(run.peak_mb for run in quick['rkops']):.0f} MB")


def dead_boards(place: Path, options: argparse.Namespace) -> None:
    """Print what dead boards cost."""
    print("| dead boards | s, all | s, last live result | rkops doctor, s |\n|---|---|---|---|")
    for dead in (0, 1, 20, 100):
        inventory = place / f"dead{dead}.yaml"
        write_inventory(inventory, options.boards, options.port, dead)
        beyond = range(options.boards + 1, options.boards + 1 + dead)
        with silent(options.port, beyond):
            last_live, all_done = first_results(inventory, options.boards)
            argv = [measure.RKOPS, "doctor", "--all", "--format", "json", "-i", str(inventory)]
            whole = measure.run(argv)
        lost = json.loads(whole.output)["lost"]
        assert len(lost) == dead, (len(lost), dead)
        print(f"| {dead} | {all_done:.2f} | {last_live:.2f} | {whole.seconds:.2f} |")


if __name__ == "__main__":
    main()
