"""The NPU kernel driver and its device node."""

from rkops.checks.registry import check
from rkops.core.outcome import Outcome, Severity, failed, passed, skipped
from rkops.facts.board import Npu, Session, System
from rkops.facts.fact import Absent, Present, Unknown, value_of
from rkops.knowledge.limits import Limits
from rkops.knowledge.version import same_version, series

_FIRMWARE = "flash a firmware whose kernel has rknpu {limit} or newer; the driver is in the kernel"


@check("RKN120", "NPU driver is there", severity=Severity.ERROR)
def driver_there(npu: Npu, system: System, limits: Limits) -> Outcome:
    """Without the rknpu kernel driver nothing runs on the NPU.

    Why: librknnrt reports `failed to open rknn device`, which looks like a fault of the model or
    of permissions. A vendor kernel can lack the driver when its device tree disables the NPU.
    Fix: flash a vendor firmware with the NPU enabled (device tree node `npu@fdab0000`, status
    `okay`), then look at `dmesg | grep -i rknpu`.
    """
    match npu.driver:
        case Present(value=version, source=source):
            return passed(f"rknpu {version} ({source})")
        case Unknown(reason=reason, needs=needs):
            if value_of(npu.kernel_driver) == "rknpu":
                return passed("rknpu is bound to the NPU; its version is not readable")
            return skipped(f"driver not readable: {reason}", needs=needs)
        case Absent(looked=looked):
            if not_vendor(npu, system, limits):
                return skipped("not a vendor kernel: see RKS110")
            return failed(
                f"no NPU driver (looked at {looked or 'every place it reports itself'})",
                hint="flash a vendor firmware with the NPU enabled; "
                "dmesg says why the driver did not start",
                commands=("dmesg | grep -i rknpu",),
            )


def not_vendor(npu: Npu, system: System, limits: Limits) -> bool:
    """True when the NPU is driven by mainline's rocket, or the kernel is none of Rockchip's."""
    if value_of(npu.kernel_driver) not in {None, "rknpu"}:
        return True
    kernel = series(value_of(system.kernel) or "")
    return isinstance(npu.driver, Absent) and bool(kernel) and kernel not in limits.vendor_kernels


@check("RKN121", "NPU driver is new enough", severity=Severity.ERROR)
def driver_age(npu: Npu, limits: Limits) -> Outcome:
    """Old kernel drivers make the runtime warn, or fail in ways that look like model faults.

    Why: the driver is part of the kernel image; copying a newer librknnrt does not change it.
    Below 0.8.0 is an error, below 0.8.8 a warning (runtimes ask for 0.8.8 themselves), below
    0.9.2 an information (the version the SDK's user guide recommends).
    Fix: flash a firmware whose kernel has rknpu 0.9.2 or newer.
    """
    match npu.driver:
        case Unknown(reason=reason, needs=needs):
            return skipped(f"driver version not readable: {reason}", needs=needs)
        case Absent():
            return skipped("no driver: see RKN120")
        case Present(value=version, source=source):
            level = limits.driver_level(version)
            if level is None:
                return passed(f"driver {version} ({source})")
            severity, limit = level
            return failed(
                f"NPU driver {version} is older than {limit} ({source})",
                severity=severity,
                hint=_FIRMWARE.format(limit=limits.driver_info_below),
            )


@check("RKN122", "NPU driver runs all cores", severity=Severity.INFO)
def driver_multicore(npu: Npu, system: System, limits: Limits) -> Outcome:
    """Drivers 0.9.2 and 0.9.3 on 6.1 kernels failed on the second and third NPU core.

    Why: users saw `failed to submit` on cores 1 and 2 only, with the same board fine on another
    kernel (airockchip/rknn-toolkit2#38, #294; rockchip-linux/rknn-toolkit2#320).
    Fix: try the model on each core before it goes live; use a kernel with rknpu 0.9.6 or newer.
    """
    version, kernel = value_of(npu.driver), value_of(system.kernel)
    if version is None or kernel is None:
        return skipped("driver or kernel version not known")
    known_bad = any(same_version(version, bad) for bad in limits.multicore_drivers)
    if known_bad and series(kernel) == limits.multicore_kernel:
        return failed(
            f"driver {version} on kernel {kernel} has failed on NPU cores 1 and 2 for others",
            hint="try each core, or use a kernel with rknpu 0.9.6 or newer",
        )
    return passed(f"driver {version} on kernel {kernel}")


@check("RKN123", "NPU device can be opened by the account", severity=Severity.INFO)
def node_usable(npu: Npu, session: Session) -> Outcome:
    """An account outside the device node's group gets `failed to open rknn device`.

    Why: `/dev/dri/renderD*` belongs to the group `render` (card nodes: `video`), `/dev/rknpu` to
    root; a program that runs as root does not notice, the same program as a user fails.
    Fix: put the account in the node's group and log in again.
    """
    if not npu.nodes:
        return skipped("no NPU device node found")
    match npu.nodes_usable:
        case Unknown(reason=reason, needs=needs):
            return skipped(f"not tried: {reason}", needs=needs)
        case Present(value=True):
            return passed(f"{session.user} can open {npu.nodes[0]}")
        case Present() | Absent():
            return failed(
                f"{session.user} cannot open {', '.join(npu.nodes)}",
                hint="put the account in the node's group, then log in again",
                commands=(f"sudo usermod -aG render,video {session.user}",),
            )
