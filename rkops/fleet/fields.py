"""The keys of a board, a group and the defaults: what each may be, and what it becomes."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import yaml

from rkops.core.errors import UsageError
from rkops.fleet.address import parse_adb, parse_ssh
from rkops.fleet.board import DEFAULT_MODEL_DIR, DEFAULT_SOC, Board
from rkops.fleet.lines import Entry, Source, closest
from rkops.fleet.names import check_name
from rkops.transport.base import SshAddress

SOCS = (
    *("rk3562", "rk3566", "rk3568", "rk3576", "rk3582"),
    *("rk3588", "rk3588f", "rk3588j", "rk3588m", "rk3588s"),
)
"""Rockchip SoCs whose NPU runs RKNN models under Linux with Python on the board.

A test holds them equal to the names of rkops/knowledge/data/socs.yaml, which is not for fleet.
"""
WAYS = ("adb", "ssh")
GROUP_KEYS = ("tags", "soc", "sdk", "user", "model-dir", "python", "key", "via")
BOARD_KEYS = ("adb", "ssh", "groups", "identity", *GROUP_KEYS)
_LISTS = ("groups", "tags")
_SECRET = re.compile(r"pass(word|wd|phrase)?$|passw|secret|token|private", re.IGNORECASE)
_VERSION = re.compile(r"\d{1,4}(\.\d{1,4}){1,3}((a|b|rc|beta)\d{1,4})?")
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?")
_IDENTITY = re.compile(r"(dt|mac):[^\x00-\x20\x7f][^\x00-\x1f\x7f]{0,200}")
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f]{1,4096}")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Value:
    """One value of the file, and the node to blame for it."""

    node: yaml.Node
    text: str = ""
    words: tuple[str, ...] = ()


Values = dict[str, Value]


def read_values(source: Source, node: yaml.Node, what: str, allowed: Sequence[str]) -> Values:
    """Read the keys of one board or group; a null value counts as not written.

    Raises:
        InventoryError: an unknown key, a secret, or a value that cannot be.
    """
    values: Values = {}
    for word, entry in source.mapping(node, what).items():
        if word not in allowed:
            _refuse_key(source, entry, what, allowed)
        value = _read_value(source, word, entry.value, what)
        check = _CHECKS.get(word)
        for item in value.words if check else ():
            if check and (problem := check(item)):
                source.fail(entry.value, f"{what}: {word}: {problem}")
        if value.words:
            values[word] = value
    return values


def make_board(
    source: Source, key: yaml.Node, name: str, layers: Sequence[Mapping[str, Value]]
) -> Board:
    """Build the board from its layers: its own values, its groups' in order, the defaults.

    Raises:
        InventoryError: it has no address, or one that cannot be.
    """

    def pick(word: str) -> str | None:
        return next((layer[word].text for layer in layers if word in layer), None)

    own = layers[0]
    board = Board(
        name=name,
        adb=_parse(source, own.get("adb"), f"{name}: adb", parse_adb),
        ssh=_parse(source, own.get("ssh"), f"{name}: ssh", _ssh_parser(source, pick)),
        via=pick("via"),
        user=pick("user"),
        groups=own["groups"].words if "groups" in own else (),
        tags=_union(layer["tags"].words for layer in layers if "tags" in layer),
        soc=pick("soc") or DEFAULT_SOC,
        sdk=pick("sdk"),
        model_dir=pick("model-dir") or DEFAULT_MODEL_DIR,
        python=pick("python"),
        identity=pick("identity"),
        file=source.file,
        line=source.line(key),
    )
    if not board.addresses:
        source.fail(key, f"{name}: no address: neither adb nor ssh", hint=_ADDRESS_HINT)
    if "via" in own and getattr(board, str(board.via)) is None:
        source.fail(own["via"].node, f"{name}: via: {board.via}, but there is no such address")
    return board


_ADDRESS_HINT = "add `adb: 192.168.1.222` or `ssh: user@192.168.1.222`"


def _ssh_parser(source: Source, pick: Callable[[str], str | None]) -> Callable[[str], SshAddress]:
    def parse(text: str) -> SshAddress:
        key = pick("key")
        base = Path(source.file).parent if key else None
        return parse_ssh(text, user=pick("user"), key=key, base=base)

    return parse


def _read_value(source: Source, word: str, node: yaml.Node, what: str) -> Value:
    if word in _LISTS:
        return Value(node, words=source.words(node, f"{what}: {word}"))
    text = source.text(node, f"{what}: {word}")
    return Value(node, text, (text,)) if text else Value(node)


def _parse(source: Source, value: Value | None, what: str, parser: Callable[[str], T]) -> T | None:
    if value is None:
        return None
    try:
        return parser(value.text)
    except UsageError as error:
        source.fail(value.node, f"{what}: {error}", hint=error.hint)


def _refuse_key(source: Source, entry: Entry, what: str, allowed: Sequence[str]) -> NoReturn:
    word = str(entry.key.value)
    if _SECRET.search(word):
        board = re.sub(r"[^A-Z0-9]", "_", what.upper())
        source.fail(
            entry.key,
            f"{what}: {word!r} is a secret, and secrets do not belong in an inventory",
            hint=f"take it out and set RKOPS_SSH_PASSWORD_{board} or RKOPS_SSH_PASSWORD,"
            " or let rkops ask for it",
        )
    known = f"allowed: {', '.join(allowed)}"
    source.fail(entry.key, f"{what}: unknown key {word[:80]!r}{closest(word, allowed)}; {known}")


def _union(many: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for words in many for word in words))


def _one_of(allowed: Sequence[str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text in allowed:
            return ""
        return f"{text[:80]!r} is unknown{closest(text, allowed)}; allowed: {', '.join(allowed)}"

    return check


def _matches(pattern: re.Pattern[str], wanted: str) -> Callable[[str], str]:
    return lambda text: "" if pattern.fullmatch(text) else f"{text[:80]!r} is not {wanted}"


def _directory(text: str) -> str:
    parts = text.split("/")
    if not text.startswith("/") or not text.strip("/") or ".." in parts:
        return f"{text[:80]!r} is not an absolute path below /, as in {DEFAULT_MODEL_DIR}"
    return _plain(text)


def _interpreter(text: str) -> str:
    if text.startswith("-") or ("/" in text and not text.startswith("/")):
        return f"{text[:80]!r} is neither an absolute path nor a command like python3.11"
    return _plain(text)


def _key(text: str) -> str:
    if "PRIVATE KEY" in text:
        return "holds a private key; write the path of the key file instead"
    return _plain(text)


def _plain(text: str) -> str:
    return "" if _PRINTABLE.fullmatch(text) else "control characters are not allowed"


_CHECKS: dict[str, Callable[[str], str]] = {
    "groups": check_name,
    "tags": check_name,
    "soc": _one_of(SOCS),
    "via": _one_of(WAYS),
    "sdk": _matches(_VERSION, "an SDK version, as in 2.3.2"),
    "user": _matches(_ACCOUNT, "an account name, as in firefly"),
    "identity": _matches(_IDENTITY, "an identity, as in dt:SERIAL or mac:ADDRESS"),
    "model-dir": _directory,
    "python": _interpreter,
    "key": _key,
}
