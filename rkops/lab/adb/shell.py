"""The daemon's `shell:` and `exec:` services, in both shell protocols.

Source: AOSP adb, daemon/shell_service.cpp and shell_protocol.h.
"""

import struct
from collections.abc import AsyncIterator

from rkops.lab.adb.packet import Manner
from rkops.lab.adb.stream import Stream, StreamClosedError
from rkops.lab.endpoint import CommandIO, Endpoint
from rkops.lab.faults import Faults

_HEAD = struct.Struct("<BI")
_STDIN, _STDOUT, _STDERR, _EXIT, _CLOSE_STDIN = 0, 1, 2, 3, 4


def takes(kind: str, manner: Manner) -> bool:
    """Whether this daemon has the service; old ones know no `exec:` and no arguments."""
    if kind == "shell":
        return True
    return manner is Manner.MODERN and kind.partition(",")[0] in ("shell", "exec")


async def serve_shell(
    stream: Stream, service: str, endpoint: Endpoint, manner: Manner, faults: Faults
) -> None:
    """Run the command of a `shell:`, `shell,v2,...:` or `exec:` service."""
    kind, _, command = service.partition(":")
    asked = kind.split(",")
    stream.accept()
    terminal = asked[0] == "shell" and (
        manner is Manner.LEGACY or "pty" in asked or (not command and "raw" not in asked)
    )
    if "v2" not in asked:
        await endpoint.run(
            command, CommandIO(stream.chunks(), stream.write, stream.write), pty=terminal
        )
        return
    io = CommandIO(_typed(stream), _labelled(stream, _STDOUT), _labelled(stream, _STDERR))
    code = await endpoint.run(command, io, pty=terminal)
    said = 0 if faults.exit_always_zero else code & 0xFF
    await stream.write(_HEAD.pack(_EXIT, 1) + bytes((said,)))


class _labelled:  # noqa: N801 - a function with a constant inside, cheaper than a closure per call
    """Sends bytes as one kind of shell protocol packet."""

    __slots__ = ("_kind", "_stream")

    def __init__(self, stream: Stream, kind: int) -> None:
        self._stream = stream
        self._kind = kind

    async def __call__(self, data: bytes) -> None:
        await self._stream.write(_HEAD.pack(self._kind, len(data)) + data)


async def _typed(stream: Stream) -> AsyncIterator[bytes]:
    """The stdin inside shell protocol 2; window sizes and the like are left out."""
    try:
        while True:
            kind, size = _HEAD.unpack(await stream.exactly(_HEAD.size))
            data = await stream.exactly(size)
            if kind == _STDIN:
                yield data
            elif kind == _CLOSE_STDIN:
                return
    except StreamClosedError:
        return
