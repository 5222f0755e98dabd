"""The packed agent on every Python there is, in odd surroundings, leaving nothing behind."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import rkops
from rkops.core.errors import AgentReplyError
from rkops.facts.fact import Present
from rkops.facts.parse import parse_facts
from rkops.fleet import pack
from rkops.fleet.bootstrap import encode_request
from rkops.fleet.frames import parse_reply

AGENT = Path(rkops.__file__).parent / "agent"
OLDEST = (3, 7)


@cache
def interpreters() -> dict[str, Path]:
    """Every Python 3 of this machine by minor version: PATH, pyenv, uv, and the running one."""
    home = Path("~").expanduser()
    places = [Path(place) for place in os.environ.get("PATH", "").split(":") if place]
    places += sorted(Path("/root/.pyenv/versions").glob("*/bin"))
    places += sorted((home / ".pyenv/versions").glob("*/bin"))
    places += sorted((home / ".local/share/uv/python").glob("*/bin"))
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": Path(sys.executable).resolve()}
    for place in places:
        for path in place.glob("python3.*"):
            version = re.fullmatch(r"python(3\.\d+)", path.name)
            # A pyenv shim is a script: what it starts depends on its surroundings.
            if version and path.read_bytes()[:4] == b"\x7fELF":
                found.setdefault(version[1], path.resolve())
    return dict(sorted(found.items(), key=lambda item: int(item[0][2:])))


SUPPORTED = [name for name in interpreters() if int(name[2:]) >= OLDEST[1]]
TOO_OLD = [name for name in interpreters() if int(name[2:]) < OLDEST[1]]


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    place = tmp_path / "cache"
    place.mkdir(mode=0o700)
    return Path(shutil.copy(pack.agent_file(), place / pack.agent_name()))


def run(
    agent: Path,
    request: Mapping[str, object],
    *,
    python: str = "",
    environment: Mapping[str, str] | None = None,
    verb: str = "probe",
) -> subprocess.CompletedProcess[bytes]:
    interpreter = str(interpreters()[python]) if python else str(Path(sys.executable).resolve())
    return subprocess.run(
        [interpreter, "-I", "-S", "-B", str(agent), verb, encode_request(request)],
        env=dict({"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}, **(environment or {})),
        capture_output=True,
        timeout=60,
        check=False,
    )


def facts_of(done: subprocess.CompletedProcess[bytes]) -> Mapping[str, object]:
    reply = parse_reply(b"@rkops-id \n" + done.stdout)
    assert (done.returncode, done.stderr, reply.error) == (0, b"", None)
    assert reply.payload
    facts = parse_facts(reply.payload)
    assert isinstance(facts.system.kernel, Present)
    assert isinstance(facts.pythons, Present)
    value: dict[str, object] = json.loads(reply.payload)
    return value


def test_the_pythons_that_can_be_had_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Says in the output which Pythons the rest of this file runs on."""
    with capsys.disabled():
        print(f" agent on Python {', '.join(SUPPORTED)}; refused: {', '.join(TOO_OLD) or 'none'} ")
    assert SUPPORTED


@pytest.mark.parametrize("python", SUPPORTED)
def test_probe_twice_on_every_python(agent: Path, python: str) -> None:
    """The first run compiles and keeps the code, the second runs what was kept."""
    first = facts_of(run(agent, {"model_dir": "/opt/rkops/models"}, python=python))
    kept = [path.name for path in agent.parent.iterdir() if path != agent]
    assert len(kept) == 1
    assert kept[0].startswith(agent.stem)
    second = facts_of(run(agent, {"model_dir": "/opt/rkops/models"}, python=python))
    assert first["identity"] == second["identity"]
    assert first["pythons"] == second["pythons"]


@pytest.mark.parametrize("python", TOO_OLD)
def test_an_older_python_is_refused_in_a_frame(agent: Path, python: str) -> None:
    reply = parse_reply(run(agent, {}, python=python).stdout)
    assert reply.error
    assert reply.error.code == "old-python"
    assert reply.error.message.endswith(f" is {python}, 3.7 is needed")


@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LANG": "zh_CN.GBK", "LC_ALL": "zh_CN.GBK"},
        {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"},
        {"PYTHONIOENCODING": "utf-16", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONPATH": "/nonexistent", "PYTHONSTARTUP": "/etc/passwd", "PYTHONHOME": "/x"},
        {"HOME": "", "PATH": ""},
    ],
    ids=lambda environment: ",".join(f"{key}={value}" for key, value in environment.items()),
)
def test_no_environment_changes_the_reply(agent: Path, environment: Mapping[str, str]) -> None:
    facts = facts_of(run(agent, {"model_dir": "/opt/модель"}, environment=environment))
    storage = facts["storage"]
    assert isinstance(storage, dict)
    assert storage["model_dir"] == "/opt/модель"


