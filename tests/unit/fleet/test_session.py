"""The session over a transport that runs the real bootstrap in this machine's shell."""

import json
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from rkops.core.deadline import Deadline
from rkops.core.errors import (
    AgentError,
    AgentReplyError,
    BoardBusyError,
    TransferError,
    WrongBoardError,
)
from rkops.facts.board import BoardFacts
from rkops.facts.fact import Absent, Present, Unknown
from rkops.facts.parse import parse_facts
from rkops.fleet import bootstrap, pack
from rkops.fleet.session import AgentSession
from rkops.transport.base import ByteProgress, CommandResult, Heard, PushReport, no_progress

TOOLS = "sh tr id df tail mkdir mv rm rmdir grep dd ls readlink uname date head cut chmod"


class ShellBoard:
    """A board that is a home directory here. Counts what a call costs."""

    board = "b1"
    scheme = "ssh"

    def __init__(self, home: Path, *, path: str = "/usr/bin:/bin", python: str = "") -> None:
        self.home = home
        self.environment = {"HOME": str(home), "PATH": path}
        self.python = python
        self.runs: list[str] = []
        self.pushes: list[str] = []
        self.refused: list[str] = []
        self.cut = False

    def _argv(self, argv: Sequence[str]) -> list[str]:
        # Where this machine has its python3 is not what the test is about.
        for place in ("/usr/bin/python3", "/usr/local/bin/python3"):
            argv = [word.replace(place, "/nonexistent") for word in argv]
        return list(argv)

    def run(self, argv: Sequence[str], *, deadline: Deadline, stdin: bytes = b"") -> CommandResult:
        self.runs.append(argv[-1])
        done = subprocess.run(
            self._argv(argv),
            env=self.environment,
            capture_output=True,
            timeout=deadline.remaining,
            check=False,
        )
        return CommandResult("sh", done.returncode, done.stdout, done.stderr)

    def talk(
        self,
        argv: Sequence[str],
        *,
        deadline: Deadline,
        heard: Heard,
        typed: Iterable[bytes] = (),
    ) -> CommandResult:
        raise AssertionError("the session talks to nobody")

    def stream(
        self, argv: Sequence[str], *, deadline: Deadline
    ) -> AbstractContextManager[Iterator[bytes]]:
        @contextmanager
        def chunks() -> Iterator[Iterator[bytes]]:
            data = self.run(argv, deadline=deadline).stdout
            yield iter([data[:7], data[7:50], data[50:]])

        return chunks()

    def push(
        self,
        source: Path,
        remote: str,
        *,
        mode: int = 0o644,
        deadline: Deadline,
        progress: ByteProgress = no_progress,
    ) -> PushReport:
        self.pushes.append(remote)
        if any(remote.startswith(place) for place in self.refused):
            raise TransferError("no space left", board=self.board)
        shutil.copy(source, remote)
        Path(remote).chmod(mode)
        if self.cut:
            os.truncate(remote, 2000)
            self.cut = False
        return PushReport(1, 0.0, 1)

    def pull(
        self,
        remote: str,
        destination: Path,
        *,
        deadline: Deadline,
        progress: ByteProgress = no_progress,
    ) -> int:
        raise AssertionError("the session pulls nothing")

    def forward(self, remote: str, *, deadline: Deadline) -> AbstractContextManager[int]:
        raise AssertionError("the session forwards nothing")

    def close(self) -> None:
        pass


@pytest.fixture
def tools(tmp_path: Path) -> str:
    """A PATH with the tools of a small board, and python3 only when the test adds it."""
    place = tmp_path / "tools"
    place.mkdir()
    for tool in TOOLS.split():
        found = shutil.which(tool)
        assert found, tool
        (place / tool).symlink_to(found)
    return str(place)


@pytest.fixture(autouse=True)
def nothing_kept_in_memory() -> None:
    """This machine's own memory cache is in sight of the shell: a run before may have left it."""
    shutil.rmtree(f"/dev/shm/rkops-{os.getuid()}", ignore_errors=True)


@pytest.fixture
def board(tmp_path: Path, tools: str) -> ShellBoard:
    (Path(tools) / "python3").symlink_to(Path(sys.executable).resolve())
    home = tmp_path / "home"
    home.mkdir()
    return ShellBoard(home, path=tools)


@pytest.fixture
def bare(tmp_path: Path, tools: str) -> ShellBoard:
    """A board without python3."""
    home = tmp_path / "home"
    home.mkdir()
    return ShellBoard(home, path=tools)


def session(board: ShellBoard, expected: str | None = None) -> AgentSession:
    return AgentSession(board, board="b1", expected_identity=expected, python=board.python)


def probe(board: ShellBoard, **request: object) -> BoardFacts:
    asked = {"model_dir": "/opt/rkops/models", **request}
    return parse_facts(session(board).call("probe", asked, deadline=Deadline.after(30)))


