"""Files of this machine on their way to a board."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from rkops.core.errors import TransferError


@contextlib.contextmanager
def opened(source: Path, board: str) -> Iterator[BinaryIO]:
    """Open a file for reading, and hold it to what it is until the block ends.

    Raises:
        TransferError: it cannot be read, or somebody changed it meanwhile: what the board has is
            then neither the old nor the new one, and no fault of the board.
    """
    try:
        file = source.open("rb")
    except OSError as exc:
        raise TransferError(
            f"{source} cannot be read: {exc.strerror}", board=board, hint="check the path"
        ) from exc
    with file:
        before = _mark(file)
        try:
            yield file
        except TransferError as exc:
            if _mark(file) != before:
                raise _changed(source, board) from exc
            raise
        if _mark(file) != before:
            raise _changed(source, board)


def _mark(file: BinaryIO) -> tuple[int, int, int]:
    now = os.fstat(file.fileno())
    return now.st_size, now.st_mtime_ns, now.st_ctime_ns


def _changed(source: Path, board: str) -> TransferError:
    return TransferError(
        f"{source} changed while it was pushed",
        board=board,
        hint="let whatever writes it finish, then try again",
    )
