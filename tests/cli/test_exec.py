"""`rkops exec`, `push` and `pull` on boards behind the lab's SSH server."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rkops.cli.app import main
from rkops.core.deadline import Deadline
from rkops.core.exit import ExitCode
from rkops.fleet.inventory import load_inventory
from rkops.lab.endpoint import CommandIO
from rkops.lab.faults import Faults
from rkops.lab.here.endpoint import HereEndpoint
from rkops.lab.ssh.daemon import new_host_key
from rkops.lab.ssh.login import Account
from tests.contract.links.ssh import WIRE_HOST, home, known, new_key, wire

REFUSED_PORT = 1
SERIAL = "/sys/firmware/devicetree/base/serial-number"
MAIN = "from rkops.cli.app import main; main()"


class NamedEndpoint(HereEndpoint):
    """This machine, with a serial number as a board has one."""

    def __init__(self, serial: Path) -> None:
        super().__init__()
        self._serial = serial

    async def run(self, command: str, io: CommandIO, *, pty: bool) -> int:
        return await super().run(command.replace(SERIAL, str(self._serial)), io, pty=pty)


@dataclass
class Site:
    """Boards b1 and b2 at one address, one that is off, one that is another."""

    inventory: Path
    faults: Faults = field(default_factory=Faults)


@contextmanager
def made(place: Path) -> Iterator[Site]:
    host_key = new_host_key()
    with home(place / "home") as ssh:
        key, public = new_key(ssh)
        site = Site(place / "boards.yaml")
        (place / "serial").write_bytes(b"cafe01\0")
        board = NamedEndpoint(place / "serial")
        accounts = {"root": Account(keys=(public,))}
        with wire(accounts, endpoint=board, faults=site.faults, host_key=host_key) as port:
            known(ssh, WIRE_HOST, port, host_key.export_public_key().decode())
            at = f"ssh: 'root@{WIRE_HOST}:{port}', key: {key}"
            site.inventory.write_text(
                "boards:\n"
                f"  b1: {{{at}}}\n  b2: {{{at}}}\n"
                f"  off: {{ssh: 'root@{WIRE_HOST}:{REFUSED_PORT}'}}\n"
                f"  other: {{{at}, identity: 'dt:not-this-one'}}\n"
            )
            yield site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with made(tmp_path) as site:
        yield site


@pytest.fixture
def rkops(site: Site, capfdbinary):
    def run(command: str, *words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([command, "-i", str(site.inventory), *words])
        out, err = capfdbinary.readouterr()
        return int(stop.value.code or 0), out.decode(), err.decode()

    return run


def test_one_board_gives_its_own_exit_code_and_streams(rkops) -> None:
    assert rkops("exec", "b1", "--", "echo out; echo err >&2; exit 5") == (5, "out\n", "err\n")


def test_several_words_are_seen_by_no_shell(rkops) -> None:
    assert rkops("exec", "b1", "--", "echo", "$HOME", "a  b", "--all")[1] == "$HOME a  b --all\n"


def test_lines_of_several_boards_bear_their_names(rkops) -> None:
    code, out, err = rkops("exec", "b1", "b2", "--", "echo one; echo two")
    assert code == ExitCode.OK
    assert sorted(out.splitlines()) == ["b1: one", "b1: two", "b2: one", "b2: two"]
    assert err == ""


def test_a_command_that_fails_somewhere(rkops) -> None:
    code, _, err = rkops("exec", "b1", "b2", "--", "false")
    assert code == ExitCode.FINDINGS
    assert "b1: exit code 1" in err


def test_a_lost_board_and_the_others_results(rkops) -> None:
    code, out, err = rkops("exec", "b1", "off", "--", "echo here")
    assert code == ExitCode.UNREACHABLE
    assert out == "b1: here\n"
    assert "error: off:" in err
    assert "try:" in err


def test_no_command_reaches_another_board(rkops, tmp_path: Path) -> None:
    code, _, err = rkops("exec", "other", "--", "touch", str(tmp_path / "touched"))
    assert code == ExitCode.CHANGE_FAILED
    assert "another board answers" in err
    assert not (tmp_path / "touched").exists()


def test_json_has_all_of_it(rkops) -> None:
    code, out, _ = rkops("exec", "b1", "off", "--format", "json", "--", "echo x; exit 3")
    assert code == ExitCode.UNREACHABLE
    report = json.loads(out)
    assert report["schema"] == "rkops.exec/1"
    first, second = report["boards"]
    assert (first["state"], first["code"], first["stdout"]) == ("ran", 3, "x\n")
    assert (second["state"], second["code"]) == ("lost", None)
    assert second["hint"]


def test_a_missing_command_is_a_usage_error(rkops) -> None:
    assert rkops("exec", "b1")[0] == ExitCode.USAGE


def test_a_command_that_hangs_costs_its_time(rkops) -> None:
    code, _, err = rkops("exec", "b1", "--timeout", "0.5", "--", "sleep 60")
    assert code == ExitCode.UNREACHABLE
    assert "did not end in its time" in err


def started(site: Site, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", MAIN, "exec", "-i", str(site.inventory), *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, stdin=stdin, stdout=pipe, stderr=pipe)


def test_what_is_piped_in_reaches_one_board(site: Site) -> None:
    rkops = started(site, "b1", "--", "cat; echo end >&2", stdin=subprocess.PIPE)
    typed = bytes(range(256)) * 4000
    assert rkops.communicate(typed, timeout=20) == (typed, b"end\n")
    assert rkops.returncode == 0


def test_output_comes_while_the_command_runs(site: Site, tmp_path: Path) -> None:
    go = tmp_path / "go"
    script = f"echo one; while ! [ -e {go} ]; do sleep 0.02; done; printf two"
    for boards, first, rest in (
        (["b1"], b"one\n", b"two"),
        (["b1", "off"], b"b1: one\n", b"b1: two\n"),
    ):
        go.unlink(missing_ok=True)
        with started(site, *boards, "--", script) as rkops:
            assert rkops.stdout is not None
            assert rkops.stdout.readline() == first
            go.touch()
            assert rkops.stdout.read() == rest


def test_a_talking_command_outlives_its_timeout(rkops) -> None:
    script = "for n in 1 2 3 4 5; do echo $n; sleep 0.3; done"
    assert rkops("exec", "b1", "--timeout", "0.8", "--", script)[:2] == (0, "1\n2\n3\n4\n5\n")


def test_a_reader_that_leaves_ends_the_command(site: Site, tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    script = f"while :; do echo x; echo x >> {beat}; sleep 0.02; done"
    with started(site, "b1", "--", script) as rkops:
        assert rkops.stdout is not None
        assert rkops.stdout.readline() == b"x\n"
        rkops.stdout.close()
        assert rkops.wait(20) == 0
    assert stands_still(beat)


def stands_still(beat: Path) -> bool:
    """Whether a file that a command keeps writing is left alone, soon."""
    patience = Deadline.after(8)
    while not patience.expired:
        before = beat.stat().st_size
        patience.pause(0.25)
        if beat.stat().st_size == before:
            return True
    return False


def test_first_contact_records_who_the_board_is(rkops, site: Site, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new")
    for words in (
        ("exec", "b1", "--", "true"),
        ("push", str(tmp_path / "new"), f"{tmp_path}/there", "-b", "b2"),
    ):
        assert rkops(*words)[0] == 0
    known = load_inventory(site.inventory).boards
    assert [known[name].identity for name in ("b1", "b2", "off")] == ["dt:cafe01"] * 2 + [None]
    (tmp_path / "serial").write_bytes(b"cafe02\0")
    assert rkops("exec", "b1", "--", "touch", f"{tmp_path}/touched")[0] == ExitCode.CHANGE_FAILED
    assert not (tmp_path / "touched").exists()


def test_pull_records_who_the_board_is(rkops, site: Site, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("x")
    assert rkops("pull", f"{tmp_path}/there", f"{tmp_path}/back", "-b", "b1")[0] == 0
    assert load_inventory(site.inventory).boards["b1"].identity == "dt:cafe01"


def test_push_and_pull_bring_the_same_bytes(rkops, tmp_path: Path) -> None:
    source = tmp_path / "a file"
    source.write_bytes(os.urandom(300_000))
    source.chmod(0o750)
    (tmp_path / "there").mkdir()
    code, out, _ = rkops("push", str(source), f"{tmp_path}/there", "-b", "b1")
    there = tmp_path / "there" / "a file"
    assert code == ExitCode.OK
    assert "sha256 compared" in out
    assert there.read_bytes() == source.read_bytes()
    assert there.stat().st_mode & 0o777 == 0o750
    assert [path.name for path in there.parent.iterdir()] == ["a file"]
    assert rkops("pull", str(there), str(tmp_path / "back"), "-b", "b1")[0] == ExitCode.OK
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def test_pull_keeps_boards_apart(rkops, tmp_path: Path) -> None:
    (tmp_path / "name").write_text("x")
    code = rkops("pull", str(tmp_path / "name"), str(tmp_path / "out"), "-b", "b1", "-b", "b2")[0]
    assert code == ExitCode.OK
    found = sorted(str(p.relative_to(tmp_path)) for p in (tmp_path / "out").rglob("name"))
    assert found == ["out/b1/name", "out/b2/name"]


def test_pull_into_a_directory_that_is_not_there_yet(rkops, tmp_path: Path) -> None:
    (tmp_path / "name").write_text("x")
    assert rkops("pull", str(tmp_path / "name"), f"{tmp_path}/out/", "-b", "b1")[0] == ExitCode.OK
    assert (tmp_path / "out" / "name").read_text() == "x"


@pytest.mark.parametrize("words", [("push", "{}/new", "~/x"), ("pull", "~bob/x", "{}")])
def test_a_home_is_not_guessed(rkops, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "new").write_text("x")
    code, _, err = rkops(*(word.format(tmp_path) for word in words), "-b", "b1")
    assert code == ExitCode.USAGE
    assert "~ is not expanded on the board" in err


@pytest.mark.parametrize("fault", ["disk_full", "read_only", "short_write"])
def test_a_push_that_fails_leaves_what_was_there(rkops, site, tmp_path: Path, fault: str) -> None:
    source, there = tmp_path / "new", tmp_path / "there" / "file"
    source.write_text("new")
    there.parent.mkdir()
    there.write_text("old")
    site.faults.change(**{fault: True})
    code, _, err = rkops("push", str(source), str(there), "-b", "b1")
    assert code == ExitCode.CHANGE_FAILED
    assert "b1: failed:" in err
    assert there.read_text() == "old"
    assert [path.name for path in there.parent.iterdir()] == ["file"]


def test_no_file_reaches_another_board(rkops, tmp_path: Path) -> None:
    source = tmp_path / "new"
    source.write_text("new")
    (tmp_path / "there").mkdir()
    code, _, err = rkops("push", str(source), f"{tmp_path}/there", "-b", "other")
    assert code == ExitCode.CHANGE_FAILED
    assert "refused" in err
    assert list((tmp_path / "there").iterdir()) == []
    assert rkops("pull", str(source), str(tmp_path / "back"), "-b", "other")[0] == 4
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("remote", ["/no-such-directory/file", "/proc/version"])
def test_a_place_that_cannot_be_written(rkops, tmp_path: Path, remote: str) -> None:
    (tmp_path / "new").write_text("new")
    code, _, err = rkops("push", str(tmp_path / "new"), remote, "-b", "b1")
    assert code == ExitCode.CHANGE_FAILED
    assert "try:" in err


def test_a_local_file_that_is_none(rkops, tmp_path: Path) -> None:
    assert rkops("push", str(tmp_path / "none"), "/tmp", "-b", "b1")[0] == ExitCode.USAGE
    assert rkops("push", str(tmp_path), "/tmp", "-b", "b1")[0] == ExitCode.USAGE


def test_ctrl_c_takes_the_temporary_file_away(site: Site, tmp_path: Path) -> None:
    source = tmp_path / "new"
    source.write_bytes(bytes(3_000_000))
    there = tmp_path / "there"
    there.mkdir()
    site.faults.change(stall_after_bytes=100_000)
    words = ["push", "-i", str(site.inventory), str(source), str(there), "-b", "b1"]
    rkops = subprocess.Popen([sys.executable, "-c", MAIN, *words], stderr=subprocess.PIPE)
    deadline = Deadline.after(20)
    while not list(there.iterdir()) and not deadline.expired:
        deadline.pause(0.05)
    assert [path.name.partition("rkops-")[0] for path in there.iterdir()] == [".new."]
    rkops.send_signal(signal.SIGINT)
    _, err = rkops.communicate(timeout=20)
    assert rkops.returncode == ExitCode.INTERRUPTED, err
    assert list(there.iterdir()) == []
