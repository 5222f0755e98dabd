"""Python on the board, and rknnlite as the user and as root see it."""

from rkops.checks.lite import LiteViews, account_view, lite_views, wanted_python
from rkops.checks.registry import check
from rkops.checks.subject import Wanted
from rkops.checks.tidy import see_tidying, tidying
from rkops.checks.versions import differs, loaded_version
from rkops.core.outcome import Fix, Outcome, Severity, failed, passed, skipped
from rkops.facts.board import BoardFacts, Interpreter, Session
from rkops.facts.fact import Absent, Present, Unknown, value_of
from rkops.knowledge.releases import lite_pythons, lite_wheel_for

_INSTALL = Fix("lite.install")


@check("RKP101", "python3 is there", severity=Severity.WARNING)
def python_there(facts: BoardFacts) -> Outcome:
    """The board has no python3, or none that is new enough (3.7).

    Why: rknnlite needs it, and so does rkops' agent: without it rkops learns versions, SoC and
    identity only.
    Fix: install python3 with the board's package manager.
    """
    match facts.pythons:
        case Present(value=pythons) if pythons and facts.by == "sh":
            return failed(
                f"{pythons[0].path} is {pythons[0].version}, 3.7 is needed: rknnlite cannot run, "
                "and much cannot be looked at",
                hint="install a newer Python, and name it as python: in the inventory",
            )
        case Present(value=pythons) if pythons:
            return passed(", ".join(f"{p.path} {p.version}" for p in pythons))
        case Unknown(reason=reason, needs=needs):
            return skipped(f"not looked for: {reason}", needs=needs)
        case Present() | Absent():
            return failed(
                "no python3 on the board: rknnlite cannot run, and much cannot be looked at",
                hint="install python3 with the board's package manager",
                commands=("sudo apt-get install python3",),
            )


@check("RKP102", "There is a lite wheel for this Python", severity=Severity.WARNING)
def python_fits(facts: BoardFacts, wanted: Wanted) -> Outcome:
    """No rknn-toolkit-lite2 wheel exists for the board's Python version.

    Why: Rockchip ships binary wheels for CPython 3.7 to 3.12 only; pip says `No matching
    distribution found` or `is not a supported wheel on this platform`.
    Fix: make an environment with a Python that has wheels and name it as `python:` in the
    inventory.
    """
    python = wanted_python(facts, wanted)
    if python is None or facts.by == "sh":
        return skipped("no interpreter to judge: see RKP101 and RKP103")
    wheels = lite_wheel_for(python.version)
    if wheels is None:
        known = lite_pythons()
        return failed(
            f"no rknn-toolkit-lite2 wheel exists for Python {python.version} ({python.path})",
            hint=f"use an environment with a Python from {_dotted(known[0])} to "
            f"{_dotted(known[-1])} and name it as python: in the inventory",
        )
    if wanted.sdk and not wheels.has(wanted.sdk):
        return failed(
            f"no rknn-toolkit-lite2 {wanted.sdk} wheel exists for Python {python.version} "
            f"({python.path})",
            hint=f"versions with a wheel for it: {', '.join(wheels.releases)}",
        )
    return passed(f"{wheels.tag}: {', '.join(wheels.releases)}")


@check("RKP103", "The inventory's interpreter is there", severity=Severity.ERROR)
def python_wanted(facts: BoardFacts, wanted: Wanted) -> Outcome:
    """The interpreter that the inventory names is not on the board.

    Why: programs that are started with it cannot run, and no other Python says what they see.
    Fix: make the environment on the board, or correct `python:` in the inventory.
    """
    if not wanted.python:
        return skipped("the inventory names no interpreter")
    if isinstance(facts.pythons, Unknown):
        return skipped(f"not looked for: {facts.pythons.reason}", needs=facts.pythons.needs)
    if wanted_python(facts, wanted) is not None:
        return passed(wanted.python)
    others = ", ".join(p.path for p in value_of(facts.pythons) or ())
    return failed(
        f"{wanted.python} is not on the board, or does not run",
        hint=f"make it, or correct python: in the inventory; there is {others or 'no python3'}",
    )


@check("RKP110", "rknnlite is there for the user", severity=Severity.WARNING)
def lite_there(facts: BoardFacts, wanted: Wanted) -> Outcome:
    """The account that should run models cannot import rknnlite.

    Why: `No module named 'rknnlite'`. The account is the inventory's `user:`, else the one rkops
    logs in as.
    Fix: install the rknn-toolkit-lite2 wheel for the board's Python, for all accounts rather than
    with --user (see RKP111).
    """
    views = lite_views(facts, wanted)
    if views is None:
        return skipped("no interpreter to look at: see RKP101 and RKP103")
    if views.only_users:
        return skipped("a user has it and root has not: see RKP111")
    account, lite = account_view(views, facts, wanted)
    match lite:
        case Present(value=found):
            return passed(f"{account}: {found.version} ({found.location})")
        case Unknown(reason=reason, needs=needs):
            return skipped(f"not known for {account}: {reason}", needs=needs)
        case Absent():
            if lite_wheel_for(views.python.version) is None:
                return skipped("no wheel for this Python: see RKP102")
            return failed(
                f"{account} cannot import rknnlite in {views.python.path} {views.python.version}"
                + _elsewhere(facts, views.python),
                hint="install the rknn-toolkit-lite2 wheel for all accounts",
                commands=(_install_command(views.python, wanted),),
                fix=_INSTALL,
            )


