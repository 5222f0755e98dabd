"""Models that rkops put on the board."""

import shlex
from collections.abc import Iterable, Iterator

from rkops.checks.registry import check
from rkops.checks.subject import Wanted
from rkops.checks.versions import loaded_version
from rkops.core.outcome import Outcome, Severity, failed, passed, skipped
from rkops.facts.board import DeployedModel, Release, Runtime, Storage, System
from rkops.facts.fact import Present, Unknown, value_of
from rkops.knowledge.models import model_runs_on
from rkops.knowledge.socs import soc_of


@check("RKD101", "Deployed models are for this SoC", severity=Severity.ERROR)
def model_target(storage: Storage, system: System, wanted: Wanted) -> Outcome:
    """The current release of a model is made for another SoC.

    Why: the runtime refuses it (`Invalid RKNN format`, target platform mismatch).
    Fix: convert the model with `target_platform='rk3588'` and deploy it again.
    """
    if reason := _no_models(storage):
        return reason
    compatible = value_of(system.compatible)
    soc = soc_of(compatible) if compatible else None
    if soc is None:
        return skipped("SoC not known")
    wrong = [
        (model, release)
        for model, release in _current(storage)
        if release.target and not any(map(soc.runs_target, release.target.split(",")))
    ]
    if wrong:
        said = "; ".join(f"{model.name} is for {release.target}" for model, release in wrong)
        return _failed(
            f"{said}; the board is {soc.name}",
            "convert for this SoC and deploy again",
            [model for model, _ in wrong],
            wanted,
        )
    return passed("current models are for this SoC")


@check("RKD102", "Deployed models load on this runtime", severity=Severity.ERROR)
def model_runtime(storage: Storage, runtime: Runtime, system: System, wanted: Wanted) -> Outcome:
    """The current release of a model is newer than the runtime, or too old for it.

    Why: `Invalid RKNN model version 6`. The rule is table 10-1 of the RKNN SDK User Guide; for
    toolkits it does not list, a runtime at least as new as the model.
    Fix: update librknnrt.so, or convert the model with a toolkit of the runtime's version.
    """
    if reason := _no_models(storage):
        return reason
    number = value_of(loaded_version(runtime, system.arch))
    if number is None:
        return skipped("loaded runtime version not known")
    wrong = {}
    for model, release in _current(storage):
        verdict = model_runs_on(release.toolkit, number) if release.toolkit else None
        if verdict is not None and not verdict.runs:
            wrong[model] = f"{model.name}: {verdict.reason}"
    if wrong:
        return _failed(
            "; ".join(wrong.values()),
            "update the runtime or convert with a toolkit of its version",
            wrong,
            wanted,
        )
    return passed(f"current models load on runtime {number}")


@check("RKD103", "Deployed files are as they were pushed", severity=Severity.ERROR)
def model_whole(storage: Storage) -> Outcome:
    """A deployed file differs from its manifest.

    Why: it was changed by hand, or the storage lost or damaged it. The current release is an
    error, an older one (a rollback would use it) a warning.
    Fix: deploy the model again.
    """
    if reason := _no_models(storage):
        return reason
    broken = [
        (model, release)
        for model in value_of(storage.models) or ()
        for release in model.releases
        if release.state != "whole"
    ]
    if not broken:
        return passed("all releases are whole")
    live = any(value_of(model.current) == release.id for model, release in broken)
    said = "; ".join(
        f"{m.name} {r.id} {r.state}{f' ({r.problem})' if r.problem else ''}" for m, r in broken
    )
    return failed(
        f"not as pushed: {said}",
        severity=Severity.ERROR if live else Severity.WARNING,
        hint="deploy the model again",
    )


@check("RKD104", "The current link leads somewhere", severity=Severity.ERROR)
def model_current(storage: Storage, wanted: Wanted) -> Outcome:
    """A model's `current` link names a release that is not there.

    Why: a release directory was removed by hand; the application finds no model.
    Fix: deploy the model again, or switch to a release that is there.
    """
    if reason := _no_models(storage):
        return reason
    lost = {
        model: f"{model.name}: {current}"
        for model in value_of(storage.models) or ()
        if (current := value_of(model.current)) is not None
        and current not in {release.id for release in model.releases}
    }
    if lost:
        return _failed(
            f"current names a release that is not there ({'; '.join(lost.values())})",
            "deploy the model again",
            lost,
            wanted,
        )
    return passed("every current link leads to a release")


def _no_models(storage: Storage) -> Outcome | None:
    if isinstance(storage.models, Unknown):
        return skipped(f"not readable: {storage.models.reason}", needs=storage.models.needs)
    if not (isinstance(storage.models, Present) and storage.models.value):
        return skipped("no models deployed by rkops")
    return None


def _current(storage: Storage) -> Iterator[tuple[DeployedModel, Release]]:
    for model in value_of(storage.models) or ():
        current = value_of(model.current)
        yield from ((model, release) for release in model.releases if release.id == current)


def _failed(message: str, hint: str, models: Iterable[DeployedModel], wanted: Wanted) -> Outcome:
    """Return the failure; rolling back is named for the models that have where to go."""
    commands = tuple(
        f"rkops deploy -b {shlex.quote(wanted.name)} --rollback --name {shlex.quote(model.name)}"
        for model in models
        if model.previous
    )
    return failed(message, hint=f"{hint}, or roll back" if commands else hint, commands=commands)
