"""Whose rknnlite is where: the wanted interpreter as its users and as root see it."""

from dataclasses import dataclass

from rkops.checks.subject import Wanted
from rkops.facts.board import BoardFacts, Interpreter, Lite, PythonView
from rkops.facts.fact import Absent, Fact, Present, Unknown, value_of


@dataclass(frozen=True, slots=True)
class LiteViews:
    """One interpreter: which accounts can import rknnlite, which cannot."""

    python: Interpreter
    users: tuple[PythonView, ...]
    users_known: Fact[tuple[PythonView, ...]]
    root: Fact[PythonView]

    @property
    def holders(self) -> tuple[tuple[str, Lite], ...]:
        """The ordinary accounts that can import it."""
        return tuple(
            (view.account, view.lite.value) for view in self.users if isinstance(view.lite, Present)
        )

    @property
    def root_lite(self) -> Fact[Lite]:
        """Root's rknnlite; unknown where root's view could not be taken."""
        match self.root:
            case Present(value=view):
                return view.lite
            case Absent() as absent:
                return absent
            case Unknown() as unknown:
                return unknown

    @property
    def only_users(self) -> bool:
        """True when an ordinary account has it and root is known not to have it (RKP111)."""
        return bool(self.holders) and isinstance(self.root_lite, Absent)


def wanted_python(facts: BoardFacts, wanted: Wanted) -> Interpreter | None:
    """Return the interpreter that counts: the inventory's, else the first on PATH."""
    pythons = value_of(facts.pythons) or ()
    if wanted.python:
        named = (p for p in pythons if wanted.python in {p.path, p.real})
        return next(named, None)
    return next((p for p in pythons if p.wanted), pythons[0] if pythons else None)


def lite_views(facts: BoardFacts, wanted: Wanted) -> LiteViews | None:
    """Return the views of the interpreter that counts, or None without one."""
    python = wanted_python(facts, wanted)
    if python is None:
        return None
    seen = value_of(python.users) or ()
    ordinary = tuple(view for view in seen if view.account != "root")
    return LiteViews(python, ordinary, python.users, python.root)


def account_view(views: LiteViews, facts: BoardFacts, wanted: Wanted) -> tuple[str, Fact[Lite]]:
    """Return the account that should have rknnlite, and what it has.

    That is the inventory's `user:`, else the account rkops logged in as, else (logged in as
    root) any ordinary account that has it, else root.
    """
    name = wanted.user or facts.session.user
    if name != "root":
        view = next((view for view in views.users if view.account == name), None)
        if view is not None:
            return name, view.lite
        if isinstance(views.users_known, Unknown):
            return name, views.users_known
        return name, Unknown(f"no account {name} was seen on the board")
    if views.holders:
        holder, lite = views.holders[0]
        return holder, Present(lite)
    return "root", views.root_lite


def some_lite(views: LiteViews) -> Lite | None:
    """Return the rknnlite that a program is most likely to import: root's, else a user's."""
    if (lite := value_of(views.root_lite)) is not None:
        return lite
    return views.holders[0][1] if views.holders else None
