"""Files over SSH: `cat` on the board, through the connection that is there already.

Faster than SFTP, whose requests and replies paramiko handles one by one in Python
(docs/adr/0020-ssh-files-through-cat.md).
"""

import os
import secrets
import shlex
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

from rkops.core.deadline import Deadline
from rkops.core.errors import TransferError, TransportError
from rkops.transport.base import ByteProgress, PushReport
from rkops.transport.local import opened
from rkops.transport.ssh.command import Command

_CHUNK = 1 << 18
_SIZE_MARK = b"@rkops-size "
_FIRST_LINES = 1 << 16  # what a talkative login shell may print before our mark
_LOCALE = "LC_ALL=C; export LC_ALL; "
_PUSH = _LOCALE + (
    'cat > "$1" && chmod "$2" "$1" && '
    's=$(stat -L -c %s -- "$1" 2>/dev/null || wc -c < "$1") && printf "@rkops-size %d\\n" "$s"'
)
_PULL = _LOCALE + (
    's=$(stat -L -c %s -- "$1" 2>/dev/null || wc -c < "$1") && [ ! -d "$1" ] && '
    'printf "@rkops-size %d\\n" "$s" && exec cat -- "$1"'
)
_UNSIZED = ("/proc/", "/sys/")


class Runner(Protocol):
    """What copying needs of the transport."""

    board: str

    def command(
        self, line: str, deadline: Deadline, *, doing: str
    ) -> AbstractContextManager[Command]:
        """Start a shell line."""
        ...


def push_file(  # noqa: PLR0913 - the transport's own push, and who runs it
    runner: Runner,
    source: Path,
    remote: str,
    *,
    mode: int,
    deadline: Deadline,
    progress: ByteProgress,
) -> PushReport:
    """Write a file of this machine to the board and compare the size."""
    begun = time.monotonic()
    line = shlex.join(["sh", "-c", _PUSH, "sh", _path(remote), f"{mode:o}"])
    with opened(source, runner.board) as file:
        size = os.fstat(file.fileno()).st_size
        with runner.command(line, deadline, doing=f"writing {remote}") as command:
            sent = _send(command, file, size, progress)
            out = command.talk(b"") if sent else b""
            code = command.code()
            err = command.said()
        if code:
            raise _failed(runner.board, f"{remote} could not be written", err)
        arrived = _size_in(out)
        if arrived != size:
            raise TransferError(
                f"{remote} has {arrived} bytes on the board, and {size} were sent",
                board=runner.board,
                hint="is the board's disk full? try again",
            )
    return PushReport(size, time.monotonic() - begun, 1)


def _send(command: Command, file: BinaryIO, size: int, progress: ByteProgress) -> bool:
    """Send the file; False when the board stopped listening before its end."""
    done = 0
    progress(done, size)
    while piece := file.read(_CHUNK):
        try:
            command.channel.sendall(piece)
        except OSError:
            return False
        done += len(piece)
        progress(done, size)
    return True


def pull_file(
    runner: Runner,
    remote: str,
    destination: Path,
    *,
    deadline: Deadline,
    progress: ByteProgress,
) -> int:
    """Read a file of the board into `destination`, which appears whole or not at all."""
    line = shlex.join(["sh", "-c", _PULL, "sh", _path(remote)])
    part = destination.with_name(f".{destination.name}.rkops-{secrets.token_hex(4)}")
    try:
        with (
            _created(part, runner.board) as file,
            runner.command(line, deadline, doing=f"reading {remote}") as command,
        ):
            command.channel.shutdown_write()
            size, done = _receive(command, file, progress)
            code = command.code()
            err = command.said()
        if code or (size != done and not remote.startswith(_UNSIZED)):
            short = f"{done} of {size} bytes came".encode() if not code else b""
            raise _failed(runner.board, f"{remote} could not be read", err or short)
        part.replace(destination)
    finally:
        part.unlink(missing_ok=True)
    return done


def _receive(command: Command, file: BinaryIO, progress: ByteProgress) -> tuple[int, int]:
    """Write what comes to the file; return the size that was announced and the bytes that came."""
    size, done = -1, 0
    for piece in _pieces(command):
        if size < 0:
            size = _size_in(piece)
            piece = piece.partition(_SIZE_MARK)[2].partition(b"\n")[2]  # noqa: PLW2901 - the rest of it
        file.write(piece)
        done += len(piece)
        progress(done, max(size, done))
    return size, done


def _pieces(command: Command) -> Iterator[bytes]:
    """What the board sends; the first piece holds the whole line with the size."""
    head = b""
    while piece := command.channel.recv(_CHUNK):
        head += piece
        if b"\n" in head.partition(_SIZE_MARK)[2] or len(head) > _FIRST_LINES:
            yield head
            break
    while piece := command.channel.recv(_CHUNK):
        yield piece


def _size_in(text: bytes) -> int:
    """Return the announced size; -1 when there is none."""
    digits = text.partition(_SIZE_MARK)[2].partition(b"\n")[0]
    return int(digits) if digits.isdigit() else -1


def _path(remote: str) -> str:
    # A name that starts with a dash would be an option to stat and chmod.
    return f"./{remote}" if remote.startswith("-") else remote


def _created(part: Path, board: str) -> BinaryIO:
    try:
        return part.open("xb")
    except OSError as exc:
        raise TransferError(
            f"{part.parent}: {exc.strerror}",
            board=board,
            hint="choose a directory that can be written",
        ) from exc


def _failed(board: str, what: str, err: bytes) -> TransportError:
    words = err.decode("utf-8", "backslashreplace").strip().splitlines()
    return TransferError(
        f"{what}: {words[-1] if words else 'the board gave no reason'}",
        board=board,
        hint="check the path, its permissions and the free space on the board",
    )
