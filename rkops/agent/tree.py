"""The board's files: the running system's, or a mounted root file system's (read only)."""

import os

from rkops.agent.fact import look, present

LIMIT = 65536
_STEPS = 640
"""Parts of a path that are followed before a circle of links is called one."""


class Tree:
    """Reads below a prefix; links are followed inside it. Without a prefix it is the board."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix.rstrip("/")
        self.live = not self.prefix

    def real(self, path: str) -> str:
        """Return the board's own name of the file behind `path`, all links followed."""
        return os.path.realpath(path) if self.live else self._follow(path)[0]

    def links(self, path: str) -> list:
        """Return the links that are followed on the way to the file behind `path`."""
        return self._follow(path)[1]

    def _follow(self, path: str) -> tuple:
        done = "/"
        links = []
        parts = [part for part in reversed(path.split("/")) if part]
        for _ in range(_STEPS):
            if not parts:
                break
            part = parts.pop()
            if part == ".":
                continue
            if part == "..":
                done = os.path.dirname(done)
                continue
            here = os.path.join(done, part)
            try:
                target = os.readlink(self.prefix + here)
            except OSError:
                done = here
                continue
            links.append(here)
            if target.startswith("/"):
                done = "/"
            parts.extend(piece for piece in reversed(target.split("/")) if piece)
        return "/dev/null/loop" if parts else done, links

    def at(self, path: str) -> str:
        """Return the name under which this process opens the board's `path`."""
        return path if self.live else self.prefix + self.real(path)

    def read(self, path: str, limit: int = LIMIT) -> bytes:
        """Return the first bytes of a file; raises OSError."""
        descriptor = os.open(self.at(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            chunks = []
            while limit > 0:
                chunk = os.read(descriptor, min(limit, LIMIT))
                if not chunk:
                    break
                chunks.append(chunk)
                limit -= len(chunk)
            return b"".join(chunks)
        finally:
            os.close(descriptor)

    def text(self, path: str, limit: int = LIMIT) -> str:
        """Return the beginning of a file as text, whatever its bytes are; raises OSError."""
        return self.read(path, limit).decode("utf-8", "backslashreplace")

    def line(self, path: str) -> str:
        """Return the first line without blanks and NULs around it; raises OSError."""
        return self.text(path, 4096).partition("\n")[0].strip(" \t\r\0")

    def names(self, path: str) -> list:
        """Return the sorted names in a directory; none when it cannot be listed."""
        try:
            return sorted(os.listdir(self.at(path)))
        except OSError:
            return []

    def stat(self, path: str):
        """Stat the file behind `path`; raises OSError."""
        return os.stat(self.at(path))

    def exists(self, path: str) -> bool:
        """Return whether the path is there and can be seen."""
        return os.path.exists(self.at(path))

    def is_dir(self, path: str) -> bool:
        """Return whether the path is a directory."""
        return os.path.isdir(self.at(path))

    def is_file(self, path: str) -> bool:
        """Return whether the path is a file."""
        return os.path.isfile(self.at(path))

    def fact(self, path: str, parse=str) -> dict:
        """Return the first line of a file, parsed, as a fact."""
        return look(path, lambda: present(parse(self.line(path)), path))
