"""adb, legacy and modern: a board of the lab in a thread here, through the real adb server."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rkops.lab.adb.daemon import Manner
from rkops.lab.faults import Faults
from rkops.lab.here.endpoint import HereEndpoint
from rkops.lab.wire.boards import WireBoard, WireLab
from rkops.transport.open import open_transport
from tests.contract.links import Link, MakeLink


@contextmanager
def adb_link(manner: Manner, scratch: Path) -> Iterator[Link]:
    """One wire board that runs commands and keeps files on this machine."""
    board = WireBoard("wire", HereEndpoint(), manner=manner, faults=Faults())
    with WireLab([board]) as lab:
        address = lab.adb["wire"]
        yield Link(
            open=lambda deadline: open_transport(address, board="wire", deadline=deadline),
            scratch=scratch,
            faults=board.faults,
            legacy=manner is Manner.LEGACY,
        )


LINKS: dict[str, MakeLink] = {
    "adb-legacy": partial(adb_link, Manner.LEGACY),
    "adb-modern": partial(adb_link, Manner.MODERN),
}
