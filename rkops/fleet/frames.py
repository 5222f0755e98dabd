"""Read what the bootstrap and the agent said: bytes in, one `Reply` out (docs/agent-protocol.md).

Pure. Whatever the bytes are, nothing but `AgentReplyError` comes out of here.
"""

import base64
import binascii
import json
import zlib
from dataclasses import dataclass, field
from typing import Any

from rkops.core.errors import AgentReplyError

MAX_PAYLOAD = 64 << 20
"""No reply is longer than this when unpacked: a damaged or hostile one stops here."""

_HINT = "try again; if it stays, run with -vv and report what the board prints"
_FIELDS = 6
_MARK = b"@rkops "


@dataclass(frozen=True, slots=True)
class Fault:
    """The agent's own refusal."""

    code: str
    message: str
    hint: str


@dataclass(slots=True)
class Reply:
    """What one call brought back. `identity` is None when the bootstrap did not say it."""

    identity: str | None = None
    wrong: str | None = None
    """Another board answered: its key. Nothing was written there."""
    need: str | None = None
    """The directory that wants the agent (or the sh probe); empty when there is none."""
    directory: str | None = None
    """Where the agent lives, when that was the question."""
    nopython: bool = False
    payload: bytes | None = None
    error: Fault | None = None
    progress: list[bytes] = field(default_factory=list)
    probe: list[tuple[str, str]] = field(default_factory=list)
    """What the sh probe said, key and value."""
    noise: bytes = b""

    @property
    def complete(self) -> bool:
        """True when a whole result or error arrived."""
        return self.payload is not None or self.error is not None


class ReplyReader:
    """Feed it bytes as they come; `finish` judges the whole."""

    def __init__(self) -> None:
        self.reply = Reply()
        self._rest = b""
        self._noise = bytearray()
        self._frames = 0
        self._closed = False
        self._probe_closed = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the payloads of the progress frames they completed."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        seen = len(self.reply.progress)
        for line in lines:
            self._line(line.rstrip(b"\r"))
        return self.reply.progress[seen:]

    def finish(self) -> Reply:
        """Return the reply.

        Raises:
            AgentReplyError: it is truncated, damaged, or there is none.
        """
        if self._rest:
            self._line(self._rest.rstrip(b"\r"))
            self._rest = b""
        reply = self.reply
        reply.noise = bytes(self._noise)
        told = (reply.wrong, reply.need, reply.directory)
        if reply.probe and not self._probe_closed:
            raise AgentReplyError(self._missing(), hint=_HINT)
        if reply.nopython or any(word is not None for word in told):
            return reply
        if not self._closed:
            raise AgentReplyError(self._missing(), hint=_HINT)
        return reply

    def _missing(self) -> str:
        """Say what is not there, with the last thing the board printed instead."""
        if self._frames or self.reply.probe:
            return f"the reply ends early, after {self._frames or len(self.reply.probe)} frames"
        words = bytes(self._noise).decode("utf-8", "backslashreplace").split("\n")
        last = next((word.strip() for word in reversed(words) if word.strip()), "")
        return f"the agent did not answer; the board said: {last[:200] or 'nothing'}"

    def _line(self, line: bytes) -> None:
        if line.startswith(_MARK):
            self._frame(line)
        elif line.startswith(b"@rkops-"):
            self._control(line)
        elif line:
            self._noise += line + b"\n"

    def _control(self, line: bytes) -> None:
        word, _, rest = line[len(b"@rkops-") :].partition(b" ")
        text = rest.decode("utf-8", "backslashreplace").strip()
        match word:
            case b"id":
                self.reply.identity = text
            case b"wrong":
                self.reply.wrong = text
            case b"need":
                self.reply.need = _measured(rest)
            case b"dir":
                self.reply.directory = _measured(rest)
            case b"nopython":
                self.reply.nopython = True
            case b"sh":
                self._probe(text)
            case _:
                self._noise += line + b"\n"

    def _probe(self, text: str) -> None:
        key, _, value = text.partition(" ")
        if key != "end":
            self.reply.probe.append((key, value))
        elif value == str(len(self.reply.probe)):
            self._probe_closed = True
        else:
            raise AgentReplyError("lines of the sh probe are missing", hint=_HINT)

    def _frame(self, line: bytes) -> None:
        if self._closed:
            raise AgentReplyError("the reply goes on after its end", hint=_HINT)
        kind, payload = _decode(line)
        if kind == b"end":
            if not self.reply.complete or payload != str(self._frames).encode():
                raise AgentReplyError("frames of the reply are missing", hint=_HINT)
            self._closed = True
            return
        self._frames += 1
        if kind == b"progress":
            self.reply.progress.append(payload)
        elif self.reply.complete:
            raise AgentReplyError("the reply has two results", hint=_HINT)
        elif kind == b"result":
            self.reply.payload = payload
        elif kind == b"error":
            self.reply.error = _fault(payload)
        else:
            raise AgentReplyError(f"the reply has a frame of type {kind!r}", hint=_HINT)


def _measured(text: bytes) -> str:
    """Return a directory that came with its length: a cut one must not be pushed to."""
    length, _, path = text.partition(b" ")
    if length != str(len(path)).encode():
        raise AgentReplyError("the board's answer is cut short", hint=_HINT)
    return path.decode("utf-8", "surrogateescape")


def _decode(line: bytes) -> tuple[bytes, bytes]:
    """Return type and payload of one frame line, length and checksum verified."""
    parts = line.split(b" ", _FIELDS - 1)
    if len(parts) != _FIELDS:
        raise AgentReplyError("a frame of the reply is cut short", hint=_HINT)
    _, kind, encoding, length, check, payload = parts
    if length != str(len(payload)).encode() or check != b"%08x" % zlib.crc32(payload):
        raise AgentReplyError("a frame of the reply is damaged", hint=_HINT)
    if encoding == b"j":
        return kind, payload
    if encoding == b"z":
        return kind, _unpack(payload)
    raise AgentReplyError(f"a frame of the reply is encoded as {encoding!r}", hint=_HINT)


def _unpack(payload: bytes) -> bytes:
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(base64.b64decode(payload, validate=True), MAX_PAYLOAD)
    except (binascii.Error, ValueError, zlib.error) as exc:
        raise AgentReplyError(f"a frame of the reply does not unpack: {exc}", hint=_HINT) from exc
    if not stream.eof or stream.unconsumed_tail:
        raise AgentReplyError("a frame of the reply does not unpack whole", hint=_HINT)
    return data


def decode_object(payload: bytes) -> dict[str, Any]:
    """Return the JSON object in a payload.

    Raises:
        AgentReplyError: it is no JSON object.
    """
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as exc:
        raise AgentReplyError(f"a frame of the reply is no JSON: {exc}", hint=_HINT) from exc
    if not isinstance(value, dict):
        raise AgentReplyError("a frame of the reply is no JSON object", hint=_HINT)
    return value


def _fault(payload: bytes) -> Fault:
    value = decode_object(payload)
    return Fault(*(str(value.get(key, "")) for key in ("code", "message", "hint")))


def parse_reply(data: bytes) -> Reply:
    """Read one whole reply.

    Raises:
        AgentReplyError: it is truncated, damaged, or there is none.
    """
    reader = ReplyReader()
    reader.feed(data)
    return reader.finish()
