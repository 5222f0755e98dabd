"""What the agent says of a host board, against what the board's own programs do."""

import json
from pathlib import Path
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


def test_root_does_not_run_what_a_user_can_change(rkops: Run, tmp_path: Path) -> None:
    """By the inventory's `python:`, and by a `.pth` line that leads root's Python astray."""
    rkops("lab", "up", "1")
    home = inside(rkops, "healthy", "sh", "-c", "ls -d /home/firefly 2>/dev/null || echo none")
    if home.strip() == "none":
        pytest.skip("this machine's boards have one account only")
    hook = "import os; os.path.isdir('/marks') and open('/marks/%d' % os.geteuid(), 'w').close()"
    site = "$(python3 -c 'import site; print(site.getsitepackages()[0])')"
    script = f"""
        mkdir -m 777 /marks; lib=/home/firefly/lib; venv=/home/firefly/venv; mkdir $lib
        python3 -m venv --without-pip --system-site-packages $venv
        echo "{hook}" > $lib/mark.py; echo import mark > {site}/mark.pth
        echo $lib > {site}/a.pth; echo "{hook}" > $(echo $venv/lib/python*/site-packages)/m.pth
        chown -R firefly: /home/firefly; rm -f /marks/*
    """
    inside(rkops, "healthy", "sh", "-c", script)
    place = tmp_path / "lab" / "inventory.yaml"
    named = "    python: /home/firefly/venv/bin/python3\n    user: firefly\n"
    place.write_text(place.read_text().replace("    user: firefly\n", named, 1))
    assert said(rkops, "healthy", "RKP111")["status"] == "skip"
    assert inside(rkops, "healthy", "ls", "/marks").split() == ["1000"]
