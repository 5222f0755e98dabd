"""Clocks and temperature: what runs how fast, what can be pinned, how hot it is."""

from rkops.checks.registry import check
from rkops.core.outcome import Outcome, Severity, failed, passed, skipped
from rkops.facts.board import BoardFacts, Clocks, CpuPolicy, DevFreq
from rkops.facts.fact import Absent, Fact, Present, Unknown, value_of
from rkops.knowledge.limits import Limits

_STEADY = {"performance", "userspace", "powersave"}


@check("RKT101", "The memory clock can be read", severity=Severity.INFO)
def dmc_there(clocks: Clocks) -> Outcome:
    """There is no `dmc` device: the memory clock can be neither read nor pinned.

    Why: the kernel is built without DDR scaling, or the boot firmware lacks the call for it; the
    memory then stays at one clock. Toolkits up to 2.0 crash in eval_perf on such a board; from
    2.2.0 on they print `Unknown`. The engines on the board itself do not care, but figures of
    boards with and without dmc are not comparable.
    Fix: nothing is broken. A vendor firmware with DDR scaling brings it back.
    """
    match clocks.dmc:
        case Present(value=dmc):
            return passed(dmc.path)
        case Unknown(reason=reason, needs=needs):
            return skipped(f"not readable: {reason}", needs=needs)
        case Absent():
            return failed(
                f"no dmc: the memory clock {_at(clocks.ddr_clock_hz)}; toolkit engine "
                "before 2.2.0 crashes in eval_perf, native and lite engines are not affected",
                hint="use toolkit 2.2.0 or newer; do not compare with boards that have dmc",
            )


def _at(clock: Fact[int]) -> str:
    """Return how far a clock without devfreq can be known."""
    if isinstance(clock, Present):
        return f"can be read ({clock.value / 1e6:.0f} MHz) but not pinned"
    return "can be neither read nor pinned" if isinstance(clock, Absent) else "cannot be pinned"


@check("RKT102", "The NPU clock can be pinned", severity=Severity.INFO)
def npu_pinnable(clocks: Clocks) -> Outcome:
    """The NPU's devfreq device has no `userspace` governor, or is not there.

    Why: the toolkit engine pins the clock by `userspace` and ignores it when that fails: its
    figures then move with the load. The native and lite engines pin by `performance`, or by
    min_freq = max_freq, where the kernel has those.
    Fix: nothing is broken. A kernel with the userspace devfreq governor brings it back.
    """
    match clocks.npu:
        case Unknown(reason=reason, needs=needs):
            return skipped(f"not readable: {reason}", needs=needs)
        case Absent():
            return failed(
                f"no devfreq device for the NPU: its clock {_at(clocks.npu_clock_hz)}",
                hint="record figures as taken at a clock that may move",
            )
        case Present(value=npu):
            return _pinnable(npu)


def _pinnable(npu: DevFreq) -> Outcome:
    if isinstance(npu.governors, Unknown):
        return skipped(f"not readable: {npu.governors.reason}", needs=npu.governors.needs)
    governors = value_of(npu.governors) or ()
    if "userspace" in governors:
        return passed(f"{npu.path}: {', '.join(governors)}")
    other = "performance" if "performance" in governors else "min_freq = max_freq"
    return failed(
        "no userspace governor for the NPU: the toolkit engine cannot pin its clock, native "
        f"and lite engines can by {other}",
        hint="measure with the native or lite engine, or note the clock with each figure",
    )


@check("RKT110", "Governors hold the clocks", severity=Severity.INFO)
def governors_steady(clocks: Clocks) -> Outcome:
    """A governor changes the NPU's, memory's or CPU's clock with the load.

    Why: good for power, bad for latency figures: a short run measures the ramp. rkops pins the
    clocks for a measurement and puts them back.
    Fix: for steady latency set `performance`.
    """
    drifting = [name for name, governor in _governors(clocks) if governor not in _STEADY]
    if drifting:
        return failed(
            f"clocks drift with the load: {', '.join(drifting)}",
            hint="for steady latency set the performance governor",
        )
    if not any(True for _ in _governors(clocks)):
        return skipped("no governor readable")
    return passed("all governors hold their clock")


def _governors(clocks: Clocks) -> list[tuple[str, str]]:
    devices = [("npu", value_of(clocks.npu)), ("dmc", value_of(clocks.dmc))]
    found = [(f"{name} {_governor(d)}", _governor(d)) for name, d in devices if d is not None]
    # The policies of one SoC mostly share a governor: said once.
    found += [
        (f"cpu {governor}", governor) for governor in dict.fromkeys(map(_governor, clocks.cpu))
    ]
    return [(name, governor) for name, governor in found if governor]


def _governor(device: DevFreq | CpuPolicy) -> str:
    """Return the governor; a clock with equal limits is pinned whatever the governor."""
    low, high = (
        (value_of(device.min_hz), value_of(device.max_hz))
        if isinstance(device, DevFreq)
        else (value_of(device.min_khz), value_of(device.max_khz))
    )
    if low is not None and low == high:
        return "userspace"
    return value_of(device.governor) or ""


@check("RKT120", "The board is cool enough", severity=Severity.WARNING)
def temperature(facts: BoardFacts, limits: Limits) -> Outcome:
    """A thermal zone is hot: 75 degrees Celsius is a warning, 85 an error.

    Why: from about 85 degrees the kernel slows clocks down (passive trip), at 115 it switches
    off. Latency figures of a hot board are not comparable.
    Fix: heat sink, fan, less load; look whether the fan turns.
    """
    warm = [(value_of(zone.temp_c), zone.type) for zone in facts.thermal]
    known = [(degrees, name) for degrees, name in warm if degrees is not None]
    if not known:
        return skipped("no thermal zone readable")
    degrees, name = max(known)
    if degrees < limits.temperature_warning_c:
        return passed(f"{degrees:.1f} °C ({name})")
    hot = degrees >= limits.temperature_error_c
    return failed(
        f"{name} is at {degrees:.1f} °C"
        + (": clocks are being reduced" if hot else f" (limit {limits.temperature_warning_c:.0f})"),
        severity=Severity.ERROR if hot else Severity.WARNING,
        hint="look at heat sink and fan, or reduce the load",
    )
