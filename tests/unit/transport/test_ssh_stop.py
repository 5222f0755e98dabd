"""How a command on a board is ended: a real shell, with `kill` and `sleep` of the test's own."""

import subprocess
from pathlib import Path

import pytest

from rkops.transport.ssh.command import _STOP


@pytest.mark.parametrize(
    ("found", "sent"), [(0, ["-TERM -- -77", "-KILL -- -77"]), (1, ["-TERM -- -77"])]
)
def test_kill_follows_only_a_term_that_found_somebody(
    tmp_path: Path, found: int, sent: list[str]
) -> None:
    log = tmp_path / "log"
    own = f'kill() {{ echo "$@" >>{log}; return {found}; }}; sleep() {{ :; }}; '
    subprocess.run(["sh", "-c", own + _STOP.format(77) + "\nwait"], check=False, timeout=10)
    assert log.read_text().splitlines() == sent
