"""A board is changed behind rkops' back: doctor says exactly what, and is silent when undone."""

import pytest

from tests.acceptance.kit import MODEL, World, wait_until
from tests.lab.conftest import need_namespaces

pytestmark = [pytest.mark.namespaces, pytest.mark.adb]

LIBRARY = "/usr/lib/librknnrt.so"
DRIVER = "/sys/kernel/debug/rknpu/version"
RELEASE = f"/opt/rkops/models/{MODEL.stem}/current/{MODEL.name}"
RESTART = "/etc/init.d/rknn_server restart"
THEIRS = "/home/firefly/lib"
PTH = "/usr/local/lib/python3.11/dist-packages/mine.pth"
OLDER = f"sed s/2[.]3[.]2/1.6.0/ {LIBRARY} >"

CHANGES = {
    "an old driver": (
        f"echo 'RKNPU driver: v0.8.2' > {DRIVER}",
        {"RKN121"},
        f"echo 'RKNPU driver: v0.9.8' > {DRIVER}",
    ),
    "no driver": (
        f"mkdir /root/kept; cp {DRIVER} /root/kept; rm {DRIVER}",
        {"RKN120"},
        f"mv /root/kept/version {DRIVER}; rmdir /root/kept",
    ),
    "a second library that does not load": (
        f"mkdir -p /opt/lib; {OLDER} /opt/lib/librknnrt.so",
        {"RKN102"},
        "rm -r /opt/lib",
    ),
    # It is what loads from now on: the wanted version, the server, rknnlite and the deployed
    # model all disagree with it.
    "a second library that loads": (
        f"{OLDER} /usr/local/lib/librknnrt.so; ldconfig",
        {"RKN102", "RKN103", "RKN112", "RKP112", "RKD102"},
        "rm /usr/local/lib/librknnrt.so; ldconfig",
    ),
    "a library of one application": (
        f"mkdir /root/app; {OLDER} /root/app/librknnrt.so",
        set(),
        "rm -r /root/app",
    ),
    # Its version is not the wanted one as long as it has none (RKN103).
    "an empty library": (
        f"mv {LIBRARY} /root/kept.so; : > {LIBRARY}; ldconfig",
        {"RKN103", "RKN104", "RKN113"},
        f"mv /root/kept.so {LIBRARY}; ldconfig; {RESTART}",
    ),
    "another library in its place": (
        f"mv {LIBRARY} /root/kept.so; cp $(ls /lib/*/libc.so.6) {LIBRARY}; ldconfig",
        {"RKN103", "RKN104", "RKN113"},
        f"mv /root/kept.so {LIBRARY}; ldconfig; {RESTART}",
    ),
    "the server killed": ("pkill -x rknn_server", {"RKN111"}, RESTART),
    "the library replaced under the server": (
        f"cp {LIBRARY} {LIBRARY}.new; mv {LIBRARY}.new {LIBRARY}",
        {"RKN113"},
        RESTART,
    ),
    "the server's file replaced": (
        "cp /usr/bin/rknn_server /root/new; mv /root/new /usr/bin/rknn_server",
        {"RKN113"},
        RESTART,
    ),
    "no library, and no server that still has it": (
        f"pkill -x rknn_server; mv {LIBRARY} /root/kept.so",
        {"RKN101", "RKN111"},
        f"mv /root/kept.so {LIBRARY}; {RESTART}",
    ),
    "no library under a running server": (
        f"cp {LIBRARY} /root/kept.so; rm {LIBRARY}",
        {"RKN101"},
        f"mv /root/kept.so {LIBRARY}; {RESTART}",
    ),
    "no file of a server that runs": (
        "cp /usr/bin/rknn_server /root/kept; rm /usr/bin/rknn_server",
        {"RKN110"},
        f"mv /root/kept /usr/bin/rknn_server; {RESTART}",
    ),
    "no server": (
        "pkill -x rknn_server; mv /usr/bin/rknn_server /root/kept",
        {"RKN110"},
        f"mv /root/kept /usr/bin/rknn_server; {RESTART}",
    ),
    "a .pth into a user's directory": (
        f"mkdir {THEIRS}; chown firefly {THEIRS}; echo {THEIRS} > {PTH}",
        {"RKX120"},
        f"rm {PTH}; rmdir {THEIRS}",
    ),
    "a damaged model": (
        f"cp -p {RELEASE} /root/kept; printf X | dd of={RELEASE} bs=1 seek=9000 conv=notrunc",
        {"RKD103"},
        f"cp -p /root/kept {RELEASE}; rm /root/kept",
    ),
    "a model cut short": (
        f"cp -p {RELEASE} /root/kept; truncate -s 9000 {RELEASE}",
        {"RKD103"},
        f"cp -p /root/kept {RELEASE}; rm /root/kept",
    ),
}


@pytest.fixture(scope="module")
def board(world: World) -> World:
    need_namespaces()
    world.run("lab", "up", "--profile", "healthy,version-mix,two-runtimes")
    world.run("deploy", "-b", "healthy", str(MODEL))
    assert world.fired("healthy") == set()
    return world


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_and_its_undoing_too(board: World, name: str) -> None:
    change, codes, undo = CHANGES[name]
    board.inside("healthy", change)
    try:
        found = board.fired("healthy")
    finally:
        board.inside("healthy", undo)
    assert found == codes
    assert board.fired("healthy") == set()


def test_a_server_that_a_loop_restarts(board: World) -> None:
    before = board.fired("version-mix")
    board.inside("version-mix", "pkill -f start_rknn[.]sh; pkill -x rknn_server")
    assert board.fired("version-mix") - before == {"RKN111"}
    board.inside("version-mix", "setsid sh /usr/bin/start_rknn.sh >/dev/null 2>&1 &")
    assert board.fired("version-mix") == before


def remedy(world: World, name: str, code: str) -> None:
    """Do on a board what doctor says against a code."""
    found = world.doctor(name, "--only", code, code=None)["findings"]
    [finding] = [one for one in found if one["status"] == "fail" and one["code"] == code]
    for command in finding["commands"]:
        world.inside(name, command.removeprefix("sudo "))


REPLACED = "; ".join(
    f"cp {path} /root/new; mv /root/new {path}" for path in (LIBRARY, "/usr/bin/rknn_server")
)


# An init script starts the first, Rockchip's loop the second, nothing the third.
@pytest.mark.parametrize("name", ["healthy", "version-mix", "two-runtimes"])
def test_the_remedy_for_a_replaced_file_leaves_a_server(board: World, name: str) -> None:
    before = board.fired(name)
    board.inside(name, REPLACED)
    assert board.fired(name) - before == {"RKN113"}
    remedy(board, name, "RKN113")
    assert wait_until(lambda: board.fired(name) == before)


def test_the_remedy_for_two_runtimes_clears_all_that_came_of_them(board: World) -> None:
    assert board.fired("two-runtimes") == {"RKN102", "RKN103", "RKN112", "RKP112"}
    remedy(board, "two-runtimes", "RKN102")
    assert board.fired("two-runtimes") == set()
