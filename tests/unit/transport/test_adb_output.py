"""The two shell protocols, cut at every place."""

import pytest

from rkops.transport.adb.output import LegacyOutput, ModernOutput

SAID = b"one\r\n\r\ntwo\n\r\r\n@abc@@\x00\xff no newline at the end\r"


def terminal(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


def legacy(code: int, *, returns: bool, noise: bytes = b"") -> tuple[LegacyOutput, bytes]:
    output = LegacyOutput()
    mark = output.wrap(b"x").split(b";")[0].removeprefix(b"echo ")
    whole = mark + b"\n" + SAID + mark + b"%d\n" % code
    return output, noise + (terminal(whole) if returns else whole)


@pytest.mark.parametrize("returns", [True, False])
@pytest.mark.parametrize("noise", [b"", b"* daemon says hello *\r\n"])
def test_old_output_is_exact_wherever_it_is_cut(returns: bool, noise: bytes) -> None:
    _, raw = legacy(255, returns=returns, noise=noise)
    for cut in range(len(raw)):
        output, raw = legacy(255, returns=returns, noise=noise)
        first, second = output.feed(raw[:cut]), output.feed(raw[cut:])
        assert (first[0] + second[0], output.code) == (SAID, 255)


def test_old_output_byte_by_byte() -> None:
    output, raw = legacy(0, returns=True)
    out = b"".join(output.feed(raw[at : at + 1])[0] for at in range(len(raw)))
    assert (out, output.code) == (SAID, 0)


def test_old_output_without_its_end_has_no_code() -> None:
    output, raw = legacy(3, returns=True)
    assert SAID.startswith(output.feed(raw[:-4])[0])
    assert output.code is None


def test_a_command_cannot_guess_its_mark() -> None:
    assert LegacyOutput().wrap(b"x") != LegacyOutput().wrap(b"x")


def test_new_output_wherever_it_is_cut() -> None:
    packets = (
        b"\x01\x03\x00\x00\x00out",
        b"\x02\x03\x00\x00\x00err",
        b"\x01\x00\x00\x00\x00",
        b"\x01\x01\x00\x00\x00!",
        b"\x03\x01\x00\x00\x00\x07",
    )
    raw = b"".join(packets)
    for cut in range(len(raw)):
        output = ModernOutput()
        first, second = output.feed(raw[:cut]), output.feed(raw[cut:])
        assert (first[0] + second[0], first[1] + second[1]) == (b"out!", b"err")
        assert output.code == 7
