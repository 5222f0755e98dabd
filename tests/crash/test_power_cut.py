"""The power fails after any operation: `current` is whole, and the next deploy mends the rest."""

import ast
import shutil
from pathlib import Path

import pytest

from rkops.agent import release, shelf
from tests.crash.medium import Directory, crashes, frozen, write_out
from tests.crash.recorder import LOCK, Place, Recorder
from tests.crash.scenarios import (
    DATA,
    FILE,
    ID,
    NAME,
    SCENARIOS,
    Scenario,
    UnsyncedDisk,
    deploy,
    model_dir,
)

ID_OF = {"": "", **ID}
AGENT = Path(release.__file__).parent


def sync_calls() -> list[Place]:
    """Return the file and line of every call of fsync and fsync_dir in the agent."""
    return [
        (path.name, node.lineno)
        for path in sorted(AGENT.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith(("disk.fsync", "disk.fsync_dir"))
    ]


def complaint(root: Path, scenario: Scenario, *, finished: bool) -> str:
    """Return what is wrong with a board after a cut; empty when nothing is."""
    base = model_dir(root) / NAME
    if not base.is_dir():
        return "the model is gone" if finished or scenario.before[0] else ""
    broken = "" if finished else ID_OF[scenario.broken]
    for one in shelf.release_ids(str(base)):
        if one != broken and (found := _fault_of_release(base / one)):
            return found
    return _fault_of_links(base, scenario, broken, finished=finished)


def _fault_of_release(path: Path) -> str:
    state, problem, _ = shelf.inspect(str(path), thorough=True)
    if state != shelf.WHOLE:
        return f"release {path.name} is {state}: {problem}"
    if (path / FILE).read_bytes() != DATA[path.name]:
        return f"release {path.name} holds something else"
    return ""


def _fault_of_links(base: Path, scenario: Scenario, broken: str, *, finished: bool) -> str:
    pairs = [scenario.after] if finished else [scenario.before, scenario.after]
    previous_by_current: dict[str, set[str]] = {}
    for current, previous in pairs:
        previous_by_current.setdefault(ID_OF[current], set()).add(ID_OF[previous])
    current = shelf.current_of(str(base))
    if current not in previous_by_current:
        return f"current is {current!r}"
    if current not in {"", broken} and not (base / current).is_dir():
        return f"current {current} names nothing"
    allowed = previous_by_current[current]
    if broken and not (base / broken).is_dir():
        allowed.add("")  # the broken one is out of the way, its successor not yet there
    previous = shelf.previous_of(str(base))
    return "" if previous in allowed else f"previous of {current!r} is {previous!r}"


def recovers(root: Path) -> str:
    """Deploy after the restart; return what is wrong then."""
    base = model_dir(root)
    if base.is_dir():
        (base / LOCK).write_bytes(b'{"token": "t1", "bo')  # torn by the cut
    deploy(root, "E", UnsyncedDisk(), boot="boot2")
    left = [name.name for name in (base / NAME).iterdir() if name.name.startswith(".")]
    if left != [shelf.HISTORY]:
        return f"left behind: {left}"
    if shelf.current_of(str(base / NAME)) != ID["E"]:
        return "the next deploy did not switch"
    state, problem, _ = shelf.inspect(str(base / NAME / ID["E"]), thorough=True)
    return "" if state == shelf.WHOLE else f"the next release is {state}: {problem}"


class Judge:
    """Looks at every different state that a cut may leave after each operation."""

    def __init__(self, scratch: Path, scenario: Scenario, *, recover: bool) -> None:
        self._scratch = scratch
        self._scenario = scenario
        self._recover = recover
        self._seen: set[object] = set()
        self.finished = False
        self.states = 0
        self.complaints: list[str] = []

    def look(self, medium: Directory) -> None:
        for tree in crashes(medium):
            key = (self.finished, frozen(tree))
            if key in self._seen:
                continue
            self._seen.add(key)
            self.states += 1
            root = self._scratch / "state"
            write_out(tree, root)
            found = complaint(root, self._scenario, finished=self.finished)
            if not found and self._recover:
                found = recovers(root)
            shutil.rmtree(root)
            if found:
                self.complaints.append(found)


def judge(tmp_path: Path, scenario: Scenario, *, recover: bool, deaf: Place | None = None) -> Judge:
    root = tmp_path / "board"
    root.mkdir(parents=True)
    scenario.past(root)
    verdict = Judge(tmp_path, scenario, recover=recover)
    recorder = Recorder(root, verdict.look, deaf=deaf)
    scenario.deed(root, recorder)
    verdict.finished = True
    verdict.look(recorder.medium)
    return verdict


@pytest.mark.parametrize("name", SCENARIOS)
def test_current_is_whole_and_the_next_deploy_recovers(tmp_path: Path, name: str) -> None:
    verdict = judge(tmp_path, SCENARIOS[name], recover=True)
    assert verdict.complaints == []
    assert verdict.states > 5


def test_there_are_syncs_to_leave_out() -> None:
    assert len(sync_calls()) >= 7


@pytest.mark.parametrize("place", sync_calls(), ids=lambda place: "{}:{}".format(*place))
def test_no_sync_can_be_left_out(tmp_path: Path, place: Place) -> None:
    found = []
    for number, scenario in enumerate(SCENARIOS.values()):
        found += judge(tmp_path / str(number), scenario, recover=False, deaf=place).complaints
        if found:
            break
    assert found, f"{place}: a power cut does no harm without this sync"
