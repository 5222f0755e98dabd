"""Memory and storage."""

from rkops.checks.registry import check
from rkops.core.outcome import Outcome, Severity, failed, passed, skipped
from rkops.facts.board import Memory, Npu, Session, Storage
from rkops.facts.fact import Absent, Present, Unknown, value_of
from rkops.knowledge.limits import Limits


@check("RKM101", "There is room for models", severity=Severity.WARNING)
def room(storage: Storage, limits: Limits) -> Outcome:
    """Little space is free where models go.

    Why: a push needs room for the new release beside the kept ones.
    Fix: remove old files, or name another place as `model-dir:` in the inventory.
    """
    match storage.free_bytes:
        case _ if storage.blocked_by:
            return skipped(f"{storage.model_dir} can be no directory: see RKM102")
        case Unknown(reason=reason, needs=needs):
            return skipped(f"not readable: {reason}", needs=needs)
        case Absent():
            return skipped(f"no file system for {storage.model_dir}")
        case Present(value=free) if free >= limits.free_bytes:
            return passed(f"{_mb(free)} free for {storage.model_dir}")
        case Present(value=free):
            return failed(
                f"{_mb(free)} free for {storage.model_dir}, {_mb(limits.free_bytes)} wanted",
                hint="remove what is not needed, or name another model-dir: in the inventory",
                commands=(f"du -xsh {storage.model_dir}/*",),
            )


@check("RKM102", "The model directory can be written", severity=Severity.WARNING)
def writable(storage: Storage, session: Session) -> Outcome:
    """Models cannot be put where the inventory wants them.

    Why: the file system is mounted read-only (some firmwares do so after an error), the account
    may not write there, or a file stands where the directory should be.
    Fix: remount it, give the account the directory, or name another `model-dir:`.
    """
    if storage.blocked_by:
        return failed(
            f"{storage.blocked_by} is no directory, so {storage.model_dir} can be none",
            hint="name a directory as model-dir: in the inventory, or move that file away",
        )
    if storage.read_only:
        return failed(
            f"{storage.model_dir} is on a read-only file system",
            hint="look at dmesg for file system errors, then remount; or name another model-dir:",
            commands=("dmesg | grep -i remount",),
        )
    if storage.writable:
        return passed(storage.model_dir)
    return failed(
        f"{session.user} may not write to {storage.model_dir}",
        hint="give the account the directory, or name another model-dir: in the inventory",
        commands=(f"sudo install -d -o {session.user} {storage.model_dir}",),
    )


@check("RKM110", "The NPU can get memory", severity=Severity.WARNING)
def npu_memory(npu: Npu, memory: Memory, limits: Limits) -> Outcome:
    """The NPU's IOMMU is off, or the contiguous memory area (CMA) is small.

    Why: without IOMMU every buffer must be contiguous and comes from CMA; larger models fail with
    `failed to allocate handle` or `failed to malloc npu memory` although memory is free. With the
    IOMMU on a small CMA is no more than an information.
    Fix: enable the NPU's IOMMU in the device tree (dmesg then says `using iommu mode`), or give
    the kernel more CMA (`cma=512M`).
    """
    iommu = value_of(npu.iommu)
    cma = value_of(memory.cma_total_bytes)
    area = f"CMA {_mb(cma)}" if cma is not None else "CMA size not known"
    if iommu is False:
        return failed(
            f"the NPU's IOMMU is off ({area}): larger models will not load",
            hint="enable the NPU's IOMMU in the device tree, or boot with cma=512M",
        )
    if cma is not None and cma < limits.cma_bytes:
        return failed(
            f"{area} is small, IOMMU {'on' if iommu else 'not known to be on'}",
            severity=Severity.INFO if iommu else None,
            hint="boot with cma=512M if models fail to load",
        )
    if iommu is None:
        reason = npu.iommu.reason if isinstance(npu.iommu, Unknown) else "the kernel says nothing"
        needs = npu.iommu.needs if isinstance(npu.iommu, Unknown) else ""
        return skipped(f"IOMMU not known: {reason}", needs=needs)
    return passed(f"IOMMU on, {area}")


@check("RKM120", "Memory is available", severity=Severity.INFO)
def available(memory: Memory, limits: Limits) -> Outcome:
    """Little main memory is available.

    Why: model files are copied to memory and internal tensors grow with the input's area.
    Fix: stop what is not needed, or use a smaller input.
    """
    match memory.available_bytes:
        case Present(value=free) if free < limits.memory_bytes:
            return failed(f"{_mb(free)} of memory available", hint="stop what is not needed")
        case Present(value=free):
            return passed(f"{_mb(free)} available")
        case Absent() | Unknown():
            return skipped("not readable")


def _mb(size_bytes: int) -> str:
    megabytes = size_bytes / 1048576
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 1024 else f"{megabytes:.0f} MB"  # noqa: PLR2004 - binary unit
