"""A model directory, and a host that deploys to it, without a link between them."""

import hashlib
from pathlib import Path
from typing import Any

from rkops.agent import release, shelf
from rkops.agent.lock import BoardLock


class Board:
    """A model directory, and a host that deploys to it."""

    def __init__(self, root: Path) -> None:
        self.model_dir = root / "models"
        self.root = self.model_dir / "yolo"

    def request(self, token: str = "t1", **more: object) -> dict[str, Any]:
        holder = {"token": token, "who": "anna@ops1", "host": "ops1", "process": "1:1"}
        return {"model_dir": str(self.model_dir), "name": "yolo", "holder": holder, **more}

    def wanted(self, data: bytes, token: str = "t1", **more: object) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        files = [{"name": "yolo.rknn", "size": len(data), "sha256": digest}]
        return self.request(token, files=files, manifest={"pushed_at": 1.0}, **more)

    def prepare(self, data: bytes, token: str = "t1") -> dict[str, Any]:
        answer: dict[str, Any] = release.prepare(self.wanted(data, token), None)
        return answer

    def deploy(self, data: bytes, keep: int = 3) -> dict[str, Any]:
        prepared = self.prepare(data)
        assert prepared["state"] == "ready"
        (Path(prepared["dir"]) / "yolo.rknn").write_bytes(data)
        answer: dict[str, Any] = release.commit(self.wanted(data, keep=keep), None)
        return answer

    def leftovers(self) -> list[str]:
        return [path.name for path in self.root.glob(".*") if path.name != shelf.HISTORY]

    def current(self) -> bytes:
        return (self.root / "current" / "yolo.rknn").read_bytes()

    def free(self) -> bool:
        with BoardLock(str(self.model_dir)) as lock:
            return lock.owner() is None
