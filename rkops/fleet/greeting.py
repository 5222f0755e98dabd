"""A board says who it is before the output of the first command begins: no round trip for it."""

import re

from rkops.fleet.bootstrap import wrong_board

_SAID = re.compile(rb"\r?\n@rkops-(id|wrong) ?([^\r\n]*)\r?\n")


class Greeting:
    """Takes what a board says of itself out of the output of a command run by `introduced`."""

    def __init__(self, board: str, expected: str | None) -> None:
        self._board = board
        self._expected = expected or ""
        self._held: bytes | None = b""
        self.identity: str | None = None
        """The key the board showed, empty when it has none; None as long as it said nothing."""

    def feed(self, out: bytes) -> bytes:
        """Take new output; return what of it is the command's, or a talkative login shell's.

        Raises:
            WrongBoardError: it is another board; the command was not run.
        """
        if self._held is None:
            return out
        self._held += out
        said = _SAID.search(self._held)
        if not said:
            return b""
        rest = self._held[: said.start()] + self._held[said.end() :]
        self._held = None
        key = said[2].decode("ascii", "replace").strip()
        if said[1] == b"wrong":
            raise wrong_board(self._board, self._expected, key)
        self.identity = key
        return rest

    def end(self) -> bytes:
        """Return what was held back of a board that never said who it is."""
        rest, self._held = self._held or b"", None
        return rest
