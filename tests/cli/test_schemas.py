"""Everything `--format json` prints says its schema, and keeps to it."""

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

import rkops.report
from rkops.core.exit import ExitCode
from rkops.report.schemas import DOCUMENTS, schemas
from tests.crash.boards import Site, model, wire_boards

PLACE = Path(rkops.report.__file__).parent / "schema"
MODEL = Path(__file__).parents[1] / "data" / "tiny-rk3588-2.3.2.rknn"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with wire_boards(tmp_path, "b1", "b2") as site:
        site.faults["b2"].change(refuse=True)
        yield site


def fits(text: str, name: str) -> None:
    schema = json.loads((PLACE / f"{name}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(text)
    jsonschema.validate(document, schema)
    assert document["schema"] == f"rkops.{name}/1"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "more": 1}, schema)


def test_the_schemas_are_those_of_the_types() -> None:
    for name, text in schemas().items():
        assert (PLACE / name).read_text("utf-8") == text, "run scripts/schemas"


@pytest.mark.adb
def test_what_commands_print_fits(site: Site, tmp_path: Path) -> None:
    path = model(tmp_path / "m.rknn")
    said = {
        "deploy": ("deploy", "--all", str(path)),
        "releases": ("deploy", "--list", "--all"),
        "exec": ("exec", "--all", "--format", "json", "--", "true"),
        "copy": ("pull", "/etc/hostname", str(tmp_path / "pulled"), "--all"),
        "boards": ("board", "ls"),
        "checks": ("doctor", "--list"),
        "model": ("model", "show", str(MODEL)),
    }
    assert said.keys() == DOCUMENTS.keys()
    for name, argv in said.items():
        words = argv if "--format" in argv else (*argv, "--format", "json")
        ran = site.rkops(*words)
        assert ran.code in {ExitCode.OK, ExitCode.UNREACHABLE}, ran.err
        fits(ran.out, name)
