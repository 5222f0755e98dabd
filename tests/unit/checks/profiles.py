"""Boards built by hand: a healthy one, and one change each."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from rkops.checks.registry import all_checks
from rkops.checks.run import check_board
from rkops.checks.subject import Clock, HostFacts, Subject, Wanted
from rkops.core.outcome import Outcome, Severity, Status
from rkops.facts.board import (
    AdbExposure,
    BoardFacts,
    Clocks,
    CpuPolicy,
    DevFreq,
    Identity,
    Interpreter,
    LibraryCopy,
    Lite,
    Memory,
    Npu,
    PythonView,
    Route,
    Runtime,
    Server,
    ServerProcess,
    Session,
    Storage,
    System,
    Version,
    Zone,
)
from rkops.facts.fact import Absent, Present, Unknown

NOW = 1_770_000_000.0
COMMITS = {"2.3.2": "429f97ae6b", "1.6.0": "9a7b5d24c"}
LIB = "/usr/lib/librknnrt.so"


def copy(number: str = "2.3.2", path: str = LIB, machine: str = "aarch64") -> LibraryCopy:
    version = Present(Version(number, COMMITS.get(number, "")), path)
    return LibraryCopy(path, path, 7_726_232, version, machine)


def lite(number: str = "2.3.2", where: str = "/usr/local/lib/python3.8/dist-packages"):
    return Present(Lite(number, where), where)


def python(
    root: Any = None, user: Any = None, version: str = "3.8.10", path: str = "/usr/bin/python3"
) -> Interpreter:
    return Interpreter(
        path=path,
        real="/usr/bin/python3.8",
        version=version,
        wanted=True,
        externally_managed=False,
        venv=False,
        pip=Present("20.0.2"),
        root=Present(PythonView("root", (), lite() if root is None else root)),
        users=Present((PythonView("firefly", (), lite() if user is None else user),)),
    )


def devfreq(path: str, governors: tuple[str, ...], governor: str) -> DevFreq:
    hz = (300_000_000, 1_000_000_000)
    return DevFreq(
        path,
        Present(governor),
        Present(governors),
        Present(hz),
        Present(hz[1]),
        Present(hz[0]),
        Present(hz[1]),
    )


BSP = ("rknpu_ondemand", "dmc_ondemand", "userspace", "powersave", "performance", "simple_ondemand")
TRIMMED = ("rknpu_ondemand", "dmc_ondemand", "simple_ondemand")


def healthy() -> BoardFacts:
    """A board that does everything right, seen as root over adb."""
    npu = "/sys/class/devfreq/fdab0000.npu"
    return BoardFacts(
        schema=1,
        by="agent",
        identity=Identity("dt:a1b2c3", Present("a1b2c3"), Absent(), Absent()),
        session=Session("root", 0, "/root", ("root",), Present("root")),
        system=System(
            compatible=Present(("rockchip,rk3588s-firefly-roc-pc", "rockchip,rk3588")),
            model=Present("Firefly ROC-RK3588S-PC"),
            os=Present("Ubuntu 20.04.6 LTS"),
            kernel=Present("5.10.160"),
            arch="aarch64",
            glibc=Present("2.31"),
            init=Present("systemd"),
            simulated=False,
            epoch=NOW,
        ),
        runtime=Runtime((copy(),), Present(LIB, "ld.so.cache"), Present(())),
        server=Server(
            file=Present("/usr/bin/rknn_server"),
            version=Present(Version("2.3.2", "1842325"), "/usr/bin/rknn_server"),
            processes=Present((ServerProcess(411, "root", "/usr/bin/rknn_server", ()),)),
            starter=Present("loop"),
        ),
        npu=Npu(
            driver=Present("0.9.8", "/sys/kernel/debug/rknpu/version"),
            routes=(Route("/sys/kernel/debug/rknpu/version", Present("0.9.8")),),
            kernel_driver=Present("rknpu"),
            nodes=("/dev/dri/renderD129",),
            nodes_usable=Present(True),
            load_percent=Present((0, 0, 0)),
            iommu=Present(True),
            power=Present("off"),
        ),
        clocks=Clocks(
            npu=Present(devfreq(npu, BSP, "performance")),
            dmc=Present(devfreq("/sys/class/devfreq/dmc", BSP, "performance")),
            cpu=(
                CpuPolicy(
                    "policy0",
                    Present("performance"),
                    Present(("performance",)),
                    Present(1_800_000),
                    Present(408_000),
                    Present(1_800_000),
                ),
            ),
        ),
        thermal=(Zone("soc-thermal", Present(46.2)), Zone("npu-thermal", Present(45.3))),
        memory=Memory(Present(8 << 30), Present(6 << 30), Present(512 << 20), Present(500 << 20)),
        storage=Storage("/opt/rkops/models", True, True, False, Present(20 << 30), Present(())),
        pythons=Present((python(),)),
        path_files=Present(()),
        adb=AdbExposure(Absent(), Present(True)),
    )


def changed(facts: BoardFacts, **changes: Any) -> BoardFacts:
    """Return facts with parts replaced: `npu__driver=...` reaches one level down."""
    whole = {key: value for key, value in changes.items() if "__" not in key}
    for key, value in changes.items():
        if "__" in key:
            part, inner = key.split("__")
            whole[part] = msgspec.structs.replace(
                whole.get(part, getattr(facts, part)), **{inner: value}
            )
    return msgspec.structs.replace(facts, **whole)


def version_mix() -> BoardFacts:
    old = Present(Version("1.6.0", "535b468"), "/usr/bin/rknn_server")
    return changed(healthy(), server__version=old, npu__driver=Present("0.8.2", "dmesg"))


def user_lite() -> BoardFacts:
    mine = lite(where="/home/firefly/.local/lib/python3.8/site-packages")
    return changed(healthy(), pythons=Present((python(root=Absent("sys.path"), user=mine),)))


def no_dmc() -> BoardFacts:
    npu = devfreq("/sys/class/devfreq/fdab0000.npu", TRIMMED, "rknpu_ondemand")
    return changed(healthy(), clocks__dmc=Absent("/sys/class/devfreq"), clocks__npu=Present(npu))


def two_runtimes() -> BoardFacts:
    old = "/usr/local/lib/librknnrt.so"
    copies = (copy(), copy("1.6.0", old))
    return changed(healthy(), runtime=Runtime(copies, Present(old, "loader"), Present(())))


def wrong_soc() -> BoardFacts:
    return changed(
        healthy(), system__compatible=Present(("firefly,rk3568-roc-pc", "rockchip,rk3568"))
    )


PROFILES: dict[str, Callable[[], BoardFacts]] = {
    "healthy": healthy,
    "version-mix": version_mix,
    "user-lite": user_lite,
    "no-dmc": no_dmc,
    "two-runtimes": two_runtimes,
    "wrong-soc": wrong_soc,
}


def subject(
    facts: BoardFacts | None = None, wanted: Wanted | None = None, host: HostFacts | None = None
) -> Subject:
    return Subject(
        facts or healthy(),
        wanted or Wanted(name="board1", sdk="2.3.2", identity="dt:a1b2c3"),
        Clock(NOW, 0.02),
        host or HostFacts(),
    )


def run(code: str, facts: BoardFacts | None = None, **wishes: Any) -> Outcome:
    """Run one check; wishes change what the inventory wants."""
    host = wishes.pop("host", None)
    wanted = Wanted(**({"name": "board1", "sdk": "2.3.2", "identity": "dt:a1b2c3"} | wishes))
    board_run = all_checks()[code].board
    assert board_run is not None
    return board_run(subject(facts, wanted, host))


def fired(facts: BoardFacts, level: Severity = Severity.WARNING, **wishes: Any) -> set[str]:
    """Return the codes that fail at `level` or above; a broken check fails the test."""
    wanted = Wanted(**({"name": "board1", "sdk": "2.3.2", "identity": "dt:a1b2c3"} | wishes))
    findings = check_board(subject(facts, wanted), all_checks().values())
    assert not [f for f in findings if f.status == Status.CRASH]
    return {f.code for f in findings if f.failed and f.level >= level}


def unknown(needs: str = "root on the board") -> Unknown:
    return Unknown("permission denied", needs)


def mentions(outcome: Outcome, *words: str) -> bool:
    return all(re.search(re.escape(word), outcome.message) for word in words)
