"""The real rknn-toolkit-lite2 and what it needs, as wheels for an arm64 board."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.arm64.needs import go_without

RELEASE = "2.3.2"
_SECONDS = 100


def lite_wheels(python: str) -> Path:
    """Return a directory with the wheels for Python `3.11` on aarch64, downloaded once."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rkops/wheels"
    target = base / f"lite-{RELEASE}-cp{python.replace('.', '')}"
    base.mkdir(parents=True, exist_ok=True)
    with (base / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            unfinished = target.with_name(f".{target.name}.tmp")
            shutil.rmtree(unfinished, ignore_errors=True)
            _download(unfinished, python)
            unfinished.rename(target)
    return target


def _download(target: Path, python: str) -> None:
    command = [_pip_python(), "-m", "pip", "download", "--quiet", "--dest", str(target)]
    # manylinux2014 keeps numpy at a version that runs on glibc 2.17 and later, as boards have
    command += ["--platform", "manylinux2014_aarch64", "--python-version", python]
    command += ["--implementation", "cp", "--only-binary=:all:"]
    command += [f"rknn-toolkit-lite2=={RELEASE}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        go_without(f"the lite wheel cannot be downloaded: {lines[-1] if lines else 'no reason'}")


def _pip_python() -> str:
    """Return a Python of this machine that has pip: uv makes environments without it."""
    for python in (sys.executable, "/usr/bin/python3"):
        tried = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False)
        if tried.returncode == 0:
            break
    else:
        go_without("no Python of this machine has pip to download wheels with")
    return python
