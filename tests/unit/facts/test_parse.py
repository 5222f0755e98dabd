"""The probe's JSON becomes facts, or one clear error."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rkops.core.errors import AgentReplyError
from rkops.facts.fact import Absent, Present, Unknown, value_of
from rkops.facts.parse import parse_facts
from tests.unit.checks.profiles import PROFILES, healthy

GOOD = msgspec.json.encode(healthy())


@pytest.mark.parametrize("name", PROFILES)
def test_round_trip(name: str) -> None:
    facts = PROFILES[name]()
    assert parse_facts(msgspec.json.encode(facts)) == facts


def test_a_field_of_a_later_agent_is_no_error() -> None:
    data = json.loads(GOOD) | {"later": 1}
    assert parse_facts(json.dumps(data).encode()) == healthy()


def test_the_error_names_field_and_board() -> None:
    data = json.loads(GOOD)
    data["npu"]["driver"] = {"is": "present", "value": 9}
    with pytest.raises(AgentReplyError, match=r"npu\.driver") as caught:
        parse_facts(json.dumps(data).encode(), board="board1")
    assert caught.value.board == "board1"
    assert caught.value.hint


def test_another_schema_is_said() -> None:
    data = json.loads(GOOD) | {"schema": 2}
    with pytest.raises(AgentReplyError, match="schema 2"):
        parse_facts(json.dumps(data).encode())


def test_value_of() -> None:
    assert value_of(Present(3)) == 3
    assert value_of(Absent()) is None
    assert value_of(Unknown("denied")) is None


def tried(payload: bytes) -> bool:
    try:
        parse_facts(payload)
    except AgentReplyError:
        return False
    return True


@given(st.binary(max_size=300))
def test_any_bytes(payload: bytes) -> None:
    assert not tried(payload)


@settings(max_examples=500)
@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8))
def test_any_damage(place: int, junk: bytes) -> None:
    assert tried(GOOD[:place] + junk + GOOD[place + len(junk) :]) in {True, False}
    assert not tried(GOOD[:place])


def test_deep_nesting() -> None:
    assert not tried(b"[" * 100_000)
    assert not tried(b'{"a":' * 100_000)
