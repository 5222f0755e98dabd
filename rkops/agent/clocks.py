"""Clocks and heat: devfreq of NPU and memory, cpufreq policies, thermal zones."""

import os

from rkops.agent.fact import ROOT, absent, listing, look, present, unknown

_DEVFREQ = "/sys/class/devfreq"
_CPUFREQ = "/sys/devices/system/cpu/cpufreq"
_THERMAL = "/sys/class/thermal"
_NPU = "fdab0000.npu"
_CLK = "/sys/kernel/debug/clk"
"""The firmware's clocks (scmi_clk_ddr, scmi_clk_npu): what is left without devfreq."""


def _numbers(text: str) -> list:
    return sorted(int(word) for word in text.split())


def _devfreq(tree, names: list, looked: str) -> dict:
    if not names:
        return absent(looked)
    path = "%s/%s" % (_DEVFREQ, names[0])
    value = {
        "path": path,
        "governor": tree.fact(path + "/governor"),
        "governors": tree.fact(path + "/available_governors", str.split),
        "frequencies_hz": tree.fact(path + "/available_frequencies", _numbers),
        "cur_hz": tree.fact(path + "/cur_freq", int),
        "min_hz": tree.fact(path + "/min_freq", int),
        "max_hz": tree.fact(path + "/max_freq", int),
    }
    return present(value, path)


def _npu(tree) -> dict:
    names = [name for name in tree.names(_DEVFREQ) if _is_npu(tree, name)]
    names.sort(key=lambda name: name != _NPU)
    return _devfreq(tree, names, "%s/*.npu" % _DEVFREQ)


def _is_npu(tree, name: str) -> bool:
    """Return whether a devfreq device is the NPU's; some kernels number them (devfreq0)."""
    if name.endswith(".npu"):
        return True
    return name.startswith("devfreq") and tree.real("%s/%s/device" % (_DEVFREQ, name)).endswith(
        ".npu"
    )


def _clock(tree, *words: str) -> dict:
    """Return the rate of a clock whose name holds all words; debugfs is root's."""
    if not tree.exists(_CLK):
        return absent(_CLK)
    try:
        names = sorted(os.listdir(tree.at(_CLK)))
    except PermissionError:
        return unknown(_CLK + ": permission denied", ROOT)
    found = [name for name in names if tree.exists(_rate(name))]
    found = [name for name in found if all(word in name for word in words)]
    found.sort(key=lambda name: "scmi" not in name)
    return tree.fact(_rate(found[0]), int) if found else absent("%s/*%s*" % (_CLK, "*".join(words)))


def _rate(name: str) -> str:
    return "%s/%s/clk_rate" % (_CLK, name)


def _dmc(tree) -> dict:
    names = [name for name in tree.names(_DEVFREQ) if name == "dmc" or name.endswith(".dmc")]
    return _devfreq(tree, names, _DEVFREQ + "/dmc")


def _policies(tree) -> list:
    names = [name for name in tree.names(_CPUFREQ) if name.startswith("policy")]
    names.sort(key=lambda name: (len(name), name))
    return [_policy(tree, "%s/%s" % (_CPUFREQ, name), name) for name in names]


def _policy(tree, path: str, name: str) -> dict:
    return {
        "name": name,
        "governor": tree.fact(path + "/scaling_governor"),
        "governors": tree.fact(path + "/scaling_available_governors", str.split),
        "cur_khz": tree.fact(path + "/scaling_cur_freq", int),
        "min_khz": tree.fact(path + "/scaling_min_freq", int),
        "max_khz": tree.fact(path + "/scaling_max_freq", int),
    }


def gather(tree) -> dict:
    """Return the Clocks of facts/board.py."""
    return {
        "npu": look(_DEVFREQ, _npu, tree),
        "dmc": look(_DEVFREQ, _dmc, tree),
        "cpu": listing(_policies, tree),
        "npu_clock_hz": look(_CLK, _clock, tree, "scmi", "npu"),
        "ddr_clock_hz": look(_CLK, _clock, tree, "ddr"),
    }


def _zones(tree) -> list:
    zones = []
    for name in tree.names(_THERMAL):
        base = "%s/%s" % (_THERMAL, name)
        if name.startswith("thermal_zone") and tree.exists(base + "/type"):
            degrees = tree.fact(base + "/temp", lambda text: int(text) / 1000.0)
            zones.append({"type": tree.line(base + "/type"), "temp_c": degrees})
    return zones


def thermal(tree) -> list:
    """Return the Zones of facts/board.py: by type, since the numbers differ between kernels."""
    return listing(_zones, tree)
