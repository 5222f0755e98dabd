from pathlib import Path
from typing import Any

import pytest

from rkops.agent import banner, loader, runtime, server
from rkops.agent.accounts import Accounts
from rkops.agent.processes import Processes
from rkops.agent.tree import Tree
from tests.unit.agent.tree_of import RUNTIME, SERVER, X86_64, board_tree, elf, ld_cache


def gathered(tree: Tree, sites: tuple[str, ...] = ()) -> Any:
    facts = runtime.gather(tree, Processes(tree), list(sites))
    return {
        "copies": {copy["path"]: copy["version"] for copy in facts["copies"]},
        "loaded": facts["loaded"],
        "mapped": facts["mapped"],
        "machines": {copy["path"]: copy["machine"] for copy in facts["copies"]},
    }


def test_one_copy_behind_two_links_is_one(tmp_path: Path) -> None:
    tree = board_tree(tmp_path, {"/usr/lib/librknnrt-2.3.2.so": elf(RUNTIME % b"2.3.2")})
    (tmp_path / "usr/lib/librknnrt.so").symlink_to("librknnrt-2.3.2.so")
    (tmp_path / "lib").symlink_to("usr/lib")
    facts = gathered(tree)
    assert list(facts["copies"]) == ["/usr/lib/librknnrt.so"]
    version = facts["copies"]["/usr/lib/librknnrt.so"]["value"]
    assert version == {
        "number": "2.3.2",
        "commit": "429f97ae6b",
        "built": "2025-04-09T09:09:27",
    }
    assert facts["loaded"]["value"] == "/usr/lib/librknnrt-2.3.2.so"
    assert facts["mapped"]["is"] == "unknown"


def test_the_cache_decides_which_copy_loads(tmp_path: Path) -> None:
    tree = board_tree(
        tmp_path,
        {
            "/usr/lib/librknnrt.so": elf(RUNTIME % b"2.3.2"),
            "/usr/local/lib/librknnrt.so": elf(RUNTIME % b"1.6.0"),
            "/etc/ld.so.cache": ld_cache(
                [("libc.so.6", "/lib/libc.so.6"), ("librknnrt.so", "/usr/local/lib/librknnrt.so")]
            ),
        },
    )
    assert loader.loaded(tree)["value"] == "/usr/local/lib/librknnrt.so"


@pytest.mark.parametrize("old_table", [False, True])
def test_a_stale_or_foreign_cache_entry_is_passed_over(tmp_path: Path, *, old_table: bool) -> None:
    entries = [
        ("librknnrt.so", "/opt/gone/librknnrt.so"),
        ("librknnrt.so", "/usr/lib32/librknnrt.so"),
    ]
    tree = board_tree(
        tmp_path,
        {
            "/usr/lib32/librknnrt.so": elf(RUNTIME % b"1.5.0", machine=40),
            "/usr/lib/librknnrt.so": elf(RUNTIME % b"2.3.2"),
            "/etc/ld.so.cache": ld_cache(entries, old_table=old_table),
        },
    )
    assert loader.cached((tmp_path / "etc/ld.so.cache").read_bytes(), "librknnrt.so") == [
        path for _, path in entries
    ]
    assert loader.loaded(tree)["value"] == "/usr/lib/librknnrt.so"


@pytest.mark.parametrize("size", [0, 10, 30, 60, 80])
def test_a_cut_cache_is_no_cache(tmp_path: Path, size: int) -> None:
    whole = ld_cache([("librknnrt.so", "/usr/local/lib/librknnrt.so")])
    tree = board_tree(tmp_path, {"/usr/lib/librknnrt.so": elf(), "/etc/ld.so.cache": whole[:size]})
    assert loader.loaded(tree)["value"] == "/usr/lib/librknnrt.so"