@check("RKP111", "Root has rknnlite where a user has it", severity=Severity.ERROR)
def lite_root(facts: BoardFacts, wanted: Wanted) -> Outcome:
    """A user can import rknnlite, root cannot: it fails under sudo and in services.

    Why: `pip install --user` puts it below the user's home, which is not on root's path; and the
    NPU's clocks, debug files and often its device want root. A `.pth` file that points root at a
    user's directory works, but lets that user run code as root (RKX120).
    Fix: install the wheel for all accounts with sudo, or use an environment that root owns.
    """
    views = lite_views(facts, wanted)
    if views is None:
        return skipped("no interpreter to look at: see RKP101 and RKP103")
    if not views.holders:
        if isinstance(views.users_known, Unknown):
            return skipped(
                f"users' views not known: {views.users_known.reason}",
                needs=views.users_known.needs,
            )
        return passed("no ordinary account has it that root would lack")
    account, found = views.holders[0]
    match views.root_lite:
        case Present(value=lite):
            return passed(f"root: {lite.version} ({lite.location})")
        case Unknown(reason=reason, needs=needs):
            return skipped(f"root's view not known: {reason}", needs=needs)
        case Absent():
            return failed(
                f"{account} has rknnlite {found.version} ({found.location}), root has not: "
                "it fails under sudo",
                hint="install the wheel for all accounts",
                commands=(_install_command(views.python, wanted, found.version),),
                fix=_INSTALL,
            )


@check("RKP112", "rknnlite and librknnrt are one version", severity=Severity.WARNING)
def lite_matches(facts: BoardFacts, wanted: Wanted) -> Outcome:
    """The lite package's version differs from the runtime that the loader gives.

    Why: rknnlite only wraps librknnrt.so; a package older or newer than the library fails with
    some models and calls (blakeblackshear/frigate#9840).
    Fix: install the rknn-toolkit-lite2 of the runtime's version, or the runtime of the package's.
    """
    number = value_of(loaded_version(facts.runtime, facts.system.arch))
    views = lite_views(facts, wanted)
    held = _held(views) if views else {}
    if not held or views is None:
        return skipped("no rknnlite seen: see RKP110")
    if number is None:
        return skipped("loaded runtime version not known")
    other = {version: who for version, who in held.items() if differs(version, number)}
    if not other:
        return passed(f"both {number}")
    said = "; ".join(f"rknnlite {version} for {who}" for version, who in other.items())
    target = wanted.sdk or number
    return failed(
        f"{said}, but the runtime that loads is {number}",
        severity=Severity.ERROR if wanted.strict else None,
        hint=see_tidying(tidying(facts, wanted), *held)
        or f"bring rknnlite and librknnrt.so to one version ({target})",
    )


@check("RKP113", "Root's view can be taken", severity=Severity.INFO)
def root_view(session: Session) -> Outcome:
    """The account is not root and cannot become root without a password.

    Why: root's Python, debug files of the NPU and other processes stay unread; checks on them are
    skipped.
    Fix: let rkops log in as root, or allow the account `sudo` without a password.
    """
    if session.uid == 0:
        return passed("root")
    sudo = value_of(session.sudo)
    if sudo in {"root", "nopasswd"}:
        return passed(f"{session.user} has sudo without a password")
    if isinstance(session.sudo, Unknown):
        return skipped(f"not tried: {session.sudo.reason}", needs=session.sudo.needs)
    return failed(
        f"{session.user} cannot become root without a password: some checks are skipped",
        hint="log in as root, or allow this account sudo without a password",
    )


def _held(views: LiteViews) -> dict[str, str]:
    """Return who has which lite version: `{"2.3.2": "firefly and root"}`."""
    held: dict[str, list[str]] = {}
    for account, lite in views.holders:
        held.setdefault(lite.version, []).append(account)
    if (root := value_of(views.root_lite)) is not None:
        held.setdefault(root.version, []).append("root")
    return {version: " and ".join(accounts) for version, accounts in held.items()}


def _install_command(python: Interpreter, wanted: Wanted, version: str = "") -> str:
    number = wanted.sdk or version
    package = f"rknn-toolkit-lite2=={number}" if number else "rknn-toolkit-lite2"
    # PEP 668: Debian 12 and Ubuntu 23.04 on refuse pip outside an environment.
    override = " --break-system-packages" if python.externally_managed else ""
    return f"sudo {python.path} -m pip install{override} {package}"


def _elsewhere(facts: BoardFacts, python: Interpreter) -> str:
    for other in value_of(facts.pythons) or ():
        views = [*(value_of(other.users) or ()), value_of(other.root)]
        has = any(view is not None and isinstance(view.lite, Present) for view in views)
        if other.path != python.path and has:
            return f" ({other.path} has it)"
    return ""


def _dotted(tag: str) -> str:
    return f"3.{tag.removeprefix('cp3')}"
