"""Wire boards that answer a probe with facts built by hand."""

import socket
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from rkops.facts.board import BoardFacts
from rkops.lab.wire.boards import WireBoard, WireLab
from rkops.lab.wire.replay import ReplayEndpoint


def reply(facts: BoardFacts) -> bytes:
    """Return the bytes of a probe's reply."""
    payload = msgspec.json.encode(facts)
    crc = zlib.crc32(payload)
    return (
        b"@rkops-id %s\n" % facts.identity.key.encode()
        + b"@rkops result j %d %08x %s\n" % (len(payload), crc, payload)
        + b"@rkops end j 1 %08x 1\n" % zlib.crc32(b"1")
    )


@contextmanager
def wire_boards(boards: Mapping[str, BoardFacts | bytes]) -> Iterator[WireLab]:
    """Start a board for each name; bytes are said as they are."""
    answers = {n: f if isinstance(f, bytes) else reply(f) for n, f in boards.items()}
    with WireLab([WireBoard(n, ReplayEndpoint({"": a})) for n, a in answers.items()]) as lab:
        yield lab


def write_inventory(
    path: Path, lab: WireLab, *, more: Mapping[str, str] | None = None, **values: str
) -> Path:
    """Write an inventory of the lab's boards; `values` hold for every board."""
    lines = ["defaults:", *(f"  {key}: {value}" for key, value in values.items())]
    lines += ["boards:"]
    for name, address in lab.adb.items():
        extra = (more or {}).get(name, "")
        lines.append(f"  {name}: {{adb: '{address.serial}'{extra}}}")
    path.write_text("\n".join(lines) + "\n")
    return path


def closed_port() -> int:
    """Return a port on which nothing listens."""
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
