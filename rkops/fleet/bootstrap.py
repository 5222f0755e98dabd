"""The one shell command that starts every call: who are you, have you the agent, run it.

Runs on dash, busybox ash, mksh, toybox sh and bash. No single quotes in it: the transports
quote it with them, and each would cost five bytes of the 4 KiB an old adbd takes.
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rkops.core.errors import AgentReplyError, WrongBoardError
from rkops.fleet.frames import parse_reply
from rkops.transport.base import CommandResult

WRONG_CODE = 113
"""Exit code of a command that met another board than the expected one."""
MAX_COMMAND = 3500
_SAFE = re.compile(r"[0-9A-Za-z._:-]*")

# Serial number first: it is the board's own; a network card can be moved. Zeros only is what
# an unprogrammed board says. Addresses whose second digit has bit 2 are made up by software.
_IDENTITY = r"""
k=;s=/sys/firmware/devicetree/base/serial-number
[ -r $s ]||s=/proc/device-tree/serial-number
[ -r $s ]&&k=$(tr -cd 0-9A-Za-z._- <$s)
case $k in *[!0]*)k=dt:$k;;*)k=
for n in /sys/class/net/*;do
[ -e "$n/device" ]&&read -r m 2>/dev/null <"$n/address"||continue
case $m in ""|00:00:00:00:00:00|?[2367abefABEF]*)continue;;esac
k=mac:$m;break
done;;esac
"""

_GUARD = """[ "$k" = "%s" ]||{ echo;echo "@rkops-wrong $k";exit 113;}
"""

_HELLO = 'echo;echo "@rkops-id $k"\n'
# v: take only a python3 that is new enough; asked again, when the first one was not.
# w: the path, unless we are root and another owns a part of it: who can change it would be root.
# t: the directory is ours, no link, and holds the file. o: make it ours, with room for a push.
_RESTORE = '[ "$L" = no ]&&unset LC_ALL||LC_ALL=$L\n'
_MAIN = r"""
echo;echo "@rkops-id $k"
%(guard)sn=1;v=%(checked)s
w(){ [ -O / ]&&{ r=$1;while [ -O "$r" ];do r=${r%%/*};done;[ "$r" ]&&return;};echo "$1";}
for p in %(python)s python3 /usr/bin/python3 /usr/local/bin/python3 \
/usr/bin/python3.[0-9]* /usr/local/bin/python3.[0-9]*;do
case $p in /*)[ -f "$p" ]&&[ -x "$p" ];;?*)command -v "$p" >/dev/null 2>&1;;*)false;;esac||continue
[ $v ]&&{ "$p" -IS -c "import sys;sys.exit(sys.version_info<(3,7))" >/dev/null 2>&1||continue;}
n=;break;done
if [ $n ];then echo @rkops-nopython;%(stop)sa=%(script)s;else a=%(agent)s;fi
x="%(skip)s";m="%(pushed)s";[ "$m" ]&&mv -f "$m" "${m%%/*}/$a"
f=%(fresh)s
t(){ [ -f "$1/$a" ]&&[ -O "$1" ]&&[ ! -L "$1" ];}
o(){ case $1 in //*|"")return 1;;esac
case ":$x:" in *":$1:"*)rm -f "$1"/.push-*;rmdir "$1" 2>/dev/null;return 1;;esac
[ "$1" = "$h" ]&&mkdir -p "${1%%/*}" 2>/dev/null
mkdir -m 700 "$1" 2>/dev/null
[ -O "$1" ]&&[ ! -L "$1" ]&&[ -w "$1" ]&&chmod 700 "$1" 2>/dev/null||return 1
set -- $(df -Pk "$1" 2>/dev/null|tail -n 1) 9999 9999 9999 9999
[ "$4" -gt 400 ] 2>/dev/null||{ rmdir "$1" 2>/dev/null;return 1;};}
h=${HOME:-/}/.cache/rkops;d=$h
[ -z "$f" ]&&t "$d"||{ u=rkops-$(id -u)
set -- "$h" /dev/shm/$u /run/$u /tmp/$u /data/local/tmp/$u
d=;for c in "$@";do t "$c"&&{ [ "$f" ]||{ d=$c;break;};rm -f "$c/$a";};done
[ "$d" ]||{ for c in "$@";do o "$c"&&{ d=$c;break;};done;echo "@rkops-need ${#d} $d";exit 0;};}
"""

_RUN = r"""if [ $n ];then %(sh)s;else exec "$p" -I -S -B "$d/$a" %(verb)s %(request)s;fi"""
_WHERE = 'echo "@rkops-dir ${#d} $d"'


@dataclass(frozen=True, slots=True)
class Call:
    """One question for the bootstrap. `where` asks only for the directory."""

    verb: str
    request: str
    agent: str
    script: str
    python: str = ""
    model_dir: str = ""
    expected: str | None = None
    pushed: str = ""
    """A file that was pushed under a temporary name and is to be the agent (or the sh probe)."""
    skip: tuple[str, ...] = ()
    """Directories that a push already failed in."""
    fresh: bool = False
    checked: bool = False
    """Look at each python3's version first: the one that ran before was too old."""
    where: bool = False


def encode_request(request: Mapping[str, object]) -> str:
    """Return the request as one shell-safe word."""
    text = json.dumps(request, separators=(",", ":"), ensure_ascii=True)
    return base64.urlsafe_b64encode(zlib.compress(text.encode("ascii"), 9)).decode("ascii")


def _quoted(text: str) -> str:
    """Quote for sh with double quotes: the transport quotes the whole with single ones."""
    return '"' + re.sub(r'(["\\$`])', r"\\\1", text) + '"'


def _named(python: str) -> str:
    """Return what the inventory's `python:` may stand for: a file, a venv, a name on PATH."""
    if not python or python.startswith(("~", "-")):
        return ""
    if "/" not in python:
        return _quoted(python)
    if not python.startswith("/"):
        return ""
    paths = (python, python.rstrip("/") + "/bin/python3")
    return " ".join(f'"$(w {_quoted(path)})"' for path in paths)


def command(call: Call) -> str:
    """Return the shell text of one call."""
    sh = f'exec sh "$d/$a" {_quoted(call.model_dir)}'
    values = {
        "stop": "" if call.verb == "probe" else "exit 0;",
        "guard": _guard(call.expected),
        "checked": "1" if call.checked else "",
        "fresh": "1" if call.fresh else "",
        "python": _named(call.python),
        "script": call.script,
        "agent": call.agent,
        "skip": ":".join(call.skip),
        "pushed": call.pushed,
    }
    last = _WHERE if call.where else _RUN
    tail = last % {"sh": sh, "verb": call.verb, "request": call.request}
    return "export LC_ALL=C" + _IDENTITY + (_MAIN % values).lstrip("\n") + tail


def _guard(expected: str | None) -> str:
    if expected is None:
        return ""
    if not _SAFE.fullmatch(expected):
        # No board has such a key, so no board may pass; the text must not reach a shell.
        expected = "no-such-board"
    return _GUARD % expected


def identity_guard(expected: str | None) -> str:
    """Return a shell prefix that stops any command on another board than the expected one.

    It prints `@rkops-wrong KEY` and exits 113 before anything else happens. Without an
    expected identity it is empty.
    """
    if not expected:
        return ""
    return f"L=${{LC_ALL-no}};export LC_ALL=C{_IDENTITY}{_guard(expected)}{_RESTORE}"


def guarded(expected: str | None, argv: Sequence[str]) -> list[str]:
    """Return `argv` behind the identity guard."""
    prefix = identity_guard(expected)
    return ["sh", "-c", prefix + 'exec "$@"', "sh", *argv] if prefix else list(argv)


def introduced(expected: str | None, argv: Sequence[str]) -> list[str]:
    """Return `argv` behind the identity guard, with the board saying first who it is.

    What it says is for `rkops.fleet.greeting`.
    """
    guard = _guard(expected or None)
    prefix = f"L=${{LC_ALL-no}};export LC_ALL=C{_IDENTITY}{guard}{_HELLO}{_RESTORE}"
    return ["sh", "-c", prefix + 'exec "$@"', "sh", *argv]


def check_guard(result: CommandResult, *, expected: str | None, board: str) -> None:
    """Look whether the guard stopped the command.

    Raises:
        WrongBoardError: it did; nothing was changed on the board.
    """
    if expected and result.code == WRONG_CODE and b"@rkops-wrong" in result.stdout:
        try:
            seen = parse_reply(result.stdout).wrong
        except AgentReplyError:
            seen = None
        if seen is not None:
            raise wrong_board(board, expected, seen)


def wrong_board(board: str, expected: str, seen: str) -> WrongBoardError:
    """Return the error for another board at a known address."""
    return WrongBoardError(
        f"another board answers: {seen or 'one without an identity'} instead of {expected}",
        board=board,
        hint=f"check the address; if the board was exchanged: rkops board adopt {board}",
    )
