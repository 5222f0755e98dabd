"""What a file is that is no RKNN model, told by its first bytes: the usual mix-ups by name."""

import re

LOOK_BYTES = 512
_CONVERT = "convert it with RKNN-Toolkit2 and deploy the .rknn file"
_UNPACK = "unpack it first"
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (rb"\Z", "an empty file", "download or convert the model again"),
    (
        rb"version https://git-lfs",
        "a Git LFS pointer, not the model itself",
        "run `git lfs pull` where it came from",
    ),
    (
        rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)?(?i:<(!doctype\s+html|html|head|body)[\s>])",
        "a web page, not a model",
        "the download gave a page: take the link to the raw file",
    ),
    (rb"CYPTRKNN", "an encrypted RKNN model, which cannot be read", "give the plain one"),
    (rb"PK\x03\x04", "a zip file (PyTorch and Keras save models so)", _CONVERT),
    (rb"\x80[\x02-\x05]", "a Python pickle (old PyTorch)", _CONVERT),
    (rb"\x89HDF\r\n", "an HDF5 file (Keras)", _CONVERT),
    (rb"....TFL3", "a TensorFlow Lite model", _CONVERT),
    (rb"\x1f\x8b", "a gzip file", _UNPACK),
    (rb"\xfd7zXZ\x00", "an xz file", _UNPACK),
    (rb"\x28\xb5\x2f\xfd", "a zstd file", _UNPACK),
    (rb"7z\xbc\xaf", "a 7-Zip file", _UNPACK),
    (rb"\x7fELF", "a Linux program or library", "name the .rknn file"),
    (rb"GGUF", "a GGUF language model", "that needs RKLLM, not RKNN"),
    # Field 1 (ir_version, a small number), then one of the other fields of onnx.ModelProto.
    (rb"\x08[\x01-\x14][\x12\x1a\x22\x28\x32\x3a\x42]", "an ONNX model", _CONVERT),
    (rb"\x00+\Z", "nothing but zero bytes", "the copy went wrong: copy or download it again"),
)


def what_else(head: bytes) -> tuple[str, str]:
    """Return what a file with these first bytes is, and what to do about it."""
    for pattern, name, advice in _KINDS:
        if re.match(pattern, head, re.DOTALL):
            return name, advice
    return f"no RKNN model (it begins with {head[:4].hex(' ')})", "name the .rknn file"