def cache_of(board: ShellBoard) -> list[str]:
    place = board.home / ".cache" / "rkops"
    return sorted(path.name for path in place.iterdir()) if place.exists() else []


def test_cold_is_two_calls_and_a_push_and_warm_is_one(board: ShellBoard) -> None:
    cold = probe(board)
    assert (len(board.runs), len(board.pushes)) == (2, 1)
    board.runs.clear()
    warm = probe(board)
    assert (len(board.runs), len(board.pushes)) == (1, 1)
    assert (cold.by, warm.by) == ("agent", "agent")
    assert pack.agent_name() in cache_of(board)
    assert not [name for name in cache_of(board) if name.startswith(".push")]
    assert (board.home / ".cache" / "rkops").stat().st_mode & 0o777 == 0o700


def test_the_command_fits_an_old_adbd(board: ShellBoard) -> None:
    probe(board, user="firefly", python="/home/firefly/venvs/detector/bin/python3")
    assert max(map(len, board.runs)) < bootstrap.MAX_COMMAND
    assert "'" not in board.runs[0]


def test_another_board_is_not_written_to(board: ShellBoard) -> None:
    with pytest.raises(WrongBoardError) as caught:
        session(board, "dt:another").call("probe", {}, deadline=Deadline.after(10))
    assert "dt:another" in caught.value.message
    assert (len(board.runs), board.pushes, cache_of(board)) == (1, [], [])


def test_a_hostile_identity_in_the_inventory_runs_nothing(board: ShellBoard) -> None:
    expected = f'x";touch {board.home}/pwned;"'
    with pytest.raises(WrongBoardError):
        session(board, expected).call("probe", {}, deadline=Deadline.after(10))
    assert list(board.home.iterdir()) == []


def test_without_python3_the_shell_answers(bare: ShellBoard) -> None:
    facts = probe(bare)
    assert facts.by == "sh"
    assert isinstance(facts.pythons, Absent)
    assert isinstance(facts.path_files, Unknown)
    assert isinstance(facts.memory.total_bytes, Present)
    assert isinstance(facts.storage.free_bytes, Present)
    assert (len(bare.runs), len(bare.pushes)) == (2, 1)
    bare.runs.clear()
    assert probe(bare).by == "sh"
    assert (len(bare.runs), len(bare.pushes)) == (1, 1)


def test_without_python3_other_verbs_say_so(bare: ShellBoard) -> None:
    with pytest.raises(AgentError) as caught:
        session(bare).call("release-list", {"model_dir": "/x"}, deadline=Deadline.after(10))
    assert caught.value.code == "no-python"
    assert (bare.pushes, cache_of(bare)) == ([], [])


OLD = '{"code":"old-python","message":"/usr/bin/python3 is 3.6, 3.7 is needed","hint":""}'


def old_python(place: Path) -> None:
    """A python3 that the agent refuses, and that says so when asked for its version."""
    sums = [f"{zlib.crc32(text.encode()):08x}" for text in (OLD, "1")]
    frames = f"@rkops error j {len(OLD)} {sums[0]} {OLD}\n@rkops end j 1 {sums[1]} 1"
    place.write_text(f"#!/bin/sh\necho '{frames}'\nexit 1\n")
    place.chmod(0o755)


def test_too_old_a_python_falls_back_to_the_shell(bare: ShellBoard, tools: str) -> None:
    old_python(Path(tools) / "python3")
    facts = probe(bare)
    assert facts.by == "sh"
    assert isinstance(facts.path_files, Unknown)
    assert facts.path_files.reason == "/usr/bin/python3 is 3.6, 3.7 is needed"
    assert isinstance(facts.pythons, Present)
    (python,) = facts.pythons.value
    assert (python.path, python.version) == ("/usr/bin/python3", "3.6")


def test_too_old_a_python_is_what_other_verbs_say(bare: ShellBoard, tools: str) -> None:
    old_python(Path(tools) / "python3")
    with pytest.raises(AgentError, match=r"python3 is 3\.6, 3\.7 is needed") as caught:
        session(bare).call("release-list", {"model_dir": "/x"}, deadline=Deadline.after(10))
    assert caught.value.code == "old-python"


def test_after_too_old_a_python_the_next_is_tried(bare: ShellBoard, tools: str) -> None:
    old_python(bare.home / "python3.6")
    (Path(tools) / "python3").symlink_to(sys.executable)
    bare.python = str(bare.home / "python3.6")
    assert probe(bare).by == "agent"
    one = session(bare)
    one.call("release-list", {"model_dir": "/x"}, deadline=Deadline.after(10))
    bare.runs.clear()
    one.call("release-list", {"model_dir": "/x"}, deadline=Deadline.after(10))
    assert len(bare.runs) == 1


