"""What doctor learns about this machine, without starting anything."""

import os
from pathlib import Path

import pytest

from rkops.services.host import TOOLKIT_VARIABLE, adb_facts, find_toolkits


def environment(root: Path, dist: str, library: str = "lib/python3.10/site-packages") -> str:
    (root / library / dist).mkdir(parents=True)
    (root / "bin").mkdir()
    python = root / "bin" / "python"
    python.write_text("#!/bin/false\n")
    python.chmod(0o755)
    return str(python)


def test_toolkits_by_their_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pythons = [
        environment(tmp_path / "a", "rknn_toolkit2-2.3.2.dist-info"),
        environment(tmp_path / "b", "rknn_toolkit2-2.1.0+708089d1.dist-info"),
        environment(tmp_path / "c", "rknn_toolkit_lite2-2.3.2.dist-info"),
        str(tmp_path / "none" / "bin" / "python"),
    ]
    monkeypatch.setenv(TOOLKIT_VARIABLE, os.pathsep.join(pythons))
    found = [toolkit for toolkit in find_toolkits() if toolkit.python.startswith(str(tmp_path))]
    assert [(toolkit.version, toolkit.python) for toolkit in found] == [
        ("2.3.2", pythons[0]),
        ("2.1.0+708089d1", pythons[1]),
    ]


def test_an_environment_is_not_the_python_it_links_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = environment(tmp_path / "base", "other-1.0.dist-info")
    linked = environment(tmp_path / "venv", "rknn_toolkit2-2.5.0.dist-info")
    Path(linked).unlink()
    Path(linked).symlink_to(base)
    monkeypatch.setenv(TOOLKIT_VARIABLE, linked)
    assert "2.5.0" in {toolkit.version for toolkit in find_toolkits()}


@pytest.mark.parametrize("variable", ["PATH", "VIRTUAL_ENV", "CONDA_PREFIX"])
def test_an_environment_that_is_active(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in (TOOLKIT_VARIABLE, "VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    python = Path(environment(tmp_path / "a", "rknn_toolkit2-2.3.2.dist-info"))
    python.with_name("python3").symlink_to(python)
    (tmp_path / "a" / "lib64").symlink_to("lib")
    place = f"{python.parent}:{os.environ['PATH']}" if variable == "PATH" else str(tmp_path / "a")
    monkeypatch.setenv(variable, place)
    found = [toolkit for toolkit in find_toolkits() if str(tmp_path) in toolkit.python]
    assert [toolkit.version for toolkit in found] == ["2.3.2"]


def test_adb_programs_in_the_order_of_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in (("one", 41), ("two", 40)):
        program = tmp_path / name / "adb"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho Android Debug Bridge version 1.0.{number}\n")
        program.chmod(0o755)
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / "adb").symlink_to(tmp_path / "one" / "adb")
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / n) for n in ("one", "two", "three")))
    monkeypatch.setenv("ADB_SERVER_SOCKET", f"localfilesystem:{tmp_path}/nothing")
    host = adb_facts((), uses_adb=True)
    assert [program.path for program in host.adb] == [
        str(tmp_path / "one" / "adb"),
        str(tmp_path / "two" / "adb"),
    ]
    assert host.adb[0].version == "1.0.41"
    assert (host.adb_server, host.adb_problem) == (None, "")


def test_an_unusable_setting_is_a_problem_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADB_SERVER_SOCKET", raising=False)
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "many")
    assert "many" in adb_facts((), uses_adb=True).adb_problem


def test_adb_is_not_looked_at_where_no_board_uses_it() -> None:
    assert not adb_facts((), uses_adb=False).uses_adb