def test_a_cache_of_nonsense_counts_ends(tmp_path: Path) -> None:
    data = b"glibc-ld.so.cache1.1" + b"\xff" * 60
    with pytest.raises(ValueError, match="cut short"):
        loader.cached(data, "librknnrt.so")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/lib/aarch64-linux-gnu/libc.so.6": elf()}, "/usr/lib/librknnrt.so"),
        ({}, "/usr/lib64/librknnrt.so"),
        (
            {
                "/bin/sh": elf()[:64] + b"/lib/ld-linux-aarch64.so.1\0",
                "/lib/ld-linux-aarch64.so.1": elf(b"/lib/\0/usr/lib/\0"),
            },
            "/usr/lib/librknnrt.so",
        ),
    ],
    ids=["Debian", "lib64 distribution", "what the loader itself says"],
)
def test_without_a_cache_the_default_directories_decide(
    tmp_path: Path, files: dict[str, bytes], expected: str
) -> None:
    copies = {
        "/usr/lib64/librknnrt.so": elf(RUNTIME % b"1.6.0"),
        "/usr/lib/librknnrt.so": elf(RUNTIME % b"2.3.2"),
    }
    assert loader.loaded(board_tree(tmp_path, {**copies, **files}))["value"] == expected


def test_copies_are_found_where_the_board_says(tmp_path: Path) -> None:
    site = "/home/firefly/.local/lib/python3.11/site-packages"
    tree = board_tree(
        tmp_path,
        {
            "/etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n",
            "/etc/ld.so.conf.d/app.conf": "# our own\n/opt/app/lib/  # here\n",
            "/etc/ld.so.conf.d/self.conf": "include /etc/ld.so.conf.d/*.conf\n",
            "/opt/app/lib/librknnrt.so": elf(RUNTIME % b"1.5.2"),
            f"{site}/detector/lib/librknnrt.so": elf(RUNTIME % b"2.0.0b0"),
            "/vendor/lib64/librknnrt.so": elf(RUNTIME % b"2.1.0"),
            "/usr/lib64/librknnrt.so": elf(RUNTIME % b"2.2.0", machine=X86_64),
        },
    )
    facts = gathered(tree, (site,))
    numbers = {path: fact["value"]["number"] for path, fact in facts["copies"].items()}
    assert numbers == {
        "/opt/app/lib/librknnrt.so": "1.5.2",
        f"{site}/detector/lib/librknnrt.so": "2.0.0b0",
        "/vendor/lib64/librknnrt.so": "2.1.0",
        "/usr/lib64/librknnrt.so": "2.2.0",
    }
    assert facts["machines"]["/usr/lib64/librknnrt.so"] == "x86_64"


@pytest.mark.parametrize("content", [b"", b"librknnrt version: ", elf(b"librknnrt version: %s")])
def test_a_file_without_a_banner_has_no_version(tmp_path: Path, content: bytes) -> None:
    tree = board_tree(tmp_path, {"/usr/lib/librknnrt.so": content})
    assert banner.version(tree, "/usr/lib/librknnrt.so", banner.RUNTIME)["is"] == "absent"


def test_no_library_is_absent_not_unknown(tmp_path: Path) -> None:
    facts = gathered(board_tree(tmp_path, {}))
    assert (facts["copies"], facts["loaded"]["is"]) == ({}, "absent")


def server_of(tree: Tree) -> Any:
    return server.gather(tree, Processes(tree), Accounts(tree))


def test_the_server_and_what_starts_it(tmp_path: Path) -> None:
    tree = board_tree(
        tmp_path,
        {
            "/usr/bin/rknn_server": elf(SERVER % b"1.6.0"),
            "/lib/systemd/system/npu.service": "[Service]\nExecStart=/usr/bin/rknn_server\n",
            "/lib/systemd/system/other.service": "# not rknn_server\nExecStart=/bin/true\n",
        },
    )
    facts = server_of(tree)
    assert facts["file"]["value"] == "/usr/bin/rknn_server"
    assert facts["version"]["value"] == {
        "number": "1.6.0",
        "commit": "1842325",
        "built": "2025-03-30T09:54:34",
    }
    assert facts["starter"]["value"] == "systemd:npu.service"
    assert facts["processes"]["is"] == "unknown"


def test_an_init_script_that_starts_it_is_named(tmp_path: Path) -> None:
    tree = board_tree(
        tmp_path,
        {
            "/vendor/bin/rknn_server": elf(SERVER % b"2.3.2"),
            "/etc/init.d/S99npu": "start_rknn.sh &\n",
            "/etc/rc.local": "# rknn_server\n",
        },
    )
    assert server_of(tree)["starter"]["value"] == "init:/etc/init.d/S99npu"


def test_no_server_is_absent(tmp_path: Path) -> None:
    facts = server_of(board_tree(tmp_path, {}))
    assert [facts[name]["is"] for name in ("file", "version", "starter")] == ["absent"] * 3
