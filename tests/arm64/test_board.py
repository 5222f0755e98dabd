"""An arm64 board as rkops meets it: doctor and deploy over adb and over OpenSSH."""

import hashlib
from pathlib import Path

import pytest

from rkops.core.deadline import Deadline
from rkops.core.errors import (
    AuthFailedError,
    BoardRefusedError,
    DeadlineError,
    HostKeyChangedError,
    TransportError,
)
from rkops.facts.fact import Present
from rkops.facts.parse import parse_facts
from rkops.fleet.session import AgentSession
from rkops.transport.base import AdbAddress, SshAddress
from rkops.transport.open import open_transport
from tests.arm64.conftest import BOARD

pytestmark = [pytest.mark.arm64, pytest.mark.timeout(300)]

MODEL = Path(__file__).parents[1] / "data/tiny-rk3588-2.3.2.rknn"
WAYS = ["adb", "root@ssh"]


@pytest.fixture
def lab(arm64_lab, monkeypatch):
    for name, value in arm64_lab.env.items():
        monkeypatch.setenv(name, value)
    yield arm64_lab
    arm64_lab.fault("none")


def ssh_address(lab, user="firefly"):
    return SshAddress(lab.host, lab.ssh_port, user, str(lab.key))


@pytest.mark.parametrize("way", WAYS)
def test_doctor_finds_nothing_on_a_healthy_board(lab, way):
    code, statuses, board = lab.doctor(way)
    assert code == 0, statuses
    fired = {one for one, status in statuses.items() if status in ("fail", "crash")}
    assert fired <= {"RKN123", "RKT110", "RKX101"}  # of severity info
    assert (board["python"], board["by"], board["simulated"]) == ("3.11.2", "agent", True)
    assert board["os"] == "Debian GNU/Linux 12 (bookworm)"


def test_doctor_skips_what_an_ordinary_account_cannot_see(lab):
    code, statuses, _ = lab.doctor("firefly@ssh")
    assert code == 0, statuses
    assert (statuses["RKP111"], statuses["RKP110"]) == ("skip", "pass")


@pytest.mark.parametrize("way", WAYS)
def test_facts_are_those_of_an_arm64_debian(lab, way):
    address = AdbAddress(lab.host) if way == "adb" else ssh_address(lab, "root")
    deadline = Deadline.after(60)
    transport = open_transport(address, board=BOARD, deadline=deadline)
    try:
        session = AgentSession(transport, board=BOARD, expected_identity=None)
        payload = session.call("probe", {"user": "firefly"}, deadline=deadline)
    finally:
        transport.close()
    facts = parse_facts(payload)
    assert facts.system.arch == "aarch64"
    assert isinstance(facts.system.glibc, Present)
    assert facts.system.glibc.value == "2.36"
    assert {copy.machine for copy in facts.runtime.copies} == {"aarch64"}
    assert isinstance(facts.server.processes, Present)
    # under qemu /proc/PID/exe names qemu: the program is found by what it maps
    assert [one.exe for one in facts.server.processes.value] == ["/usr/bin/rknn_server"]


@pytest.mark.parametrize("way", WAYS)
def test_deploy_brings_the_real_model(lab, way):
    name = f"tiny-{way.partition('@')[0]}"
    words = ["deploy", "--all", "-i", lab.inventory(way), "--name", name, "--timeout", "60"]
    done = lab.rkops(*words, str(MODEL))
    assert done.returncode == 0, done.stdout + done.stderr
    said = lab.inside(f"sha256sum /opt/rkops/models/{name}/current/*.rknn")
    assert said.split()[0] == hashlib.sha256(MODEL.read_bytes()).hexdigest()
    again = lab.rkops(*words, str(MODEL))
    assert "1 unchanged" in again.stdout


def test_what_was_deployed_outlives_a_reboot(lab):
    lab.inside("echo kept > /opt/kept")
    lab.fault("reboot")
    assert lab.inside("cat /opt/kept; uname -m") == "kept\naarch64\n"


def test_sudo_asks_for_the_password(lab):
    deadline = Deadline.after(30)
    transport = open_transport(ssh_address(lab), board=BOARD, deadline=deadline)
    try:
        without = transport.run(["sudo", "-n", "id", "-u"], deadline=deadline)
        with_it = transport.run(["sudo", "-S", "id", "-u"], deadline=deadline, stdin=b"firefly\n")
    finally:
        transport.close()
    assert not without.ok
    assert b"password is required" in without.stderr
    assert (with_it.code, with_it.text) == (0, "0\n")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("refuse", BoardRefusedError),
        ("silent", DeadlineError),
        ("offline", DeadlineError),
        ("unauthorized", AuthFailedError),
        ("other-host-key", HostKeyChangedError),
        ("drop-after-bytes=300", TransportError),
        ("stall-after-bytes=300", DeadlineError),
    ],
)
def test_faults_reach_openssh(lab, fault, error):
    lab.fault(fault)
    with pytest.raises(error):
        open_transport(ssh_address(lab), board=BOARD, deadline=Deadline.after(3))
    lab.fault("none")
    open_transport(ssh_address(lab), board=BOARD, deadline=Deadline.after(30)).close()


def test_nothing_of_the_machine_changes(lab):
    mounts = Path("/proc/mounts").read_text("utf-8")
    assert str(lab.home) not in mounts
    binfmt = Path("/proc/sys/fs/binfmt_misc")
    here = {path.name for path in binfmt.iterdir()} if binfmt.is_dir() else set()
    assert not {name for name in here if name.startswith("rkops")}
    assert "rkops-aarch64" in lab.inside("ls /proc/sys/fs/binfmt_misc")
