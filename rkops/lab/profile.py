"""Profiles: what a simulated board is made of. One YAML file each in `rkops/lab/profiles/`."""

from importlib import resources
from typing import Literal

import msgspec
import yaml

from rkops.core.errors import LabError

BANNERS = {
    "1.6.0": ("9a7b5d24c@2023-12-13T17:31:11", "535b468 build@2023-12-11T17:05:07"),
    "2.0.0b0": ("35a6907d79@2024-03-24T10:31:14", "18eacd0 build@2024-03-22T14:07:19"),
    "2.1.0": ("967d001cc8@2024-08-07T19:28:19", "6405676 build@2024-08-03T14:59:00"),
    "2.3.0": ("c949ad889d@2024-11-07T11:35:33", "e80ac5c build@2024-11-07T12:52:53"),
    "2.3.2": ("429f97ae6b@2025-04-09T09:09:27", "1842325 build@2025-03-30T09:54:34"),
}
"""Release to the stamps of librknnrt and rknn_server, as printed in public logs of real boards."""

DEFAULT_ORDER = ("healthy", "version-mix", "user-lite", "no-dmc", "two-runtimes", "wrong-soc")
"""What `rkops lab up` takes in turn."""


class ServerPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """rknn_server, and how the board starts it."""

    version: str
    start: Literal["init", "loop", "hand"]


class LitePart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """rknn-toolkit-lite2, and for whom it is installed."""

    version: str
    owner: Literal["everyone", "user"]


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of simulated board; the fields are explained in `profiles/healthy.yaml`."""

    name: str
    summary: str
    soc: str
    compatible: tuple[str, ...]
    model: str
    kernel: str
    adb: Literal["legacy", "modern"]
    sdk: str
    driver: str
    npu: str
    npu_cores: int
    npu_governors: tuple[str, ...]
    dmc: bool
    iommu: bool
    policies: dict[str, int]
    temp_c: float
    memory_mb: int
    cma_mb: int
    libraries: dict[str, str]
    server: ServerPart
    lite: LitePart


def profile_names() -> tuple[str, ...]:
    """Return the names of all profiles, the six of `lab up` first."""
    folder = resources.files("rkops.lab") / "profiles"
    names = {entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml")}
    return DEFAULT_ORDER + tuple(sorted(names.difference(DEFAULT_ORDER)))


def load_profile(name: str) -> Profile:
    """Read one profile; what its `base` says holds where it is silent.

    Raises:
        LabError: there is no such profile, or its file is wrong.
    """
    if name not in profile_names():
        raise LabError(
            f"there is no profile {name!r}", hint="profiles: " + ", ".join(profile_names())
        )
    try:
        return msgspec.convert({**_read(name), "name": name}, Profile)
    except (yaml.YAMLError, msgspec.ValidationError) as exc:
        raise LabError(f"profile {name}: {exc}", hint=f"rkops/lab/profiles/{name}.yaml") from exc


def _read(name: str) -> dict[str, object]:
    text = (resources.files("rkops.lab") / "profiles" / f"{name}.yaml").read_text("utf-8")
    own: dict[str, object] = yaml.load(text, Loader=yaml.CSafeLoader)
    base = own.pop("base", None)
    return {**_read(str(base)), **own} if base else own
