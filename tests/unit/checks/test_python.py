"""RKP: who can import rknnlite."""

import pytest

from rkops.core.outcome import Severity, Status
from rkops.facts.board import Session
from rkops.facts.fact import Absent, Present
from tests.unit.checks.profiles import (
    changed,
    fired,
    healthy,
    lite,
    mentions,
    python,
    run,
    unknown,
    user_lite,
)

NONE = Absent("sys.path")
MINE = lite(where="/home/firefly/.local/lib/python3.8/site-packages")


def with_python(*interpreters):
    return changed(healthy(), pythons=Present(interpreters))


def test_no_python() -> None:
    facts = changed(healthy(), by="sh", pythons=Absent("PATH"))
    codes = {code for code in fired(facts) if code.startswith("RKP")}
    assert codes == {"RKP101"}


@pytest.mark.parametrize("version", ["3.13.1", "3.6.9"])
def test_no_wheel_for_this_python(version: str) -> None:
    facts = with_python(python(NONE, NONE, version))
    assert mentions(run("RKP102", facts), version)
    assert run("RKP110", facts).status is Status.SKIP


def test_no_wheel_of_the_wanted_sdk() -> None:
    outcome = run("RKP102", with_python(python(version="3.11.2")), sdk="1.4.0")
    assert mentions(outcome, "1.4.0", "3.11.2")


def test_wanted_interpreter_is_not_there() -> None:
    outcome = run("RKP103", python="/opt/venv/bin/python")
    assert mentions(outcome, "/opt/venv/bin/python")
    assert "/usr/bin/python3" in outcome.hint
    assert run("RKP103", python="/usr/bin/python3").status is Status.PASS
    assert run("RKP103").status is Status.SKIP


def test_missing_for_everyone() -> None:
    facts = with_python(python(NONE, NONE))
    outcome = run("RKP110", facts, user="firefly")
    assert mentions(outcome, "firefly")
    assert outcome.commands == ("sudo /usr/bin/python3 -m pip install rknn-toolkit-lite2==2.3.2",)
    assert run("RKP111", facts).status is Status.PASS
    assert fired(facts) == {"RKP110"}


def test_root_login_without_a_wanted_user_judges_root() -> None:
    assert mentions(run("RKP110", with_python(python(NONE, NONE))), "root")


def test_the_user_has_it_and_root_has_not() -> None:
    assert run("RKP111", user_lite()).status is Status.FAIL
    assert run("RKP110", user_lite()).status is Status.SKIP
    assert fired(user_lite()) == {"RKP111"}
    assert fired(user_lite(), user="firefly") == {"RKP111"}


def test_root_view_not_known() -> None:
    hidden = python(user=MINE)
    view = type(hidden)(
        **{f: getattr(hidden, f) for f in hidden.__struct_fields__} | {"root": unknown()}
    )
    outcome = run("RKP111", with_python(view))
    assert outcome.status is Status.SKIP
    assert outcome.hint == "needs root on the board"
    assert run("RKP110", with_python(view), user="firefly").status is Status.PASS


def test_root_has_it_where_the_wanted_user_has_not() -> None:
    facts = with_python(python(lite(where="/root/.local"), NONE))
    assert fired(facts, user="firefly") == {"RKP110"}
    assert fired(facts) == set()


def test_another_interpreter_has_it() -> None:
    facts = with_python(python(NONE, NONE), python(path="/opt/venv/bin/python3"))
    assert mentions(run("RKP110", facts), "/opt/venv/bin/python3 has it")


def test_an_account_that_was_not_seen_is_not_judged() -> None:
    assert run("RKP110", user="nobody-here").status is Status.SKIP


def test_lite_of_another_version() -> None:
    facts = with_python(python(lite("1.6.0"), lite("1.6.0")))
    outcome = run("RKP112", facts)
    assert mentions(outcome, "1.6.0", "2.3.2", "firefly and root")
    assert outcome.severity is None
    assert run("RKP112", facts, strict=True).severity is Severity.ERROR
    assert run("RKP112", with_python(python(NONE, NONE))).status is Status.SKIP


def test_no_way_to_become_root() -> None:
    user = Session("firefly", 1000, "/home/firefly", ("firefly",), Present("password"))
    assert mentions(run("RKP113", changed(healthy(), session=user)), "firefly")
    assert run("RKP113").status is Status.PASS


def test_pep_668_is_said_in_the_command() -> None:
    interpreter = python(NONE, NONE, "3.11.2")
    managed = type(interpreter)(
        **{f: getattr(interpreter, f) for f in interpreter.__struct_fields__}
        | {"externally_managed": True}
    )
    assert "--break-system-packages" in run("RKP110", with_python(managed)).commands[0]
