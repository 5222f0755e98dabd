"""The process that holds a lab together: `python -m rkops.lab.supervisor DIR SPEC`.

It has one thread, because it forks boards at any time. When it ends, however it ends, the
kernel ends every board with it.
"""

import contextlib
import fcntl
import gc
import json
import os
import re
import selectors
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from rkops.core.deadline import Deadline
from rkops.core.errors import LabError
from rkops.lab.host import kernel
from rkops.lab.host.daemons import Sockets
from rkops.lab.host.idmap import has_many_ids
from rkops.lab.host.plan import BoardPlan
from rkops.lab.host.spawn import Keeper
from rkops.lab.host.userland import HostUserland, Userland, choose_userland
from rkops.lab.inventory import LabBoard, write_inventory
from rkops.lab.profile import load_profile, profile_names
from rkops.lab.ssh.keys import lab_keys
from rkops.lab.state import (
    MOST_BOARDS,
    Paths,
    claim_number,
    listen_adb,
    listen_line,
    listen_ssh,
    serial_of,
)
from rkops.lab.wire.keeper import WireKeeper

CONTROL = "control.sock"
_BOOT_SECONDS = 30.0
_HALT_SECONDS = 10.0
_TALK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Spec:
    """What to bring up."""

    profiles: tuple[str, ...]
    kind: str
    """`host`, `arm64` or `wire`."""


class Supervisor:
    """A lab's boards, and what can be done to them from outside."""

    def __init__(self, paths: Paths, spec: Spec) -> None:
        if len(spec.profiles) > MOST_BOARDS:
            raise LabError(
                f"{len(spec.profiles)} boards are too many", hint=f"at most {MOST_BOARDS}"
            )
        self._paths = paths
        self._kind = spec.kind
        sweep(paths)
        self._number, self._claim = claim_number(paths.top)
        self._keepers: dict[str, Keeper | WireKeeper] = {}
        self._boards: dict[str, LabBoard] = {}
        self._names = board_names(spec.profiles)
        self._control = listen_line(paths.top, CONTROL)
        self._stop = False

    def up(self) -> None:
        """Start every board, side by side, and write the inventory.

        Raises:
            LabError: one board did not start; nothing is left running.
        """
        wire = self._kind == "wire"
        userland = HostUserland(None) if wire else choose_userland(self._kind)
        keys = lab_keys(self._paths, self._number)
        gc.freeze()
        deadline = Deadline.after(_BOOT_SECONDS + len(self._names))
        for place, (name, profile) in enumerate(self._names.items(), start=1):
            plan = self._plan(name, profile, place, userland, keys)
            log = self._paths.board_log(name)
            self._keepers[name] = WireKeeper(plan, log) if wire else Keeper(plan, log)
            self._boot(name, f"127.0.{self._number}.{place}")
        for keeper in self._keepers.values():
            keeper.wait(deadline)
        write_inventory(self._paths, list(self._boards.values()))

    def _plan(
        self, name: str, profile: str, place: int, userland: Userland, keys: tuple[str, str]
    ) -> BoardPlan:
        return BoardPlan(
            name=name,
            profile=load_profile(profile),
            userland=userland,
            serial=serial_of(self._paths.top, name),
            mac=f"00:00:5e:00:53:{place:02x}",  # the block for documentation, RFC 7042
            base=self._paths.base,
            host_key=keys[0],
            client_key=keys[1],
            has_user=has_many_ids(),
        )

    def _boot(self, name: str, host: str) -> None:
        adb, ssh = listen_adb(host), listen_ssh(host)
        self._boards[name] = LabBoard(
            name,
            self._keepers[name].plan.profile,
            host,
            0 if self._kind == "wire" else ssh.getsockname()[1],
            self._kind,
            has_user=has_many_ids() or self._kind == "wire",
        )
        faults = listen_line(self._paths.top, f"{name}.sock")
        self._keepers[name].boot(Sockets(adb, ssh, faults))

    def serve(self) -> None:
        """Answer on the control line until told to end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            while not self._stop:
                if selector.select(timeout=1.0):
                    self._talk()

    def _talk(self) -> None:
        line, _ = self._control.accept()
        with line, contextlib.suppress(OSError):
            line.settimeout(_TALK_SECONDS)
            try:
                with line.makefile("rb") as request:
                    answer = self._answer(json.loads(request.readline(1 << 16)))
            except LabError as exc:
                answer = {"error": exc.message, "hint": exc.hint}
            except (ValueError, KeyError, TypeError) as exc:
                answer = {"error": f"not understood: {exc!r}"}
            line.sendall(json.dumps(answer).encode() + b"\n")

    def _answer(self, request: dict[str, str]) -> dict[str, object]:
        word = request["do"]
        if word == "ls":
            return {"boards": [self._row(name) for name in self._boards]}
        if word == "down":
            self.end()
            self._stop = True
            return {"down": len(self._boards)}
        name = request["board"]
        if name not in self._keepers:
            raise LabError(f"no board {name} in this lab", hint="rkops lab ls")
        self._power(word, name)
        return self._row(name)

    def _power(self, word: str, name: str) -> None:
        keeper = self._keepers[name]
        keeper.look()
        if word in ("power-off", "reboot"):
            keeper.halt(Deadline.after(_HALT_SECONDS))
        if word in ("power-on", "reboot") and not keeper.init_pid:
            self._boot(name, self._boards[name].host)
            keeper.wait(Deadline.after(_BOOT_SECONDS))

    def _row(self, name: str) -> dict[str, object]:
        self._keepers[name].look()
        board = self._boards[name]
        return {
            "name": name,
            "profile": board.profile.name,
            "kind": board.kind,
            "host": board.host,
            "ssh_port": board.ssh_port,
            "adb": board.profile.adb,
            "pid": self._keepers[name].init_pid,
            "env": self._keepers[name].plan.userland.env,
        }

    def end(self, *, keep_logs: bool = False) -> None:
        """Kill every board and take the lab's files away; nothing runs when this returns."""
        for keeper in self._keepers.values():
            keeper.end()
        self._claim.close()
        self._control.close()
        paths = self._paths
        files = [paths.top / CONTROL, paths.inventory, paths.known_hosts]
        files += [paths.top / f"{name}.sock" for name in self._names]
        if not keep_logs:
            files += [paths.log, *map(paths.board_log, self._names)]
        for file in files:
            file.unlink(missing_ok=True)


