"""The adb server's words become errors, each with a hint."""

import pytest

from rkops.core.errors import (
    BoardOfflineError,
    BoardRefusedError,
    BoardUnauthorizedError,
    BoardUnreachableError,
    LinkLostError,
    TransportError,
)
from rkops.transport.adb.words import file_error, said_connected, server_error

# As adb 29.0.6 and 36.0.0 say them.
SAID = {
    "failed to connect to '127.0.0.1:1': Connection refused": BoardRefusedError,
    "failed to connect to 192.0.2.1:5555": BoardUnreachableError,
    "failed to connect to '192.0.2.1:5555': Connection timed out": BoardUnreachableError,
    "failed to resolve host: 'nosuch.invalid': Name or service not known": BoardUnreachableError,
    "failed to authenticate to 127.0.0.1:5555": BoardUnauthorizedError,
    "device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set": BoardUnauthorizedError,
    "device still authorizing": BoardUnauthorizedError,
    "device offline": BoardOfflineError,
    "device still connecting": BoardOfflineError,
    "device '127.0.0.1:5555' not found": BoardOfflineError,
    "closed": LinkLostError,
    "something quite new": TransportError,
    "": TransportError,
}


@pytest.mark.parametrize("words", SAID)
def test_each_failure_is_its_own_error(words: str) -> None:
    error = server_error(words, "127.0.0.1:5555", board="b1")
    assert type(error) is SAID[words]
    assert error.board == "b1"
    assert error.hint
    assert "\n" not in error.message


def test_only_words_say_that_there_is_a_link() -> None:
    assert said_connected("connected to 127.0.0.1:5555")
    assert said_connected("already connected to 127.0.0.1:5555")
    assert not any(said_connected(words) for words in SAID)


@pytest.mark.parametrize(
    "words", ["No space left on device", "Read-only file system", "Permission denied", "odd"]
)
def test_a_file_error_names_the_file(words: str) -> None:
    error = file_error(f"write failed: {words}", "/data/x", board="b1")
    assert "/data/x" in error.message
    assert words in error.message
    assert error.hint
