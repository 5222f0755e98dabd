"""(b) Payload transfer: rkops's push against `adb push`, `sftp` and fabric's put.

Source and destination are on a memory file system. A push of rkops is timed in a process whose
imports are done, on an open transport; a peer is timed as a whole process (adb: 5 ms of it is
start; sftp: connection and key exchange are in it, and in rkops's figure too).
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import measure

from rkops.core.deadline import Deadline
from rkops.transport.base import AdbAddress, Address, SshAddress
from rkops.transport.open import open_transport

HERE = Path(__file__).parent
MIB = 1 << 20


@contextmanager
def boards(*argv: str) -> Iterator[Any]:
    """Run `file_boards.py`; yield what it says it serves."""
    command = [sys.executable, str(HERE / "file_boards.py"), *argv]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.communicate()


def timed(work: Callable[[], object]) -> float:
    """Return the seconds `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def whole(argv: Sequence[str]) -> Callable[[], None]:
    """Return a function that runs a command to a successful end."""

    def run() -> None:
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    return run


def push(address: Address, source: Path, remote: Path) -> Callable[[], None]:
    """Return a function that opens the board and pushes one file with rkops."""

    def run() -> None:
        deadline = Deadline.after(300)
        transport = open_transport(address, board="b", deadline=deadline)
        report = transport.push(source, str(remote), deadline=deadline)
        transport.close()
        assert report.size_bytes == source.stat().st_size == remote.stat().st_size

    return run


def all_at_once(works: Sequence[Callable[[], None]]) -> Callable[[], None]:
    """Return a function that runs all works in threads of their own."""

    def run() -> None:
        threads = [threading.Thread(target=work) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return run


def compare(
    title: str, mine: Callable[[], None], peer: Callable[[], None], *, runs: int, size: int
) -> None:
    """Print one row: both medians in turn, and the median of the ratios."""
    mine(), peer()
    pairs = [(timed(mine), timed(peer)) for _ in range(runs)]
    a, b = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(own / other for own, other in pairs)
    print(f"| {title} | {a:.3f} ({size / a / 1e6:.0f} MB/s) | {b:.3f} | {ratio:.2f} |", flush=True)


def over_adb(place: Path, sizes: dict[str, Path], runs: int) -> None:
    with boards("adb") as (serial,):
        for name, source in sizes.items():
            remote = place / "adb"
            adb = ["adb", "-s", serial, "push", str(source), str(place / "peer")]
            compare(
                f"{name}, adb, to `adb push`",
                push(_adb(serial), source, remote),
                whole(adb),
                runs=runs,
                size=source.stat().st_size,
            )


def over_slow_adb(place: Path, source: Path) -> None:
    legacy = ("--manner", "legacy", "--payload", "4096", "--delay", "0.0003")
    with boards("adb", *legacy) as (serial,):
        whole(["adb", "connect", serial])()
        adb = ["adb", "-s", serial, "push", str(source), str(place / "peer")]
        compare(
            "12 MB, legacy adbd, 4 KiB, 0.3 ms, to `adb push`",
            push(_adb(serial), source, place / "slow"),
            whole(adb),
            runs=3,
            size=source.stat().st_size,
        )


def over_ssh(place: Path, sizes: dict[str, Path], runs: int) -> None:
    with ssh_board(place) as (address, options):
        for name, source in sizes.items():
            batch = place / "batch"
            batch.write_text(f"put {source} {place}/peer\n")
            where = f"{address.user}@{address.host}"
            sftp = ["sftp", *options, "-P", str(address.port), "-b", str(batch), where]
            compare(
                f"{name}, ssh, to `sftp`",
                push(address, source, place / "ssh"),
                whole(sftp),
                runs=runs,
                size=source.stat().st_size,
            )


def to_twenty(place: Path, source: Path) -> None:
    ten = ("adb", "--boards", "10")  # two processes, or one interpreter is what is measured
    with boards(*ten) as first, boards(*ten) as second, ssh_board(place) as (address, _):
        mine = [push(_adb(s), source, place / f"m{n}") for n, s in enumerate([*first, *second])]
        peers = [_fabric_put(address, source, place / f"p{n}") for n in range(20)]
        compare(
            "20 x 12 MB at once, adb, to fabric's put over ssh",
            all_at_once(mine),
            all_at_once(peers),
            runs=3,
            size=20 * source.stat().st_size,
        )
        for n in range(20):
            (place / f"p{n}").unlink()
        ssh = [push(address, source, place / f"m{n}") for n in range(20)]
        compare(
            "20 x 12 MB at once, ssh, to fabric's put over ssh",
            all_at_once(ssh),
            all_at_once(peers),
            runs=3,
            size=20 * source.stat().st_size,
        )


@contextmanager
def ssh_board(place: Path) -> Iterator[tuple[SshAddress, list[str]]]:
    """Serve an sshd that this process's home knows; yield its address and ssh's options."""
    keys = place / "keys"
    shutil.rmtree(keys, ignore_errors=True)
    home = keys / "home" / ".ssh"
    home.mkdir(parents=True)
    with boards("sshd", "--place", str(keys)) as served:
        shutil.copy(keys / "known_hosts", home / "known_hosts")
        os.environ["HOME"] = str(home.parent)
        address = SshAddress("127.0.0.1", served["port"], served["user"], str(keys / "client"))
        options = ["-i", str(keys / "client"), "-o", f"UserKnownHostsFile={home}/known_hosts"]
        yield address, options


def _fabric_put(address: SshAddress, source: Path, remote: Path) -> Callable[[], None]:
    import fabric

    def run() -> None:
        keys = {"key_filename": address.key}
        with fabric.Connection(
            address.host, user=address.user, port=address.port, connect_kwargs=keys
        ) as connection:
            connection.put(str(source), str(remote))

    return run


def _adb(serial: str) -> AdbAddress:
    host, _, port = serial.partition(":")
    return AdbAddress(host, int(port))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--only", choices=["adb", "slow", "ssh", "twenty"])
    options = parser.parse_args()
    print(measure.conditions())
    print("| what | rkops, s | peer, s | rkops to peer |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        place = Path(name)
        sizes = {"12 MB": place / "12", "200 MB": place / "200"}
        for label, path in sizes.items():
            path.write_bytes(os.urandom(int(label.split()[0]) * 1_000_000))
        parts = {
            "adb": lambda: over_adb(place, sizes, options.runs),
            "slow": lambda: over_slow_adb(place, sizes["12 MB"]),
            "ssh": lambda: over_ssh(place, sizes, options.runs),
            "twenty": lambda: to_twenty(place, sizes["12 MB"]),
        }
        for key, part in parts.items():
            if options.only in (None, key):
                part()


if __name__ == "__main__":
    main()
