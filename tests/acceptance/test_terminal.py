"""What is written where: no escape code outside a terminal, the same words in every language."""

import dataclasses
import json
import os
import pty
import re
import select
import subprocess
import time

import pytest

from tests.acceptance.kit import DATA, MODEL, RKOPS, World, fired
from tests.lab.conftest import need_namespaces
from tests.lab.test_host import SIX

pytestmark = [pytest.mark.namespaces, pytest.mark.adb]
COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:[34][0-8]|9[0-7]|10[0-7])(?:;\d+)*m")
"""Bold and the progress line are no colours: no-color.org asks for no more."""
THREE = "healthy,version-mix,wrong-soc"
COMMANDS = {
    "doctor": ("doctor", "--all"),
    "doctor --show all": ("doctor", "healthy", "--show", "all"),
    "doctor --explain": ("doctor", "--explain", "RKN121"),
    "doctor --list": ("doctor", "--list"),
    "explain": ("explain", "Invalid RKNN model version 6"),
    "deploy": ("deploy", "--all", str(MODEL)),
    "deploy --list": ("deploy", "--all", "--list"),
    "model show": ("model", "show", str(MODEL)),
    "push": ("push", str(DATA / "tiny-rk3588-2.5.0.rknn"), "/tmp/here", "--all"),
    "exec": ("exec", "--all", "--", "echo", "hello"),
    "board ls": ("board", "ls"),
    "lab ls": ("lab", "ls"),
    "an error": ("doctor", "nobody"),
    "a usage error": ("doctor", "--no-such-option"),
    "help": ("deploy", "--help"),
}


@pytest.fixture(scope="module")
def boards(world: World) -> World:
    need_namespaces()
    world.run("lab", "up", "--profile", THREE)
    return world


def in_terminal(world: World, *argv: str, typed: bytes = b"", **env: str) -> tuple[int, bytes]:
    """Run a command in a terminal of its own; return its exit code and what was shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [RKOPS, *argv],
        env=world.env(TERM="xterm-256color", COLUMNS="120", LINES="40") | env,
        cwd=world.place,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = bytearray()
    end = time.monotonic() + 60
    try:
        os.write(ours, typed)
        while time.monotonic() < end:
            if not select.select([ours], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(ours, 4096)
            except OSError:  # EIO: nobody has the other end any more
                break
            shown += data
        return process.wait(timeout=10), bytes(shown)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_escape_code_outside_a_terminal(boards: World, name: str) -> None:
    done = boards.run(*COMMANDS[name], code=None, TERM="xterm-256color")
    assert done.stdout or done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["doctor", "deploy", "push", "an error"])
def test_no_colour_is_obeyed_in_a_terminal(boards: World, name: str) -> None:
    _, shown = in_terminal(boards, *COMMANDS[name], NO_COLOR="1")
    assert shown
    assert COLOUR.search(shown) is None


@pytest.mark.parametrize("name", ["doctor", "deploy", "push"])
def test_a_dumb_terminal_gets_plain_text(boards: World, name: str) -> None:
    _, shown = in_terminal(boards, *COMMANDS[name], TERM="dumb")
    assert b"\x1b" not in shown


def test_a_terminal_gets_colours_and_the_same_words(boards: World) -> None:
    code, shown = in_terminal(boards, "doctor", "--all")
    assert code == 1
    assert COLOUR.search(shown)
    plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\r", b"", shown).decode()
    assert "RKN112" in plain
    assert "try: " in plain


@pytest.mark.parametrize(
    "language",
    [
        {"LANG": "zh_CN.UTF-8"},
        {"LANG": "tr_TR.UTF-8"},
        {"LC_ALL": "C"},
        {"LC_ALL": "de_DE.ISO-8859-1"},
    ],
    ids=lambda language: "-".join(language.values()),
)
def test_every_language(boards: World, language: dict[str, str]) -> None:
    boards = dataclasses.replace(boards, language=language)
    done = boards.run("doctor", "--all", "--format", "json", code=1)
    found = fired(json.loads(done.stdout))
    assert {name: found.get(name, set()) for name in THREE.split(",")} == {
        name: SIX[name] for name in THREE.split(",")
    }
    table = boards.run("doctor", "--all", code=1).stdout
    assert "RKN112" in table
    said = boards.run("exec", "healthy", "--", "printf 'gr\u00fc\u00df \u4f60\u597d'")
    assert "gr" in said.stdout
    boards.run("deploy", "-b", "healthy", str(MODEL))


def test_json_is_alone_on_stdout(boards: World) -> None:
    for argv in (COMMANDS["doctor"], COMMANDS["deploy"], COMMANDS["exec"], COMMANDS["push"]):
        words = list(argv)
        words[1:1] = ["--format", "json"]
        assert json.loads(boards.run(*words, code=None).stdout)["schema"].startswith("rkops.")


def test_adopt_asks_on_a_terminal(boards: World) -> None:
    boards.run("doctor", "healthy")
    text = boards.inventory.read_text()
    boards.inventory.write_text(
        re.sub(r"(healthy:(?s:.)*?identity: )dt:\w+", r"\1dt:0ther", text, count=1)
    )
    before = boards.inventory.read_text()
    assert before != text
    code, shown = in_terminal(boards, "board", "adopt", "healthy", typed=b"n\n")
    assert code == 1
    assert b"accept it?" in shown
    assert boards.inventory.read_text() == before
    code, _ = in_terminal(boards, "board", "adopt", "healthy", typed=b"y\n")
    assert code == 0
    assert boards.inventory.read_text() == text
