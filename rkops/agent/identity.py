"""Who the board is. The key is the one the bootstrap computes in plain shell."""

from rkops.agent.fact import absent, first, look, present, value_of

SERIALS = ("/sys/firmware/devicetree/base/serial-number", "/proc/device-tree/serial-number")
_SAFE = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-")
_MADE_UP = frozenset("2367abefABEF")
"""Second digit of an address that software made up (IEEE 802: the locally administered bit)."""


def _serial(tree, path: str) -> dict:
    text = "".join(letter for letter in tree.text(path, 4096) if letter in _SAFE)
    # Zeros only, or nothing: what a board says whose serial number was never programmed.
    return present(text, path) if text.strip("0") else absent(path + " (not programmed)")


def _mac(tree) -> dict:
    for name in tree.names("/sys/class/net"):
        base = "/sys/class/net/" + name
        if not tree.exists(base + "/device"):
            continue
        try:
            address = tree.line(base + "/address")
        except OSError:
            continue
        made_up = address[1:2] in _MADE_UP
        if address and address != "00:00:00:00:00:00" and not made_up:
            return present(address, base + "/address")
    return absent("/sys/class/net/*/address of network cards")


def gather(tree) -> dict:
    """Return the Identity of facts/board.py."""
    serial = first([look(path, _serial, tree, path) for path in SERIALS], SERIALS[0])
    mac = look("/sys/class/net", _mac, tree)
    key = ""
    if value_of(serial):
        key = "dt:" + value_of(serial)
    elif value_of(mac):
        key = "mac:" + value_of(mac)
    machine_id = tree.fact("/etc/machine-id")
    return {"key": key, "serial": serial, "mac": mac, "machine_id": machine_id}
