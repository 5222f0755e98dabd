"""`rkops doctor` and `rkops explain` as a user runs them: wire boards, a real adb server."""

import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest

import rkops.report
from rkops.cli.app import main
from rkops.core.exit import ExitCode
from rkops.facts.board import BoardFacts, Identity
from rkops.facts.fact import Absent, Present
from tests.cli.doctor_boards import closed_port, wire_boards, write_inventory
from tests.unit.checks.profiles import PROFILES, changed, healthy, version_mix

Boards = dict[str, BoardFacts | bytes]
SCHEMA = json.loads(
    (Path(rkops.report.__file__).parent / "schema" / "doctor.schema.json").read_text("utf-8")
)


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def data(self):
        found = json.loads(self.out)
        jsonschema.validate(found, SCHEMA)
        return found

    def fired(self, board: str) -> set[str]:
        """Return what fails on a board at warning or above."""
        return {
            finding["code"]
            for finding in self.data["findings"]
            if finding["board"] == board
            and finding["status"] == "fail"
            and finding["severity"] != "info"
        }


@pytest.fixture
def rkops_run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def run(*argv: str) -> Ran:
        with pytest.raises(SystemExit) as ended:
            main(argv)
        told = capsys.readouterr()
        return Ran(int(ended.value.code or 0), told.out, told.err)

    return run


def board(facts: BoardFacts, number: int) -> BoardFacts:
    """Return the facts with an identity of their own and the right time."""
    key = f"{number:04x}"
    identity = Identity(f"dt:{key}", Present(key), Absent(), Absent())
    return changed(facts, identity=identity, system__epoch=time.time())


@pytest.fixture
def six(tmp_path: Path) -> Iterator[Path]:
    boards = {name: board(make(), n) for n, (name, make) in enumerate(PROFILES.items())}
    with wire_boards(boards) as lab:
        yield write_inventory(tmp_path / "boards.yaml", lab, sdk="2.3.2")


adb = pytest.mark.adb


@adb
def test_the_six_profiles(six: Path, rkops_run) -> None:
    ran = rkops_run("doctor", "--all", "-i", str(six), "--format", "json", "--skip", "RKF101")
    assert ran.code == ExitCode.FINDINGS
    assert {name: ran.fired(name) for name in PROFILES} == {
        "healthy": set(),
        "version-mix": {"RKN112", "RKN121"},
        "user-lite": {"RKP111"},
        "no-dmc": set(),
        "two-runtimes": {"RKN102", "RKN103", "RKN112", "RKP112"},
        "wrong-soc": {"RKS101"},
    }


@adb
def test_a_healthy_board(six: Path, rkops_run) -> None:
    ran = rkops_run("doctor", "healthy", "-i", str(six))
    assert ran.code == ExitCode.OK
    assert ran.out.splitlines()[1].split() == [
        *("healthy", "rk3588s", "2.3.2", "2.3.2", "0.9.8", "2.3.2", "ok")
    ]
    assert "\x1b" not in ran.out


@adb
def test_first_contact_records_who_the_board_is(six: Path, rkops_run) -> None:
    assert "identity" not in six.read_text()
    rkops_run("doctor", "--all", "-i", str(six), "--format", "json")
    assert six.read_text().count("identity: dt:") == len(PROFILES)


@adb
def test_fail_on(six: Path, rkops_run) -> None:
    only = ("doctor", "version-mix", "-i", str(six), "--only", "RKN121")
    assert rkops_run(*only).code == ExitCode.OK
    assert rkops_run(*only, "--fail-on", "warning").code == ExitCode.FINDINGS
    pinned = ("doctor", "no-dmc", "-i", str(six), "--only", "RKT102")
    assert rkops_run(*pinned, "--fail-on", "info").code == ExitCode.FINDINGS


@adb
def test_only_and_skip(six: Path, rkops_run) -> None:
    json_of = ("doctor", "two-runtimes", "-i", str(six), "--format", "json")
    assert rkops_run(*json_of, "--only", "RKN10,rkp112").fired("two-runtimes") == {
        *("RKN102", "RKN103", "RKP112")
    }
    assert rkops_run(*json_of, "--skip", "RKN").fired("two-runtimes") == {"RKP112"}


@adb
def test_profile(six: Path, tmp_path: Path, rkops_run) -> None:
    profile = tmp_path / "profile.yaml"
    rule = "- {code: RKN112, reason: planned, until: %s, severity: info}\n"
    profile.write_text("rules:\n" + rule % "2999-01-01")
    argv = ("doctor", "version-mix", "-i", str(six), "--profile", str(profile))
    assert rkops_run(*argv).code == ExitCode.OK
    profile.write_text("rules:\n" + rule % "2020-01-01")
    ran = rkops_run(*argv)
    assert ran.code == ExitCode.FINDINGS
    assert "note: the profile's rule for RKN112 ended on 2020-01-01 (planned)" in ran.out


