"""How a simulated board misbehaves: one object per board, changeable while the board runs."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields

from rkops.core.errors import LabError

Value = bool | int | float | None
_BYTES = (0, 1 << 40)
_RANGES: dict[str, tuple[float, float]] = {
    "payload_bytes": (16, 1 << 20),  # adb: MAX_PAYLOAD is 1 MiB
    "delay_seconds": (0.0, 60.0),
}
"""Least and most of the numbers; what is not here is a count of bytes on a link."""


@dataclass(slots=True)
class Faults:
    """What the daemons of one board do wrong. Read at every packet; all off is a good board.

    Use `change` (or `apply`) rather than plain assignment: `refuse` and `offline` concern
    sockets that are open already, so the daemons want to be told.
    """

    refuse: bool = False
    """The port is closed: connections are refused."""
    off: bool = False
    """Nothing is there: connections are not even refused (adb of wire boards)."""
    silent: bool = False
    """Connections are accepted, and nothing is ever said on them."""
    mute: bool = False
    """The link comes up, no command is ever answered."""
    offline: bool = False
    """The link breaks and does not come back: adb shows `offline`."""
    unauthorized: bool = False
    """No key is ever accepted."""
    stall_after_bytes: int | None = None
    """A connection says nothing more once that many bytes of payload went over it."""
    drop_after_bytes: int | None = None
    """A connection is cut once that many bytes of payload went over it."""
    delay_seconds: float = 0.0
    """Every packet of the board comes that much later."""
    payload_bytes: int | None = None
    """The largest adb packet, in place of the manner's own."""
    exit_always_zero: bool = False
    """Every command is said to have succeeded."""
    disk_full: bool = False
    """Files cannot be written: no space left."""
    read_only: bool = False
    """Files cannot be created: read-only file system."""
    short_write: bool = False
    """Files come out shorter than was said."""
    other_host_key: bool = False
    """The SSH server shows another host key than before."""
    _watchers: list[Callable[[], None]] = field(default_factory=list, repr=False, compare=False)

    def watch(self, told: Callable[[], None]) -> None:
        """Call `told` (from the changing thread) after each change."""
        self._watchers.append(told)

    def change(self, **values: Value) -> None:
        """Set faults by name; those not named stay.

        Raises:
            LabError: there is no such fault; the hint lists them.
        """
        names = self.names()
        for name, value in values.items():
            if name not in names:
                raise LabError(
                    f"no fault {name.replace('_', '-')}",
                    hint="one of " + ", ".join(n.replace("_", "-") for n in names),
                )
            setattr(self, name, value)
        for told in tuple(self._watchers):
            told()

    def apply(self, text: str) -> None:
        """Set one fault from `mute`, `mute=off`, `delay-seconds=0.3`; `none` clears all.

        Raises:
            LabError: there is no such fault, or the value is not usable.
        """
        name, given, value = text.partition("=")
        if name == "none":
            self.clear()
            return
        key = name.replace("-", "_")
        self.change(**{key: _parsed(name, value if given else "on", key)})

    def clear(self) -> None:
        """Back to a good board."""
        good = Faults()
        self.change(**{name: getattr(good, name) for name in self.names()})

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of all faults."""
        return tuple(f.name for f in fields(cls) if not f.name.startswith("_"))


def _parsed(name: str, text: str, key: str) -> Value:
    """The value of one fault; which kind is said by the end of its name."""
    if key.endswith("_bytes"):
        return None if text == "off" else int(number(name, text, *_RANGES.get(key, _BYTES), int))
    if key.endswith("_seconds"):
        return 0.0 if text == "off" else number(name, text, *_RANGES[key])
    if text not in ("on", "off"):
        raise LabError(f"fault {name}: {text!r} is no usable value", hint="on or off")
    return text == "on"


def number(
    name: str, text: str, least: float, most: float, kind: Callable[[str], float] = float
) -> float:
    """Return the number that a fault was given.

    Raises:
        LabError: it is none, or out of range; the hint says which are possible.
    """
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        what = "whole number" if kind is int else "number"
        raise LabError(
            f"fault {name}: {text[:40]!r} is no usable value",
            hint=f"{name}=off, or a {what} from {least:.12g} to {most:.12g}",
        )
    return value
