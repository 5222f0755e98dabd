import json
from pathlib import Path

import pytest

from rkops.cli.app import main

TINY = Path(__file__).parents[1] / "data" / "tiny-rk3588-2.3.2-int8.rknn"


def run(*argv: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(argv)
    return int(stop.value.code or 0)


def test_show_says_what_a_model_is(capsys):
    assert run("model", "show", str(TINY)) == 0
    lines = [line.split(None, 1) for line in capsys.readouterr().out.splitlines()]
    assert [words[0] for words in lines] == [
        *("file", "target", "toolkit", "compiler", "source"),
        *("input", "output", "size", "sha256"),
    ]
    assert dict(lines)["input"] == "image  1x3x32x32  int8  NHWC at run time  quantised by layer"


def test_show_as_json(capsys):
    assert run("model", "show", str(TINY), "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "rkops.model/1"
    assert document["targets"] == ["rk3588"]
    assert document["inputs"][0]["shape"] == [1, 3, 32, 32]


def test_something_else_is_one_error_and_a_hint(tmp_path, capsys):
    file = tmp_path / "yolo.rknn"
    file.write_text("version https://git-lfs.github.com/spec/v1\n")
    assert run("model", "show", str(file)) == 2
    what, hint = capsys.readouterr().err.splitlines()
    assert what == f"error: {file}: is a Git LFS pointer, not the model itself"
    assert hint.startswith("  try: run `git lfs pull`")
