"""Facts with something missing, in every place where something can be missing."""

import types
import typing
from collections.abc import Iterator
from functools import singledispatch
from typing import Any

import msgspec

from rkops.facts.fact import Absent, Present, Unknown

ODD = ("", "odd ½ text")


@singledispatch
def holes(value: object) -> Iterator[Any]:
    """Yield the value again and again, one part of it absent, unknown, odd or empty each time."""
    del value
    yield from ()


@holes.register
def _(value: str) -> Iterator[Any]:
    del value
    yield from ODD


@holes.register(tuple)
def _(value: tuple[Any, ...]) -> Iterator[Any]:
    if value:
        yield ()
    for place, item in enumerate(value):
        for inner in holes(item):
            yield (*value[:place], inner, *value[place + 1 :])


@holes.register
def _(value: Absent) -> Iterator[Any]:
    del value
    yield Unknown("permission denied", "root on the board")


@holes.register
def _(value: Unknown) -> Iterator[Any]:
    del value
    yield Absent("looked")


@holes.register(Present)
def _(value: Present[Any]) -> Iterator[Any]:
    yield Absent("looked")
    yield Unknown("permission denied", "root on the board")
    for inner in holes(value.value):
        yield Present(inner, value.source)


@holes.register
def _(value: msgspec.Struct) -> Iterator[Any]:
    for name in value.__struct_fields__:
        for inner in holes(getattr(value, name)):
            yield msgspec.structs.replace(value, **{name: inner})


def blind(kind: Any) -> Any:
    """Return a value of the type with every fact unknown and every list empty."""
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        return Unknown("permission denied", "root on the board")
    if typing.get_origin(kind) is tuple:
        return ()
    if issubclass(kind, msgspec.Struct):
        return kind(**{f.name: blind(f.type) for f in msgspec.structs.fields(kind)})
    return kind()
