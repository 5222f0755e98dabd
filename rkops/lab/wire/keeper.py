"""The supervisor's handle on a wire board: a process of its own, no namespaces."""

import asyncio
import contextlib
import os
import select
import shutil
import signal
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from rkops.core.deadline import Deadline
from rkops.core.errors import LabError
from rkops.lab.adb.daemon import Manner, serve_adb
from rkops.lab.faults import Faults
from rkops.lab.host import kernel
from rkops.lab.host.daemons import FaultLine, Sockets
from rkops.lab.host.plan import BoardPlan
from rkops.lab.host.spawn import only_these_files
from rkops.lab.wire.board import WireEndpoint


class WireKeeper:
    """Does for a wire board what `spawn.Keeper` does for one in namespaces."""

    def __init__(self, plan: BoardPlan, log: Path) -> None:
        self.plan = plan
        self.init_pid = 0
        self._log = log
        self._folder = plan.base / plan.name
        self._folder.mkdir(exist_ok=True)
        self._endpoint = WireEndpoint(plan.profile.name, plan.serial, self._folder)
        self._ready = -1

    def boot(self, sockets: Sockets) -> None:
        """Switch the board on; `wait` tells when it answers. The sockets are given away."""
        self._ready, told = os.pipe()
        self.init_pid = os.fork()
        if self.init_pid == 0:
            self._serve(sockets, told)
        os.close(told)
        sockets.close()

    def wait(self, deadline: Deadline) -> None:
        """Return when the board answers.

        Raises:
            LabError: it did not start.
        """
        ready = select.select([self._ready], [], [], deadline.remaining)[0]
        said = os.read(self._ready, 1) if ready else b""
        os.close(self._ready)
        if not said:
            raise LabError(f"board {self.plan.name} did not start", hint=f"its log: {self._log}")

    def halt(self, deadline: Deadline) -> None:
        """Switch the board off."""
        del deadline  # SIGKILL is not put off
        if self.init_pid:
            os.kill(self.init_pid, signal.SIGKILL)
            os.waitpid(self.init_pid, 0)
            self.init_pid = 0

    def look(self) -> None:
        """Notice a board that ended by itself."""
        if self.init_pid and os.waitpid(self.init_pid, os.WNOHANG)[0]:
            self.init_pid = 0

    def end(self) -> None:
        """Switch the board off and take its files away."""
        self.halt(Deadline.after(0))
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self, sockets: Sockets, told: int) -> NoReturn:
        try:
            kernel.die_with_parent()
            kept = (sockets.adb.fileno(), sockets.ssh.fileno(), sockets.faults.fileno(), told)
            only_these_files(kept, self._log)
            kernel.name_process(f"wire-{self.plan.name}")
            asyncio.run(self._answer(sockets, told))
        except BaseException:  # noqa: BLE001 - a forked child must say why and end here
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(1)

    async def _answer(self, sockets: Sockets, told: int) -> None:
        faults = Faults()
        manner = Manner.LEGACY if self.plan.profile.adb == "legacy" else Manner.MODERN
        adb = await serve_adb(sockets.adb, self._endpoint, manner=manner, faults=faults)
        sockets.ssh.close()  # a recorded board has no login
        line = FaultLine(faults, self._endpoint)
        server = await asyncio.start_unix_server(line.talk, sock=sockets.faults)
        with contextlib.closing(adb):
            os.write(told, b"+")
            await server.serve_forever()
