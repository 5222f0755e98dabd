"""The sh probe on a tree of files: its paths are turned to the tree, the rest is as shipped."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rkops.core.errors import AgentReplyError
from rkops.facts.board import BoardFacts
from rkops.facts.fact import Absent, Fact, Present, Unknown, value_of
from rkops.facts.parse import parse_facts
from rkops.fleet import shprobe
from rkops.fleet.frames import parse_reply

SHELLS = [shell for shell in ("dash", "bash", "busybox", "mksh") if shutil.which(shell)]
FILES = {
    "/sys/firmware/devicetree/base/serial-number": "a1b2c3\0",
    "/sys/firmware/devicetree/base/compatible": "radxa,rock-5b\0rockchip,rk3588\0",
    "/sys/firmware/devicetree/base/model": "Radxa ROCK 5B\0",
    "/sys/kernel/debug/rknpu/version": "RKNPU driver: v0.9.8\n",
    "/sys/kernel/debug/rknpu/load": "NPU load:  Core0:  1%, Core1: 20%, Core2:  0%,\n",
    "/sys/kernel/debug/rknpu/power": "on\n",
    "/sys/class/devfreq/fdab0000.npu/governor": "rknpu_ondemand\n",
    "/sys/class/devfreq/fdab0000.npu/cur_freq": "300000000\n",
    "/sys/class/devfreq/fdab0000.npu/available_frequencies": "1000000000 300000000\n",
    "/sys/class/thermal/thermal_zone3/type": "npu-thermal\n",
    "/sys/class/thermal/thermal_zone3/temp": "46230\n",
    "/proc/meminfo": "MemTotal:  100 kB\nMemAvailable: 50 kB\nCmaTotal: 10 kB\nCmaFree: x kB\n",
    "/usr/lib/librknnrt.so": "\0\1x librknnrt version: 2.3.2 (429f97ae6b@2025-04-09T09:09:27)\0y",
    "/usr/local/lib/librknnrt.so": "no text",
    "/usr/bin/rknn_server": "\0rknn_server version: 1.6.0 (535b468 build@2023-12-11T17:05:07)\0",
    "/etc/os-release": 'NAME=Debian\nPRETTY_NAME="Debian GNU/Linux 11"\n',
    "/etc/rkops-lab": "",
    "/dev/rknpu": "",
}


def lines_of(
    root: Path, shell: str, files: dict[str, str], model_dir: str = "/nonexistent/models"
) -> str:
    for path, text in files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    script = shprobe.script_file().read_text()
    script = re.sub(
        r"(?<![\w/}])/(sys|proc|usr|lib|lib64|vendor|system|oem|etc|dev)/", rf"{root}/\1/", script
    )
    script = script.replace(f"2>{root}/dev/null", "2>/dev/null")
    argv = [*shell.split(), "-c", script, "sh", model_dir]
    done = subprocess.run(argv, capture_output=True, check=False, timeout=30)
    assert done.stderr == b""
    return done.stdout.decode()


def facts_of(text: str) -> BoardFacts:
    reply = parse_reply(b"@rkops-id dt:a1b2c3\n@rkops-nopython\n" + text.encode())
    lines = [("key", reply.identity or ""), *reply.probe]
    return parse_facts(
        shprobe.facts_json(lines, {"via": "adb", "model_dir": "/nonexistent/models"})
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_reads_the_same(tmp_path: Path, shell: str) -> None:
    facts = facts_of(lines_of(tmp_path, f"{shell} sh" if shell == "busybox" else shell, FILES))
    assert (facts.by, facts.identity.key, facts.system.simulated) == ("sh", "dt:a1b2c3", True)
    assert value_of(facts.system.compatible) == ("radxa,rock-5b", "rockchip,rk3588")
    assert value_of(facts.system.os) == "Debian GNU/Linux 11"
    assert value_of(facts.npu.driver) == "0.9.8"
    assert value_of(facts.npu.load_percent) == (1, 20, 0)
    assert facts.npu.nodes == (f"{tmp_path}/dev/rknpu",)
    versions = [value_of(copy.version) for copy in facts.runtime.copies]
    assert [version and version.number for version in versions] == ["2.3.2", None]
    server = value_of(facts.server.version)
    assert server
    assert (server.number, server.commit) == ("1.6.0", "535b468")
    npu = value_of(facts.clocks.npu)
    assert npu
    assert value_of(npu.frequencies_hz) == (300_000_000, 1_000_000_000)
    assert isinstance(npu.max_hz, Absent)
    assert [value_of(zone.temp_c) for zone in facts.thermal] == [46.23]
    assert value_of(facts.memory.cma_total_bytes) == 10 * 1024
    assert isinstance(facts.memory.cma_free_bytes, Absent)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_file_in_the_place_of_the_model_directory(tmp_path: Path, shell: str) -> None:
    (tmp_path / "file").write_text("")
    argv = f"{shell} sh" if shell == "busybox" else shell
    for place in ("file", "file/models"):
        facts = facts_of(lines_of(tmp_path, argv, {}, f"{tmp_path}/{place}"))
        assert facts.storage.blocked_by == f"{tmp_path}/file"
    assert facts_of(lines_of(tmp_path, argv, {}, f"{tmp_path}/none")).storage.blocked_by == ""


def test_an_empty_board_has_nothing_and_says_so(tmp_path: Path) -> None:
    facts = facts_of(lines_of(tmp_path, "sh", {"/etc/x": ""}))
    absent: list[Fact[str]] = [facts.npu.driver, facts.server.file, facts.system.model]
    assert [type(fact) for fact in absent] == [Absent] * 3
    assert isinstance(facts.runtime.loaded, Absent)
    assert isinstance(facts.runtime.mapped, Unknown)
    assert isinstance(facts.session.sudo, Present | Unknown)


def test_nonsense_in_files_is_unknown(tmp_path: Path) -> None:
    files = {
        "/sys/kernel/debug/rknpu/version": "hello",
        "/sys/kernel/debug/rknpu/load": "-",
        "/sys/class/devfreq/dmc/cur_freq": "fast",
    }
    facts = facts_of(lines_of(tmp_path, "sh", files))
    assert isinstance(facts.npu.driver, Unknown)
    assert isinstance(facts.npu.load_percent, Unknown)
    dmc = value_of(facts.clocks.dmc)
    assert dmc
    assert isinstance(dmc.cur_hz, Unknown)


def test_lost_lines_are_noticed(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, "sh", FILES).splitlines(keepends=True)
    with pytest.raises(AgentReplyError):
        facts_of("".join(lines[:4] + lines[5:]))
