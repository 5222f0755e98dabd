"""Host boards as a user sees them: up, look inside, misbehave, down, and nothing is left."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rkops.transport.adb.server import client_path
from tests.lab.conftest import Run, need_namespaces

pytestmark = pytest.mark.namespaces
LEFT = ["base", "host_ed25519", "id_ed25519", "lock"]
"""What `lab down` leaves: keys, so that an accepted host key stays right."""
SIX = {
    "healthy": set(),
    "version-mix": {"RKN112", "RKN121"},
    "user-lite": {"RKP111"},
    "no-dmc": set(),
    "two-runtimes": {"RKN102", "RKN103", "RKN112", "RKP112"},
    "wrong-soc": {"RKS101"},
}


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    need_namespaces()


def inside(rkops: Run, board: str, script: str) -> str:
    return rkops("lab", "exec", board, "--", "sh", "-c", script).stdout


def fired(rkops: Run, *boards: str, code: int | None = None) -> dict[str, set[str]]:
    report = json.loads(rkops("doctor", *boards, "--format", "json", code=code).stdout)
    found: dict[str, set[str]] = {}
    for one in report["findings"]:
        if one["status"] == "fail" and one["severity"] != "info" and one["board"]:
            found.setdefault(one["board"], set()).add(one["code"])
    return {board: codes - {"RKF101"} for board, codes in found.items()}


def processes_of(lab: Path) -> list[str]:
    """Every process that has the lab's directory on its command line."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if str(lab).encode() in words and b"rkops.lab.supervisor" in words:
            found.append(place.parent.name)
    return found


def mounts_of(lab: Path) -> list[str]:
    return [
        line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(lab) in line
    ]


