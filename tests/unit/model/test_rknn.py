import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from rkops.core.errors import ModelFileError
from rkops.model.info import TensorInfo
from rkops.model.rknn import read_model

DATA = Path(__file__).parents[2] / "data"
TINY = DATA / "tiny-rk3588-2.3.2.rknn"
HEADER = 64


def parts(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack_from("<Q", data, 16)
    return data[HEADER : HEADER + length], data[HEADER + length + 8 :]


def built(graph: bytes, description: bytes, version: int = 6) -> bytes:
    head = b"RKNN\0\0\0\0" + struct.pack("<QQ", version, len(graph))
    return head.ljust(HEADER, b"\0") + graph + struct.pack("<Q", len(description)) + description


def refusal(tmp_path: Path, data: bytes) -> ModelFileError:
    file = tmp_path / "x.rknn"
    file.write_bytes(data)
    with pytest.raises(ModelFileError) as caught:
        read_model(file)
    assert caught.value.message.startswith(f"{file}: ")
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def test_a_model_of_the_toolkit_says_what_it_is():
    info = read_model(TINY)
    assert info.targets == ("rk3588",)
    assert info.toolkit_version == "2.3.2"
    assert info.compiler_version == "2.3.2 (e045de294f@2025-04-07T19:48:25)"
    assert (info.format_version, info.source, info.custom_string) == (6, "ONNX", "")
    assert info.inputs == (TensorInfo("image", (1, 3, 32, 32), "float16", "NHWC"),)
    assert info.outputs == (TensorInfo("scores", (1, 10), "float16", "NCHW"),)
    assert info.size_bytes == TINY.stat().st_size
    assert info.sha256 == "75ef70ed43c7e086ad0d11efc58dc1927ff8f7ae739cf583f8d11fead9cc9f9d"


@pytest.mark.parametrize(
    ("name", "target", "toolkit", "dtype"),
    [
        ("tiny-rk3588-2.3.2-int8", "rk3588", "2.3.2", "int8"),
        ("tiny-rk3566-2.3.2", "rk3566", "2.3.2", "float16"),
        ("tiny-rk3588-2.5.0", "rk3588", "2.5.0", "float16"),
    ],
)
def test_other_models_of_the_toolkit(name, target, toolkit, dtype):
    info = read_model(DATA / f"{name}.rknn")
    assert (info.targets, info.toolkit_version) == ((target,), toolkit)
    assert info.inputs[0].dtype == dtype
    assert info.inputs[0].quantisation == ("layer" if dtype == "int8" else "")


def test_the_demo_deploys_the_same_file_as_the_tests():
    packaged = Path(__file__).parents[3] / "rkops/lab/data/tiny.rknn"
    assert packaged.read_bytes() == TINY.read_bytes()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "Git LFS"),
        (b"\n<!DOCTYPE html>\n<html lang=en>", "web page"),
        (b"\xef\xbb\xbf<html>", "web page"),
        (b"\x08\x08\x12\x07pytorch\x1a\x05", "ONNX"),
        (b"\x1c\0\0\0TFL3\x14\0", "TensorFlow Lite"),
        (b"PK\x03\x04\0\0", "PyTorch"),
        (b"\x80\x02\x8a\x0a", "pickle"),
        (b"CYPTRKNN" + bytes(64), "encrypted"),
        (b"\x7fELF\x02\x01", "program or library"),
        (b"\x1f\x8b\x08", "gzip"),
        (bytes(5000), "zero bytes"),
        (b"RKNX" * 100, "begins with 52 4b 4e 58"),
        (b"RKNN", "truncated"),
    ],
)
def test_what_is_given_instead_is_named(tmp_path, data, words):
    error = refusal(tmp_path, data)
    assert words in error.message


@pytest.mark.parametrize(
    "size", [4, 12, 63, 64, 65, 20_000, 48_896, 48_903, 48_904, 49_000, 49_900]
)
def test_a_truncated_model_is_one_clear_error(tmp_path, size):
    assert "truncated" in refusal(tmp_path, TINY.read_bytes()[:size]).message


