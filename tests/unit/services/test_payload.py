from pathlib import Path

import pytest
from msgspec.structs import replace

from rkops.agent import shelf
from rkops.core.errors import ModelFileError, UsageError
from rkops.facts.board import BoardFacts
from rkops.facts.fact import Absent, Present, Unknown
from rkops.services.payload import Payload, checked_name, fit, name_of, read_payloads
from tests.unit.checks.profiles import healthy

DATA = Path(__file__).parents[2] / "data"


def payload(target: str = "rk3588", toolkit: str = "2.3.2") -> Payload:
    return Payload(Path("m.rknn"), "m", 1000, "0" * 64, (target,), toolkit)


def with_soc(facts: BoardFacts, *compatible: str) -> BoardFacts:
    return replace(facts, system=replace(facts.system, compatible=Present(compatible)))


@pytest.mark.parametrize("soc", ["rockchip,rk3588", "rockchip,rk3588s"])
def test_an_rk3588s_runs_models_for_the_rk3588(soc: str) -> None:
    judged = fit(payload(), with_soc(healthy(), "maker,board", soc))
    assert (judged.refusal, judged.note) == ("", "")


def test_another_target_is_refused_with_both_names() -> None:
    judged = fit(payload("rk3566"), healthy())
    assert "rk3566" in judged.refusal
    assert "rk3588" in judged.refusal
    assert "rk3588" in judged.hint
    assert "--force" in judged.hint


def test_a_model_newer_than_the_runtime_is_refused() -> None:
    judged = fit(payload(toolkit="2.5.0"), healthy())
    assert "2.5.0" in judged.refusal
    assert "2.3.2" in judged.refusal
    assert judged.hint != ""


def test_what_is_not_readable_is_noted_and_lets_pass() -> None:
    facts = healthy()
    blind = replace(
        facts,
        system=replace(facts.system, compatible=Unknown("no device tree")),
        runtime=replace(facts.runtime, loaded=Absent()),
    )
    judged = fit(payload(), blind)
    assert judged.refusal == ""
    assert "SoC is not readable" in judged.note
    assert "librknnrt" in judged.note


def test_a_real_model_is_read() -> None:
    (one,) = read_payloads([DATA / "tiny-rk3588-2.3.2.rknn"])
    assert one.name == "tiny-rk3588-2.3.2"
    assert one.file_name == "tiny-rk3588-2.3.2.rknn"
    assert one.targets == ("rk3588",)
    assert one.toolkit == "2.3.2"
    assert one.release == one.sha256[:12]


def test_the_same_file_twice_is_one() -> None:
    path = DATA / "tiny-rk3588-2.3.2.rknn"
    assert len(read_payloads([path, path])) == 1


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/yolo v5 (final).rknn", "yolo-v5-final"),
        ("a/.hidden.rknn", "hidden"),
        ("a/x.y.rknn", "x.y"),
        (f"a/{'x' * 95}.rknn", "x" * 95),
    ],
)
def test_names_come_from_file_names(path: str, name: str) -> None:
    assert name_of(Path(path)) == name


@pytest.mark.parametrize("stem", ["модель", "ünï", "---", "x" * 96])
def test_a_file_without_a_usable_name_wants_one(tmp_path: Path, stem: str) -> None:
    path = tmp_path / f"{stem}.rknn"
    path.write_bytes((DATA / "tiny-rk3588-2.3.2.rknn").read_bytes())
    with pytest.raises(UsageError) as caught:
        read_payloads([path])
    assert "--name" in caught.value.hint
    assert read_payloads([path], name="m")[0].name == "m"


def test_the_longest_name_is_one_that_boards_take() -> None:
    longest = "x" * 95
    assert checked_name(longest) == longest
    assert shelf.is_name(f"{longest}.rknn")
    with pytest.raises(UsageError, match="96 characters"):
        checked_name("x" * 96)
    assert not shelf.is_name(f"{longest}x.rknn")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.rknn"
    path.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ModelFileError):
        read_payloads([path])