def wait_gone(lab: Path, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while processes_of(lab) and time.monotonic() < end:
        time.sleep(0.05)
    assert processes_of(lab) == []
    assert mounts_of(lab) == []


def test_six_boards_fire_exactly_their_codes(rkops, tmp_path, record_property):
    started = time.monotonic()
    up = rkops("lab", "up", "6")
    seconds = time.monotonic() - started
    record_property("lab up 6, seconds", round(seconds, 2))
    print(f"lab up 6: {seconds:.2f} s")
    assert up.stdout.strip() == str(tmp_path / "lab" / "inventory.yaml")
    assert [line.split()[0] for line in rkops("lab", "ls").stdout.splitlines()] == list(SIX)
    found = fired(rkops, "--all", code=1)
    assert {board: found.get(board, set()) for board in SIX} == SIX
    assert fired(rkops, "healthy", code=0) == {}
    rkops("lab", "down")
    wait_gone(tmp_path / "lab")
    assert sorted(place.name for place in (tmp_path / "lab").iterdir()) == LEFT


def test_what_is_changed_on_a_board_is_found(rkops):
    rkops("lab", "up", "1")
    version = "/sys/kernel/debug/rknpu/version"
    inside(rkops, "healthy", f"echo 'RKNPU driver: v0.7.2' > {version}")
    assert fired(rkops, "healthy") == {"healthy": {"RKN121"}}
    inside(rkops, "healthy", f"echo 'RKNPU driver: v0.9.8' > {version}; pkill -x rknn_server")
    assert fired(rkops, "healthy") == {"healthy": {"RKN111"}}
    rkops("lab", "fault", "healthy", "reboot")
    assert fired(rkops, "healthy") == {}
    inside(rkops, "healthy", "cd /usr/lib; cp librknnrt.so new; mv new librknnrt.so")
    assert fired(rkops, "healthy") == {"healthy": {"RKN113"}}


def test_a_board_is_a_world_of_its_own(rkops, tmp_path):
    rkops("lab", "up", "2", "--profile", "healthy,two-runtimes")
    assert inside(rkops, "healthy", "hostname; cat /etc/rkops-lab; id -un").split()[:3] == [
        "healthy",
        "rkops",
        "simulated",
    ]
    assert inside(rkops, "healthy", "cat /proc/sys/kernel/osrelease").strip() == "5.10.160"
    assert "tmpfs /home" not in inside(rkops, "healthy", f"ls {tmp_path} 2>&1 || true; ls /home")
    assert inside(rkops, "healthy", "ls /home").split() in (["firefly"], [])
    inside(rkops, "healthy", "touch /usr/bin/of-the-board /etc/of-the-board")
    assert not Path("/usr/bin/of-the-board").exists()
    assert not Path("/etc/of-the-board").exists()
    assert inside(rkops, "two-runtimes", "ls /usr/bin/of-the-board 2>&1 || true").endswith(
        "No such file or directory\n"
    )
    maps = inside(rkops, "two-runtimes", "cat /proc/$(pgrep -x rknn_server)/maps")
    assert "/usr/local/lib/librknnrt.so" in maps
    assert "/usr/lib/librknnrt.so" not in maps
    done = rkops(
        "lab", "exec", "healthy", "--", "sh", "-c", "echo out; echo err >&2; exit 7", code=7
    )
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    rkops("lab", "exec", "healthy", "--", "no-such-program", code=127)
    piped = rkops("lab", "exec", "healthy", "--", "sh", "-c", "yes | head -n 1")
    assert (piped.stdout, piped.stderr) == ("y\n", "")


def test_faults_come_and_go(rkops):
    rkops("lab", "up", "1")
    for fault, codes in {
        "hot=91": {"RKT120"},
        "disk-full": {"RKM101"},
        "read-only": {"RKM102"},
        "refuse": {"RKC102"},
        "power-off": {"RKC102"},
    }.items():
        rkops("lab", "fault", "healthy", fault)
        assert fired(rkops, "healthy") == {"healthy": codes}, fault
        rkops("lab", "fault", "healthy", "power-on" if fault == "power-off" else "none")
        assert fired(rkops, "healthy") == {}, fault
    assert "no fault melting" in rkops("lab", "fault", "healthy", "melting", code=2).stderr
    assert "wire" in rkops("lab", "fault", "healthy", "clock-wrong", code=2).stderr
    assert "no board other" in rkops("lab", "fault", "other", "mute", code=2).stderr


def test_files_outlive_a_power_cycle_and_settings_do_not(rkops):
    rkops("lab", "up", "1")
    governor = "/sys/class/devfreq/dmc/governor"
    inside(rkops, "healthy", f"echo kept > /opt/kept; echo performance > {governor}")
    for fault in ("reboot", "power-off", "power-on"):
        rkops("lab", "fault", "healthy", fault)
    assert inside(rkops, "healthy", f"cat /opt/kept {governor}") == "kept\ndmc_ondemand\n"


def test_a_killed_supervisor_takes_everything_with_it(rkops, tmp_path):
    rkops("lab", "up", "2")
    rows = json.loads(rkops("lab", "ls", "--format", "json").stdout)["boards"]
    inits = [Path(f"/proc/{row['pid']}") for row in rows]
    assert all(place.exists() for place in inits)
    supervisor = next(
        pid
        for pid in processes_of(tmp_path / "lab")
        if Path(f"/proc/{pid}/comm").read_text().strip() == "rkops-lab"
    )
    os.kill(int(supervisor), signal.SIGKILL)
    wait_gone(tmp_path / "lab")
    end = time.monotonic() + 5.0
    while any(place.exists() for place in inits) and time.monotonic() < end:
        time.sleep(0.05)  # dead, and waited for by this machine's pid 1
    assert not any(place.exists() for place in inits)
    assert rkops("lab", "ls").stdout == ""
    rkops("lab", "up", "1")


def test_labs_side_by_side(rkops, tmp_path):
    rkops("lab", "up", "1")
    assert "runs already" in rkops("lab", "up", "1", code=2).stderr
    rows = json.loads(rkops("lab", "ls", "--format", "json").stdout)["boards"]
    here = rows[0]["host"]
    other = {**os.environ, "RKOPS_LAB": str(tmp_path / "other")}
    argv = [sys.executable, "-c", "from rkops.cli.app import main; main()", "lab"]
    subprocess.run([*argv, "up", "1"], env=other, check=True, capture_output=True, timeout=60)
    listed = subprocess.run([*argv, "ls"], env=other, check=True, capture_output=True, text=True)
    subprocess.run([*argv, "down"], env=other, check=True, capture_output=True, timeout=60)
    assert f"adb {here}:" not in listed.stdout
    assert "adb 127.0." in listed.stdout
    assert fired(rkops, "healthy", code=0) == {}


def test_ssh_logs_in_as_both_accounts(rkops, tmp_path):
    if shutil.which("ssh") is None:
        pytest.skip("no ssh client on this machine")
    rkops("lab", "up", "1")
    lab = tmp_path / "lab"
    row = json.loads(rkops("lab", "ls", "--format", "json").stdout)["boards"][0]
    options = [
        f"-oUserKnownHostsFile={lab}/known_hosts",
        "-oStrictHostKeyChecking=yes",
        "-oBatchMode=yes",
    ]
    argv = ["ssh", "-F", "none", *options, "-i", f"{lab}/id_ed25519", "-p", str(row["ssh_port"])]
    for user in ("root", "firefly") if inside(rkops, "healthy", "ls /home") else ("root",):
        done = subprocess.run(
            [*argv, f"{user}@{row['host']}", "id -un; pwd"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.stdout.split()[:1] == [user], done.stderr


def test_a_board_that_cannot_start_takes_the_others_down_and_leaves_its_log(rkops, tmp_path):
    argv = [sys.executable, "-c", "from rkops.cli.app import main; main()", "lab", "up", "6"]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 14; exec "$@"', "sh", *argv],
        env={**os.environ, "RKOPS_LAB": str(tmp_path / "lab")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "did not start" in done.stderr
    assert "Too many open files" in done.stderr
    log = Path(done.stderr.rpartition("its log: ")[2].strip())
    assert "Too many open files" in log.read_text()
    wait_gone(tmp_path / "lab")
    rkops("lab", "up", "1")


@pytest.mark.parametrize(
    "fault", ["hot=nan", "hot=1e99", "hot=warm", "disk-full=here", "read-only="]
)
def test_a_fault_of_no_sense_says_what_would_be(rkops, fault):
    rkops("lab", "up", "1")
    refused = rkops("lab", "fault", "healthy", fault, code=2)
    assert "is no" in refused.stderr
    assert "try:" in refused.stderr


def test_the_adb_server_forgets_the_boards(rkops, adb_port):
    rkops("lab", "up", "1")
    rkops("doctor", "healthy", code=0)
    adb = [str(client_path()), "-P", adb_port, "devices"]
    assert ":5555" in subprocess.run(adb, capture_output=True, text=True, check=True).stdout
    rkops("lab", "down")
    assert ":5555" not in subprocess.run(adb, capture_output=True, text=True, check=True).stdout


def test_lab_down_starts_no_adb_server(rkops, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    rkops("lab", "up", "1")
    subprocess.run(
        [sys.executable, "-c", "from rkops.cli.app import main; main()", "lab", "down"],
        env={
            **os.environ,
            "RKOPS_LAB": str(tmp_path / "lab"),
            "ANDROID_ADB_SERVER_PORT": str(port),
        },
        check=True,
    )
    with socket.socket() as server:
        assert server.connect_ex(("127.0.0.1", port)) != 0
