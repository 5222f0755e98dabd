import pytest
from hypothesis import given
from hypothesis import strategies as st

from rkops.knowledge.version import is_older, parse_version, same_version, series


@pytest.mark.parametrize(
    ("one", "other"),
    [("2.1.0+708089d1", "2.1.0"), ("v0.9.8", "0.9.8"), ("2.0.0beta0", "2.0.0b0"), ("1.5", "1.5.0")],
)
def test_same(one: str, other: str) -> None:
    assert same_version(one, other)
    assert is_older(one, other) is False


@pytest.mark.parametrize(
    ("older", "newer"),
    [("2.0.0b0", "2.0.0"), ("0.8.2", "0.8.8"), ("1.6.0", "1.10.0"), ("2.0.0b0", "2.0.0b22")],
)
def test_older(older: str, newer: str) -> None:
    assert is_older(older, newer)
    assert not same_version(older, newer)


def test_a_version_that_is_none_is_still_read_as_far_as_it_goes() -> None:
    assert str(parse_version("1.4.0-22dcfef4")) == "1.4.0"


def test_no_number_is_no_version() -> None:
    assert parse_version("unknown") is None
    assert is_older("unknown", "1.0") is None
    assert not same_version("unknown", "other")
    assert same_version("odd text", "odd text")


def test_series() -> None:
    assert (series("6.1.43-rk3588"), series("vendor")) == ("6.1", "")


@given(st.text(max_size=40), st.text(max_size=40))
def test_nothing_crashes(one: str, other: str) -> None:
    assert same_version(one, other) is same_version(other, one)
    assert is_older(one, other) in {True, False, None}
    assert isinstance(series(one), str)
