"""The agent's replies come over links that damage them: the parser may only say so."""

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rkops.agent.frames import frame
from rkops.core.errors import AgentReplyError
from rkops.fleet.frames import Reply, ReplyReader, parse_reply

CASES = settings(
    max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
objects = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=3)
noise_lines = st.lists(
    st.binary(max_size=20).filter(
        lambda line: b"\n" not in line and not line.startswith(b"@rkops") and line.strip(b"\r")
    ),
    max_size=3,
)


def reply_of(progress: list[object], value: object, kind: str = "result") -> bytes:
    frames = [frame("progress", item) for item in progress] + [frame(kind, value)]
    return b"".join([*frames, frame("end", len(frames))])


SAMPLES = [
    reply_of([], {}),
    reply_of([{"done": 1}, {"done": 2}], {"release": "a" * 12}),
    reply_of([{}], {"long": "text with \u00e9 " * 99}),
    reply_of([], {"code": "busy", "message": "locked", "hint": ""}, "error"),
    b"\n@rkops-id dt:123\n" + reply_of([], {"a": [1, None, "b"]}),
    b"\n@rkops-id \n@rkops-need 4 /tmp\n",
    b"\n@rkops-id \n@rkops-nopython\n@rkops-sh uid 0\n@rkops-sh end 1\n",
]
valid = st.sampled_from(SAMPLES)
fragments = st.sampled_from(
    [
        b"@rkops ",
        b"@rkops-",
        b"@rkops-sh end 0",
        b"@rkops-sh key =value",
        b"@rkops-need 4 /tmp",
        b"@rkops-dir 9 /tmp",
        b"@rkops-id dt:1",
        b"@rkops-wrong x",
        b"result",
        b"error j 2 ",
        b"z 4 00000000 AAAA",
        b"\n",
        b"\r\n",
        b" ",
        frame("error", {"code": "x"}),
        frame("error", [1]),
        frame("result", {}),
        frame("end", 1),
        frame("other", 1),
        frame("progress", "x" * 900),
    ]
)
anything = st.one_of(
    st.binary(max_size=200),
    st.lists(fragments | st.binary(max_size=6), max_size=10).map(b"".join),
    # A true reply with a piece cut out, doubled or overwritten.
    st.builds(
        lambda data, at, size, new: data[: at % len(data)] + new + data[at % len(data) + size :],
        valid,
        st.integers(0, 4000),
        st.integers(0, 30),
        st.binary(max_size=5),
    ),
)


@CASES
@example(b"@rkops result z 4 00000000 AAAA\n")
@example(b"@rkops-sh end \xff\n")
@given(anything)
def test_any_bytes_give_a_reply_or_its_own_error(data: bytes) -> None:
    outcome: Reply | AgentReplyError
    try:
        outcome = parse_reply(data)
    except AgentReplyError as exc:
        outcome = exc
    assert isinstance(outcome, Reply) or outcome.message


@settings(CASES, max_examples=1_000)
@given(
    st.tuples(st.lists(objects, max_size=2), objects),
    st.tuples(noise_lines, noise_lines),
    st.booleans(),
    st.lists(st.integers(1, 60), max_size=6),
)
def test_a_true_reply_survives_the_link(
    said: tuple[list[object], object],
    noise: tuple[list[bytes], list[bytes]],
    crlf: bool,
    cuts: list[int],
) -> None:
    """Noise before, between (a merged stderr) and after; CRLF; chunks of any size."""
    (progress, value), (before, between) = said, noise
    lines = reply_of(progress, value).splitlines()
    lines = [*before, lines[0], *between, *lines[1:], *before]
    data = b"".join(line + (b"\r\n" if crlf else b"\n") for line in lines)
    reader = ReplyReader()
    seen: list[bytes] = []
    for size in cuts:
        seen += reader.feed(data[:size])
        data = data[size:]
    seen += reader.feed(data)
    reply = reader.finish()
    assert reply.payload is not None
    assert json.loads(reply.payload) == value
    assert [json.loads(item) for item in seen] == progress
    for line in [*before, *between]:
        assert line.rstrip(b"\r") in reply.noise


@pytest.mark.parametrize("data", SAMPLES)
def test_a_cut_reply_is_never_taken_for_a_whole_one(data: bytes) -> None:
    for at in range(len(data.rstrip(b"\n"))):
        if b"@rkops-nopython" not in data[:at] or b"@rkops-sh " in data[:at]:
            with pytest.raises(AgentReplyError):
                parse_reply(data[:at])
