"""Everything one probe says about one board.

The agent sends this as JSON (docs/agent-protocol.md); `rkops.facts.parse` turns it into these
frozen types. Versions are the public text as written by Rockchip (`2.3.2`, `2.0.0b0`).
Sources: docs/facts.md names the file or command behind each value.
"""

from msgspec import Struct

from rkops.facts.fact import Absent, Fact


class Identity(Struct, frozen=True):
    """Who the board is. `key` is what the inventory records: `dt:SERIAL`, `mac:AA:…` or empty."""

    key: str
    serial: Fact[str]
    mac: Fact[str]
    machine_id: Fact[str]


class Session(Struct, frozen=True):
    """The account rkops came in as. `sudo`: `root`, `nopasswd`, `password` or `none`."""

    user: str
    uid: int
    home: str
    groups: tuple[str, ...]
    sudo: Fact[str]


class System(Struct, frozen=True):
    """SoC, board, kernel and user land. `compatible` is most specific first."""

    compatible: Fact[tuple[str, ...]]
    model: Fact[str]
    os: Fact[str]
    kernel: Fact[str]
    arch: str
    glibc: Fact[str]
    init: Fact[str]
    simulated: bool
    epoch: float
    """The board's clock in seconds since 1970, read when the probe ran."""


class Version(Struct, frozen=True):
    """One Rockchip version banner: `2.3.2 (429f97ae6b@2025-04-09T09:09:27)`."""

    number: str
    commit: str = ""
    built: str = ""


class LibraryCopy(Struct, frozen=True):
    """One librknnrt.so on the board. `path` may be a link; `real` is the file."""

    path: str
    real: str
    size_bytes: int
    version: Fact[Version]
    machine: str = ""
    """ELF machine: `aarch64`, `arm`, `x86_64`."""
    bundled: bool = False
    """True of a copy that no service's loader finds by itself: an application brings it."""


class Mapping(Struct, frozen=True):
    """A running process that has a file mapped; `deleted` when it was replaced since."""

    pid: int
    process: str
    path: str
    deleted: bool


class Runtime(Struct, frozen=True):
    """librknnrt.so: every copy, the one the loader gives, and those in use."""

    copies: tuple[LibraryCopy, ...]
    loaded: Fact[str]
    """Real path of the copy that `dlopen("librknnrt.so")` gives in a root service."""
    mapped: Fact[tuple[Mapping, ...]]
    walked: Fact[tuple[str, ...]] = Absent("bundled copies were not looked for")
    """The directories that were looked through for bundled copies; unknown when cut short."""


class ServerProcess(Struct, frozen=True):
    """A running rknn_server. `stale` lists mapped files that were replaced since it started."""

    pid: int
    user: str
    exe: str
    stale: tuple[str, ...]
    readable: bool = True
    """False where its mapped files are closed to us: then an empty `stale` says nothing."""
    gone: tuple[str, ...] = ()
    """Mapped files that were deleted, with nothing in their place."""


class Server(Struct, frozen=True):
    """rknn_server: the file, the processes, and how the board starts it."""

    file: Fact[str]
    version: Fact[Version]
    processes: Fact[tuple[ServerProcess, ...]]
    starter: Fact[str]
    """`loop` (start_rknn.sh), `systemd:UNIT`, `init:SCRIPT`, or `hand`."""


class Route(Struct, frozen=True):
    """One way to learn the NPU driver's version, and what it said."""

    source: str
    version: Fact[str]


class Npu(Struct, frozen=True):
    """The NPU as the kernel reports it."""

    driver: Fact[str]
    routes: tuple[Route, ...]
    kernel_driver: Fact[str]
    """`rknpu` (vendor) or `rocket` (mainline)."""
    nodes: tuple[str, ...]
    nodes_usable: Fact[bool]
    load_percent: Fact[tuple[int, ...]]
    iommu: Fact[bool]
    power: Fact[str]


