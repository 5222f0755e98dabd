"""The arm64 root that simulated boards stand on: built once, unpacked once, then only read.

Kept under the user's cache: `rootfs/<key>-<suite>.tar.zst` and the directory of the same name,
where the key is the hash of the recipe. A change to the recipe is a new root beside the old one,
which a running lab may still stand on.
"""

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rkops.core.deadline import Deadline
from rkops.core.errors import LabError
from rkops.lab.arm64 import build

RECIPE = ("accounts", "build", "dpkg", "fixup", "python")
_BUILD_SECONDS = 600.0
_POLL_SECONDS = 0.2

Say = Callable[[str], None]


def quiet(message: str) -> None:
    """Say nothing."""
    del message


def cache_directory() -> Path:
    """Return where roots are kept. Only the user may enter: they hold arm64 setuid programs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "rkops" / "rootfs"


def recipe_key() -> str:
    """Return the hash of everything that decides what a root looks like."""
    digest = hashlib.sha256()
    for name in RECIPE:
        digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return digest.hexdigest()[:12]


def ensure_root(
    suite: str = "bookworm",
    *,
    cache: Path | None = None,
    say: Say = quiet,
    deadline: Deadline | None = None,
) -> Path:
    """Return the directory of the unpacked root of `suite`, building it when it is not there.

    Two that ask at once build once: the second waits for the first.
    """
    directory = cache or cache_directory()
    deadline = deadline or Deadline.after(_BUILD_SECONDS)
    name = f"{recipe_key()}-{suite}"
    tree, archive = directory / name, directory / f"{name}.tar.zst"
    if tree.is_dir():
        return tree
    _make_private(directory)
    with _locked(directory / f"{name}.lock", deadline):
        if not tree.is_dir():
            if not archive.is_file():
                _build(suite, archive, say, deadline)
            _unpack(archive, tree, deadline)
    return tree


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # without root, the namespace's root is the user and still may enter
        directory.chmod(0o700)
    except OSError as exc:
        raise LabError(
            f"cannot keep an arm64 root in {directory}: {exc.strerror}",
            hint="set XDG_CACHE_HOME to a directory that can be written",
        ) from exc


@contextmanager
def _locked(path: Path, deadline: Deadline) -> Iterator[None]:
    with path.open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if deadline.expired:
                    raise LabError(
                        f"another process is building the arm64 root for too long ({path})",
                        hint="wait for it, or end it, and try again",
                    ) from None
                deadline.pause(_POLL_SECONDS)
        yield  # closing the file lets go of the lock


def _build(suite: str, archive: Path, say: Say, deadline: Deadline) -> None:
    say(f"building the arm64 Debian {suite} root, once (about half a minute)")
    # the lock is held, so a temporary file of this name is what a killed build left
    unfinished = archive.with_name(f".{archive.name.removesuffix('.tar.zst')}.tmp.tar.zst")
    log = archive.with_name(f"{archive.name.removesuffix('.tar.zst')}.log")
    try:
        build.build_archive(suite, unfinished, log=log, deadline=deadline)
        unfinished.rename(archive)
    finally:
        unfinished.unlink(missing_ok=True)


def _unpack(archive: Path, tree: Path, deadline: Deadline) -> None:
    unfinished = tree.with_name(f".{tree.name}.tmp")
    _remove(unfinished, deadline)
    unfinished.mkdir(mode=0o755)
    unfinished.chmod(0o755)
    # device files cannot be made in a user namespace, and a board has a /dev of its own
    command = ["tar", "--zstd", "--numeric-owner", "--exclude=./dev/*"]
    command += ["-C", str(unfinished), "-xpf", str(archive)]
    try:
        _as_root(command, deadline)
        unfinished.rename(tree)
    except (subprocess.SubprocessError, OSError) as exc:
        archive.unlink(missing_ok=True)
        words = getattr(exc, "stderr", b"") or str(exc).encode()
        raise LabError(
            f"cannot unpack the arm64 root: {words.decode('utf-8', 'replace').strip()[-200:]}",
            hint="the archive was removed; run again to build a new one",
        ) from exc
    finally:
        _remove(unfinished, deadline)


def _remove(directory: Path, deadline: Deadline) -> None:
    if directory.exists():
        _as_root(["rm", "-rf", str(directory)], deadline)


def _as_root(command: list[str], deadline: Deadline) -> None:
    """Run as root, or as root of a user namespace that maps the user's subordinate ids."""
    entered = [] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--map-auto", "--"]
    subprocess.run(
        [*entered, *command], check=True, capture_output=True, timeout=max(deadline.remaining, 1.0)
    )
