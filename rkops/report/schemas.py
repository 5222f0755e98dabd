"""JSON schemas of what `--format json` prints, made from the types that are printed.

doctor's own is written by hand: it says more than types do.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from rkops.model.info import ModelInfo
from rkops.services.changes import DeployReport
from rkops.services.copy_report import CopyReport
from rkops.services.listing import ReleaseList
from rkops.services.run import RunReport

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MAY_GROW = "Fields may be added; none changes its meaning without another `schema` text."


class ModelDocument(ModelInfo, frozen=True, kw_only=True):
    """What `rkops model show FILE --format json` prints."""

    schema: Literal["rkops.model/1"]


class BoardEntry(Struct, frozen=True, rename="kebab"):
    """One board as the inventory describes it, defaults filled in."""

    name: str
    adb: str | None
    ssh: str | None
    via: str | None
    key: str | None
    user: str | None
    groups: tuple[str, ...]
    tags: tuple[str, ...]
    soc: str
    sdk: str | None
    model_dir: str
    python: str | None
    identity: str | None
    written: str


class BoardsDocument(Struct, frozen=True):
    """What `rkops board ls --format json` prints, and `board show` for one."""

    schema: Literal["rkops.boards/1"]
    boards: tuple[BoardEntry, ...]


class CheckEntry(Struct, frozen=True):
    """One check and its default severity."""

    code: str
    severity: Literal["info", "warning", "error"]
    area: str
    title: str


class ChecksDocument(Struct, frozen=True):
    """What `rkops doctor --list --format json` prints."""

    schema: Literal["rkops.checks/1"]
    checks: tuple[CheckEntry, ...]


DOCUMENTS: dict[str, type[Struct]] = {
    "boards": BoardsDocument,
    "checks": ChecksDocument,
    "copy": CopyReport,
    "deploy": DeployReport,
    "exec": RunReport,
    "model": ModelDocument,
    "releases": ReleaseList,
}


def schemas() -> dict[str, str]:
    """Return the text of each schema file by its name."""
    return {f"{name}.schema.json": _schema(name, kind) for name, kind in DOCUMENTS.items()}


def _schema(name: str, kind: type[Struct]) -> str:
    (whole,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    root = parts.pop(str(whole["$ref"]).rpartition("/")[2])
    for part in (root, *parts.values()):
        _close(part)
    root["properties"]["schema"] = {"const": f"rkops.{name}/1"}
    document = {"$schema": _DIALECT, **root, "$comment": _MAY_GROW, "$defs": parts}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _close(part: dict[str, Any]) -> None:
    """Make what is always written required, and nothing else allowed."""
    if "properties" in part:
        part["required"] = list(part["properties"])
        part["additionalProperties"] = False
        for told in part["properties"].values():
            told.pop("default", None)
