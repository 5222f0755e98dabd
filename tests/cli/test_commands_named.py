"""Every rkops command that a finding, a hint or an error names is one that rkops takes."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import rkops
from rkops.checks.registry import all_checks
from rkops.checks.run import check_board
from rkops.checks.subject import Wanted
from rkops.cli.app import build_app, main
from rkops.core.exit import ExitCode
from rkops.facts.board import DeployedModel, Release
from rkops.facts.fact import Present
from tests.cli.doctor_boards import closed_port
from tests.unit.checks.profiles import changed, healthy, run, subject

SOURCES = Path(rkops.__file__).parent
ENDS = re.compile(
    r"\n|\s{2}|[`)'\";:&|]|(?<=\S)[.,](?:\s|$)"
    r"| (?:and|or|tells|writes|names|prints|shows|has|without) "
)
COMMANDS: Any = typer.main.get_command(build_app())
SAID = re.compile(rf"\brkops (?=(?:{'|'.join(COMMANDS.commands)}|--?\w)\b)")


def texts(path: Path) -> Iterator[str]:
    """Yield the texts of a module; what an f-string puts in is a board's name."""
    tree = ast.parse(path.read_text("utf-8"))
    inner = {id(p) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for p in n.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (p.value if isinstance(p, ast.Constant) else "board1" for p in node.values)
            yield "".join(map(str, parts))
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner
        ):
            yield node.value


def commands_in(text: str) -> Iterator[str]:
    """Yield the commands a text names, without what the sentence goes on with."""
    for match in SAID.finditer(text):
        yield ENDS.split(text[match.end() :], maxsplit=1)[0].strip()


NAMED = sorted(
    {
        command
        for path in SOURCES.rglob("*.py")
        for text in texts(path)
        for command in commands_in(text)
    }
)


def test_commands_are_found_in_the_texts() -> None:
    assert len(NAMED) > 15
    assert "doctor --list" in NAMED


@pytest.mark.parametrize("command", NAMED)
def test_a_command_that_is_named_parses(command: str) -> None:
    words, known = shlex.split(command), COMMANDS
    while words and words[0] in getattr(known, "commands", ()):
        known = known.commands[words.pop(0)]
    if words:  # else the command is only mentioned
        assert known.make_context(command, words) is not None


def broken_models() -> Iterator[tuple[str, str]]:
    """Yield every command that the checks name about models with no good release."""
    good = Release("a" * 12, "a" * 64, 1, "whole", "rk3588", "2.3.2")
    bad = Release("b" * 12, "b" * 64, 1, "whole", "rk3568", "9.9.9")
    models = tuple(
        DeployedModel(name, Present(current), (good, bad), previous=good.id)
        for name, current in (("yolo", bad.id), ("seg", "c" * 12), ("pose", bad.id))
    )
    facts = changed(healthy(), storage__models=Present(models))
    for finding in check_board(subject(facts, Wanted(name="board1")), all_checks().values()):
        for command in finding.commands:
            yield finding.code, command


def test_each_model_is_rolled_back_by_a_command_of_its_own() -> None:
    named = [command for code, command in broken_models() if code == "RKD101"]
    assert named == [
        "rkops deploy -b board1 --rollback --name yolo",
        "rkops deploy -b board1 --rollback --name pose",
    ]
    alone = DeployedModel("m", Present("gone"), ())
    outcome = run("RKD104", changed(healthy(), storage__models=Present((alone,))))
    assert (outcome.commands, outcome.hint) == ((), "deploy the model again")


@pytest.mark.adb
@pytest.mark.parametrize(("code", "command"), list(broken_models()))
def test_a_command_of_a_finding_gets_as_far_as_the_board(
    code: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory = tmp_path / "boards.yaml"
    inventory.write_text(f"boards: {{board1: {{adb: '127.0.115.1:{closed_port()}'}}}}\n")
    monkeypatch.setenv("RKOPS_INVENTORY", str(inventory))
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(command)[1:])
    assert ended.value.code == ExitCode.UNREACHABLE, code
