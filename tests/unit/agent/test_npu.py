from pathlib import Path
from typing import Any

import pytest

from rkops.agent import clocks, npu, space
from rkops.agent.accounts import Accounts
from rkops.agent.fact import first, from_error
from tests.unit.agent.tree_of import board_tree

DEBUG = "/sys/kernel/debug/rknpu"
FREQ = "/sys/class/devfreq"


def gathered(root: Path, files: dict[str, str | bytes]) -> Any:
    tree = board_tree(root, files)
    return npu.gather(tree, Accounts(tree).me())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (f"{DEBUG}/version", "RKNPU driver: v0.9.8\n"),
        ("/proc/rknpu/version", "RKNPU driver: v0.9.8\n"),
        ("/proc/debug/rknpu/driver_version", "v0.9.8"),
        ("/sys/module/rknpu/version", "0.9.8\n"),
    ],
)
def test_every_route_gives_the_driver(tmp_path: Path, path: str, text: str) -> None:
    facts = gathered(tmp_path, {path: text})
    assert (facts["driver"]["value"], facts["driver"]["source"]) == ("0.9.8", path)
    assert facts["kernel_driver"]["value"] == "rknpu"


def test_load_of_three_cores_and_of_one(tmp_path: Path) -> None:
    text = "NPU load:  Core0: 63%, Core1: 65%, Core2:  0%,\n"
    assert gathered(tmp_path, {f"{DEBUG}/load": text})["load_percent"]["value"] == [63, 65, 0]
    (tmp_path / "sys/kernel/debug/rknpu/load").write_text("NPU load:  7%\n")
    assert gathered(tmp_path, {})["load_percent"]["value"] == [7]


def test_nonsense_is_unknown_with_its_words(tmp_path: Path) -> None:
    facts = gathered(tmp_path, {f"{DEBUG}/version": "what?\n", f"{DEBUG}/load": "busy\n"})
    assert facts["driver"]["is"] == facts["load_percent"]["is"] == "unknown"
    assert "what?" in str(facts["driver"]["reason"])


def test_the_mainline_driver_is_told_apart(tmp_path: Path) -> None:
    facts = gathered(tmp_path, {"/sys/module/rocket/x": "", "/dev/accel/accel0": ""})
    assert (facts["kernel_driver"]["value"], facts["driver"]["is"]) == ("rocket", "absent")
    assert facts["nodes"] == ["/dev/accel/accel0"]


def test_the_render_node_is_the_npus(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "/sys/devices/platform/fdab0000.npu/x": "",
        "/sys/devices/platform/fb000000.gpu/x": "",
        "/sys/class/drm/version": "",
        "/dev/dri/renderD129": "",
    }
    for name, device in (("renderD128", "fb000000.gpu"), ("renderD129", "fdab0000.npu")):
        place = tmp_path / "sys/class/drm" / name
        place.mkdir(parents=True)
        (place / "device").symlink_to(f"../../../devices/platform/{device}")
    facts = gathered(tmp_path, files)
    assert facts["nodes"] == ["/dev/dri/renderD129"]
    assert facts["nodes_usable"]["value"] is True
    assert facts["iommu"]["value"] is False


def test_the_devicetree_tells_the_iommu(tmp_path: Path) -> None:
    path = "/sys/firmware/devicetree/base/iommu@fdab9000/status"
    assert gathered(tmp_path, {path: "okay\0"})["iommu"]["value"] is True
    (tmp_path / path.lstrip("/")).write_text("disabled\0")
    assert gathered(tmp_path, {})["iommu"]["value"] is False


def test_no_npu_is_absent(tmp_path: Path) -> None:
    facts = gathered(tmp_path, {})
    assert facts["driver"]["is"] == facts["kernel_driver"]["is"] == "absent"


def test_not_permitted_is_not_absent() -> None:
    fact = from_error(PermissionError(13, "Permission denied"), DEBUG)
    assert (fact["is"], fact["needs"]) == ("unknown", "root on the board")
    assert from_error(FileNotFoundError(2, "no"), DEBUG)["is"] == "absent"
    assert first([{"is": "absent", "looked": "a"}, fact], "x") is fact


def test_clocks_of_npu_and_memory(tmp_path: Path) -> None:
    base = f"{FREQ}/fdab0000.npu"
    tree = board_tree(
        tmp_path,
        {
            f"{base}/governor": "rknpu_ondemand\n",
            f"{base}/available_governors": "rknpu_ondemand userspace\n",
            f"{base}/available_frequencies": "1000000000 300000000\n",
            f"{base}/cur_freq": "1000000000\n",
            f"{base}/min_freq": "",
            "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "ondemand\n",
            "/sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "408000\n",
        },
    )
    facts = clocks.gather(tree)
    value = facts["npu"]["value"]
    assert value["frequencies_hz"]["value"] == [300_000_000, 1_000_000_000]
    assert value["governors"]["value"] == ["rknpu_ondemand", "userspace"]
    assert (value["min_hz"]["is"], value["max_hz"]["is"]) == ("unknown", "absent")
    assert facts["dmc"]["is"] == "absent"
    assert [policy["name"] for policy in facts["cpu"]] == ["policy0"]


def test_zones_are_known_by_type(tmp_path: Path) -> None:
    tree = board_tree(
        tmp_path,
        {
            "/sys/class/thermal/thermal_zone6/type": "npu-thermal\n",
            "/sys/class/thermal/thermal_zone6/temp": "46230\n",
            "/sys/class/thermal/cooling_device0/type": "fan\n",
        },
    )
    [zone] = clocks.thermal(tree)
    assert (zone["type"], zone["temp_c"]["value"]) == ("npu-thermal", 46.23)


def test_a_model_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    tree = board_tree(tmp_path, {"/opt/keep": ""})
    facts = space.storage(tree, "/opt/rkops/models", Accounts(tree).me())
    assert (facts["exists"], facts["writable"], facts["read_only"]) == (False, True, False)
    assert facts["free_bytes"]["source"] == "statvfs /opt"
    assert facts["models"]["is"] == "absent"


def test_a_file_in_the_place_of_the_model_directory(tmp_path: Path) -> None:
    tree = board_tree(tmp_path, {"/opt/models": ""})
    for model_dir, blocked in (
        ("/opt/models", "/opt/models"),
        ("/opt/models/npu", "/opt/models"),
        ("/opt/none/yet", ""),
        ("/opt", ""),
    ):
        assert space.storage(tree, model_dir, Accounts(tree).me())["blocked_by"] == blocked
