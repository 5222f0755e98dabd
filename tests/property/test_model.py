"""Any bytes: the model reader returns a model or raises its own error, and nothing else."""

import json
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rkops.core.errors import ModelFileError
from rkops.model.rknn import read_model

REAL = (Path(__file__).parents[1] / "data" / "tiny-rk3566-2.3.2.rknn").read_bytes()
GRAPH = struct.unpack_from("<Q", REAL, 16)[0]
TEXT = REAL[64 + GRAPH + 8 :]
HEADS = (b"", b"RKNN", b"RKNN\0\0\0\0\x06", b"CYPTRKNN", b"PK\x03\x04", b"<html>", b"version ")
NUMBERS = st.sampled_from([0, 1, 2**31 - 1, 2**32 - 1, 2**63, 2**64 - 1]) | st.integers(0, 2**17)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=6,
)
KEYS = ("target_platform", "version", "network_platform", "norm_tensor", "graph", "x")
TENSORS = st.lists(
    st.fixed_dictionaries({"tensor_id": JSON, "size": JSON}, optional={"url": JSON, "dtype": JSON}),
    max_size=2,
)
# The head, the root table and its slots, and the lengths at the end are where reading is decided.
PLACES = st.one_of(
    st.integers(0, 200), st.integers(64, 1400), st.integers(64 + GRAPH - 8, len(REAL) - 1)
)


@pytest.fixture(scope="module")
def file() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as home:
        yield Path(home) / "x.rknn"


@st.composite
def overwritten(draw) -> bytes:
    data = bytearray(REAL)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(PLACES)
        new = draw(st.binary(min_size=1, max_size=8) | NUMBERS.map(lambda n: struct.pack("<Q", n)))
        data[place : place + len(new)] = new
    return bytes(data[: draw(st.sampled_from([len(data)] * 3) | st.integers(0, len(data)))])


@st.composite
def redescribed(draw) -> bytes:
    values = dict.fromkeys(KEYS, JSON) | {"norm_tensor": TENSORS | JSON}
    said = draw(st.fixed_dictionaries({}, optional=values) | JSON)
    text = json.dumps(said).encode()
    claimed = draw(st.just(len(text)) | NUMBERS)
    return REAL[: 64 + GRAPH] + struct.pack("<Q", claimed) + text


anything = st.builds(
    lambda head, rest: head + rest, st.sampled_from(HEADS), st.binary(max_size=300)
)


SETTINGS = settings(
    max_examples=3_400,  # three tests: 10,200 cases
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def read(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    error, info = None, None
    try:
        info = read_model(file)
    except ModelFileError as caught:
        error = caught
    if info is None:
        assert error
        assert error.hint
        assert str(error).startswith(f"{file}: ")
        assert "\n" not in str(error)
    else:
        assert info.targets
        assert info.toolkit_version
        shown = "".join([*info.targets, info.toolkit_version, info.custom_string])
        assert "\x1b" not in shown


@SETTINGS
@given(data=overwritten())
def test_a_damaged_model_is_a_model_or_a_model_file_error(file, data):
    read(file, data)


@SETTINGS
@given(data=redescribed())
def test_any_description_is_a_model_or_a_model_file_error(file, data):
    read(file, data)


@SETTINGS
@given(data=anything)
def test_any_bytes_are_a_model_or_a_model_file_error(file, data):
    read(file, data)
