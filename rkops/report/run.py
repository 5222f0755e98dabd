"""What a command said on one board, or on many."""

import sys
from typing import BinaryIO

import msgspec

from rkops.core.result import Answered, BoardResult
from rkops.services.run import RunReport
from rkops.transport.base import CommandResult


class Echo:
    """Passes on the output of boards as they end, each line under its board's name.

    Of a single board the bytes are passed on as they are, for a pipe.
    """

    def __init__(self, *, several: bool) -> None:
        self._several = several

    def ended(self, result: BoardResult[CommandResult]) -> None:
        """Write what a board said, or why it said nothing."""
        if isinstance(result, Answered):
            self._write(sys.stdout.buffer, result.board, result.value.stdout)
            self._write(sys.stderr.buffer, result.board, result.value.stderr)
            if self._several and result.value.code:
                self._note(f"{result.board}: exit code {result.value.code}")
            return
        self._note(f"error: {result.board}: {result.error}")
        if result.error.hint:
            self._note(f"  try: {result.error.hint}")

    def _write(self, out: BinaryIO, board: str, data: bytes) -> None:
        if self._several:
            data = b"".join(b"%s: %s\n" % (board.encode(), line) for line in data.splitlines())
        out.write(data)
        out.flush()

    def _note(self, line: str) -> None:
        sys.stdout.flush()
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def run_json(report: RunReport) -> str:
    """Return the report as JSON, fields in a stable order."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
