"""Recorded boards: what the lab falls back to where namespaces are forbidden."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rkops.facts.parse import parse_facts
from rkops.lab.profile import profile_names
from rkops.lab.wire.board import recording
from tests.lab.conftest import need_namespaces

MODEL = Path(__file__).parents[1] / "data" / "tiny-rk3588-2.3.2.rknn"


@pytest.mark.parametrize("profile", profile_names())
def test_every_recording_is_what_this_rkops_reads(profile):
    facts = parse_facts(json.dumps(recording(profile)).encode())
    assert facts.system.simulated
    assert facts.by == "agent"


def test_doctor_and_deploy_on_recorded_boards(rkops):
    rkops("lab", "up", "2", "--wire")
    report = json.loads(rkops("doctor", "--all", "--format", "json", code=1).stdout)
    found = {
        (one["board"], one["code"])
        for one in report["findings"]
        if one["status"] == "fail" and one["severity"] != "info"
    }
    assert found == {("version-mix", "RKN112"), ("version-mix", "RKN121")}
    rkops("deploy", "--all", str(MODEL))
    again = rkops("deploy", "--all", str(MODEL))
    assert again.stdout.count("unchanged") >= 2
    assert "whole" in rkops("deploy", "--all", "--list").stdout


def test_a_recorded_board_has_no_inside(rkops):
    rkops("lab", "up", "1", "--wire")
    assert "no shell" in rkops("lab", "exec", "healthy", "--", "id", code=2).stderr
    assert "no files" in rkops("lab", "fault", "healthy", "disk-full", code=2).stderr
    rkops("lab", "fault", "healthy", "clock-wrong=900")
    report = json.loads(rkops("doctor", "healthy", "--format", "json", code=None).stdout)
    assert "RKC120" in {one["code"] for one in report["findings"] if one["status"] == "fail"}
    rkops("lab", "fault", "healthy", "power-off")
    assert rkops("lab", "ls").stdout.split()[1] == "off"


@pytest.mark.namespaces
def test_forbidden_namespaces_are_said_and_wire_boards_used(rkops, tmp_path):
    need_namespaces()
    if shutil.which("unshare") is None:
        pytest.skip("no unshare program to forbid namespaces with")
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    argv = [sys.executable, "-c", "from rkops.cli.app import main; main()", "lab", "up", "1"]
    up = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh", *argv],
        env={**os.environ, "RKOPS_LAB": str(tmp_path / "lab")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert up.stdout.strip() == str(tmp_path / "lab" / "inventory.yaml"), up.stderr
    assert "using recorded wire boards" in up.stderr
    assert rkops("lab", "ls").stdout.split()[:3] == ["healthy", "on", "wire"]
