"""A board as the inventory describes it: what is wanted, not what is."""

from dataclasses import dataclass

from rkops.transport.base import AdbAddress, Address, SshAddress

DEFAULT_SOC = "rk3588"
DEFAULT_MODEL_DIR = "/opt/rkops/models"
"""The same place for every account and every system (docs/adr/0060-model-directory.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One board of the inventory, group and default values filled in."""

    name: str
    adb: AdbAddress | None = None
    ssh: SshAddress | None = None
    via: str | None = None
    """`adb` or `ssh`: the way that is tried first."""
    user: str | None = None
    """The account on the board whose Python and models matter; also the ssh login."""
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    soc: str = DEFAULT_SOC
    sdk: str | None = None
    """The RKNN SDK version that runtime, server and lite package should have."""
    model_dir: str = DEFAULT_MODEL_DIR
    python: str | None = None
    identity: str | None = None
    """`dt:SERIAL` or `mac:ADDRESS`; None until the board was reached for the first time."""
    file: str = ""
    line: int = 0

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Every way to the board, the preferred one first: adb, unless `via: ssh`."""
        ways = (self.ssh, self.adb) if self.via == "ssh" else (self.adb, self.ssh)
        return tuple(way for way in ways if way is not None)

    @property
    def address(self) -> Address:
        """The preferred way to the board. An inventory board always has one."""
        return self.addresses[0]
