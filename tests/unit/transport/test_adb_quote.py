"""Lists of words become shell lines that mean exactly them."""

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rkops.core.errors import TransportError
from rkops.transport.quote import command_line

WORD = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORD, max_size=5))
def test_a_shell_reads_back_what_went_in(words: list[str]) -> None:
    line = command_line(["printf", "%s\\0", *words, "end"])
    said = subprocess.run(["/bin/sh", "-c", line], capture_output=True, check=True).stdout
    assert said == b"".join(os.fsencode(word) + b"\0" for word in (*words, "end"))


@pytest.mark.parametrize("argv", [[], ["a", "b\0c"]])
def test_what_no_shell_can_be_told(argv: list[str]) -> None:
    with pytest.raises(TransportError) as caught:
        command_line(argv, board="b1")
    assert caught.value.hint
