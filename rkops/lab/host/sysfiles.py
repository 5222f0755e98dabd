"""What an RK3588's vendor kernel shows below /sys, /proc and /dev, as plain files.

Forms of the files: rknpu debugfs and devfreq as in Rockchip's BSP kernels 5.10 and 6.1.
"""

from dataclasses import dataclass, field

from rkops.lab.profile import Profile

_NPU_CLOCKS = tuple(range(300_000_000, 1_000_000_001, 100_000_000))
_DMC_CLOCKS = (528_000_000, 1_068_000_000, 1_560_000_000, 2_112_000_000)
_DMC_GOVERNORS = ("dmc_ondemand", "userspace", "powersave", "performance", "simple_ondemand")
_CPU_GOVERNORS = ("conservative", "ondemand", "userspace", "powersave", "performance", "schedutil")
_ZONES = ("soc", "bigcore0", "bigcore1", "littlecore", "center", "gpu", "npu")
_LOWEST_KHZ = 408_000
_CORES_PER_POLICY = {"policy0": 4, "policy4": 2, "policy6": 2}
_TREE = "/sys/firmware/devicetree/base"


@dataclass(slots=True)
class Tree:
    """Files (path to text), links (path to target), directories closed to users, nodes."""

    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    """Device nodes that can be opened and do nothing."""

    def put(self, folder: str, **files: object) -> None:
        """Add `name=value` files below a folder, each with a newline at its end."""
        for name, value in files.items():
            self.files[f"{folder}/{name}"] = f"{value}\n"


def sys_tree(profile: Profile, serial: str, mac: str) -> Tree:
    """Return everything of /sys and /dev that the profile's board shows."""
    tree = Tree()
    _devicetree(tree, profile, serial)
    _npu(tree, profile)
    _clocks(tree, profile)
    for number, zone in enumerate(_ZONES):
        millis = int(profile.temp_c * 1000) + 100 * number
        tree.put(f"/sys/class/thermal/thermal_zone{number}", type=f"{zone}-thermal", temp=millis)
    tree.put("/sys/class/net/eth0", address=mac, operstate="up")
    tree.links["/sys/class/net/eth0/device"] = "/sys/devices/platform/fe1c0000.ethernet"
    tree.put("/sys/devices/platform/fe1c0000.ethernet", uevent="DRIVER=rk_gmac-dwmac")
    cores = sum(_CORES_PER_POLICY[name] for name in profile.policies)
    tree.put("/sys/devices/system/cpu", possible=f"0-{cores - 1}", online=f"0-{cores - 1}")
    return tree


def _devicetree(tree: Tree, profile: Profile, serial: str) -> None:
    unit = profile.npu.split(".")[0]
    for name, text in {
        "compatible": "".join(entry + "\0" for entry in profile.compatible),
        "model": profile.model + "\0",
        "serial-number": serial + "\0",
        f"npu@{unit}/compatible": f"rockchip,{profile.soc}-rknpu\0",
        f"npu@{unit}/status": "okay\0",
        f"iommu@{_mmu(unit)}/status": "okay\0" if profile.iommu else "disabled\0",
    }.items():
        tree.files[f"{_TREE}/{name}"] = text


def _mmu(unit: str) -> str:
    return f"{int(unit, 16) + (0x9000 if unit.startswith('fdab') else 0xB000):x}"


def _npu(tree: Tree, profile: Profile) -> None:
    one = "NPU load:  0%"
    cores = ", ".join(f"Core{core}:  0%" for core in range(profile.npu_cores))
    tree.put(
        "/sys/kernel/debug/rknpu",
        version=f"RKNPU driver: v{profile.driver}",
        load=one if profile.npu_cores == 1 else f"NPU load:  {cores},",
        power="off",
        freq=1_000_000_000,
        volt=850_000,
        delayms=3000,
    )
    tree.closed.append("/sys/kernel/debug")
    device = f"/sys/devices/platform/{profile.npu}"
    tree.put(device, uevent="DRIVER=RKNPU")
    tree.links[f"{device}/driver"] = "/sys/bus/platform/drivers/RKNPU"
    tree.links[f"/sys/bus/platform/drivers/RKNPU/{profile.npu}"] = device
    tree.links[f"/sys/bus/platform/devices/{profile.npu}"] = device
    tree.links["/sys/class/drm/renderD129/device"] = device
    if profile.iommu:
        tree.links[f"{device}/iommu_group"] = "/sys/kernel/iommu_groups/0"
        tree.links[f"/sys/kernel/iommu_groups/0/devices/{profile.npu}"] = device
    tree.nodes.append("/dev/dri/renderD129")


def _clocks(tree: Tree, profile: Profile) -> None:
    _devfreq(tree, profile.npu, profile.npu_governors, _NPU_CLOCKS)
    if profile.dmc:
        _devfreq(tree, "dmc", _DMC_GOVERNORS, _DMC_CLOCKS)
    for name, top in profile.policies.items():
        tree.put(
            f"/sys/devices/system/cpu/cpufreq/{name}",
            scaling_governor="ondemand",
            scaling_available_governors=" ".join(_CPU_GOVERNORS),
            scaling_cur_freq=top,
            scaling_min_freq=_LOWEST_KHZ,
            scaling_max_freq=top,
            cpuinfo_min_freq=_LOWEST_KHZ,
            cpuinfo_max_freq=top,
        )


def _devfreq(tree: Tree, name: str, governors: tuple[str, ...], clocks: tuple[int, ...]) -> None:
    tree.put(
        f"/sys/class/devfreq/{name}",
        governor=governors[0],
        available_governors=" ".join(governors),
        available_frequencies=" ".join(map(str, clocks)),
        cur_freq=clocks[-1],
        target_freq=clocks[-1],
        min_freq=clocks[0],
        max_freq=clocks[-1],
        polling_interval=50,
        load=f"0@{clocks[-1]}Hz",
    )


def proc_files(profile: Profile) -> dict[str, str]:
    """Return the files to be shown over the real procfs."""
    kib = 1024
    total, cma = profile.memory_mb * kib, profile.cma_mb * kib
    memory = {
        "MemTotal": total,
        "MemFree": total // 2,
        "MemAvailable": total * 3 // 4,
        "Buffers": 40 * kib,
        "Cached": total // 5,
        "SwapTotal": 0,
        "SwapFree": 0,
        "CmaTotal": cma,
        "CmaFree": cma * 3 // 4,
    }
    cores = sum(_CORES_PER_POLICY[name] for name in profile.policies)
    return {
        "/proc/version": f"Linux version {profile.kernel} (rkops simulated) #1 SMP PREEMPT\n",
        "/proc/cmdline": "storagemedia=emmc root=PARTLABEL=rootfs rw rootwait rkops.simulated=1\n",
        "/proc/meminfo": "".join(f"{key + ':':<16}{size:>8} kB\n" for key, size in memory.items()),
        "/proc/cpuinfo": "".join(map(_core, range(cores))) + "Serial\t\t: 0000000000000000\n",
        "/proc/sys/kernel/osrelease": f"{profile.kernel}\n",
    }


def _core(number: int) -> str:
    little = number < _CORES_PER_POLICY["policy0"]
    variant, part = ("0x2", "0xd05") if little else ("0x4", "0xd0b")  # Cortex-A55, Cortex-A76
    return (
        f"processor\t: {number}\nBogoMIPS\t: 48.00\n"
        "Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp\n"
        f"CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: {variant}\n"
        f"CPU part\t: {part}\nCPU revision\t: 0\n\n"
    )
