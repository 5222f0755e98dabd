"""What a board runs on: this machine's own programs, or another root file system."""

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rkops.lab.host.files import Place, write_accounts
from rkops.lab.host.python import BoardPython, choose_python
from rkops.lab.host.root import build_root


class Userland(Protocol):
    """The programs of a board. Everything is imported before `build` is called."""

    @property
    def machine(self) -> str:
        """`x86_64` or `aarch64`: what the programs are made for."""
        ...

    @property
    def python(self) -> BoardPython | None:
        """The board's python3; None without one."""
        ...

    @property
    def sshd(self) -> tuple[str, ...]:
        """A real sshd to run per connection (`sshd -i` and so on); empty: the lab's own."""
        ...

    @property
    def env(self) -> dict[str, str]:
        """What the board's processes need in their environment beyond PATH, HOME and LANG."""
        ...

    def build(self, root: Path, scratch: Path) -> None:
        """Fill `root`, an empty tmpfs in the board's own mount namespace, /proc included.

        `scratch` is another tmpfs, for upper layers. The board's pid namespace is entered.
        """
        ...

    def accounts(self, place: Place) -> None:
        """Write the accounts, unless the user land has them."""
        ...


@dataclass(frozen=True, slots=True)
class HostUserland:
    """This machine's own user land, through overlays."""

    python: BoardPython | None
    machine: str = platform.machine()
    sshd: tuple[str, ...] = ()

    @property
    def env(self) -> dict[str, str]:
        """Nothing beyond the usual."""
        return {}

    def build(self, root: Path, scratch: Path) -> None:
        """Overlay /usr, make /etc anew, leave everything else of the machine out."""
        build_root(root, scratch, self.python)

    def accounts(self, place: Place) -> None:
        """Write root and firefly."""
        write_accounts(place)


def choose_userland(kind: str) -> Userland:
    """Return what boards of this kind run on: `host` or `arm64`.

    Raises:
        LabError: this machine cannot run them.
    """
    if kind == "host":
        return HostUserland(choose_python())
    from rkops.lab.arm64.userland import arm64_userland

    return arm64_userland()
