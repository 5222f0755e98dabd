"""What a command says on one board, or on many, as it says it."""

import sys
from typing import BinaryIO

import msgspec

from rkops.core.result import Answered, BoardResult
from rkops.core.terminal import TERMINAL
from rkops.services.run import RunReport
from rkops.transport.base import CommandResult

_LONGEST = 1 << 16
"""Bytes of a line that are waited for; one without an end is cut there."""


class NobodyReadsError(Exception):
    """What reads our output has gone (`| head`). No OSError: those are the link's."""


class Echo:
    """Passes on the output of boards as it comes.

    Of a single board the bytes are passed on as they are, for a pipe; of several line by line,
    each under its board's name. Boards speak in threads of their own.
    """

    def __init__(self, *, several: bool) -> None:
        self._several = several
        self._begun: dict[tuple[str, bool], bytes] = {}

    def heard(self, board: str, out: bytes, err: bytes) -> None:
        """Write what is new of a board.

        Raises:
            NobodyReadsError: it cannot be written any more.
        """
        with TERMINAL.writing():
            self._write(sys.stdout.buffer, (board, False), out)
            self._write(sys.stderr.buffer, (board, True), err)

    def ended(self, result: BoardResult[CommandResult]) -> None:
        """Write the line that a board left open, and why it said nothing, or failed."""
        with TERMINAL.writing():
            for is_err, stream in ((False, sys.stdout.buffer), (True, sys.stderr.buffer)):
                if rest := self._begun.pop((result.board, is_err), b""):
                    self._put(stream, _labelled(result.board, [rest]))
        if isinstance(result, Answered):
            if self._several and result.value.code:
                self._note(f"{result.board}: exit code {result.value.code}")
            return
        self._note(f"error: {result.board}: {result.error}")
        if result.error.hint:
            self._note(f"  try: {result.error.hint}")

    def _write(self, stream: BinaryIO, key: tuple[str, bool], data: bytes) -> None:
        if not data:
            return
        if not self._several:
            self._put(stream, data)
            return
        *lines, rest = (self._begun.get(key, b"") + data).split(b"\n")
        while len(rest) > _LONGEST:
            lines.append(rest[:_LONGEST])
            rest = rest[_LONGEST:]
        self._begun[key] = rest
        if lines:
            self._put(stream, _labelled(key[0], lines))

    def _put(self, stream: BinaryIO, data: bytes) -> None:
        try:
            stream.write(data)
            stream.flush()
        except BrokenPipeError:
            raise NobodyReadsError from None

    def _note(self, line: str) -> None:
        with TERMINAL.writing():
            sys.stderr.write(line + "\n")
            sys.stderr.flush()


def _labelled(board: str, lines: list[bytes]) -> bytes:
    name = board.encode()
    return b"".join(b"%b: %b\n" % (name, line.removesuffix(b"\r")) for line in lines)


def run_json(report: RunReport) -> str:
    """Return the report as JSON, fields in a stable order."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
