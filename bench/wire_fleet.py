"""A process of wire boards for the benches: replies of a real probe, no thinking time.

    python bench/wire_fleet.py --boards 200 --port 5555 [--fact 0.005 --probe 0.03] FACTS.json

FACTS.json is what one board's probe said; each board gets an identity of its own, every tenth an
old driver. `--fact` and `--probe` are the seconds a board takes for one fact and for a whole probe,
without using this machine's CPU; 0 is an instant board. Prints `ready` once all answer, and ends
with its stdin: nothing outlives a bench.
"""

import argparse
import asyncio
import base64
import json
import sys
import zlib
from pathlib import Path
from typing import Any

from rkops.lab.endpoint import CommandIO
from rkops.lab.wire.boards import WireBoard, WireLab
from rkops.lab.wire.replay import ReplayEndpoint
from rkops.transport.base import AdbAddress

SINGLE_FACTS = (
    "cat /sys/firmware/devicetree/base/compatible",
    "cat /sys/kernel/debug/rknpu/version",
    "cat /sys/kernel/debug/rknpu/load",
    "uname -r",
    "grep -a -o 'librknnrt version: [^)]*)' /usr/lib/librknnrt.so",
    "grep -a -o 'rknn_server version: [^)]*)' /usr/bin/rknn_server",
    "cat /sys/class/devfreq/fdab0000.npu/governor",
    "cat /sys/class/thermal/thermal_zone6/temp",
    "df -k /opt",
    "python3 --version",
)
"""Ten facts that a script asks for one by one."""
PROBE = "@rkops-id"
"""What every question of rkops to its agent holds."""


class TimedEndpoint(ReplayEndpoint):
    """A recorded board that takes its time: the longer one for a probe."""

    def __init__(self, reply: bytes, fact_seconds: float, probe_seconds: float) -> None:
        super().__init__({PROBE: reply, **dict.fromkeys(SINGLE_FACTS, b"recorded answer\n")})
        self._fact, self._probe = fact_seconds, probe_seconds

    async def run(self, command: str, io: CommandIO, *, pty: bool) -> int:
        """Think, then answer."""
        if seconds := self._probe if PROBE in command else self._fact:
            await asyncio.sleep(seconds)
        return await super().run(command, io, pty=pty)


def address_of(number: int, port: int) -> AdbAddress:
    """Return where the board of that number listens."""
    return AdbAddress(f"127.44.{number >> 8}.{number & 255}", port)


def identity_of(number: int) -> str:
    """Return the identity of the board of that number."""
    return f"dt:be{number:014x}"


def reply_of(number: int, facts: dict[str, Any]) -> bytes:
    """Return what the agent of that board says to a probe, in frames."""
    key = identity_of(number)
    facts["identity"] |= {"key": key, "serial": {"is": "present", "value": key[3:]}}
    driver = "0.8.2" if number % 10 == 0 else "0.9.8"
    facts["npu"]["driver"] = {"is": "present", "value": driver, "source": "recorded"}
    payload = base64.b64encode(zlib.compress(json.dumps(facts).encode()))
    return f"@rkops-id {key}\n".encode() + _frame(b"result z", payload) + _frame(b"end j", b"1")


def _frame(head: bytes, payload: bytes) -> bytes:
    return b"@rkops %b %d %08x %b\n" % (head, len(payload), zlib.crc32(payload), payload)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("facts", type=Path)
    parser.add_argument("--boards", type=int, default=200)
    parser.add_argument("--port", type=int, default=5555)
    parser.add_argument("--fact", type=float, default=0.0)
    parser.add_argument("--probe", type=float, default=0.0)
    options = parser.parse_args()
    facts = json.loads(options.facts.read_bytes())
    boards = [
        WireBoard(
            f"w{number}",
            TimedEndpoint(reply_of(number, facts), options.fact, options.probe),
            address=address_of(number, options.port),
        )
        for number in range(1, options.boards + 1)
    ]
    with WireLab(boards):
        print("ready", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
