"""Changes to inventory files: one writer at a time, whole or not at all."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rkops.core.deadline import Deadline
from rkops.core.errors import InventoryError
from rkops.fleet.document import Document
from rkops.fleet.lines import read_file

LOCK_SECONDS = 10.0


def edit_file(file: Path, change: Callable[[Document], bool]) -> None:
    """Change an inventory file, which is made when it is not there.

    `change` gets the document as it is now and returns whether to write it.

    Raises:
        InventoryError: the file cannot be read, changed or written; it is then as it was.
    """
    try:
        real = file.resolve()  # a link stays a link
        real.parent.mkdir(parents=True, exist_ok=True)
        with _locked(real.parent, file):
            data = read_file(real) if real.exists() else b""
            document = Document(str(file), data)
            if change(document):
                _replace(real, document.render())
    except OSError as exc:
        raise InventoryError(
            f"{file}: cannot be changed: {exc.strerror or exc}",
            hint="check its permissions, or name another with --inventory",
        ) from exc


@contextlib.contextmanager
def _locked(directory: Path, file: Path) -> Iterator[None]:
    """Hold the directory's lock: it leaves no lock file behind and dies with the process."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = Deadline.after(LOCK_SECONDS)
        while not _try_lock(handle):
            if deadline.expired:
                raise InventoryError(
                    f"{file}: another rkops has been changing it for {LOCK_SECONDS:.0f} s",
                    hint="wait for it, or end it",
                )
            deadline.pause(0.02)
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: the rename alone must do
    return True


def _replace(file: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            mode = file.stat().st_mode & 0o7777 if file.exists() else 0o644
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.replace(name, file)  # noqa: PTH105 - the temporary name is a string
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - as above
        raise
    directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
