"""Every fault a running board can be given by name, links, power and files alike."""

from pathlib import Path

from rkops.core.errors import LabError
from rkops.lab.client import BoardRow, find_inside, find_row, set_link_fault, set_power
from rkops.lab.faults import Faults, number
from rkops.lab.host import kernel
from rkops.lab.host.enter import do_inside

POWER = ("power-off", "power-on", "reboot")
_MODELS = "/opt/rkops"
_HOT_C = 92.0
_USUAL_C = 46.2
_RANGE_C = (-40.0, 150.0)
_FULL_KIB = 16
_READ_ONLY = Path("/run/rkops-lab-read-only")
_FILES = {"disk-full": _MODELS, "read-only": _MODELS, "hot": f"{_HOT_C:g}"}


def fault_names() -> tuple[str, ...]:
    """Return every fault there is."""
    links = tuple(name.replace("_", "-") for name in Faults.names())
    return tuple(dict.fromkeys((*POWER, *_FILES, "clock-wrong", *links, "none")))


def apply_fault(top: Path, board: str, text: str) -> None:
    """Give a board a fault: `mute`, `mute=off`, `hot=88`, `disk-full=/opt/rkops`, `none`.

    Raises:
        LabError: there is no such fault or board, or it cannot be had on this kind of board.
    """
    name, given, value = text.partition("=")
    if name not in fault_names():
        raise LabError(f"no fault {name}", hint="one of " + ", ".join(fault_names()))
    if name in POWER:
        set_power(top, board, name)
        return
    row = find_row(top, board)
    if name in _FILES:
        row = find_inside(top, board)
        _file_fault(row, name, value if given else _FILES[name])
    elif name == "none":
        for file_fault in _FILES if row.kind != "wire" else ():
            _file_fault(row, file_fault, "off")
        set_link_fault(top, board, name)
    else:
        set_link_fault(top, board, text)


def _file_fault(row: BoardRow, name: str, value: str) -> None:
    if name == "hot":
        celsius = _celsius(value)
        do_inside(row.pid, lambda: _heat(celsius), name)
    elif value == "off":
        do_inside(row.pid, lambda: _uncover(f"rkops-{name}"), name)
    else:
        place = Path(value)
        if not place.is_absolute() or "\0" in value or place == Path("/"):
            raise LabError(
                f"fault {name}: {value!r} is no directory to cover", hint=f"{name}={_MODELS}"
            )
        do_inside(row.pid, lambda: _cover(f"rkops-{name}", place), name)


def _celsius(value: str) -> float:
    return _USUAL_C if value == "off" else number("hot", value, *_RANGE_C)


def _heat(celsius: float) -> None:
    for zone in Path("/sys/class/thermal").glob("*/temp"):
        zone.write_text(f"{int(celsius * 1000)}\n")


def _cover(what: str, place: Path) -> None:
    """Cover the directory (and what is in it) with one that is full, or cannot be written."""
    _uncover(what)
    place.mkdir(parents=True, exist_ok=True)
    if what == "rkops-read-only":
        _READ_ONLY.write_text(str(place))
        kernel.bind(place, place)
        kernel.mount("none", place, flags=kernel.REMOUNT | kernel.BIND | kernel.RDONLY)
        return
    kernel.mount(what, place, "tmpfs", 0, f"mode=755,size={_FULL_KIB}k")
    (place / "filler").write_bytes(bytes(_FULL_KIB * 1024))


def _uncover(what: str) -> None:
    """Take our covers away: the full ones by their name, the read-only one by our note of it."""
    if what == "rkops-read-only":
        if _READ_ONLY.exists():
            kernel.unmount(_READ_ONLY.read_text())
            _READ_ONLY.unlink()
        return
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        left, _, right = line.partition(" - ")
        if right.split()[1] == what:
            kernel.unmount(left.split()[4])
