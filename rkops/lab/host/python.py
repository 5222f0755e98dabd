"""Which Python of this machine a host board shows as its /usr/bin/python3."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_ASK = (
    "import sys, site, json;"
    "print(json.dumps([sys.version_info[:2], sys.base_prefix, site.getsitepackages()]))"
)
_OLDEST, _NEWEST = 7, 12  # rknn-toolkit-lite2 wheels are cp37 to cp312
_SECONDS = 10


@dataclass(frozen=True, slots=True)
class BoardPython:
    """One interpreter. `prefix` is set when it lives outside /usr and has to be shown apart."""

    path: str
    minor: int
    site: str
    prefix: str = ""

    @property
    def supported(self) -> bool:
        """True when there is a lite wheel for this Python."""
        return _OLDEST <= self.minor <= _NEWEST

    @property
    def user_site(self) -> str:
        """Where `pip install --user` puts packages, relative to the home directory."""
        return f".local/lib/python3.{self.minor}/site-packages"


def choose_python() -> BoardPython | None:
    """Return the machine's python3 when a lite wheel fits it, else another that fits, else it."""
    first: BoardPython | None = None
    for path in _candidates():
        found = _look(path)
        if found and found.supported:
            return found
        first = first or found
    return first


def _candidates() -> list[str]:
    versions = range(_NEWEST, _OLDEST - 1, -1)
    system = ["/usr/bin/python3", *(f"/usr/bin/python3.{minor}" for minor in versions)]
    own = f"{sys.base_prefix}/bin/python3.{sys.version_info.minor}"
    return [path for path in dict.fromkeys((*system, own)) if Path(path).exists()]


def _look(path: str) -> BoardPython | None:
    try:
        answer = subprocess.run(
            [path, "-I", "-c", _ASK], capture_output=True, timeout=_SECONDS, check=True
        )
        (major, minor), prefix, sites = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    if major != sys.version_info.major:
        return None
    if prefix == "/usr":
        local = [site for site in sites if site.startswith("/usr/local/")]
        return BoardPython(path, minor, (local or sites)[0])
    name = f"python3.{minor}"
    return BoardPython(
        f"/opt/{name}/bin/{name}", minor, f"/opt/{name}/lib/{name}/site-packages", prefix
    )
