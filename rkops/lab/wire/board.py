"""A wire board of `rkops lab up`: a recorded probe, and the real agent for what changes models.

For machines that forbid namespaces. It has no shell: it answers the agent's bootstrap and
nothing else; model files go to a private directory of the lab.
"""

import asyncio
import base64
import binascii
import json
import re
import subprocess
import sys
import time
import zlib
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO

from rkops.core.errors import LabError
from rkops.fleet import pack
from rkops.lab.endpoint import CommandIO, FileStat
from rkops.lab.here.endpoint import HereEndpoint
from rkops.lab.wire.replay import ReplayEndpoint

_CALL = re.compile(r'exec "\$p" -I -S -B "\$d/\$a" (\S+) (\S*);fi')
_WHERE = 'echo "@rkops-dir $d"'
_EXPECTED = re.compile(r'\[ "\$k" = "([^"]*)" \]')
_WRONG_CODE, _UNKNOWN_CODE = 113, 127
_NOT_HERE = b"wire boards have no shell: they answer rkops doctor and rkops deploy only\n"
_AGENT_SECONDS = 600


def recording(profile: str) -> dict[str, Any]:
    """Return the probe reply that was recorded from this profile's host board.

    Raises:
        LabError: there is none.
    """
    place = resources.files("rkops.lab") / "recordings" / f"{profile}.json"
    try:
        facts: dict[str, Any] = json.loads(place.read_text("utf-8"))
    except OSError as exc:
        raise LabError(
            f"profile {profile} was never recorded", hint="run scripts/record-boards"
        ) from exc
    return facts


def frames(value: dict[str, Any]) -> bytes:
    """Return a whole reply with this result (docs/agent-protocol.md)."""
    return b"\n" + _frame("result", json.dumps(value)) + _frame("end", "1")


def _frame(kind: str, text: str) -> bytes:
    payload = base64.b64encode(zlib.compress(text.encode("ascii")))
    return b"@rkops %s z %d %08x %s\n" % (
        kind.encode(),
        len(payload),
        binascii.crc32(payload),
        payload,
    )


class WireEndpoint:
    """A recorded board with models of its own below `folder`."""

    def __init__(self, profile: str, serial: str, folder: Path) -> None:
        self._facts = recording(profile)
        self.key = f"dt:{serial}"
        self._facts["identity"]["key"] = self.key
        self._facts["identity"]["serial"]["value"] = serial
        self._folder = folder
        self._files = HereEndpoint()
        self.clock_seconds = 0.0
        """How far the board's clock is off."""

    async def run(self, command: str, io: CommandIO, *, pty: bool) -> int:
        """Answer a bootstrap; everything else is not found."""
        answer = await asyncio.to_thread(self._answer, command)
        return await ReplayEndpoint({"": answer}).run(command, io, pty=pty)

    def _answer(self, command: str) -> tuple[bytes, int]:
        call = _CALL.search(command)
        if not call and _WHERE not in command:
            return _NOT_HERE, _UNKNOWN_CODE
        expected = _EXPECTED.search(command)
        if expected and expected[1] != self.key:
            return f"\n@rkops-wrong {self.key}\n".encode(), _WRONG_CODE
        hello = f"\n@rkops-id {self.key}\n".encode()
        if not call:
            return hello + f"@rkops-dir {self._folder}\n".encode(), 0
        if call[1] == "probe":
            self._facts["system"]["epoch"] = time.time() + self.clock_seconds
            return hello + frames(self._facts), 0
        return hello + self._agent(call[1], call[2]), 0

    def _agent(self, verb: str, word: str) -> bytes:
        if word.startswith("@"):
            place = Path(word[1:].strip('"'))
            word = place.read_text("ascii")
            place.unlink()
        request = json.loads(zlib.decompress(base64.urlsafe_b64decode(word)))
        request["model_dir"] = f"{self._folder}{request['model_dir']}"
        text = zlib.compress(json.dumps(request).encode("ascii"))
        argv = [sys.executable, "-I", "-S", "-B", str(pack.agent_file()), verb]
        return subprocess.run(
            [*argv, base64.urlsafe_b64encode(text).decode()],
            capture_output=True,
            timeout=_AGENT_SECONDS,
            check=False,
        ).stdout

    def stat(self, path: str) -> FileStat:
        """Stat a file of the board's own; a missing one has mode 0."""
        try:
            return self._files.stat(self._own(path))
        except PermissionError:
            return FileStat(0, 0, 0)

    def open_read(self, path: str) -> BinaryIO:
        """Open a file of the board's own for reading."""
        return self._files.open_read(self._own(path))

    def open_write(self, path: str, mode: int) -> BinaryIO:
        """Create or truncate a file of the board's own."""
        return self._files.open_write(self._own(path), mode)

    def listdir(self, path: str) -> list[str]:
        """List a directory of the board's own."""
        return self._files.listdir(self._own(path))

    def _own(self, path: str) -> str:
        """Return the path if it is the board's own; nothing else of this machine is shown."""
        place = Path(path).resolve()
        if not place.is_relative_to(self._folder):
            raise PermissionError(f"{path}: a wire board has no such place")
        return str(place)
