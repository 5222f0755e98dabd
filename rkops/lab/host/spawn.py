"""From the supervisor to a board's pid 1, through its namespaces.

    supervisor ── keeper (user and mount namespace; holds the board's disk)
                    └─ boot (mount, pid, net, uts, ipc namespaces; one per power-on)
                         └─ pid 1 of the board

Each asks the kernel to be killed with its parent, so nothing outlives the supervisor.
"""

import contextlib
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from rkops.core.deadline import Deadline
from rkops.core.errors import LabError
from rkops.lab.host import kernel
from rkops.lab.host.daemons import Sockets
from rkops.lab.host.idmap import write_maps
from rkops.lab.host.init import make_disk, run_board
from rkops.lab.host.plan import BoardPlan

_BOOT = b"boot"
_WORD = 4
_BOARD_SPACES = kernel.NEW_NS | kernel.NEW_PID | kernel.NEW_NET | kernel.NEW_UTS | kernel.NEW_IPC


class Keeper:
    """The supervisor's handle on one board."""

    def __init__(self, plan: BoardPlan, log: Path) -> None:
        self.plan = plan
        self.init_pid = 0
        """Pid 1 of the board as this machine counts; 0 while the board is off."""
        self._log = log
        self._booted = False
        self._line, theirs = socket.socketpair()
        self._rest = b""
        self._pid = os.fork()
        if self._pid == 0:
            _keeper(plan, theirs, log)
        theirs.close()
        self._expect("unshared", Deadline.after(10))
        write_maps(self._pid)
        self._line.sendall(b"maps")

    def boot(self, sockets: Sockets) -> None:
        """Switch the board on; `wait` tells when it answers. The sockets are given away."""
        fds = [sockets.adb.fileno(), sockets.ssh.fileno(), sockets.faults.fileno()]
        socket.send_fds(self._line, [_BOOT], fds)
        self._booted = True
        sockets.close()

    def wait(self, deadline: Deadline) -> None:
        """Return when the board answers.

        Raises:
            LabError: it did not start; the message is its own.
        """
        self.init_pid = int(self._expect("pid", deadline))
        self._expect("ready", deadline)

    def halt(self, deadline: Deadline) -> None:
        """Switch the board off; nothing of it runs when this returns."""
        if not self._booted:
            return
        if not self.init_pid:
            self.init_pid = int(self._expect("pid", deadline))
        # pid 1 takes its namespace with it, and is not gone before everything in there is
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.init_pid, signal.SIGKILL)
        while self._word(deadline)[0] not in ("halted", ""):
            pass
        self._off()

    def look(self) -> None:
        """Notice a board that ended by itself."""
        while self.init_pid and select.select([self._line], [], [], 0)[0]:
            if self._word(Deadline.after(1))[0] in ("halted", ""):
                self._off()

    def _off(self) -> None:
        self._booted = False
        self.init_pid = 0

    def end(self) -> None:
        """Kill the board and its keeper, and wait until the kernel has cleared them away."""
        with contextlib.suppress(OSError, LabError):
            self.halt(Deadline.after(5))
        with contextlib.suppress(OSError):
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        self._line.close()

    def _expect(self, wanted: str, deadline: Deadline) -> str:
        word, rest = self._word(deadline)
        if word == wanted:
            return rest
        if word == "failed":
            raise LabError(
                f"board {self.plan.name} did not start: {rest}", hint=f"its log: {self._log}"
            )
        raise LabError(
            f"board {self.plan.name} did not start (no word '{wanted}' from it)",
            hint=f"its log: {self._log}",
        )

    def _word(self, deadline: Deadline) -> tuple[str, str]:
        while b"\n" not in self._rest:
            self._line.settimeout(max(deadline.remaining, 0.001))
            try:
                data = self._line.recv(4096)
            except TimeoutError:
                data = b""
            if not data:
                return "", ""
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        word, _, rest = line.decode("utf-8", "replace").partition(" ")
        return word, rest


@dataclass(slots=True)
class _Line:
    """The keeper's end: one line a message."""

    sock: socket.socket

    def say(self, *words: object) -> None:
        text = " ".join(str(word).replace("\n", " ") for word in words)
        self.sock.sendall(text.encode() + b"\n")


def _keeper(plan: BoardPlan, sock: socket.socket, log: Path) -> NoReturn:
    line = _Line(sock)
    try:
        kernel.die_with_parent()
        only_these_files((sock.fileno(),), log)
        kernel.unshare(kernel.NEW_USER | kernel.NEW_NS)
        line.say("unshared")
        if sock.recv(_WORD) == b"maps":
            _become_root()
            make_disk(plan)
            _keep(plan, line)
    except BaseException as exc:  # noqa: BLE001 - a forked child must say why and end here
        _report(line, exc)
    os._exit(1)


def _keep(plan: BoardPlan, line: _Line) -> None:
    """Boot as the supervisor asks, and tell when the board has ended, until it goes."""
    boot, watch = 0, -1
    while True:
        own = line.sock.fileno()
        ready = select.select([own, watch] if boot else [own], [], [])[0]
        if boot and watch in ready:
            os.waitpid(boot, 0)
            os.close(watch)
            boot = 0
            line.say("halted")
            continue
        word, fds, _, _ = socket.recv_fds(line.sock, _WORD, 3)
        if not word:
            return
        if word == _BOOT:
            sockets = Sockets(*(socket.socket(fileno=fd) for fd in fds))
            boot = os.fork()
            if boot == 0:
                _boot(plan, sockets, line)
            sockets.close()
            watch = os.pidfd_open(boot)


def _boot(plan: BoardPlan, sockets: Sockets, line: _Line) -> NoReturn:
    try:
        kernel.die_with_parent()
        kernel.unshare(_BOARD_SPACES)
        init = os.fork()
        if init == 0:
            _init(plan, sockets, line)
        line.say("pid", init)
        sockets.close()
        os.waitpid(init, 0)
    except BaseException as exc:  # noqa: BLE001 - a forked child must say why and end here
        _report(line, exc)
    os._exit(0)


def _init(plan: BoardPlan, sockets: Sockets, line: _Line) -> NoReturn:
    try:
        kernel.die_with_parent()
        run_board(plan, sockets, lambda: line.say("ready"))
    except BaseException as exc:  # noqa: BLE001 - a forked child must say why and end here
        _report(line, exc)
    os._exit(1)


def _report(line: _Line, exc: BaseException) -> None:
    traceback.print_exc()
    sys.stderr.flush()
    with contextlib.suppress(OSError):
        line.say("failed", exc or type(exc).__name__)


def _become_root() -> None:
    with contextlib.suppress(PermissionError):  # a single-uid map denies setgroups
        os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    kernel.die_with_parent()


def only_these_files(keep: Sequence[int], log: Path) -> None:
    """Let go of the supervisor's files; output goes to the board's log."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for fd, source in ((0, null), (1, out), (2, out)):
        os.dup2(source, fd)
    for fd in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if fd not in {0, 1, 2, *keep}:
            with contextlib.suppress(OSError):
                os.close(fd)
