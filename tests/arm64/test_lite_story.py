"""The fault everybody meets first: `pip install --user`, and then sudo does not find it.

Nothing is canned: the wheel is Rockchip's, pip, Python and sudo are Debian's arm64 ones.
"""

import pytest

from rkops.core.deadline import Deadline
from rkops.transport.base import SshAddress
from rkops.transport.open import open_transport
from tests.arm64.conftest import BOARD
from tests.arm64.wheels import RELEASE, lite_wheels

pytestmark = [pytest.mark.arm64, pytest.mark.timeout(300)]

SYSTEM_SITE = "/usr/local/lib/python3.11/dist-packages"
USER_SITE = "/home/firefly/.local/lib/python3.11/site-packages"


@pytest.fixture
def firefly(arm64_lab, monkeypatch):
    """An SSH connection as firefly, to a board whose stand-in of lite was put aside."""
    for name, value in arm64_lab.env.items():
        monkeypatch.setenv(name, value)
    arm64_lab.inside(f"mkdir /root/aside && mv {SYSTEM_SITE}/rknn* /root/aside/")
    address = SshAddress(arm64_lab.host, arm64_lab.ssh_port, "firefly", str(arm64_lab.key))
    transport = open_transport(address, board=BOARD, deadline=Deadline.after(30))
    yield transport
    transport.close()
    arm64_lab.inside(f"mv /root/aside/* {SYSTEM_SITE}/ && rmdir /root/aside")
    arm64_lab.inside(f"rm -rf {SYSTEM_SITE}/lite.pth /home/firefly/.local /home/firefly/wheels")


def install_for_the_user(firefly, deadline):
    made = firefly.run(["mkdir", "/home/firefly/wheels"], deadline=deadline)
    assert made.ok, made.stderr
    for wheel in sorted(lite_wheels("3.11").glob("*.whl")):
        firefly.push(wheel, f"/home/firefly/wheels/{wheel.name}", deadline=deadline)
    # an environment variable, because pip before 23.0.1 does not know the option (PEP 668)
    install = "env PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install --user --no-index"
    options = "--find-links=/home/firefly/wheels --no-compile --quiet --no-warn-script-location"
    argv = [*install.split(), *options.split(), f"rknn-toolkit-lite2=={RELEASE}"]
    done = firefly.run(argv, deadline=deadline)
    assert done.ok, done.stdout + done.stderr


def test_a_user_install_is_not_seen_by_root(arm64_lab, firefly):
    deadline = Deadline.after(200)
    code, before, _ = arm64_lab.doctor("adb", "--only", "RKP")
    assert (before["RKP110"], before["RKP111"]) == ("fail", "pass"), before
    assert code == 0  # RKP110 is a warning

    install_for_the_user(firefly, deadline)
    ask = "import rknnlite.api, sys; print(rknnlite.api.RKNNLite.__name__)"
    user = firefly.run(["python3", "-c", ask], deadline=deadline)
    assert (user.code, user.text.strip()) == (0, "RKNNLite"), user.stderr
    root = firefly.run(
        ["sudo", "-S", "python3", "-c", "import rknnlite"], deadline=deadline, stdin=b"firefly\n"
    )
    assert root.code == 1
    assert b"ModuleNotFoundError: No module named 'rknnlite'" in root.stderr

    code, after, board = arm64_lab.doctor("adb", "--only", "RKP,RKX120")
    assert (code, board["lite"]) == (1, RELEASE)
    fired = {one for one, status in after.items() if status == "fail"}
    assert fired == {"RKP111"}, after

    # the quick way out works, and opens root to the user: doctor says so instead
    arm64_lab.inside(f"echo {USER_SITE} > {SYSTEM_SITE}/lite.pth")
    _, linked, _ = arm64_lab.doctor("adb", "--only", "RKP,RKX120")
    assert (linked["RKP111"], linked["RKX120"]) == ("pass", "fail"), linked
