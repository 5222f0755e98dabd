"""Another board at a known address: no command writes anything there."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import pytest

from rkops.lab.adb.daemon import Manner
from rkops.lab.endpoint import CommandIO, FileStat
from rkops.lab.here.endpoint import HereEndpoint
from rkops.lab.ssh.login import Account
from rkops.lab.wire.boards import WireBoard, WireLab
from tests.acceptance.kit import MODEL, OTHER_MODEL, World, fired
from tests.contract.links.ssh import WIRE_HOST, new_key, wire
from tests.lab.conftest import need_namespaces

RECORDED, THERE = "dt:0ld0ne", "dt:newc0mer"
SERIAL = "/sys/firmware/devicetree/base/serial-number"
LINKS = ("modern", "legacy", "ssh")
COMMANDS = {
    "exec": (("exec", "--all", "--", "touch /tmp/was-here"), 4),
    "exec words": (("exec", "--all", "--", "touch", "/tmp/was-here"), 4),
    "push": (("push", str(MODEL), "/tmp/was-here", "--all"), 4),
    "pull": (("pull", "/etc/passwd", "got", "--all"), 4),
    "doctor": (("doctor", "--all"), 1),
    "deploy": (("deploy", "--all", str(MODEL)), 4),
    "deploy two by force": (("deploy", "--all", "--force", str(MODEL), str(OTHER_MODEL)), 4),
    "deploy --dry-run": (("deploy", "--all", "--dry-run", str(MODEL)), 4),
    "deploy --rollback": (("deploy", "--all", "--rollback", "--name", "tiny"), 4),
    "deploy --to": (("deploy", "--all", "--to", "75ef70ed43c7", "--name", "tiny"), 4),
    "deploy --list": (("deploy", "--all", "--list"), 4),
}


class WatchedEndpoint:
    """This machine's shell and files, with an identity of its own; remembers what was done."""

    def __init__(self, place: Path) -> None:
        self.home = place / "home"
        self.home.mkdir(parents=True)
        self.serial = place / "serial"
        self.serial.write_bytes(THERE.removeprefix("dt:").encode() + b"\0")
        self.said: list[tuple[str, bytearray]] = []
        self.writes: list[str] = []
        self._here = HereEndpoint(env={"HOME": str(self.home)}, cwd=str(self.home))

    async def run(self, command: str, io: CommandIO, *, pty: bool) -> int:
        heard = bytearray()
        self.said.append((command, heard))

        async def out(data: bytes) -> None:
            heard.extend(data)
            await io.out(data)

        mine = command.replace(SERIAL, str(self.serial))
        return await self._here.run(mine, CommandIO(io.stdin, out, io.err), pty=pty)

    def stat(self, path: str) -> FileStat:
        return self._here.stat(path)

    def open_read(self, path: str) -> BinaryIO:
        return self._here.open_read(path)

    def open_write(self, path: str, mode: int) -> BinaryIO:
        self.writes.append(path)
        return self._here.open_write(path, mode)

    def listdir(self, path: str) -> list[str]:
        return self._here.listdir(path)


class Recorded(World):
    """Three boards that write down what they are asked."""

    boards: dict[str, WatchedEndpoint]

    @property
    def models(self) -> Path:
        return self.place / "models"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    world = Recorded(tmp_path_factory.mktemp("recorded"))
    world.boards = {name: WatchedEndpoint(world.place / name) for name in LINKS}
    with ExitStack() as stack:
        stack.callback(world.end)
        manners = {"modern": Manner.MODERN, "legacy": Manner.LEGACY}
        boards = [WireBoard(n, world.boards[n], manner=manner) for n, manner in manners.items()]
        adb = stack.enter_context(WireLab(boards)).adb
        key, public = new_key(world.home)
        account = {"root": Account(keys=(public,))}
        port = stack.enter_context(wire(account, endpoint=world.boards["ssh"]))
        lines = [f"defaults: {{model-dir: {world.models}}}", "boards:"]
        for name, address in adb.items():
            lines.append(f"  {name}: {{adb: '{address.serial}', identity: '{RECORDED}'}}")
        lines.append(
            f"  ssh: {{ssh: 'root@{WIRE_HOST}:{port}', key: {key}, identity: '{RECORDED}'}}"
        )
        world.lab.mkdir()
        world.inventory.write_text("\n".join(lines) + "\n")
        yield world