def sweep(paths: Paths) -> None:
    """Remove what the boards of a lab that was killed left. The directory is ours: see `lock`.

    It may hold files of other people, if they named it so: only boards' names are ours.
    """
    profiles = "|".join(map(re.escape, profile_names()))
    ours = re.compile(rf"(?:{profiles})(?:-\d+)?\.(?:sock|log)")
    for file in paths.top.iterdir():
        if ours.fullmatch(file.name):
            file.unlink(missing_ok=True)


def board_names(profiles: tuple[str, ...]) -> dict[str, str]:
    """Return a board name for each profile: the profile's own, then NAME-2 and on."""
    names: dict[str, str] = {}
    seen: dict[str, int] = {}
    for profile in profiles:
        seen[profile] = seen.get(profile, 0) + 1
        names[profile if seen[profile] == 1 else f"{profile}-{seen[profile]}"] = profile
    return names


def lock(paths: Paths) -> int:
    """Claim the lab's directory for this process; returns the open lock.

    Raises:
        LabError: a lab runs there.
    """
    paths.top.mkdir(parents=True, exist_ok=True, mode=0o700)
    paths.base.mkdir(exist_ok=True)
    fd = os.open(paths.top / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise LabError(
            f"a lab runs already in {paths.top}",
            hint="rkops lab ls; rkops lab down; or another directory: RKOPS_LAB=DIR",
        ) from None
    return fd


def main(argv: list[str]) -> int:
    """Bring the lab up, say so on stdout as one JSON line, and hold it."""
    paths = Paths(Path(argv[0]))
    words = json.loads(argv[1])
    held = -1
    supervisor: Supervisor | None = None
    try:
        held = lock(paths)
        spec = Spec(tuple(words["profiles"]), words["kind"])
        supervisor = Supervisor(paths, spec)
        supervisor.up()
    except LabError as exc:
        if supervisor:
            supervisor.end(keep_logs=True)
        _say({"error": exc.message, "hint": exc.hint})
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    kernel.name_process("rkops-lab")
    _say({"inventory": str(paths.inventory)})
    os.dup2(2, 1)  # whoever started us sees the end of our words
    try:
        supervisor.serve()
    finally:
        supervisor.end()
        os.close(held)
    return 0


def _say(words: dict[str, str]) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
