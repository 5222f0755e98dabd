from pathlib import Path
from typing import Any

import pytest

from rkops.agent import banner, loader, runtime, server, walk
from rkops.agent.accounts import HUMAN, Accounts
from rkops.agent.processes import Processes
from rkops.agent.tree import Tree
from rkops.agent.walk import Walk, homes_and_places
from tests.unit.agent.tree_of import RUNTIME, SERVER, X86_64, board_tree, elf, ld_cache


def gathered(tree: Tree, sites: tuple[str, ...] = ()) -> Any:
    roots = homes_and_places(Accounts(tree), HUMAN)
    walk = Walk(tree, loader.NAME).through(roots)
    facts = runtime.gather(tree, Processes(tree), list(sites), walk, roots)
    return {
        "copies": {copy["path"]: copy["version"] for copy in facts["copies"]},
        "bundled": {copy["path"] for copy in facts["copies"] if copy["bundled"]},
        "walked": facts["walked"],
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


PASSWD = "root:x:0:0::/root:/bin/sh\nfirefly:x:1000:1000::/home/firefly:/bin/sh\n"
BUNDLED = (
    "/home/firefly/app/lib",
    "/opt/app/lib",
    "/userdata/app",
    "/root/sdk/rknpu2/runtime/aarch64",
    "/home/firefly/venv/lib/python3.11/site-packages/rknnlite/api/lib",
)
SET = ("/opt/a/lib", "/opt/b/lib", "/opt/c/lib", "/opt/d/lib")


def test_copies_that_applications_bring_are_found_and_marked(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"/etc/passwd": PASSWD}
    files.update((f"{place}/librknnrt.so", elf(RUNTIME % b"1.6.0")) for place in BUNDLED)
    files["/home/firefly/a/b/c/d/e/librknnrt.so"] = elf(RUNTIME % b"1.5.0")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/librknnrt.so").write_bytes(elf(RUNTIME % b"1.5.2"))
    tree = board_tree(tmp_path, {**files, "/usr/lib/librknnrt.so": elf(RUNTIME % b"2.3.2")})
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv/link").symlink_to("/elsewhere")
    site = "/home/firefly/venv/lib/python3.11/site-packages"
    facts = gathered(tree, (site,))
    assert facts["bundled"] == {f"{place}/librknnrt.so" for place in BUNDLED}
    assert set(facts["copies"]) - facts["bundled"] == {"/usr/lib/librknnrt.so"}
    assert facts["walked"]["is"] == "present"


def test_where_settings_lead_the_server_is_no_applications_own(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "/etc/environment": f'LD_LIBRARY_PATH="{SET[0]}"\n#LD_LIBRARY_PATH=/opt/not\n',
        "/etc/systemd/system/npu.service": "ExecStart=/usr/bin/rknn_server\n"
        f"Environment=A=b LD_LIBRARY_PATH={SET[1]}/:/none\nEnvironmentFile=-/etc/default/npu\n",
        "/etc/default/npu": f"LD_LIBRARY_PATH={SET[2]}\n",
        "/etc/systemd/system/npu.service.d/x.conf": f'Environment="LD_LIBRARY_PATH={SET[3]}"\n',
        "/opt/not/librknnrt.so": elf(RUNTIME % b"1.5.0"),
    }
    files.update((f"{place}/librknnrt.so", elf(RUNTIME % b"1.6.0")) for place in SET)
    facts = gathered(board_tree(tmp_path, files))
    assert facts["bundled"] == {"/opt/not/librknnrt.so"}
    assert set(facts["copies"]) - facts["bundled"] == {f"{place}/librknnrt.so" for place in SET}


@pytest.mark.parametrize(("name", "value"), [("ENTRIES", 20), ("SECONDS", -1.0)])
def test_a_search_that_ran_out_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    monkeypatch.setattr(walk, name, value)
    files: dict[str, str | bytes] = {f"/opt/many/{number}": b"" for number in range(30)}
    facts = gathered(board_tree(tmp_path, files))
    assert facts["walked"]["is"] == "unknown"
    assert "the search ended in /opt" in facts["walked"]["reason"]


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


def test_the_loop_script_on_disk_says_how_a_stopped_server_is_started(tmp_path: Path) -> None:
    files = {"/usr/bin/rknn_server": elf(SERVER % b"2.3.2"), "/usr/bin/start_rknn.sh": b"#!/bin/sh"}
    starter = server_of(board_tree(tmp_path, files))["starter"]
    assert (starter["value"], starter["source"]) == ("loop", "/usr/bin/start_rknn.sh")


def test_no_server_is_absent(tmp_path: Path) -> None:
    facts = server_of(board_tree(tmp_path, {}))
    assert [facts[name]["is"] for name in ("file", "version", "starter")] == ["absent"] * 3