@adb
def test_a_board_that_is_off_and_a_damaged_reply(tmp_path: Path, rkops_run) -> None:
    boards: Boards = {
        "good": board(healthy(), 1),
        "broken": b"@rkops-id dt:9\n@rkops result j 5 0 xx\n",
    }
    with wire_boards(boards) as lab:
        inventory = write_inventory(tmp_path / "boards.yaml", lab, sdk="2.3.2")
        with inventory.open("a") as more:
            more.write(f"  off: {{adb: '127.0.0.1:{closed_port()}'}}\n")
        ran = rkops_run("doctor", "--all", "-i", str(inventory), "--format", "json")
        table = rkops_run("doctor", "--all", "-i", str(inventory))
    assert (ran.code, table.code) == (ExitCode.UNREACHABLE, ExitCode.UNREACHABLE)
    assert ran.fired("good") == set()
    assert ran.fired("off") == {"RKC102"}
    assert ran.fired("broken") == {"RKC108"}
    assert {line["board"] for line in ran.data["lost"]} == {"off", "broken"}
    assert [line["board"] for line in ran.data["boards"]] == ["good", "broken", "off"]
    assert "2 lost (the result is incomplete)" in table.out.splitlines()[-1]


@adb
def test_another_board_at_the_address(tmp_path: Path, rkops_run) -> None:
    boards: Boards = {
        "good": board(healthy(), 1),
        "swapped": b"@rkops-id dt:new\n@rkops-wrong dt:new\n",
    }
    with wire_boards(boards) as lab:
        inventory = write_inventory(
            tmp_path / "boards.yaml", lab, more={"swapped": ", identity: 'dt:old'"}, sdk="2.3.2"
        )
        ran = rkops_run("doctor", "--all", "-i", str(inventory), "--format", "json")
    assert ran.code == ExitCode.FINDINGS
    assert ran.fired("swapped") == {"RKC110"}
    assert ran.data["lost"] == []
    assert "dt:old" in inventory.read_text()


@adb
def test_a_board_that_hangs_costs_its_own_time(tmp_path: Path, rkops_run) -> None:
    with wire_boards({"hangs": board(healthy(), 1), "good": board(healthy(), 2)}) as lab:
        lab.boards["hangs"].faults.change(mute=True)
        inventory = write_inventory(tmp_path / "boards.yaml", lab, sdk="2.3.2")
        ran = rkops_run(
            "doctor", "--all", "-i", str(inventory), "--timeout", "1", "--format", "json"
        )
    assert ran.code == ExitCode.UNREACHABLE
    assert ran.fired("hangs") == {"RKC107"}
    seconds = {line["board"]: line["seconds"] for line in ran.data["boards"]}
    assert seconds["good"] < 1 <= seconds["hangs"] < 4


@adb
def test_wrong_clock(tmp_path: Path, rkops_run) -> None:
    late = changed(board(healthy(), 1), system__epoch=time.time() - 86400 * 30)
    with wire_boards({"late": late}) as lab:
        inventory = write_inventory(tmp_path / "boards.yaml", lab, sdk="2.3.2")
        ran = rkops_run("doctor", "late", "-i", str(inventory), "--format", "json")
    assert ran.fired("late") == {"RKC120"}


@adb
def test_strict(tmp_path: Path, rkops_run) -> None:
    with wire_boards({"mix": board(version_mix(), 1)}) as lab:
        inventory = write_inventory(tmp_path / "boards.yaml", lab, soc="rk3588")
        argv = ("doctor", "mix", "-i", str(inventory), "--only", "RKN112")
        assert rkops_run(*argv).code == ExitCode.OK
        assert rkops_run(*argv, "--strict").code == ExitCode.FINDINGS


def test_list_and_explain(rkops_run) -> None:
    listed = rkops_run("doctor", "--list")
    assert listed.code == ExitCode.OK
    assert "RKN121  error" in listed.out
    rows = json.loads(rkops_run("doctor", "--list", "--format", "json").out)["checks"]
    assert {"code", "severity", "area", "title"} == rows[0].keys()
    explained = rkops_run("doctor", "--explain", "rkn121")
    assert explained.out.startswith("RKN121  NPU driver is new enough")
    assert "Why:" in explained.out
    assert rkops_run("explain", "RKN121").out == explained.out


@pytest.mark.parametrize(
    "argv",
    [
        ("doctor", "--explain", "RKN000"),
        ("doctor", "--only", "RKZ", "--all"),
        ("doctor", "--skip", "nothing", "--all"),
        ("doctor", "--all", "--profile", "/nonexistent.yaml"),
        ("doctor", "--all", "-i", "/nonexistent.yaml"),
        ("explain", "RKN000"),
    ],
)
def test_wrong_words_are_a_usage_error(argv: tuple[str, ...], rkops_run) -> None:
    ran = rkops_run(*argv)
    assert ran.code == ExitCode.USAGE
    assert ran.err.startswith("error: ")
    assert "  try: " in ran.err


def test_explain_a_message(rkops_run) -> None:
    ran = rkops_run("explain", "E RKNN: Invalid RKNN model version 6")
    assert ran.code == ExitCode.OK
    assert "cause:" in ran.out
    assert "row 22" in ran.out
    found = json.loads(rkops_run("explain", "Text file busy", "--format", "json").out)
    assert found["schema"] == "rkops.errors/1"
    assert found["matches"][0]["error"]["id"] == 60


def test_explain_a_log(rkops_run, monkeypatch: pytest.MonkeyPatch) -> None:
    log = b"\x1b[1;31mE server connect fail!\x1b[0m\n\xff\nNo space left on device\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(log)))
    ran = rkops_run("explain", "-")
    assert ran.out.index("row 26") < ran.out.index("row 62")


def test_nothing_known(rkops_run) -> None:
    ran = rkops_run("explain", "all is well")
    assert ran.code == ExitCode.FINDINGS
    assert "nothing known" in ran.err
