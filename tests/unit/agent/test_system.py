from pathlib import Path

import pytest

from rkops.agent import clocks, identity, system
from rkops.agent.accounts import Accounts
from rkops.agent.tree import Tree
from tests.unit.agent.tree_of import board_tree, elf

DT = "/sys/firmware/devicetree/base"


def test_the_serial_number_is_the_identity(tmp_path: Path) -> None:
    tree = board_tree(tmp_path, {f"{DT}/serial-number": "A1b2c3\0"})
    assert identity.gather(tree)["key"] == "dt:A1b2c3"


@pytest.mark.parametrize("serial", ["", "\0", "0000000000000000\0"])
def test_an_unprogrammed_serial_number_is_none(tmp_path: Path, serial: str) -> None:
    net = "/sys/class/net"
    files = {
        f"{DT}/serial-number": serial,
        f"{net}/docker0/address": "00:00:5e:00:00:01\n",
        f"{net}/dummy/device/x": "",
        f"{net}/dummy/address": "02:11:22:33:44:55\n",
        f"{net}/eth1/device/x": "",
        f"{net}/eth1/address": "10:11:22:33:44:55\n",
        f"{net}/eth2/device/x": "",
        f"{net}/eth2/address": "10:11:22:33:44:66\n",
        f"{net}/aaa/device/x": "",
        f"{net}/aaa/address": "00:00:00:00:00:00\n",
    }
    facts = identity.gather(board_tree(tmp_path, files))
    assert facts["key"] == "mac:10:11:22:33:44:55"
    assert facts["serial"]["is"] == "absent"


def test_a_board_without_either_has_no_key(tmp_path: Path) -> None:
    assert identity.gather(board_tree(tmp_path, {}))["key"] == ""


def test_compatible_is_most_specific_first(tmp_path: Path) -> None:
    tree = board_tree(
        tmp_path,
        {
            f"{DT}/compatible": "radxa,rock-5b\0rockchip,rk3588\0",
            f"{DT}/model": "Radxa ROCK 5B\0",
            "/etc/os-release": 'NAME=x\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\n',
        },
    )
    facts = system.gather(tree)
    assert facts["compatible"]["value"] == ["radxa,rock-5b", "rockchip,rk3588"]
    assert facts["model"]["value"] == "Radxa ROCK 5B"
    assert facts["os"]["value"] == "Debian GNU/Linux 11 (bullseye)"
    assert (facts["arch"], facts["simulated"]) == ("aarch64", False)


def test_android_names_itself(tmp_path: Path) -> None:
    tree = board_tree(tmp_path, {"/system/build.prop": "a=b\nro.build.version.release=13\n"})
    assert system.gather(tree)["os"]["value"] == "Android 13"


@pytest.mark.parametrize(
    ("machine", "name"), [(183, "aarch64"), (40, "arm"), (62, "x86_64"), (999, "elf-999")]
)
def test_the_elf_header_names_the_machine(machine: int, name: str) -> None:
    assert system.elf_machine(elf(machine=machine)) == name


def test_what_is_no_elf_has_no_machine() -> None:
    assert system.elf_machine(b"#!/bin/sh\n") == ""
    assert system.elf_machine(b"\x7fELF") == ""


def test_links_stay_below_the_prefix(tmp_path: Path) -> None:
    tree = board_tree(tmp_path, {"/usr/lib/x-2.so": "data", "/etc/alternatives/keep": ""})
    (tmp_path / "lib").symlink_to("/usr/lib")
    (tmp_path / "usr/lib/x.so").symlink_to("../../usr/lib/./x-2.so")
    (tmp_path / "etc/alternatives/up").symlink_to("../../../../../../etc/passwd")
    assert tree.real("/lib/x.so") == "/usr/lib/x-2.so"
    assert tree.text("/lib/x.so") == "data"
    assert tree.real("/etc/alternatives/up") == "/etc/passwd"
    assert not tree.exists("/etc/alternatives/up")


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("/b")
    (tmp_path / "b").symlink_to("/a")
    assert not Tree(str(tmp_path)).exists("/a")


def test_damaged_account_files_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    tree = board_tree(
        tmp_path,
        {
            "/etc/passwd": "root:x:0:0::/root:/bin/sh\nbad line\nx:y\na:x:one:1::/:/\n"
            "firefly:x:1000:1000::/home/firefly:/bin/bash\n+nis::::::\n",
            "/etc/group": "root:x:0:\nsudo:x:27:firefly,ghost\nrender:x:zero:\nfirefly:x:1000:\n",
        },
    )
    accounts = Accounts(tree)
    assert sorted(accounts.by_name) == ["firefly", "root"]
    assert accounts.by_name["firefly"].gids == {27, 1000}
    assert (accounts.name(4711), accounts.group(27)) == ("uid 4711", "sudo")


def test_clocks_without_devfreq_come_from_the_clock_tree(tmp_path: Path) -> None:
    base = "/sys/kernel/debug/clk"
    files: dict[str, str | bytes] = {
        f"{base}/pclk_ddr_cam/clk_rate": "1\n",
        f"{base}/scmi_clk_ddr/clk_rate": "2112000000\n",
        f"{base}/clk_npu_dsu0/clk_rate": "3\n",
        f"{base}/scmi_clk_npu/clk_rate": "1000000000\n",
    }
    facts = clocks.gather(board_tree(tmp_path, files))
    assert (facts["dmc"]["is"], facts["npu"]["is"]) == ("absent", "absent")
    assert facts["ddr_clock_hz"]["value"] == 2112000000
    assert facts["npu_clock_hz"]["value"] == 1000000000
    assert clocks.gather(board_tree(tmp_path / "none", {}))["ddr_clock_hz"]["is"] == "absent"


def test_a_numbered_devfreq_device_is_known_by_its_link(tmp_path: Path) -> None:
    tree = board_tree(
        tmp_path,
        {
            "/sys/class/devfreq/devfreq0/governor": "simple_ondemand\n",
            "/sys/class/devfreq/devfreq1/governor": "rknpu_ondemand\n",
            "/sys/devices/platform/fdab0000.npu/x": "",
            "/sys/devices/platform/fb000000.gpu/x": "",
        },
    )
    for number, device in enumerate(("fb000000.gpu", "fdab0000.npu")):
        link = tmp_path / f"sys/class/devfreq/devfreq{number}/device"
        link.symlink_to(f"/sys/devices/platform/{device}")
    assert clocks.gather(tree)["npu"]["value"]["path"] == "/sys/class/devfreq/devfreq1"
