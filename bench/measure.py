"""Whole commands timed in turn, so that a drifting machine hits both sides alike."""

import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process: seconds of wall clock, peak memory of its largest process in MB."""

    seconds: float
    peak_mb: float
    code: int
    output: bytes


def run(argv: Sequence[str], env: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end, its output kept."""
    surroundings = {**os.environ, **(env or {})}
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):  # not what users have
        surroundings.pop(name, None)
    started = time.perf_counter()
    process = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=surroundings
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    return Run(seconds, usage.ru_maxrss / 1024, process.returncode, output)


def in_turn(
    commands: Mapping[str, Sequence[str]], *, runs: int, env: Mapping[str, str] | None = None
) -> dict[str, list[Run]]:
    """Run all commands once as warm-up, then `runs` times in turn."""
    results: dict[str, list[Run]] = {name: [] for name in commands}
    for round_number in range(runs + 1):
        for name, argv in commands.items():
            finished = run(argv, env)
            if round_number:
                results[name].append(finished)
    return results


def row(name: str, seconds: Sequence[float], reference: Sequence[float] | None = None) -> str:
    """Return one Markdown row: median (min to max), and the median of the ratios run by run."""
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    ratio = ""
    if reference is not None:
        ratios = [mine / other for mine, other in zip(seconds, reference, strict=False)]
        ratio = f"{statistics.median(ratios):.3g}"
    return f"| {name} | {middle:.3f} ({low:.3f} to {high:.3f}) | {ratio} |"


def conditions(**versions: str) -> str:
    """Return the line every figure needs: machine, system, Python, and what is named."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    others = "".join(f", {name} {version}" for name, version in versions.items())
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} x {model}, Linux {platform.release()}, "
        f"Python {platform.python_version()}{others}, load {os.getloadavg()[0]:.1f}"
    )


def peak_mb() -> float:
    """Return the peak memory of finished children, MB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


RKOPS = str(Path(sys.executable).with_name("rkops"))
