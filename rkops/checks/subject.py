"""What checks may ask for, by the type of a parameter."""

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter

from rkops.facts.board import (
    AdbExposure,
    BoardFacts,
    Clocks,
    Identity,
    Memory,
    Npu,
    Runtime,
    Server,
    Session,
    Storage,
    System,
)
from rkops.knowledge.limits import Limits, default_limits


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the inventory and the command line ask of a board."""

    name: str = ""
    groups: tuple[str, ...] = ()
    soc: str = "rk3588"
    sdk: str | None = None
    user: str | None = None
    python: str | None = None
    identity: str | None = None
    strict: bool = False
    """A mix of versions is an error even where no `sdk:` is asked for."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The host's clock when the board's answer came, and how long the question took."""

    host_epoch: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Toolkit:
    """One rknn-toolkit2 on this machine."""

    python: str
    version: str


@dataclass(frozen=True, slots=True)
class AdbProgram:
    """One adb program on this machine; `version` is empty when it would not say."""

    path: str
    version: str


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What matters on the machine rkops runs on."""

    adb: tuple[AdbProgram, ...] = ()
    """adb programs, the one rkops uses first."""
    adb_server: str | None = None
    """Version of the adb server that runs, None when none does."""
    adb_problem: str = ""
    toolkits: tuple[Toolkit, ...] = ()
    uses_adb: bool = True


@dataclass(frozen=True, slots=True)
class Subject:
    """One board as the checks see it."""

    facts: BoardFacts
    wanted: Wanted
    clock: Clock
    host: HostFacts = field(default_factory=HostFacts)
    limits: Limits = field(default_factory=default_limits)


PROVIDERS: dict[type, Callable[[Subject], object]] = {
    BoardFacts: attrgetter("facts"),
    Identity: attrgetter("facts.identity"),
    Session: attrgetter("facts.session"),
    System: attrgetter("facts.system"),
    Runtime: attrgetter("facts.runtime"),
    Server: attrgetter("facts.server"),
    Npu: attrgetter("facts.npu"),
    Clocks: attrgetter("facts.clocks"),
    Memory: attrgetter("facts.memory"),
    Storage: attrgetter("facts.storage"),
    AdbExposure: attrgetter("facts.adb"),
    Wanted: attrgetter("wanted"),
    Clock: attrgetter("clock"),
    HostFacts: attrgetter("host"),
    Limits: attrgetter("limits"),
}
"""How each type is taken from a subject. A new kind of fact needs one line here."""