def test_damaged_compiled_code_is_compiled_again(agent: Path) -> None:
    facts_of(run(agent, {}))
    [kept] = [path for path in agent.parent.iterdir() if path != agent]
    kept.write_bytes(kept.read_bytes()[:-100])
    facts_of(run(agent, {}))
    kept.write_bytes(b"")
    facts_of(run(agent, {}))
    assert kept.stat().st_size > 1000


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a full or read-only disk needs root")
@pytest.mark.parametrize("options", ["size=96k", "ro"])
def test_a_full_or_read_only_disk_is_enough(agent: Path, tmp_path: Path, options: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    inside = disk / agent.name
    script = (
        f"mount -t tmpfs -o size=96k none {disk} && cp {agent} {disk}/ && "
        f"{{ dd if=/dev/zero of={disk}/fill 2>/dev/null; mount -o remount,{options} {disk}; "
        f'"$@"; code=$?; ls {disk} >&2; exit $code; }}'
    )
    python = str(Path(sys.executable).resolve())
    argv = [python, "-I", "-S", "-B", str(inside), "probe", encode_request({})]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *argv], capture_output=True, check=False
    )
    if b"unshare failed" in done.stderr or b"permission denied" in done.stderr:
        pytest.skip(f"no mount namespace here: {done.stderr.decode()[:80]}")
    assert parse_reply(done.stdout).payload
    assert done.stderr.decode().split() == [agent.name, "fill"]


def test_an_old_leftover_of_ours_is_swept_and_nothing_else(agent: Path) -> None:
    for name in ("agent-0123456789abcdef.pyz", "notes.txt", "agent-fedcba9876543210.pyz"):
        (agent.parent / name).write_bytes(b"x")
    for name in ("agent-0123456789abcdef.pyz", "notes.txt"):
        os.utime(agent.parent / name, (0, 0))
    facts_of(run(agent, {}))
    names = {path.name for path in agent.parent.iterdir()}
    assert {"notes.txt", "agent-fedcba9876543210.pyz", agent.name} < names
    assert "agent-0123456789abcdef.pyz" not in names


def test_a_request_file_is_read_and_removed(agent: Path, tmp_path: Path) -> None:
    place = tmp_path / "request-x"
    place.write_text(encode_request({"model_dir": "/srv"}))
    python = str(Path(sys.executable).resolve())
    done = subprocess.run(
        [python, "-I", "-S", "-B", str(agent), "probe", f"@{place}"],
        capture_output=True,
        check=False,
    )
    assert b'"code"' not in done.stdout
    assert not place.exists()


@pytest.mark.parametrize("argv", [[], ["probe"], ["probe", "%%%"], ["probe", "@/nonexistent"]])
def test_a_bad_request_is_an_error_frame(agent: Path, argv: list[str]) -> None:
    python = str(Path(sys.executable).resolve())
    done = subprocess.run([python, "-I", str(agent), *argv], capture_output=True, check=False)
    reply = parse_reply(done.stdout)
    assert reply.error
    assert reply.error.code == "bad-request"


def test_a_mounted_root_file_system_is_read_and_not_run(agent: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "usr/lib").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc/rkops-lab").write_text("")
    before = sorted(root.rglob("*"))
    done = run(agent, {"rootfs": str(root), "model_dir": "/opt/models"})
    reply = parse_reply(done.stdout)
    assert reply.payload
    facts = parse_facts(reply.payload)
    assert facts.system.simulated
    assert facts.server.processes.__class__.__name__ == "Unknown"
    assert sorted(root.rglob("*")) == before


def test_a_truncated_archive_is_no_reply(agent: Path) -> None:
    os.truncate(agent, 2000)
    done = run(agent, {})
    with pytest.raises(AgentReplyError):
        parse_reply(done.stdout + b"\n" + done.stderr)


def test_the_same_sources_give_the_same_archive() -> None:
    first = pack.agent_bytes()
    pack.agent_bytes.cache_clear()
    assert pack.agent_bytes() == first
    with zipfile.ZipFile(pack.agent_file()) as archive:
        assert "__main__.py" in archive.namelist()
        assert {name.split("/")[0] for name in archive.namelist()} == {"__main__.py", "rkops"}


def test_the_agent_needs_no_more_than_python_3_7() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import vermin; vermin.main()",
            "--no-tips",
            "--violations",
            "-t=3.7-",
            str(AGENT),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_agent_imports_only_the_standard_library_and_itself() -> None:
    for path in sorted(AGENT.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{'.' * node.level}{node.module}"]
            for name in names:
                own = name.startswith("rkops.agent")
                assert own or name.partition(".")[0] in sys.stdlib_module_names, (path.name, name)


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """No agent may leave a process of ours behind."""
    yield
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    assert not children.exists() or b"agent-" not in children.read_bytes()
