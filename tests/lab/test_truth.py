"""What the agent says of a host board, against what the board's own programs do."""

import json
from typing import Any

import pytest

from tests.lab.conftest import Run, need_namespaces

pytestmark = pytest.mark.namespaces
_OPEN = """
import ctypes
ctypes.CDLL("librknnrt.so")
print(next(line.split()[-1] for line in open("/proc/self/maps") if "librknnrt" in line))
"""


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    need_namespaces()


def inside(rkops: Run, board: str, *argv: str) -> str:
    return rkops("lab", "exec", board, "--", *argv).stdout


def said(rkops: Run, board: str, code: str) -> dict[str, Any]:
    """The finding, pass or skip of one check."""
    argv = ("doctor", board, "--only", code, "--show", "all", "--format", "json")
    (one,) = json.loads(rkops(*argv, code=None).stdout)["findings"]
    return dict(one)


def test_without_a_cache_the_fact_is_what_a_real_dlopen_takes(rkops: Run) -> None:
    rkops("lab", "up", "--profile", "two-runtimes")
    old, lib64 = "/usr/local/lib/librknnrt.so", "/usr/lib64/librknnrt.so"
    script = f"rm /etc/ld.so.cache; mkdir -p /usr/lib64; mv {old} {lib64}"
    inside(rkops, "two-runtimes", "sh", "-c", script)
    real = inside(rkops, "two-runtimes", "python3", "-c", _OPEN).strip()
    finding = said(rkops, "two-runtimes", "RKN105")
    assert finding["message"] == f"the loader gives {real}"
