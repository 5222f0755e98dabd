"""A fact is there, is not there, or could not be looked at. These are three answers."""

from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Present(Struct, Generic[T], frozen=True, tag="present", tag_field="is"):
    """The value, and where it was read."""

    value: T
    source: str = ""


class Absent(Struct, frozen=True, tag="absent", tag_field="is"):
    """It was looked for where it would be, and is not there."""

    looked: str = ""


class Unknown(Struct, frozen=True, tag="unknown", tag_field="is"):
    """It could not be looked at: not permitted, or not readable. Never the same as absent."""

    reason: str
    needs: str = ""


Fact = Present[T] | Absent | Unknown


def value_of(fact: Present[T] | Absent | Unknown) -> T | None:
    """Return the value of a present fact, else None."""
    return fact.value if isinstance(fact, Present) else None
