"""RKN102: one version of librknnrt, and never none."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rkops.checks.versions import fitting_copies, version_text
from rkops.core.outcome import Status
from rkops.facts.board import BoardFacts, LibraryCopy, Runtime, Version
from rkops.facts.fact import Absent, Present
from tests.unit.checks.profiles import changed, copy, healthy, lite, python, run, two_runtimes

LOCAL = "/usr/local/lib/librknnrt.so"
PLACE = "/usr/lib/librknnrt.so"
APP = "/opt/app lib/librknnrt.so"
VERSIONS = ("1.6.0", "2.0.0", "2.3.0", "2.3.2", "2.3.2+429f97ae")
FOUND = ("/usr/lib/", "/lib/")


def board(
    *copies: LibraryCopy, loads: str, server: str = "2.3.2", has_lite: str = "2.3.2"
) -> BoardFacts:
    here = lite(has_lite) if has_lite else Absent()
    return changed(
        healthy(),
        runtime=Runtime(copies, Present(loads), Present(())),
        server__version=Present(Version(server)) if server else Absent(),
        pythons=Present((python(root=here, user=here),)),
    )


def after(facts: BoardFacts, commands: tuple[str, ...]) -> dict[str, LibraryCopy]:
    """Return the files that are left, by path, when the commands were run."""
    files = {copy.real: copy for copy in facts.runtime.copies}
    for words in map(shlex.split, commands):
        match words[1:]:
            case ["rm", path]:
                files.pop(path, None)
            case ["install", "-m", "644", source, place]:
                files[place] = files[source]
    return files


def test_nothing_is_removed_when_no_copy_is_the_wanted_one() -> None:
    facts = board(copy("1.6.0", LOCAL), copy("2.0.0"), loads=LOCAL)
    outcome = run("RKN102", facts)
    assert outcome.status is Status.FAIL
    assert outcome.commands == ()
    assert "install it" in outcome.hint
    facts = board(copy("2.3.2"), copy("1.6.0", LOCAL), loads=PLACE)
    assert run("RKN102", facts, sdk="2.3.0").commands == ()


def test_without_sdk_the_version_of_server_and_lite_is_kept() -> None:
    outcome = run("RKN102", two_runtimes(), sdk=None)
    assert outcome.commands[:2] == (f"sudo rm {LOCAL}", "sudo ldconfig")
    assert "keep 2.3.2" in outcome.hint


@pytest.mark.parametrize(("server", "has_lite"), [("1.6.0", "2.3.2"), ("", ""), ("2.2.0", "2.2.0")])
def test_without_anything_that_says_which_no_file_is_named(server: str, has_lite: str) -> None:
    copies = (copy(), copy("1.6.0", LOCAL))
    outcome = run("RKN102", board(*copies, loads=LOCAL, server=server, has_lite=has_lite), sdk=None)
    assert outcome.commands == ()
    assert "sdk:" in outcome.hint


def test_the_server_is_restarted_by_a_command() -> None:
    assert run("RKN102", two_runtimes()).commands[-1] == "sudo kill 411"
    idle = changed(two_runtimes(), server__processes=Present(()))
    assert run("RKN102", idle).commands[-1] == "sudo ldconfig"


def test_a_copy_the_loader_does_not_look_at_is_put_where_it_does() -> None:
    facts = board(copy("2.3.2", APP), copy("1.6.0"), loads=PLACE)
    commands = run("RKN102", facts).commands
    assert commands[:2] == (f"sudo install -m 644 '{APP}' {PLACE}", "sudo ldconfig")


def test_a_link_goes_with_its_file() -> None:
    old = copy("1.6.0", LOCAL)
    link = LibraryCopy(LOCAL, f"{LOCAL}-1.6.0", 1, old.version, old.machine)
    commands = run("RKN102", board(copy(), link, loads=link.real)).commands
    assert commands[:2] == (f"sudo rm {LOCAL}", f"sudo rm {LOCAL}-1.6.0")


def test_the_hints_of_what_this_clears_lead_here() -> None:
    for sdk in ("2.3.2", None):
        for code in ("RKN103", "RKN112", "RKP112") if sdk else ("RKN112", "RKP112"):
            assert "RKN102" in run(code, two_runtimes(), sdk=sdk).hint
    other = board(copy(), copy("1.6.0", LOCAL), loads=LOCAL, server="2.2.0")
    assert "RKN102" not in run("RKN112", other).hint
    assert "RKN102" not in run("RKN103", two_runtimes(), sdk="2.2.0").hint


COPIES = st.lists(
    st.builds(
        copy,
        st.sampled_from(VERSIONS),
        st.sampled_from([PLACE, LOCAL, APP, "/lib/librknnrt.so", "/vendor/lib64/librknnrt.so"]),
        st.sampled_from(["aarch64", "aarch64", "arm"]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda one: one.real,
)
MAYBE = st.sampled_from(("", *VERSIONS))


@given(COPIES, st.data(), MAYBE, MAYBE, MAYBE)
def test_a_usable_copy_survives_whatever_is_suggested(
    copies: list[LibraryCopy], data: st.DataObject, sdk: str, server: str, has_lite: str
) -> None:
    loads = data.draw(st.sampled_from(copies)).real
    facts = board(*copies, loads=loads, server=server, has_lite=has_lite)
    commands = run("RKN102", facts, sdk=sdk or None).commands
    left = after(facts, commands)
    usable = set(fitting_copies(facts.runtime, "aarch64"))
    there = {path: one for path, one in left.items() if one in usable}
    assert there
    if commands:
        assert len({version_text(one.version).partition("+")[0] for one in there.values()}) == 1
        assert any(path == loads or path.startswith(FOUND) for path in there)
