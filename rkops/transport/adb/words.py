"""What the adb server says in words, as errors with a hint.

The server answers OKAY to `host:connect` even when it could not, so words are all there is.
Texts: AOSP adb, transport.cpp and client/transport_local; adb 29 and 36 were tried.
"""

import re

from rkops.core.errors import (
    BoardOfflineError,
    BoardRefusedError,
    BoardUnauthorizedError,
    BoardUnreachableError,
    LinkLostError,
    TransferError,
    TransportError,
)

_KINDS: tuple[tuple[str, type[TransportError], str], ...] = (
    (
        r"unauthori|authenticat|authorizing",
        BoardUnauthorizedError,
        "accept this machine's key on the board, or add ~/.android/adbkey.pub to its adb_keys",
    ),
    (
        r"refused",
        BoardRefusedError,
        "the machine is on but adbd does not listen there: adb tcpip 5555 over USB",
    ),
    (
        r"resolve|unknown host|not known",
        BoardUnreachableError,
        "mend the name in the inventory, or use the board's IP address",
    ),
    (
        r"timed out|no route|unreachable|failed to connect|unable to connect|cannot connect",
        BoardUnreachableError,
        "is the board switched on, and on this network?",
    ),
    (
        r"offline|still connecting|not found",
        BoardOfflineError,
        "the link to the board is dead: look whether it is rebooting, then try again",
    ),
    (
        r"closed|reset|eof|broken pipe",
        LinkLostError,
        "the board or its adbd went away: try again",
    ),
)

_FILE_HINTS = (
    (r"space left|quota", "make room on the board: rkops deploy --list, df -h"),
    (r"read-only", "the file system is mounted read-only: mount it rw, or use another directory"),
    (r"denied|not permitted", "use a directory that adbd's user may write"),
    (r"no such file", "make the directory on the board first"),
)


def said_connected(words: str) -> bool:
    """Whether the answer to `host:connect` means that there is a link."""
    return words.startswith(("connected to", "already connected to"))


def server_error(words: str, serial: str, *, board: str) -> TransportError:
    """Return the error that the server's words mean."""
    first = words.strip().partition("\n")[0] or "no reason given"
    for pattern, kind, hint in _KINDS:
        if re.search(pattern, words, re.IGNORECASE):
            return kind(f"adb cannot use {serial}: {first}", board=board, hint=hint)
    return TransportError(
        f"adb cannot use {serial}: {first}", board=board, hint=f"try: adb connect {serial}"
    )


def file_error(words: str, remote: str, *, board: str) -> TransferError:
    """Return the error for a file that adbd would not take or give."""
    hints = (hint for pattern, hint in _FILE_HINTS if re.search(pattern, words, re.IGNORECASE))
    hint = next(hints, "check the path, its owner and the board's storage")
    return TransferError(f"{remote} on the board: {words.strip()}", board=board, hint=hint)
