"""Files of a root file system that is being made, by their paths inside it."""

import os
import shutil
from pathlib import Path


class Tree:
    """A directory that will be `/` one day; paths are absolute and links are not followed out."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def at(self, path: str) -> Path:
        """Return where `path` of the tree is on this machine."""
        return self.root / path.lstrip("/")

    def has(self, path: str) -> bool:
        """Tell whether something is there, be it a dangling link."""
        return os.path.lexists(self.at(path))

    def read(self, path: str) -> str:
        """Return the text of a file, empty when it is not there."""
        try:
            return self.at(path).read_text("utf-8", "surrogateescape")
        except FileNotFoundError:
            return ""

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file with this mode, whatever was there."""
        target = self.at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8", "surrogateescape")
        target.chmod(mode)

    def supply(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file only when no package brought it."""
        if not self.has(path):
            self.write(path, text, mode)

    def link(self, path: str, target: str) -> None:
        """Make `path` a symbolic link to `target`, unless something is there."""
        if not self.has(path):
            self.at(path).parent.mkdir(parents=True, exist_ok=True)
            self.at(path).symlink_to(target)

    def directory(self, path: str, mode: int = 0o755) -> Path:
        """Make a directory with this mode."""
        target = self.at(path)
        target.mkdir(parents=True, exist_ok=True)
        target.chmod(mode)
        return target

    def remove(self, pattern: str) -> None:
        """Remove every file and directory that the pattern names."""
        for path in self.root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
