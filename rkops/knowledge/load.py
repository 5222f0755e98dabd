"""Read the data files of this package, each once, when first asked for."""

from importlib import resources
from typing import TypeVar

import msgspec

T = TypeVar("T")


def load(name: str, kind: type[T]) -> T:
    """Return `data/NAME.yaml` as `kind`. The files are ours: a wrong one is a bug and raises."""
    text = resources.files(__package__).joinpath("data", f"{name}.yaml").read_bytes()
    return msgspec.yaml.decode(text, type=kind)
