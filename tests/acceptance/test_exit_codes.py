"""What every command ends with when it cannot do its work, and what it says then."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.kit import MODEL, World, closed_address

FILE = str(MODEL)
ON_BOARD = {
    "doctor": ("doctor", "{}"),
    "doctor json": ("doctor", "{}", "--format", "json"),
    "exec": ("exec", "{}", "--", "true"),
    "push": ("push", FILE, "/tmp/x", "-b", "{}"),
    "pull": ("pull", "/etc/hostname", "got", "-b", "{}"),
    "deploy": ("deploy", "-b", "{}", FILE),
    "deploy --dry-run": ("deploy", "-b", "{}", "--dry-run", FILE),
    "deploy --list": ("deploy", "-b", "{}", "--list"),
    "deploy --rollback": ("deploy", "-b", "{}", "--rollback", "--name", "tiny"),
    "board adopt": ("board", "adopt", "{}", "--yes"),
}
ON_INVENTORY = {
    "board show": ("board", "show", "{}"),
    "board rm": ("board", "rm", "{}", "--yes"),
}
BREAKS = {
    "no YAML": ("boards:\n  a: {adb: 127.0.0.1\n  b: ]\n", 3),
    "an unknown key": ("boards:\n  a:\n    adb: 127.0.0.1\n    sokc: rk3588\n", 4),
    "a value that cannot be": (
        "boards:\n  a: {adb: 127.0.0.1}\n  b: {adb: 1.2.3.4, soc: rk1}\n",
        3,
    ),
    "a password": ("boards:\n  a:\n    ssh: root@127.0.0.1\n    password: hunter2\n", 4),
}


def filled(argv: tuple[str, ...], name: str) -> list[str]:
    return [word.replace("{}", name) for word in argv]


def two_lines(said: str) -> bool:
    """An error is what and where, then what to try."""
    lines = said.rstrip("\n").split("\n")
    return lines[0].startswith("error: ") and any(line.startswith("  try: ") for line in lines)


@pytest.fixture
def inventory(world: World) -> Path:
    world.lab.mkdir(exist_ok=True)
    text = (
        f"boards:\n  off: {{adb: '{closed_address()}'}}\n  sshoff: {{ssh: '{closed_address()}'}}\n"
    )
    world.inventory.write_text(text)
    return world.inventory


@pytest.mark.usefixtures("inventory")
@pytest.mark.parametrize("name", [*ON_BOARD, *ON_INVENTORY])
def test_an_unknown_board(world: World, name: str) -> None:
    done = world.run(*filled((ON_BOARD | ON_INVENTORY)[name], "nobody"), code=2)
    assert done.stdout == ""
    assert two_lines(done.stderr), done.stderr
    assert "nobody" in done.stderr
    assert "off" in done.stderr, "the boards there are, are named"


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_inventory(world: World, inventory: Path, what: str) -> None:
    text, line = BREAKS[what]
    inventory.write_text(text)
    adding = {
        "board add": ("board", "add", "{}", "--adb", "127.0.0.1"),
        "board ls": ("board", "ls"),
    }
    commands = ON_BOARD | ON_INVENTORY | adding
    names = commands if what == "an unknown key" else ("doctor", "board ls")
    for name in names:
        done = world.run(*filled(commands[name], "off"), code=2)
        assert done.stdout == "", name
        assert f"{inventory}:{line}" in done.stderr, name
        assert "hunter2" not in done.stderr
    assert inventory.read_text() == text


@pytest.mark.usefixtures("inventory")
def test_no_inventory(world: World) -> None:
    for name in ("doctor", "exec", "deploy", "board show"):
        argv = filled((ON_BOARD | ON_INVENTORY)[name], "off")
        done = world.run(*argv, code=2, RKOPS_INVENTORY=str(world.place / "none.yaml"))
        assert "none.yaml" in done.stderr


def _lfs(place: Path) -> None:
    place.write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345678\n"
    )


MODELS: dict[str, Callable[[Path], object]] = {
    "missing": lambda place: place,
    "a directory": lambda place: place.mkdir(),
    "empty": lambda place: place.touch(),
    "a Git LFS pointer": _lfs,
    "a web page": lambda place: place.write_text("<!DOCTYPE html><html>Not found</html>"),
    "cut short": lambda place: place.write_bytes(MODEL.read_bytes()[:-2000]),
    "cut very short": lambda place: place.write_bytes(MODEL.read_bytes()[:40]),
    "noise": lambda place: place.write_bytes(bytes(n * 7 % 251 for n in range(4000))),
    "ONNX": lambda place: place.write_bytes(b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:" + bytes(90)),
}


@pytest.mark.usefixtures("inventory")
@pytest.mark.parametrize("what", MODELS)
def test_an_unreadable_model(world: World, tmp_path: Path, what: str) -> None:
    place = tmp_path / "m.rknn"
    MODELS[what](place)
    for argv in (("model", "show", str(place)), ("deploy", "--all", FILE, str(place))):
        done = world.run(*argv, code=2)
        assert done.stdout == ""
        assert two_lines(done.stderr), done.stderr
        assert str(place) in done.stderr


@pytest.mark.adb
@pytest.mark.usefixtures("inventory")
@pytest.mark.parametrize("board", ["off", "sshoff"])
def test_a_board_that_is_off(world: World, board: str) -> None:
    for name, argv in ON_BOARD.items():
        done = world.run(*filled(argv, board), code=3)
        assert board in done.stdout + done.stderr, name
    assert not list(world.place.glob("got/**/hostname"))


@pytest.mark.adb
def test_a_board_that_is_off_is_added_all_the_same(world: World, inventory: Path) -> None:
    done = world.run("board", "add", "new", "--adb", closed_address())
    assert "not reached" in done.stderr
    assert "new" in inventory.read_text()


@pytest.mark.usefixtures("inventory")
def test_wrong_words(world: World) -> None:
    for argv in (
        ("doctor",),
        ("doctor", "--no-such"),
        ("doctor", "off", "--only", "RKX999"),
        ("doctor", "--explain", "RKX999"),
        ("exec", "off"),
        ("deploy", "--all"),
        ("deploy",),
        ("push", FILE),
        ("push", "missing.bin", "/tmp/x", "--all"),
        ("lab", "exec", "nobody", "--", "true"),
        ("lab", "fault", "nobody", "mute"),
        ("lab", "down"),
        ("lab", "up", "0"),
        ("lab", "up", "--profile", "nonsense"),
        ("board", "add", "off", "--adb", "127.0.0.1"),
        ("board", "add", "x", "--adb", "not an address"),
        ("no-such-command",),
    ):
        done = world.run(*argv, code=2)
        assert done.stdout == "", argv
        assert "try: " in done.stderr or "Try " in done.stderr, done.stderr


@pytest.mark.usefixtures("inventory")
def test_a_bug_is_no_finding(world: World, tmp_path: Path) -> None:
    (tmp_path / "msgspec.py").write_text("raise RuntimeError('broken on purpose')\n")
    done = world.run("doctor", "off", code=70, PYTHONPATH=str(tmp_path))
    assert "error: a bug in rkops: RuntimeError: broken on purpose" in done.stderr
