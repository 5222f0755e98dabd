"""The parts of a lab that need no namespaces."""

import ctypes
import platform
import struct
import subprocess
import sys

import pytest

from rkops.core.errors import LabError
from rkops.fleet.inventory import parse_inventory
from rkops.lab.boardfaults import apply_fault, fault_names
from rkops.lab.faults import Faults
from rkops.lab.host import standins
from rkops.lab.host.elf import MACHINES, shared_object
from rkops.lab.host.sysfiles import proc_files, sys_tree
from rkops.lab.inventory import LabBoard, inventory_text
from rkops.lab.profile import BANNERS, DEFAULT_ORDER, load_profile, profile_names
from rkops.lab.start import choose_profiles
from rkops.lab.state import Paths, claim_number, connect_line, listen_line, serial_of
from rkops.lab.supervisor import board_names, sweep
from rkops.transport.base import AdbAddress, SshAddress


def test_the_real_loader_opens_a_stand_in_library(tmp_path):
    if platform.machine() not in MACHINES:
        pytest.skip(f"no stand-in library for {platform.machine()}")
    library = tmp_path / "librknnrt.so"
    library.write_bytes(standins.runtime_library(platform.machine(), "2.3.2"))
    ask = f"import ctypes; ctypes.CDLL({str(library)!r}); print(open('/proc/self/maps').read())"
    maps = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert str(library) in maps.stdout
    assert ctypes.CDLL(str(library))._handle


@pytest.mark.parametrize("machine", MACHINES)
def test_a_stand_in_library_says_what_it_is(machine):
    data = shared_object(machine, "librknnrt.so", b"payload")
    assert data.startswith(b"\x7fELF\x02\x01\x01")
    assert struct.unpack_from("<H", data, 18)[0] == MACHINES[machine]
    assert data.endswith(b"\0librknnrt.so\0payload")


@pytest.mark.parametrize("version", BANNERS)
def test_banners_are_those_of_the_real_files(version):
    library = standins.runtime_library("aarch64", version).decode("latin-1")
    assert f"librknnrt version: {version} ({BANNERS[version][0]})" in library
    assert standins.MARK in library
    server = standins.server_binary(b"\x7fELF", version).decode("latin-1")
    assert f"rknn_server version: {version} ({BANNERS[version][1]})" in server
    assert standins.MARK in server


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_can_be_built(name):
    profile = load_profile(name)
    tree = sys_tree(profile, "0123", "00:00:5e:00:53:01")
    assert tree.files["/sys/kernel/debug/rknpu/version"] == f"RKNPU driver: v{profile.driver}\n"
    assert tree.files["/sys/firmware/devicetree/base/serial-number"] == "0123\0"
    assert ("/sys/class/devfreq/dmc/governor" in tree.files) == profile.dmc
    assert profile.kernel in proc_files(profile)["/proc/version"]
    assert set(profile.libraries.values()) | {profile.server.version} <= BANNERS.keys()
    assert standins.server_command(profile)


def test_an_unknown_profile_names_those_there_are():
    with pytest.raises(LabError, match="no profile 'nothing'") as caught:
        load_profile("nothing")
    assert "two-runtimes" in caught.value.hint


def test_profiles_are_taken_in_turn():
    assert choose_profiles(None, []) == DEFAULT_ORDER
    assert choose_profiles(8, [])[6:] == ("healthy", "version-mix")
    assert choose_profiles(3, ["no-dmc"]) == ("no-dmc",) * 3
    assert list(board_names(("healthy", "no-dmc", "healthy"))) == ["healthy", "no-dmc", "healthy-2"]
    with pytest.raises(LabError):
        choose_profiles(0, [])


def test_the_inventory_reads_back(tmp_path):
    boards = [
        LabBoard(name, load_profile(name), f"127.0.9.{number}", port, "host")
        for number, (name, port) in enumerate({"healthy": 22, "wrong-soc": 2222}.items(), start=1)
    ]
    text = inventory_text(Paths(tmp_path), boards).encode()
    read = parse_inventory([("lab.yaml", text)], tmp_path).boards
    assert read["healthy"].address == AdbAddress("127.0.9.1")
    assert read["healthy"].addresses[1] == SshAddress(
        "127.0.9.1", None, "root", str(tmp_path / "id_ed25519")
    )
    assert isinstance(ssh := read["wrong-soc"].addresses[1], SshAddress)
    assert ssh.port == 2222
    assert read["healthy"].sdk == "2.3.2"
    assert read["healthy"].groups == ("lab",)


def test_two_labs_never_get_the_same_addresses(tmp_path):
    first, one = claim_number(tmp_path)
    second, two = claim_number(tmp_path)
    with one, two:
        assert first != second


def test_serial_numbers_stay_with_lab_and_board(tmp_path):
    assert serial_of(tmp_path, "healthy") == serial_of(tmp_path, "healthy")
    assert serial_of(tmp_path, "healthy") != serial_of(tmp_path, "no-dmc")
    assert serial_of(tmp_path, "healthy") != serial_of(tmp_path / "other", "healthy")


def test_a_control_line_works_below_a_long_path(tmp_path):
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    deep.mkdir(parents=True)
    with listen_line(deep, "control.sock") as server, connect_line(deep, "control.sock", 5) as line:
        line.sendall(b"hello")
        with server.accept()[0] as answered:
            assert answered.recv(5) == b"hello"


def test_an_unknown_fault_names_those_there_are(tmp_path):
    with pytest.raises(LabError, match="no fault melting") as caught:
        apply_fault(tmp_path, "healthy", "melting")
    for name in ("mute", "disk-full", "power-off"):
        assert name in fault_names()
        assert name in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "delay-seconds=nan",
        "delay-seconds=inf",
        "delay-seconds=-1",
        "delay-seconds=1e9",
        "payload-bytes=0",
        "payload-bytes=-5",
        "payload-bytes=1.5",
        f"payload-bytes={10**30}",
        f"stall-after-bytes={'9' * 5000}",
        "drop-after-bytes=-1",
        "mute=perhaps",
    ],
)
def test_a_fault_of_no_sense_is_refused(text):
    faults = Faults()
    with pytest.raises(LabError) as caught:
        faults.apply(text)
    assert caught.value.hint
    assert len(caught.value.message) < 120
    assert faults == Faults()


def test_faults_of_sense_are_taken():
    faults = Faults()
    for text in ("delay-seconds=0.3", "payload-bytes=4096", "stall-after-bytes=0", "mute"):
        faults.apply(text)
    assert (faults.delay_seconds, faults.payload_bytes) == (0.3, 4096)
    assert (faults.stall_after_bytes, faults.mute) == (0, True)
    faults.apply("payload-bytes=off")
    assert faults.payload_bytes is None


def test_a_lab_sweeps_what_a_killed_one_left(tmp_path):
    (tmp_path / "healthy.log").touch()
    listen_line(tmp_path, "healthy-2.sock").close()
    others = {"id_ed25519", "lab.log", "my-board.log", "healthy.log.1"}
    for name in others:
        (tmp_path / name).touch()
    sweep(Paths(tmp_path))
    assert {file.name for file in tmp_path.iterdir()} == others
