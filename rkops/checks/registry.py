"""The checks there are, by permanent code.

Four kinds: `board` (one board's facts), `fleet` (all boards' facts), `host` (the machine rkops
runs on) and `loss` (a board that gave no usable answer; the error is the finding). Parameters
are resolved once, at import: nothing is looked up by reflection for each board.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import rkops.checks
from rkops.checks.subject import PROVIDERS, HostFacts, Subject
from rkops.core.errors import RkopsError
from rkops.core.outcome import Outcome, Severity

Kind = Literal["board", "fleet", "host", "loss"]
BoardRun = Callable[[Subject], Outcome]
FleetRun = Callable[[Sequence[Subject]], Iterable[tuple[str, Outcome]]]
HostRun = Callable[[HostFacts], Outcome]
LossRun = Callable[[RkopsError], Outcome]

CODE = re.compile(r"RK[CSNPTMXDHF]\d{3}")
AREAS = {
    "C": "connection",
    "S": "system",
    "N": "NPU versions",
    "P": "Python on the board",
    "T": "clocks and temperature",
    "M": "memory and storage",
    "X": "security",
    "D": "deployed models",
    "F": "fleet",
    "H": "this machine",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its code, what it promises, and the text that explains it."""

    code: str
    title: str
    severity: Severity
    kind: Kind
    doc: str
    board: BoardRun | None = None
    fleet: FleetRun | None = None
    host: HostRun | None = None
    loss: LossRun | None = None

    @property
    def area(self) -> str:
        """The subject its code letter stands for."""
        return AREAS[self.code[2]]


_CHECKS: dict[str, Check] = {}
_LOSSES: dict[type[RkopsError], str] = {}


def check(
    code: str, title: str, *, severity: Severity
) -> Callable[[Callable[..., Outcome]], Callable[..., Outcome]]:
    """Register a check of one board. It gets its facts by the types of its parameters."""

    def register(function: Callable[..., Outcome]) -> Callable[..., Outcome]:
        run = _bound(code, function)
        _add(Check(code, title, severity, "board", _doc(function), board=run))
        return function

    return register


def fleet_check(code: str, title: str, *, severity: Severity) -> Callable[[FleetRun], FleetRun]:
    """Register a check over all boards that answered; it yields (board, outcome)."""

    def register(function: FleetRun) -> FleetRun:
        _add(Check(code, title, severity, "fleet", _doc(function), fleet=function))
        return function

    return register


def host_check(code: str, title: str, *, severity: Severity) -> Callable[[HostRun], HostRun]:
    """Register a check of the machine rkops runs on."""

    def register(function: HostRun) -> HostRun:
        _add(Check(code, title, severity, "host", _doc(function), host=function))
        return function

    return register


def loss_check(code: str, title: str, *errors: type[RkopsError]) -> Callable[[LossRun], LossRun]:
    """Register what a lost board's error means. The nearest class of the error decides."""

    def register(function: LossRun) -> LossRun:
        _add(Check(code, title, Severity.ERROR, "loss", _doc(function), loss=function))
        _LOSSES.update(dict.fromkeys(errors, code))
        return function

    return register


def also_lost_by(code: str, error: type[RkopsError]) -> None:
    """Let a board check's code also stand for an error that ends the work on a board."""
    _LOSSES[error] = code


def loss_code(error: RkopsError) -> str:
    """Return the code that stands for this error."""
    all_checks()
    return next(_LOSSES[kind] for kind in type(error).__mro__ if kind in _LOSSES)


@cache
def all_checks() -> dict[str, Check]:
    """Return every check by code, in code order; imports the area modules once."""
    for module in pkgutil.iter_modules(rkops.checks.__path__):
        importlib.import_module(f"{rkops.checks.__name__}.{module.name}")
    return dict(sorted(_CHECKS.items()))


def _add(new: Check) -> None:
    if not CODE.fullmatch(new.code):
        raise ValueError(f"{new.code} is no check code")
    if new.code in _CHECKS:
        raise ValueError(f"{new.code} is taken by {_CHECKS[new.code].title!r}")
    _CHECKS[new.code] = new


def _doc(function: Callable[..., object]) -> str:
    return inspect.cleandoc(function.__doc__ or "")


def _bound(code: str, function: Callable[..., Outcome]) -> BoardRun:
    """Return `function` as a function of a subject, its parameters resolved now."""
    kinds = [parameter.annotation for parameter in inspect.signature(function).parameters.values()]
    if unknown := [kind for kind in kinds if kind not in PROVIDERS]:
        raise TypeError(f"{code} asks for {unknown}, which no subject provides")
    getters = tuple(PROVIDERS[kind] for kind in kinds)

    def run(subject: Subject) -> Outcome:
        return function(*[get(subject) for get in getters])

    return run
