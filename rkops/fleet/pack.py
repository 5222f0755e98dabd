"""The agent as one file: a zipapp made from `rkops/agent/`, named for its content."""

import hashlib
import os
import tempfile
import zipfile
from functools import cache
from io import BytesIO
from pathlib import Path

_AGENT = Path(__file__).resolve().parent.parent / "agent"
_START = "boot.py"
"""Becomes `__main__.py` of the archive."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


@cache
def _members() -> tuple[tuple[str, bytes], ...]:
    """Return (name in the archive, bytes), sorted: the agent keeps its dotted name inside."""
    members = [("rkops/__init__.py", b"")]
    for path in sorted(_AGENT.glob("*.py")):
        name = "__main__.py" if path.name == _START else f"rkops/agent/{path.name}"
        members.append((name, path.read_bytes()))
    return tuple(members)


@cache
def agent_id() -> str:
    """Return 16 hex digits that name this agent's sources.

    Taken from the sources, not from the archive: another zlib packs the same agent otherwise.
    """
    digest = hashlib.sha256()
    for name, data in _members():
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()[:16]


@cache
def agent_bytes() -> bytes:
    """Return the packed agent; the same sources give the same bytes."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in _members():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def cache_dir() -> Path:
    """Return the directory of this machine where packed files are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "rkops"


@cache
def stored(name: str, data: bytes) -> Path:
    """Return a file of this machine that holds `data`, for a push.

    Kept in the cache directory; where that cannot be written, in a private temporary one.
    """
    for directory in (cache_dir, lambda: Path(tempfile.mkdtemp(prefix="rkops-"))):
        try:
            path = directory() / name
            if not path.is_file() or path.read_bytes() != data:
                _write(path, data)
        except OSError:
            continue
        return path
    raise OSError(f"no directory of this machine takes {name}")


def _write(path: Path, data: bytes) -> None:
    """Write the file whole or not at all: several rkops may do it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def agent_name() -> str:
    """Return the file name of the agent on a board."""
    return f"agent-{agent_id()}.pyz"


def agent_file() -> Path:
    """Return a file of this machine that holds the packed agent."""
    return stored(agent_name(), agent_bytes())
