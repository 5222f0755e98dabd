"""Reads .rknn files. They come from anywhere: no byte of them is trusted.

Layout, found in files of RKNN-Toolkit2 1.5.2 to 2.5.0: `RKNN`, at 8 the format version (6), at
16 the length N of the graph, at 64 the graph (a FlatBuffer named RKNN, weights included), at
64+N the length of a JSON text, then that text. Only the two ends are read, so that a file of
gigabytes costs its hash and nothing else (docs/adr/0061-own-model-reader.md).
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from rkops.core.errors import ModelFileError
from rkops.model.blob import Blob, Table, has_table
from rkops.model.info import ModelInfo, TensorInfo
from rkops.model.kinds import LOOK_BYTES, what_else

_MAGIC = b"RKNN"
_HEADER = 64
_HEADER_V1 = 24
_JSON_LIMIT = 64 << 20
# Slots of the root table (seen by converting the same network with one setting changed).
_COMPILER, _TARGET, _SOURCE, _CUSTOM, _INPUTS, _OUTPUTS = 18, 20, 22, 26, 28, 30
_COMPILER_TEXT = re.compile(r"(?P<toolkit>[^\s(]*)\s*\(compiler version: (?P<compiler>.*)\)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class _Dtype(msgspec.Struct):
    qnt_method: str = ""
    qnt_type: str = ""
    vx_type: str = ""


class _Tensor(msgspec.Struct):
    tensor_id: int
    size: list[int]
    url: str = ""
    dtype: _Dtype = msgspec.field(default_factory=_Dtype)


class _Edge(msgspec.Struct):
    left: str
    right_tensor_id: int


class _Description(msgspec.Struct):
    target_platform: list[str] | str | None = None
    version: str | None = None
    network_platform: str | None = None
    norm_tensor: list[_Tensor] = []
    graph: list[_Edge] = []


class _Native(msgspec.Struct):
    dtype: str = ""
    layout: str = ""


def read_model(path: Path) -> ModelInfo:
    """Read what a .rknn file is.

    Raises:
        ModelFileError: it is none, or is damaged; the message says which and what to do.
    """
    with _opened(path) as blob:
        head = blob.read(0, min(LOOK_BYTES, blob.size_bytes), "the header")
        if not head.startswith(_MAGIC):
            name, advice = what_else(head)
            raise ModelFileError(f"{blob.name}: is {name}", hint=advice)
        version = blob.number(8, "Q", "the header")
        size = blob.number(16, "Q", "the header")
        start = _HEADER if version & 0xFF > 1 else _HEADER_V1
        graph = blob.part(start, size, "the graph")
        description = _description(blob, start + size)
        texts = _texts(graph)
        return _info(blob, version, description, texts)


@contextmanager
def _opened(path: Path) -> Iterator[Blob]:
    try:
        # Not blocking: opening a named pipe would wait for a writer that never comes.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise ModelFileError(f"{path}: {reason}", hint="check the path") from exc
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise ModelFileError(f"{path}: is {kind}", hint="name the .rknn file")
        yield Blob(file, str(path), 0, status.st_size)
    except OSError as exc:
        raise ModelFileError(f"{path}: cannot be read: {exc.strerror}", hint="try again") from exc
    finally:
        os.close(file)


def _description(blob: Blob, place: int) -> _Description:
    length = blob.number(place, "Q", "the length of the description")
    if length > _JSON_LIMIT:
        raise blob.damaged(f"a description of {length} bytes")
    text = blob.read(place + 8, length, f"the description of {length} bytes")
    try:
        return msgspec.json.decode(text, type=_Description)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise blob.damaged(f"its description does not read: {exc}") from exc


def _texts(graph: Blob) -> dict[int, str]:
    if not has_table(graph):
        return {}  # the RV1106 family has a graph of another kind; the description is the same
    table = Table(graph)
    slots = (_COMPILER, _TARGET, _SOURCE, _CUSTOM, _INPUTS, _OUTPUTS)
    return {slot: table.text(slot).decode("utf-8", "backslashreplace") for slot in slots}


def _info(blob: Blob, version: int, said: _Description, texts: dict[int, str]) -> ModelInfo:
    compiled = _COMPILER_TEXT.search(texts.get(_COMPILER, ""))
    toolkit = said.version or (compiled["toolkit"] if compiled else "")
    targets = _targets(said) or tuple(filter(None, [texts.get(_TARGET, "")]))
    if not targets or not toolkit:
        missing = "target platform" if not targets else "toolkit version"
        raise blob.damaged(f"its description names no {missing}")
    return ModelInfo(
        path=blob.name,
        size_bytes=blob.size_bytes,
        sha256=_sha256(blob),
        format_version=version,
        targets=tuple(_clean(target).lower() for target in targets),
        toolkit_version=_clean(toolkit),
        compiler_version=_clean(compiled["compiler"]) if compiled else "",
        source=_clean(said.network_platform or texts.get(_SOURCE, "")),
        inputs=_tensors(said, "input", _natives(texts.get(_INPUTS, ""))),
        outputs=_tensors(said, "output", _natives(texts.get(_OUTPUTS, ""))),
        custom_string=_clean(texts.get(_CUSTOM, "")),
    )


def _targets(said: _Description) -> tuple[str, ...]:
    named = said.target_platform or []
    return tuple(t for t in ([named] if isinstance(named, str) else named) if t)


def _natives(text: str) -> dict[str, _Native]:
    try:
        return msgspec.json.decode(text, type=dict[str, _Native])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}  # extra knowledge only: models of other toolkits may have none


def _tensors(said: _Description, side: str, natives: dict[str, _Native]) -> tuple[TensorInfo, ...]:
    known = {tensor.tensor_id: tensor for tensor in said.norm_tensor}
    ids = [edge.right_tensor_id for edge in said.graph if edge.left == side]
    found = [known[number] for number in ids if number in known]
    return tuple(_tensor(tensor, natives.get(tensor.url, _Native())) for tensor in found)


def _tensor(tensor: _Tensor, native: _Native) -> TensorInfo:
    return TensorInfo(
        name=_clean(tensor.url),
        shape=tuple(tensor.size),
        dtype=_clean(native.dtype or tensor.dtype.vx_type),
        layout=_clean(native.layout),
        quantisation=_clean(tensor.dtype.qnt_method),
    )


def _sha256(blob: Blob) -> str:
    with os.fdopen(os.dup(blob.file), "rb") as stream:
        stream.seek(0)
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _clean(text: str) -> str:
    """Make text from a file safe to print: no terminal sequences, no reversed reading order."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
