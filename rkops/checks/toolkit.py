"""The toolkits on this machine against the board's runtime."""

from rkops.checks.registry import check
from rkops.checks.subject import HostFacts, Wanted
from rkops.checks.versions import differs, loaded_version
from rkops.core.outcome import Outcome, Severity, failed, passed, skipped
from rkops.facts.board import Runtime, System
from rkops.facts.fact import value_of


@check("RKN130", "A toolkit on this machine matches the runtime", severity=Severity.WARNING)
def toolkit_matches(host: HostFacts, runtime: Runtime, system: System, wanted: Wanted) -> Outcome:
    """No rknn-toolkit2 known here has the version of the board's runtime.

    Why: models are made, and connected boards measured, by a toolkit of the runtime's version
    (RKNN SDK User Guide, section 2.2.3). The toolkit does not check it. With --strict an error.
    Fix: install rknn-toolkit2 of that version in an environment of its own and name its
    interpreter in RKOPS_TOOLKIT_PYTHON.
    """
    if not host.toolkits:
        return skipped("no toolkit is known on this machine")
    number = value_of(loaded_version(runtime, system.arch))
    if number is None:
        return skipped("loaded runtime version not known")
    for toolkit in host.toolkits:
        if not differs(toolkit.version, number):
            return passed(f"toolkit {toolkit.version} ({toolkit.python})")
    known = ", ".join(f"{toolkit.version} ({toolkit.python})" for toolkit in host.toolkits)
    return failed(
        f"the runtime is {number}; toolkits on this machine: {known}",
        severity=Severity.ERROR if wanted.strict else None,
        hint=f"install rknn-toolkit2 {number} in its own environment, name it in "
        "RKOPS_TOOLKIT_PYTHON",
    )
