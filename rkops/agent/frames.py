"""How the agent speaks: framed lines that survive CRLF, noise and a merged stderr."""

import binascii
import json
import os
import zlib

PLAIN_LIMIT = 400
"""Payloads up to this many bytes are sent as they are: compression would not shorten the trip."""


class AgentFault(Exception):  # noqa: N818 - the word of the protocol; Error is the host's
    """The agent refuses or fails: a code for the host, a sentence and a hint for people."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def frame(kind: str, value: object) -> bytes:
    """Return one frame line, `@rkops TYPE ENC LENGTH CRC32 PAYLOAD`."""
    payload = json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    encoding = "j"
    if len(payload) > PLAIN_LIMIT:
        payload = binascii.b2a_base64(zlib.compress(payload, 6), newline=False)
        encoding = "z"
    head = "@rkops %s %s %d %08x " % (kind, encoding, len(payload), zlib.crc32(payload))
    return head.encode("ascii") + payload + b"\n"


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; os.write may take fewer than it is given."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class Frames:
    """The reply under way: any number of progress frames, then one result or error, then end."""

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._count = 0

    def _send(self, kind: str, value: object) -> None:
        # A line break first: what others printed may not have ended its line.
        lead = b"" if self._count else b"\n"
        write_all(self._descriptor, lead + frame(kind, value))
        self._count += 1

    def progress(self, value: object) -> None:
        """Tell the host how far the work is."""
        self._send("progress", value)

    def result(self, value: object) -> None:
        """Send the result and close the reply."""
        self._send("result", value)
        self._send("end", self._count)

    def error(self, code: str, message: str, hint: str = "") -> None:
        """Send why there is no result and close the reply."""
        self._send("error", {"code": code, "message": message, "hint": hint})
        self._send("end", self._count)


def read_result(data: bytes):
    """Return the result of a reply by another agent on the same board; None without one."""
    for line in data.split(b"\n"):
        parts = line.split(b" ", 5)
        if len(parts) == 6 and parts[:2] == [b"@rkops", b"result"]:
            payload = parts[5]
            if parts[4] != b"%08x" % zlib.crc32(payload):
                return None
            if parts[2] == b"z":
                payload = zlib.decompress(binascii.a2b_base64(payload))
            return json.loads(payload.decode("ascii"))
    return None
