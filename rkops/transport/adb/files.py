"""Small files that adb's transport itself puts on a board, and files it fetches from one."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from rkops.core.errors import TransferError
from rkops.transport.adb.push import OpenFiles
from rkops.transport.adb.sync import Files
from rkops.transport.adb.words import file_error
from rkops.transport.base import ByteProgress

_DIRECTORIES = ("/dev/shm", "/tmp", "/data/local/tmp", "/run")  # noqa: S108 - the board's
_BLOCK = 64 * 1024


def spill(open_files: OpenFiles, data: bytes, *, board: str) -> str:
    """Put `data` into a new file on the board that only adbd's user may read; return its path.

    Raises:
        TransferError: no directory for temporary files takes it.
    """
    error = file_error("no directory for temporary files", "/tmp", board=board)  # noqa: S108
    for directory in _DIRECTORIES:
        path = f"{directory}/.rkops-{secrets.token_hex(8)}"
        with closing(open_files()) as link:
            files = Files(link)
            if not files.stat(f"{directory}/.").is_dir:
                continue
            try:
                files.send(path, 0o600, _blocks(data), lambda _: None)
            except TransferError as exc:
                error = exc
                continue
            return path
    raise error


def fetch(open_files: OpenFiles, remote: str, destination: Path, progress: ByteProgress) -> int:
    """Read a file of the board into `destination`, whole or not at all; return its size."""
    with closing(open_files()) as link:
        link.doing = f"pulling {remote}"
        files = Files(link)
        found = files.stat(remote)
        # Real daemons do not follow links here; a directory behind one shows by its `.`.
        linked = stat.S_ISLNK(found.mode)
        if not found.mode or found.is_dir or (linked and files.stat(f"{remote}/.").is_dir):
            words = "is a directory" if found.mode else "no such file"
            raise file_error(words, remote, board=link.board)
        done = 0
        progress(0, found.size_bytes)
        with _appearing(destination, link.board) as file:
            for piece in files.receive(remote):
                os.write(file, piece)
                done += len(piece)
                progress(done, max(done, found.size_bytes))
    return done


@contextmanager
def _appearing(destination: Path, board: str) -> Iterator[int]:
    """A new file that takes its name when all went well, and is gone otherwise."""
    temporary = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}")
    try:
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            yield file
        finally:
            os.close(file)
        temporary.replace(destination)
    except OSError as exc:
        raise TransferError(
            f"{destination} cannot be written here: {exc.strerror}",
            board=board,
            hint="check the directory and the free space on this machine",
        ) from exc
    finally:
        with suppress(OSError):
            temporary.unlink()


def _blocks(data: bytes) -> Iterator[memoryview]:
    for start in range(0, len(data), _BLOCK):
        piece = data[start : start + _BLOCK]
        yield memoryview(b"DATA" + len(piece).to_bytes(4, "little") + piece)
