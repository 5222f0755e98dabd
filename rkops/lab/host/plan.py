"""What a simulated board is to be, before there is one."""

from dataclasses import dataclass
from pathlib import Path

from rkops.lab.host.userland import Userland
from rkops.lab.profile import Profile


@dataclass(frozen=True, slots=True)
class BoardPlan:
    """One board to be: its names, its profile, what it runs on, and who may log in."""

    name: str
    profile: Profile
    userland: Userland
    serial: str
    mac: str
    base: Path
    """An existing directory to mount on, in the board's mount namespace only."""
    host_key: str
    client_key: str
    """A line as in authorized_keys."""
    has_user: bool = True
