"""Small files: a newcomer reads one at a sitting."""

from pathlib import Path

LIMIT = 400
PACKAGE = Path(__file__).parents[2] / "rkops"


def test_no_file_is_too_long():
    lines = {path: len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert len(lines) > 20
    assert {str(path): n for path, n in lines.items() if n > LIMIT} == {}
