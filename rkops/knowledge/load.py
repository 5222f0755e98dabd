"""Read the data files of this package, each once, when first asked for."""

from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")

_DATA = Path(__file__).with_name("data")


def load(name: str, kind: type[T]) -> T:
    """Return `data/NAME.yaml` as `kind`. The files are ours: a wrong one is a bug and raises."""
    return msgspec.yaml.decode((_DATA / f"{name}.yaml").read_bytes(), type=kind)