@pytest.mark.parametrize("name", ["app/bin/python3", "app"])
def test_the_inventorys_python_comes_first(bare: ShellBoard, tools: str, name: str) -> None:
    mark = bare.home / "it-ran"
    (bare.home / "app/bin").mkdir(parents=True)
    wrapper = bare.home / "app/bin/python3"
    wrapper.write_text(f'#!/bin/sh\n: > {mark}\nexec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    (Path(tools) / "python3").symlink_to(sys.executable)
    bare.python = str(bare.home / name)
    assert probe(bare).by == "agent"
    assert mark.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_root_starts_no_python_of_another_account(bare: ShellBoard, tools: str) -> None:
    place = bare.home / "app"
    place.mkdir()
    (place / "python3").symlink_to("/bin/false")
    os.chown(place, 1000, 1000)
    (Path(tools) / "python3").symlink_to(sys.executable)
    bare.python = str(place / "python3")
    assert probe(bare).by == "agent"


def test_a_damaged_copy_on_the_board_is_replaced(board: ShellBoard) -> None:
    board.cut = True
    assert probe(board).by == "agent"
    assert len(board.pushes) == 2
    board.runs.clear()
    probe(board)
    assert len(board.runs) == 1


def test_a_directory_that_takes_no_file_is_passed_over(board: ShellBoard) -> None:
    board.refused = [str(board.home)]
    try:
        assert probe(board).by == "agent"
        second = Path(board.pushes[1])
        assert not str(second).startswith(str(board.home))
    finally:
        for place in board.pushes[1:]:
            for left in Path(place).parent.glob(f"agent-{pack.agent_id()}.*"):
                left.unlink()


def test_a_link_in_the_place_of_the_cache_is_not_followed(board: ShellBoard) -> None:
    target = board.home / "elsewhere"
    target.mkdir()
    (board.home / ".cache").mkdir()
    (board.home / ".cache" / "rkops").symlink_to(target)
    board.refused = ["/dev/shm", "/run", "/tmp", "/data"]
    with pytest.raises(AgentError) as caught:
        probe(board)
    assert caught.value.code == "no-place"
    assert list(target.iterdir()) == []


def test_a_long_request_goes_as_a_file_that_is_gone_after(board: ShellBoard) -> None:
    noise = [f"{number * 7919:x}" for number in range(1500)]
    assert probe(board, noise=noise).by == "agent"
    assert not [name for name in cache_of(board) if name.startswith("request")]
    assert max(map(len, board.runs)) < bootstrap.MAX_COMMAND


def test_the_agents_refusal_keeps_code_and_board(board: ShellBoard) -> None:
    with pytest.raises(AgentError) as caught:
        session(board).call(
            "release-switch", {"model_dir": "relative"}, deadline=Deadline.after(10)
        )
    assert (caught.value.board, caught.value.code) == ("b1", "bad-request")
    with pytest.raises(AgentError) as caught:
        session(board).call("release-nothing", {}, deadline=Deadline.after(10))
    assert caught.value.code == "unknown-verb"
    assert not isinstance(caught.value, BoardBusyError)


def test_a_board_that_says_nothing_useful_is_a_damaged_reply(bare: ShellBoard, tools: str) -> None:
    broken = Path(tools) / "python3"
    broken.write_text("#!/bin/sh\necho error while loading shared libraries >&2\nexit 127\n")
    broken.chmod(0o755)
    with pytest.raises(AgentReplyError) as caught:
        probe(bare)
    assert "error while loading shared libraries" in caught.value.message
    assert caught.value.board == "b1"


def test_progress_comes_while_the_agent_works(board: ShellBoard) -> None:
    seen: list[object] = []
    call = session(board)
    payload = call.call(
        "probe", {"model_dir": "/x"}, deadline=Deadline.after(30), on_progress=seen.append
    )
    assert json.loads(payload)["by"] == "agent"
    assert call.identity == json.loads(payload)["identity"]["key"]


def test_the_guard_stops_a_command_before_it_runs(board: ShellBoard) -> None:
    mark = board.home / "mark"
    argv = bootstrap.guarded("dt:another", ["sh", "-c", f"echo > {mark}"])
    result = board.run(argv, deadline=Deadline.after(10))
    assert (result.code, mark.exists()) == (bootstrap.WRONG_CODE, False)
    with pytest.raises(WrongBoardError):
        bootstrap.check_guard(result, expected="dt:another", board="b1")


def test_the_guard_lets_the_right_board_through(board: ShellBoard) -> None:
    probe(board)
    call = session(board)
    call.call("probe", {}, deadline=Deadline.after(30))
    argv = bootstrap.guarded(
        call.identity, ["sh", "-c", 'echo "$1" "$LC_ALL"; exit 5', "sh", "a b"]
    )
    result = board.run(argv, deadline=Deadline.after(10))
    assert (result.code, result.stdout) == (5, b"a b \n")
    bootstrap.check_guard(result, expected=call.identity, board="b1")
