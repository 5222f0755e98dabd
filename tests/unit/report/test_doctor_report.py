"""The table's lines, the JSON and the exit codes."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

import rkops.report
from rkops.checks.registry import Check
from rkops.checks.run import check_board
from rkops.core.errors import BoardUnreachableError
from rkops.core.exit import ExitCode
from rkops.core.outcome import Outcome, Severity
from rkops.report.columns import plain, plain_table
from rkops.report.doctor_json import doctor_json
from rkops.report.doctor_lines import DoctorLines, merged
from rkops.services.doctor_report import BoardReport
from tests.unit.checks.profiles import changed, healthy, no_dmc, subject, unknown, version_mix
from tests.unit.report.builders import answered, lost, sample, twins, whole

SCHEMA = Path(rkops.report.__file__).parent / "schema" / "doctor.schema.json"


def board_text(report: BoardReport, *, everything: bool = False) -> str:
    lines = DoctorLines([report.line.board], everything=everything)
    return "\n".join(plain(line) for line in lines.board(report))


def test_a_healthy_board_is_one_line() -> None:
    assert board_text(answered("good", healthy())).endswith(" ok")
    assert "\n" not in board_text(answered("good", healthy()))


def test_findings_stand_below_their_board_with_what_to_try() -> None:
    text = board_text(answered("mixed", version_mix())).splitlines()
    assert text[0].endswith("1 error, 1 warning")
    assert text[1].split()[:2] == ["error", "RKN112"]
    assert text[2].strip().startswith("try: ")
    assert text[3].split()[:2] == ["warning", "RKN121"]


def test_informations_are_one_line_without_a_hint() -> None:
    text = board_text(answered("plain", no_dmc()))
    assert "RKT101" in text
    assert "try:" not in text
    assert "try:" in board_text(answered("plain", no_dmc()), everything=True)


def test_what_could_not_be_judged_is_said_once_by_what_it_needs() -> None:
    facts = changed(healthy(), npu__driver=unknown(), server__processes=unknown())
    (line,) = [x for x in board_text(answered("b", facts)).splitlines() if "skipped" in x]
    assert (
        line.split("skipped")[1].strip()
        == "RKN111, RKN113, RKN114, RKN121: needs root on the board"
    )


def test_columns_stand_below_their_heads() -> None:
    lines = DoctorLines(["mixed"])
    head = plain(lines.header())
    row = plain(next(iter(lines.board(answered("mixed", version_mix())))))
    assert row.index("2.3.2") == head.index("RUNTIME")
    assert row.index("1 error") == head.index("VERDICT")


def test_the_end_counts() -> None:
    reports = sample()
    report = whole(*reports, notes=("rule over",), fleet=twins())
    text = [plain(line) for line in DoctorLines(["x"]).end(report)]
    assert text[-1] == (
        "6 boards: 1 ok, 4 with findings, 1 lost (the result is incomplete); 2 named under fleet; "
        "0.2 s"
    )
    assert "note: rule over" in text
    assert text[0] == "fleet"
    assert text[1].split()[:3] == ["warning", "RKF102", "good:"]


def test_the_last_line_counts_what_the_rows_say() -> None:
    reports = sample()
    lines = DoctorLines([report.line.board for report in reports])
    rows = [plain(next(iter(lines.board(report)))) for report in reports]
    report = whole(*reports, fleet=twins())
    last = plain(list(lines.end(report))[-1])
    fine = sum(1 for row in rows if row.endswith(" ok"))
    lost = sum(1 for row in rows if row.endswith(" lost"))
    assert f"{fine} ok, {len(rows) - fine - lost} with findings, {lost} lost" in last


def test_plain_table() -> None:
    assert plain_table(("a", "bb"), [("xxx", "y")]) == "A    BB\nxxx  y"


@pytest.mark.parametrize("everything", [False, True])
def test_json_fits_its_schema(everything: bool) -> None:
    report = whole(*sample(), fleet=twins())
    data = json.loads(doctor_json(report, fail_on=Severity.ERROR, everything=everything))
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(data, schema)
    needed = {"board", "code", "status", "severity", "message", "hint"}
    assert all(needed <= finding.keys() for finding in data["findings"])
    assert ("pass" in {finding["status"] for finding in data["findings"]}) is everything
    assert [line["code"] for line in data["lost"]] == ["RKC102"]
    assert data["exit_code"] == 3


def test_the_schema_notices_what_is_wrong() -> None:
    data = json.loads(doctor_json(whole(*sample()), fail_on=Severity.ERROR))
    data["findings"][0]["code"] = "X1"
    schema = json.loads(SCHEMA.read_text("utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema)


@pytest.mark.parametrize(
    ("names", "fail_on", "code"),
    [
        ((0,), Severity.INFO, ExitCode.OK),
        ((0, 1), Severity.ERROR, ExitCode.FINDINGS),
        ((0, 1, 4), Severity.ERROR, ExitCode.UNREACHABLE),
        ((0, 5), Severity.ERROR, ExitCode.FINDINGS),
    ],
)
def test_exit_codes(names: tuple[int, ...], fail_on: Severity, code: ExitCode) -> None:
    reports = sample()
    assert whole(*(reports[number] for number in names)).exit_code(fail_on) == code


def test_a_warning_fails_only_where_asked() -> None:
    warm = answered("b", changed(healthy(), server__processes=unknown(), storage__writable=False))
    assert whole(warm).exit_code(Severity.ERROR) == ExitCode.OK
    assert whole(warm).exit_code(Severity.WARNING) == ExitCode.FINDINGS


def test_a_broken_check_is_a_fault_of_rkops() -> None:
    def broken(given: object) -> Outcome:
        raise RuntimeError(str(given)[:3])

    bad = Check("RKN998", "breaks", Severity.INFO, "board", "", board=broken)
    findings = tuple(check_board(subject(), [bad]))
    report = BoardReport(answered("b", healthy()).line, findings)
    assert whole(report).exit_code(Severity.ERROR) == ExitCode.INTERNAL
    assert "the check itself broke" in board_text(report)


def test_a_lost_board_says_why() -> None:
    text = board_text(lost("gone", BoardUnreachableError("no answer from 127.0.0.1")))
    assert text.splitlines()[0].endswith(" lost")
    assert "RKC101  no answer from 127.0.0.1" in text


def test_among_several_boards_informations_are_counted_not_repeated() -> None:
    boards = [answered(name, no_dmc()) for name in ("one", "two")]
    lines = DoctorLines(["one", "two"])
    told = [plain(line) for board in boards for line in lines.board(board)]
    assert not any("RKT101" in line for line in told)
    (line,) = [plain(x) for x in lines.end(whole(*boards)) if "RKT101" in plain(x)]
    assert line.endswith("not on 2 boards")


def test_findings_that_say_the_same_are_one() -> None:
    (warning,) = [f for f in answered("b0", version_mix()).findings if f.code == "RKN121"]
    same = [msgspec.structs.replace(warning, board=f"b{n}") for n in range(7)]
    (one,) = merged(same)
    assert one.message == f"b0, b1, b2, b3, b4 and 2 more: {warning.message}"
