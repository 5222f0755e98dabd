"""Wire boards whose files are directories of the test, behind a real adb server of its own."""

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from rkops.agent.frames import frame
from rkops.facts.board import BoardFacts
from rkops.lab.adb.daemon import Manner
from rkops.lab.endpoint import CommandIO
from rkops.lab.faults import Faults
from rkops.lab.here.endpoint import HereEndpoint
from rkops.lab.wire.boards import WireBoard, WireLab

TINY = Path(__file__).parents[1] / "data" / "tiny-rk3588-2.3.2.rknn"
_CLI = "from rkops.cli.app import main; main()"


class CountingEndpoint(HereEndpoint):
    """This machine as a board; remembers which files were pushed.

    With `facts` a probe is answered by those; everything else is the real agent's. Without
    `python` it answers as a board that has none (the bootstrap's own words).
    """

    def __init__(self, home: Path) -> None:
        super().__init__(env={"HOME": str(home)})
        self.pushed: list[str] = []
        self.facts: BoardFacts | None = None
        self.python = True

    async def run(self, command: str, io: CommandIO, *, pty: bool) -> int:
        if not self.python:
            await io.out(b"@rkops-id \n@rkops-nopython\n")
            return 0
        if self.facts is None or " probe " not in command:
            return await super().run(command, io, pty=pty)
        result = frame("result", msgspec.to_builtins(self.facts))
        await io.out(b"@rkops-id \n" + result + frame("end", 1))
        return 0

    def open_write(self, path: str, mode: int) -> BinaryIO:
        self.pushed.append(path)
        return super().open_write(path, mode)


@dataclass
class Site:
    """Boards, their inventory, and rkops with both in its environment."""

    inventory: Path
    port: int
    root: Path
    faults: dict[str, Faults] = field(default_factory=dict)
    endpoints: dict[str, CountingEndpoint] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        own = {"RKOPS_INVENTORY": str(self.inventory), "ANDROID_ADB_SERVER_PORT": str(self.port)}
        return {**os.environ, **own, "HOME": str(self.root), "PYTHONWARNINGS": "error"}

    def start(self, *argv: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", _CLI, *argv],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def rkops(self, *argv: str) -> "Ran":
        process = self.start(*argv)
        out, err = process.communicate(timeout=60)
        return Ran(process.returncode, out, err)

    def model_dir(self, board: str) -> Path:
        return self.root / board / "models"

    def current(self, board: str, name: str = "m") -> str:
        link = self.model_dir(board) / name / "current"
        return str(link.readlink()) if link.is_symlink() else ""

    def pushed_models(self, board: str) -> list[str]:
        return [path for path in self.endpoints[board].pushed if ".rknn" in path]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, object]]:
        rows = json.loads(self.out)["changes"]
        assert isinstance(rows, list)
        return rows


def model(path: Path, *, letter: str = "A", padding: int = 0) -> Path:
    """Write a real model that differs by `letter`, made larger by `padding` bytes of weights."""
    data = TINY.read_bytes()
    (length,) = struct.unpack_from("<Q", data, 16)
    graph = data[64 : 64 + length] + letter.encode() * max(16, padding)
    head = data[:16] + struct.pack("<Q", len(graph)) + data[24:64]
    path.write_bytes(head + graph + data[64 + length :])
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def wire_boards(
    root: Path, *names: str, manner: Manner = Manner.MODERN, identity: str = ""
) -> Iterator[Site]:
    """Start boards of these names and write their inventory."""
    site = Site(root / "boards.yaml", _free_port(), root)
    boards = [_board(site, name, manner) for name in names]
    with WireLab(boards) as lab:
        lines = ["boards:"]
        for name in names:
            lines += [f"  {name}:", f"    adb: {lab.adb[name].serial}"]
            lines += [f"    model-dir: {site.model_dir(name)}"]
            lines += [f"    identity: {identity}"] if identity else []
        site.inventory.write_text("\n".join(lines) + "\n")
        try:
            yield site
        finally:
            _end_server(site)


def _end_server(site: Site) -> None:
    """Ask the test's own adb server to end, in its own words (adb: host:kill)."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", site.port), 5) as server:
        server.sendall(b"0009host:kill")
        server.recv(4)


def _board(site: Site, name: str, manner: Manner) -> WireBoard:
    home = site.root / name / "home"
    home.mkdir(parents=True)
    endpoint = CountingEndpoint(home)
    faults = Faults()
    site.endpoints[name] = endpoint
    site.faults[name] = faults
    return WireBoard(name, endpoint, manner=manner, faults=faults)


def leftovers(site: Site, board: str) -> Sequence[str]:
    """Return what work in progress left in a board's model directories."""
    return sorted(
        str(path.relative_to(site.model_dir(board)))
        for path in site.model_dir(board).glob("*/.*")
        if path.name != ".history"
    )