class DevFreq(Struct, frozen=True):
    """One devfreq device; frequencies in Hz."""

    path: str
    governor: Fact[str]
    governors: Fact[tuple[str, ...]]
    frequencies_hz: Fact[tuple[int, ...]]
    cur_hz: Fact[int]
    min_hz: Fact[int]
    max_hz: Fact[int]


class CpuPolicy(Struct, frozen=True):
    """One cpufreq policy; frequencies in kHz."""

    name: str
    governor: Fact[str]
    governors: Fact[tuple[str, ...]]
    cur_khz: Fact[int]
    min_khz: Fact[int]
    max_khz: Fact[int]


class Clocks(Struct, frozen=True):
    """What runs how fast, and what could be pinned."""

    npu: Fact[DevFreq]
    dmc: Fact[DevFreq]
    cpu: tuple[CpuPolicy, ...]
    npu_clock_hz: Fact[int] = Absent("not looked for")
    ddr_clock_hz: Fact[int] = Absent("not looked for")
    """What the kernel's clock tree says; all there is without a devfreq device."""


class Zone(Struct, frozen=True):
    """One thermal zone, degrees Celsius."""

    type: str
    temp_c: Fact[float]


class Memory(Struct, frozen=True):
    """Main memory and the contiguous area (CMA), bytes."""

    total_bytes: Fact[int]
    available_bytes: Fact[int]
    cma_total_bytes: Fact[int]
    cma_free_bytes: Fact[int]


class Lite(Struct, frozen=True):
    """An rknn-toolkit-lite2 that an account can import."""

    version: str
    location: str


class PythonView(Struct, frozen=True):
    """One interpreter as one account sees it."""

    account: str
    sys_path: tuple[str, ...]
    lite: Fact[Lite]


class Interpreter(Struct, frozen=True):
    """One Python 3 on the board. `wanted` is the one the inventory (or PATH) names."""

    path: str
    real: str
    version: str
    wanted: bool
    externally_managed: bool
    venv: bool
    pip: Fact[str]
    root: Fact[PythonView]
    users: Fact[tuple[PythonView, ...]]


class PathFile(Struct, frozen=True):
    """A `.pth` file that makes root import from `target`; `writer` may change what is there."""

    path: str
    target: str
    writer: str


class Release(Struct, frozen=True):
    """One release of a model. `state`: `whole`, `differs`, `incomplete` or `unchecked`."""

    id: str
    sha256: str
    size_bytes: int
    state: str
    target: str = ""
    toolkit: str = ""
    pushed_at: float = 0.0
    problem: str = ""


class DeployedModel(Struct, frozen=True):
    """A model directory entry; `current` is the release id the link names."""

    name: str
    current: Fact[str]
    releases: tuple[Release, ...]
    previous: str = ""
    """The release a rollback would make current; empty when there is none."""


class Storage(Struct, frozen=True):
    """Where models go. `read_only` and `free_bytes` are of the nearest existing directory."""

    model_dir: str
    exists: bool
    writable: bool
    read_only: bool
    free_bytes: Fact[int]
    models: Fact[tuple[DeployedModel, ...]]
    blocked_by: str = ""
    """What stands in the place of the directory, or of one above it, and is no directory."""


class AdbExposure(Struct, frozen=True):
    """Whether adbd listens on the network, and as whom it runs commands."""

    tcp_port: Fact[int]
    root: Fact[bool]


class BoardFacts(Struct, frozen=True):
    """All facts of one board, from one round trip. `by` is `agent` or `sh` (no python3)."""

    schema: int
    by: str
    identity: Identity
    session: Session
    system: System
    runtime: Runtime
    server: Server
    npu: Npu
    clocks: Clocks
    thermal: tuple[Zone, ...]
    memory: Memory
    storage: Storage
    pythons: Fact[tuple[Interpreter, ...]]
    path_files: Fact[tuple[PathFile, ...]]
    adb: AdbExposure
