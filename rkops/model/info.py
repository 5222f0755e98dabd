"""What there is to know about a model file."""

from msgspec import Struct


class TensorInfo(Struct, frozen=True):
    """One input or output. `shape` is the source model's, `layout` what the runtime takes."""

    name: str
    shape: tuple[int, ...]
    dtype: str = ""
    layout: str = ""
    quantisation: str = ""
    """How values were quantised (`layer`, `channel`), empty for floating point."""


class ModelInfo(Struct, frozen=True, kw_only=True):
    """A .rknn file, read without any toolkit."""

    path: str
    size_bytes: int
    sha256: str
    format_version: int
    targets: tuple[str, ...]
    """The platforms it was compiled for, as `rk3588`; an RK3588S runs those of `rk3588`."""
    toolkit_version: str
    """The RKNN-Toolkit2 that made it: the number to compare with the runtime."""
    compiler_version: str = ""
    source: str = ""
    """The framework it was converted from: `ONNX`, `TENSORFLOW`, ..."""
    inputs: tuple[TensorInfo, ...] = ()
    outputs: tuple[TensorInfo, ...] = ()
    custom_string: str = ""