def test_sizes_in_the_file_are_not_trusted(tmp_path):
    data = TINY.read_bytes()
    for number in (2**32 - 1, 2**31, len(data)):
        refusal(tmp_path, data[:HEADER] + struct.pack("<I", number) + data[HEADER + 4 :])
    for place in (16, HEADER + len(parts(data)[0])):
        for number in (2**64 - 1, 2**63, 2**40, len(data), len(data) - HEADER):
            refusal(tmp_path, data[:place] + struct.pack("<Q", number) + data[place + 8 :])


@pytest.mark.parametrize(
    ("description", "word"),
    [
        (b"", "description"),
        (b"{", "description"),
        (b"[1]", "description"),
        (b"{}", "target"),
        (b'{"target_platform":["rk3588"]}', "version"),
        (b'{"target_platform":[3588],"version":"2.3.2"}', "description"),
        (b'{"target_platform":["rk3588"],"version":"2.3.2","norm_tensor":7}', "description"),
        (b"[" * 100_000, "description"),
        (b'{"a":' * 100_000, "description"),
        (b'{"version":"\xff"}', "description"),
    ],
)
def test_a_damaged_description_is_one_clear_error(tmp_path, description, word):
    assert word in refusal(tmp_path, built(b"", description)).message


def test_a_model_without_a_graph_of_our_kind_still_says_its_target(tmp_path):
    file = tmp_path / "rv1106.rknn"
    text = b'{"target_platform":"RV1106","version":"1.6.0","norm_tensor":[],"graph":[]}'
    file.write_bytes(built(b"VPMN" + bytes(100), text, version=0x103))
    info = read_model(file)
    assert (info.targets, info.toolkit_version, info.format_version) == (("rv1106",), "1.6.0", 259)


def test_text_of_the_file_cannot_drive_the_terminal(tmp_path):
    file = tmp_path / "x.rknn"
    text = b'{"target_platform":["rk3588\\u001b[2J"],"version":"2.3.2\\u202e"}'
    file.write_bytes(built(b"", text))
    info = read_model(file)
    assert info.targets == ("rk3588\\x1b[2j",)
    assert info.toolkit_version == "2.3.2\\x202e"


def test_a_place_that_is_no_file_is_said_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, word in [
        (tmp_path, "directory"),
        (tmp_path / "pipe", "regular"),
        (tmp_path / "gone", "No such file"),
        (tmp_path / "loop", "symbolic"),
        (Path("/dev/zero"), "regular"),
        (Path("a\0b"), "null"),
    ]:
        with pytest.raises(ModelFileError, match=word):
            read_model(path)


def big_model(path: Path, size_bytes: int) -> Path:
    """Write a real model with `size_bytes` of weights behind its graph."""
    graph, description = parts(TINY.read_bytes())
    with path.open("wb") as out:
        out.write(built(b"", b"")[:16] + struct.pack("<Q", len(graph) + size_bytes) + bytes(40))
        out.write(graph)
        out.seek(size_bytes, io.SEEK_CUR)
        out.write(struct.pack("<Q", len(description)) + description)
    return path


def test_a_hundred_megabytes_cost_their_hash_and_nothing_else(tmp_path):
    file = big_model(tmp_path / "big.rknn", 100 << 20)
    hashing = f"import hashlib; hashlib.file_digest(open({str(file)!r}, 'rb'), 'sha256')"
    reading = f"from pathlib import Path; read_model(Path({str(file)!r}))"
    code = (
        "import time, resource\n"
        "from rkops.model.rknn import read_model\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "def took(code):\n"
        "    start = time.process_time(); exec(code); return time.process_time() - start\n"
        f"hash = min(took({hashing!r}) for _ in range(3))\n"
        f"read = min(took({reading!r}) for _ in range(3))\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "print(hash, read, grown)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    hashed, read, grown_kib = map(float, said.stdout.split())
    assert read < max(0.2, 1.3 * hashed + 0.01)
    assert grown_kib < 4096
