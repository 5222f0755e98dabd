"""What is done to a board while the power fails: each with its past, its deed and its future."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rkops.agent import release
from rkops.agent.files import Disk
from rkops.agent.lock import BoardLock

NAME = "yolo"
FILE = "yolo.rknn"
CONTENT = {letter: f"model {letter} ".encode() * 9 for letter in "ABCDE"}
ID = {letter: hashlib.sha256(data).hexdigest()[:12] for letter, data in CONTENT.items()}
DATA = {ID[letter]: data for letter, data in CONTENT.items()}


class UnsyncedDisk(Disk):
    """Real operations without the wait for the medium: quick, for what is not under test."""

    def fsync(self, path: str) -> None:
        pass

    def fsync_dir(self, path: str) -> None:
        pass

    def foreign_file(self, path: str, data: bytes) -> None:
        Path(path).write_bytes(data)


def model_dir(root: Path) -> Path:
    return root / "userdata" / "models"


def request(root: Path, **more: object) -> dict[str, Any]:
    holder = {"token": "t1", "who": "anna@ops1", "host": "ops1", "process": "1"}
    return {"model_dir": str(model_dir(root)), "name": NAME, "holder": holder, **more}


def lock_of(root: Path, boot: str) -> BoardLock:
    return BoardLock(str(model_dir(root)), boot=boot)


def deploy(root: Path, letter: str, disk: Any, boot: str = "boot1") -> None:
    """Prepare, push, commit, as the host does it."""
    data = CONTENT[letter]
    entry = {"name": FILE, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    wanted = request(root, files=[entry], manifest={"pushed_at": float(ord(letter))})
    answer = release.prepare(wanted, None, disk=disk, lock=lock_of(root, boot))
    if answer["state"] == "ready":
        disk.foreign_file(f"{answer['dir']}/{FILE}", data)
        release.commit(wanted, None, disk=disk, lock=lock_of(root, boot))
    elif answer["current"] != ID[letter]:
        switch(root, disk, boot, release=ID[letter])
    else:
        assert answer["state"] == "present"


def switch(root: Path, disk: Any, boot: str = "boot1", **target: object) -> None:
    release.switch(request(root, **target), None, disk=disk, lock=lock_of(root, boot))


def corrupt(root: Path, letter: str) -> None:
    (model_dir(root) / NAME / ID[letter] / FILE).write_bytes(b"damaged")


def _past(letters: str, broken: str = "") -> Callable[[Path], None]:
    def past(root: Path) -> None:
        for letter in letters:
            deploy(root, letter, UnsyncedDisk())
        if broken:
            corrupt(root, broken)

    return past


@dataclass(frozen=True)
class Scenario:
    """`before` and `after` are (current, previous) by letter; `broken` was damaged before."""

    past: Callable[[Path], None]
    deed: Callable[[Path, Any], None]
    before: tuple[str, str]
    after: tuple[str, str]
    broken: str = ""


SCENARIOS = {
    "first deploy": Scenario(
        _past(""), lambda root, disk: deploy(root, "A", disk), ("", ""), ("A", "")
    ),
    "second deploy": Scenario(
        _past("A"), lambda root, disk: deploy(root, "B", disk), ("A", ""), ("B", "A")
    ),
    "replace the broken current": Scenario(
        _past("AB", "B"), lambda root, disk: deploy(root, "B", disk), ("B", "A"), ("B", "A"), "B"
    ),
    "replace a broken old one": Scenario(
        _past("AB", "A"), lambda root, disk: deploy(root, "A", disk), ("B", "A"), ("A", "B"), "A"
    ),
    "roll back": Scenario(
        _past("ABC"),
        lambda root, disk: switch(root, disk, previous=True),
        ("C", "B"),
        ("B", "C"),
    ),
    "prune": Scenario(
        _past("ABC"), lambda root, disk: deploy(root, "D", disk), ("C", "B"), ("D", "C")
    ),
}
