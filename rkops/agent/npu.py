"""The NPU as the kernel reports it: driver by every route, nodes, load, IOMMU.

Routes and texts: rknpu driver sources (debugfs `version`, `load`, `power`), Rockchip's user
guide (`/proc/debug/rknpu`), kernel logs of BSP 5.10 and 6.1. `freq` in debugfs is never read:
reading it powers the NPU up.
"""

import os
import re

from rkops.agent.accounts import may
from rkops.agent.fact import ROOT, absent, first, look, present, unknown

DEBUG = "/sys/kernel/debug/rknpu"
DEVICE = "fdab0000.npu"
_VERSION_FILES = (
    DEBUG + "/version",
    DEBUG + "/driver_version",
    "/proc/debug/rknpu/driver_version",
    "/proc/rknpu/version",
    "/sys/module/rknpu/version",
)
_VENDOR = ("/sys/module/rknpu", "/proc/rknpu", "/sys/bus/platform/drivers/RKNPU", DEBUG)
_MAINLINE = ("/sys/module/rocket", "/sys/bus/platform/drivers/rocket")
_DEVICES = ("/sys/bus/platform/devices/" + DEVICE, "/sys/devices/platform/" + DEVICE)
_DT = "/sys/firmware/devicetree/base"
_KMSG_RECORDS = 20000


def version_in(text: str) -> str:
    """Return the version in `RKNPU driver: v0.9.8`; raises ValueError."""
    found = re.search(r"v?(\d+\.\d+\.\d+\w*)", text)
    if not found:
        raise ValueError(text)
    return found.group(1)


def kernel_log(tree) -> str:
    """Return the lines of the kernel log about the NPU; raises OSError when not permitted."""
    if not tree.live:
        raise FileNotFoundError("/dev/kmsg")
    descriptor = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    lines = []
    try:
        for _ in range(_KMSG_RECORDS):
            try:
                record = os.read(descriptor, 8192)
            except BlockingIOError:
                break
            except BrokenPipeError:
                continue  # the ring buffer moved on under us (EPIPE, Documentation/ABI dev-kmsg)
            if b"rknpu" in record.lower():
                lines.append(record.partition(b";")[2].decode("utf-8", "backslashreplace"))
    finally:
        os.close(descriptor)
    return "\n".join(lines)


def _from_log(log: str) -> dict:
    found = re.search(r"Initialized rknpu (\d+\.\d+\.\d+\w*)", log)
    return present(found.group(1), "kernel log") if found else absent("kernel log")


def _log_route(tree) -> tuple:
    """Return the kernel log's lines about the NPU, and the driver version as a fact."""
    try:
        log = kernel_log(tree)
    except FileNotFoundError:
        return "", absent("/dev/kmsg")
    except OSError as exc:
        return "", unknown("/dev/kmsg: %s" % exc.strerror, ROOT)
    return log, _from_log(log)


def _kernel_driver(tree, version: dict) -> dict:
    for path in _MAINLINE:
        if tree.exists(path):
            return present("rocket", path)
    if tree.names("/dev/accel") and not any(tree.exists(path) for path in _VENDOR):
        return present("rocket", "/dev/accel")
    for path in _VENDOR:
        if tree.exists(path):
            return present("rknpu", path)
    if version["is"] == "present":
        return present("rknpu", version["source"])
    return absent("rknpu and rocket in /sys/module and /sys/bus/platform/drivers")


def _nodes(tree) -> list:
    nodes = [path for path in ("/dev/rknpu",) if tree.exists(path)]
    nodes.extend("/dev/accel/" + name for name in tree.names("/dev/accel"))
    for name in tree.names("/sys/class/drm"):
        device = tree.real("/sys/class/drm/%s/device" % name)
        if name.startswith("renderD") and device.endswith(".npu"):
            nodes.append("/dev/dri/" + name)
    return nodes


def _usable(tree, nodes: list, account) -> dict:
    if not nodes:
        return absent("NPU device nodes")
    for node in nodes:
        if tree.exists(node) and may(account, tree.stat(node), 6):
            return present(True, "%s as %s" % (node, account.name))
    return present(False, "%s as %s" % (nodes[0], account.name))


def _load(tree) -> dict:
    path = DEBUG + "/load"
    numbers = [int(number) for number in re.findall(r"(\d+)%", tree.text(path))]
    if not numbers:
        raise ValueError(tree.line(path))
    return present(numbers, path)


def _devfreq_load(tree) -> dict:
    path = "/sys/class/devfreq/%s/load" % DEVICE
    return present([int(tree.line(path).partition("@")[0])], path)


def _iommu(tree, log: str) -> dict:
    found = re.findall(r"iommu is (enabled|disabled)", log)
    if found:
        return present(found[-1] == "enabled", "kernel log")
    for device in _DEVICES:
        if tree.exists(device + "/iommu_group"):
            return present(True, device + "/iommu_group")
    for name in tree.names(_DT):
        if name.startswith("iommu@fdab"):
            path = "%s/%s/status" % (_DT, name)
            return present(tree.line(path) in ("okay", "ok"), path)
    for device in _DEVICES:
        if tree.exists(device):
            return present(False, device + " has no iommu_group")
    return unknown("neither the kernel log nor sysfs says it")


def gather(tree, account) -> dict:
    """Return the Npu of facts/board.py; `account` is the one that should use the NPU."""
    routes = [{"source": path, "version": tree.fact(path, version_in)} for path in _VERSION_FILES]
    log, said = _log_route(tree)
    told = [route["version"] for route in routes]
    if said["is"] != "unknown" or os.geteuid() != 0:
        # Closed even to root (a container, a lab board) it takes nothing from the files' answer.
        told.append(said)
    routes.append({"source": "kernel log", "version": said})
    driver = first(told, "every route to the driver's version")
    nodes = look_nodes(tree)
    return {
        "driver": driver,
        "routes": routes,
        "kernel_driver": look("/sys", _kernel_driver, tree, driver),
        "nodes": nodes,
        "nodes_usable": look("NPU device nodes", _usable, tree, nodes, account),
        "load_percent": first(
            [look(DEBUG + "/load", _load, tree), look("devfreq load", _devfreq_load, tree)],
            DEBUG + "/load",
        ),
        "iommu": look("iommu", _iommu, tree, log),
        "power": tree.fact(DEBUG + "/power"),
    }


def look_nodes(tree) -> list:
    """Return the device nodes of the NPU; none when looking breaks."""
    try:
        return _nodes(tree)
    except OSError:
        return []
