"""What `rkops lab` does: talk to the supervisor, and to boards behind rkops' back."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from rkops.core.deadline import Deadline
from rkops.core.errors import LabError
from rkops.lab.adb.parting import forget_boards
from rkops.lab.state import Paths, connect_line

# Boards are forks of the supervisor: what it does not know they cannot show (/proc/1/environ).
_ENV = (
    "HOME",
    "LANG",
    "PATH",
    "PYTHONPATH",
    "RKOPS_CACHE",
    "RKOPS_LAB_SUITE",
    "USER",
    "XDG_CACHE_HOME",
)
CONTROL = "control.sock"
_UP_SECONDS, _TALK_SECONDS = 120.0, 60.0


class BoardRow(msgspec.Struct, frozen=True):
    """One running lab's board; `pid` is 0 while it is off."""

    name: str
    profile: str
    kind: str
    host: str
    ssh_port: int
    adb: str
    pid: int
    env: dict[str, str] = {}

    @property
    def state(self) -> str:
        """`on` or `off`."""
        return "on" if self.pid else "off"


def lab_up(top: Path, profiles: Sequence[str], kind: str) -> Path:
    """Start a lab; return the path of the inventory it wrote, once every board answers.

    Raises:
        LabError: a lab runs there, or boards of this kind cannot be had here.
    """
    paths = Paths(top)
    paths.top.mkdir(parents=True, exist_ok=True, mode=0o700)
    spec = json.dumps({"profiles": list(profiles), "kind": kind})
    with paths.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rkops.lab.supervisor", str(top), spec],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env={name: os.environ[name] for name in _ENV if name in os.environ},
            start_new_session=True,
        )
    try:
        said = _first_line(process, Deadline.after(_UP_SECONDS))
    except BaseException:  # Ctrl-C: it has a session of its own and does not hear of it
        process.kill()
        process.wait()
        raise
    if not said and process.poll() is None:
        process.kill()
        raise LabError(
            f"the lab did not come up within {_UP_SECONDS:.0f} s", hint=f"its log: {paths.log}"
        )
    return Path(_checked(said, f"its log: {paths.log}")["inventory"])


def _first_line(process: subprocess.Popen[bytes], deadline: Deadline) -> bytes:
    """Read what the supervisor says when it is up or gave up; it lives on afterwards."""
    pipe = process.stdout
    if pipe is None:
        return b""
    with pipe:
        said = b""
        while not said.endswith(b"\n"):
            if not select.select([pipe], [], [], deadline.remaining)[0]:
                return b""
            data = os.read(pipe.fileno(), 4096)
            if not data:
                process.wait()
                break
            said += data
        return said


def _checked(said: bytes, hint: str) -> dict[str, str]:
    """Read one answer.

    Raises:
        LabError: it is none, or it says what went wrong.
    """
    try:
        answer: dict[str, str] = msgspec.json.decode(said, type=dict)
    except msgspec.DecodeError as exc:
        raise LabError("the lab ended without a word", hint=hint) from exc
    if "error" in answer:
        raise LabError(str(answer["error"]), hint=str(answer.get("hint", "")))
    return answer


def _ask(top: Path, line: str, request: dict[str, str]) -> bytes:
    try:
        with connect_line(top, line, _TALK_SECONDS) as sock:
            sock.sendall(json.dumps(request).encode() + b"\n")
            with sock.makefile("rb") as answer:
                return answer.readline()
    except OSError as exc:
        what = "no lab runs" if line == CONTROL else f"{line.removesuffix('.sock')} does not answer"
        raise LabError(f"{what} in {top}", hint="rkops lab up") from exc


def lab_rows(top: Path) -> list[BoardRow]:
    """Return the boards of the running lab; none when no lab runs."""
    try:
        said = _ask(top, CONTROL, {"do": "ls"})
    except LabError:
        return []
    return msgspec.convert(_checked(said, "")["boards"], list[BoardRow])


def find_row(top: Path, board: str) -> BoardRow:
    """Return one board that is on.

    Raises:
        LabError: there is none of that name, or it is off.
    """
    rows = {row.name: row for row in lab_rows(top)}
    if board not in rows:
        there = ", ".join(rows) or "none: rkops lab up"
        raise LabError(f"no board {board} in this lab", hint=f"boards: {there}")
    if not rows[board].pid:
        raise LabError(f"board {board} is off", hint=f"rkops lab fault {board} power-on")
    return rows[board]


def find_inside(top: Path, board: str) -> BoardRow:
    """Return one board that can be entered.

    Raises:
        LabError: as `find_row`, or it is a wire board, which has no inside.
    """
    row = find_row(top, board)
    if row.kind == "wire":
        raise LabError(
            f"{board} is a recorded wire board: it has no files and no shell of its own",
            hint="host boards have: rkops lab up without --wire, where namespaces are permitted",
        )
    return row


def lab_down(top: Path) -> int:
    """End the lab; nothing of it runs when this returns. Returns how many boards there were.

    The adb server of this environment, if one runs, forgets them.

    Raises:
        LabError: no lab runs there.
    """
    serials = [f"{row.host}:5555" for row in lab_rows(top)]
    boards = int(_checked(_ask(top, CONTROL, {"do": "down"}), "")["down"])
    forget_boards(serials)
    return boards


def set_power(top: Path, board: str, what: str) -> None:
    """Switch a board: `power-off`, `power-on` or `reboot`; returns when it is done."""
    _checked(_ask(top, CONTROL, {"do": what, "board": board}), "")


def set_link_fault(top: Path, board: str, fault: str) -> None:
    """Make the daemons of a board misbehave, as `Faults.apply` reads it."""
    _checked(_ask(top, f"{board}.sock", {"apply": fault}), "")
