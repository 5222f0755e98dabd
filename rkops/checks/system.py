"""SoC and kernel."""

from rkops.checks.driver import not_vendor
from rkops.checks.registry import check
from rkops.checks.subject import Wanted
from rkops.core.outcome import Outcome, Severity, failed, passed, skipped
from rkops.facts.board import Npu, System
from rkops.facts.fact import Absent, Present, Unknown, value_of
from rkops.knowledge.limits import Limits
from rkops.knowledge.socs import soc_of

_CLASS = "rk3588"


@check("RKS101", "SoC is the expected one", severity=Severity.ERROR)
def soc_expected(system: System, wanted: Wanted) -> Outcome:
    """The SoC is not the one the inventory expects, or not of the RK3588 class.

    Why: a model is made for one SoC family; the toolkit does not notice when the board is another
    one. The name is read from the device tree's `compatible`, not from the board's model text.
    Fix: correct `soc:` or the address in the inventory; rkops is made for RK3588 and RK3588S.
    """
    match system.compatible:
        case Unknown(reason=reason, needs=needs):
            return skipped(f"device tree not readable: {reason}", needs=needs)
        case Absent():
            return failed(
                f"no device tree: this is no Rockchip board (architecture {system.arch})",
                hint="is the address right? rkops board show prints what the inventory holds",
            )
        case Present(value=compatible):
            soc = soc_of(compatible)
            if soc is None:
                return failed(
                    f"no known SoC in compatible: {', '.join(compatible)}",
                    hint="is the address right? rkops is made for RK3588 and RK3588S",
                )
            if soc.family != _CLASS or not soc.is_a(wanted.soc):
                return failed(
                    f"the SoC is {soc.name}, {wanted.soc} is expected",
                    hint="correct soc: or the address in the inventory; "
                    "models for RK3588 do not run elsewhere",
                )
            return passed(soc.name)


@check("RKS110", "Kernel is the vendor's", severity=Severity.ERROR)
def kernel_vendor(npu: Npu, system: System, limits: Limits) -> Outcome:
    """Librknnrt needs the vendor's rknpu driver; mainline kernels do not have it.

    Why: mainline drives the NPU with `rocket` for Mesa; librknnrt says `failed to open rknn
    device` there. An out-of-tree rknpu module on another kernel counts as the vendor's driver.
    Fix: flash a vendor (BSP) firmware: kernel 5.10 or 6.1 with rknpu.
    """
    name = value_of(npu.kernel_driver)
    kernel = value_of(system.kernel) or "unknown"
    if not_vendor(npu, system, limits):
        found = f"driver {name}" if name not in {None, "rknpu"} else "no rknpu driver"
        return failed(
            f"kernel {kernel} has {found}: librknnrt cannot use the NPU with it",
            hint="flash a vendor firmware (kernel 5.10 or 6.1 with rknpu)",
        )
    if isinstance(npu.driver, Unknown) and name is None:
        return skipped(f"driver not readable: {npu.driver.reason}", needs=npu.driver.needs)
    return passed(f"kernel {kernel}")
