"""Partial failure is a type: a board answered, or it was lost."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from rkops.core.errors import RkopsError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """The board did the work; `value` is what came of it."""

    board: str
    value: T
    seconds: float


@dataclass(frozen=True, slots=True)
class Lost:
    """The board gave no usable answer, or refused; `error` says why and what to try."""

    board: str
    error: RkopsError
    seconds: float


BoardResult = Answered[T] | Lost
