"""A model file on its way: what it is, what it is called on boards, whether it fits one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rkops.checks.versions import loaded_version
from rkops.core.errors import UsageError
from rkops.facts.board import BoardFacts
from rkops.facts.fact import value_of
from rkops.knowledge.models import model_runs_on
from rkops.knowledge.socs import soc_of
from rkops.model.rknn import read_model

_LONGEST = 95
"""Boards take file names of 100 characters, and `.rknn` is added (rkops/agent/shelf.py)."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_STRANGE = re.compile(r"[^A-Za-z0-9._+-]+")


@dataclass(frozen=True, slots=True)
class Payload:
    """One model file. On a board it is `<model_dir>/<name>/current/<name>.rknn`."""

    path: Path
    name: str
    size_bytes: int
    sha256: str
    targets: tuple[str, ...]
    toolkit: str

    @property
    def release(self) -> str:
        """The id of the release that this file makes."""
        return self.sha256[:12]

    @property
    def file_name(self) -> str:
        """The file's name on the board: the same for every release, so applications can open it."""
        return f"{self.name}.rknn"


def read_payloads(paths: Sequence[Path], *, name: str = "") -> tuple[Payload, ...]:
    """Read the model files that are to be deployed.

    Raises:
        ModelFileError: one of them is no RKNN model.
        UsageError: the names are not usable, or two files want the same one.
    """
    if name and len(paths) > 1:
        raise UsageError("--name is for one model", hint="deploy the models one by one")
    payloads = tuple(_read(path, checked_name(name) if name else name_of(path)) for path in paths)
    seen: dict[str, Path] = {}
    for payload in payloads:
        other = seen.setdefault(payload.name, payload.path)
        if other != payload.path:
            raise UsageError(
                f"{other} and {payload.path} would both be {payload.name!r} on the board",
                hint="deploy them one by one, with --name",
            )
    return tuple({payload.name: payload for payload in payloads}.values())


def name_of(path: Path) -> str:
    """Return what a model file is called on boards: its name without the ending, blanks as `-`.

    Raises:
        UsageError: letters would be lost, and with them what tells it from another model.
    """
    if not path.stem.isascii():
        raise UsageError(
            f"{path.name!r} has letters that do not go into a name on boards",
            hint="say what to call it there: --name NAME",
        )
    return checked_name(_STRANGE.sub("-", path.stem).strip("-._+"))


def checked_name(name: str) -> str:
    """Return the name if boards take it.

    Raises:
        UsageError: it has characters that do not go into a directory name everywhere, or too many.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no usable model name",
            hint="letters, digits and . _ + - only, a letter or digit first; set it with --name",
        )
    if len(name) > _LONGEST:
        raise UsageError(
            f"the model name {name[:20]}... has {len(name)} characters",
            hint=f"at most {_LONGEST}; set a shorter one with --name",
        )
    return name


def _read(path: Path, name: str) -> Payload:
    info = read_model(path)
    return Payload(
        path=path,
        name=name,
        size_bytes=info.size_bytes,
        sha256=info.sha256,
        targets=tuple(info.targets),
        toolkit=info.toolkit_version,
    )


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model suits a board. `refusal` is empty when it does; `note` is worth saying."""

    refusal: str = ""
    hint: str = ""
    note: str = ""


def fit(payload: Payload, facts: BoardFacts) -> Fit:
    """Judge a model against a board's SoC and the runtime that its loader gives.

    What cannot be read on the board does not stop a deploy; it is noted.
    """
    target = _fit_target(payload, facts)
    if target.refusal:
        return target
    runtime = _fit_runtime(payload, facts)
    notes = "; ".join(note for note in (target.note, runtime.note) if note)
    return Fit(runtime.refusal, runtime.hint, notes)


def _fit_target(payload: Payload, facts: BoardFacts) -> Fit:
    compatible = value_of(facts.system.compatible)
    soc = soc_of(compatible or ())
    if soc is None:
        return Fit(note="the board's SoC is not readable: target not checked")
    if any(soc.runs_target(target) for target in payload.targets):
        return Fit()
    return Fit(
        refusal=f"the model is for {', '.join(payload.targets)}, the board is {soc.name}",
        hint=f"convert it with target_platform={soc.family!r}, or use --force",
    )


def _fit_runtime(payload: Payload, facts: BoardFacts) -> Fit:
    number = value_of(loaded_version(facts.runtime, facts.system.arch))
    if number is None:
        return Fit(note="no librknnrt version is readable on the board: not checked")
    verdict = model_runs_on(payload.toolkit, number)
    if verdict.runs:
        return Fit()
    return Fit(
        refusal=verdict.reason,
        hint="update librknnrt on the board, convert with a toolkit that fits, or use --force",
    )