@pytest.mark.adb
@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_does_more_than_ask_who_is_there(recorded: Recorded, name: str) -> None:
    argv, code = COMMANDS[name]
    for board in recorded.boards.values():
        board.said.clear()
    ran = recorded.run(*argv, code=code)
    assert THERE in ran.stdout + ran.stderr
    assert "board adopt" in ran.stdout + ran.stderr
    for link, board in recorded.boards.items():
        assert board.said, f"{link} was not asked"
        answers = {_beside_identity(said) for _, said in board.said}
        assert answers == {f"@rkops-wrong {THERE}"}, (link, board.said)
        assert board.writes == []
        assert list(board.home.iterdir()) == []
    assert not recorded.models.exists()
    assert not [place for place in (recorded.place / "got").rglob("*") if place.is_file()]
    assert not Path("/tmp/was-here").exists()


def _beside_identity(said: bytearray) -> str:
    """What the agent's words were, but for who the board is."""
    lines = said.decode().replace("\r", "").split("\n")
    return "\n".join(line for line in lines if line.startswith("@rkops-") and "-id " not in line)


@pytest.mark.adb
def test_doctor_says_so_and_adopt_accepts(recorded: Recorded) -> None:
    """Last: it changes the inventory."""
    report = recorded.doctor("--all", code=1)
    assert fired(report) == {link: {"RKC110"} for link in LINKS}
    assert {line["status"] for line in report["boards"]} == {"wrong-board"}
    assert report["lost"] == []
    for link, board in recorded.boards.items():
        board.said.clear()
        before = recorded.inventory.read_text()
        recorded.run("board", "adopt", link, "--yes")
        assert board.writes == []
        assert list(board.home.iterdir()) == []
        assert recorded.inventory.read_text() != before
    assert recorded.inventory.read_text().count(THERE) == len(LINKS)
    ran = recorded.run("exec", "--all", "--", "echo", "in").stdout
    assert ran.count(" in\n") == len(LINKS)


LIST = (
    "find / -xdev \\( -path /proc -o -path /sys \\) -prune -o -printf '%p %y %s %T@ %i\\n';"
    "find /dev/shm /run /tmp /opt /root /home /var -printf '%p %y %s %T@ %i\\n' | sort"
)


@pytest.mark.adb
@pytest.mark.namespaces
def test_a_real_board_has_no_new_file_and_no_changed_one(world: World) -> None:
    need_namespaces()
    world.run("lab", "up", "--profile", "healthy,version-mix")
    key = world.lab / "id_ed25519"
    rows = json.loads(world.run("lab", "ls", "--format", "json").stdout)["boards"]
    at = {row["name"]: row for row in rows}
    modern, legacy = at["healthy"]["host"], at["version-mix"]["host"]
    port = at["healthy"]["ssh_port"]
    other = world.place / "other.yaml"
    other.write_text(
        f"boards:\n  modern: {{adb: {modern}, identity: '{RECORDED}'}}\n"
        f"  legacy: {{adb: {legacy}, identity: '{RECORDED}'}}\n"
        f"  ssh: {{ssh: 'root@{modern}:{port}', key: {key}, identity: '{RECORDED}'}}\n"
    )
    before = {name: world.inside(name, LIST) for name in at}
    assert all("/etc/hostname" in files for files in before.values())
    for argv, code in COMMANDS.values():
        world.run(*argv, code=code, RKOPS_INVENTORY=str(other))
    assert {name: world.inside(name, LIST) for name in at} == before
    world.run("doctor", "healthy")
    assert world.inside("healthy", LIST) != before["healthy"], "the agent would have been seen"
