"""What the board's shell does to put a file in its place: find, compare, sync, rename."""

import re

from rkops.core.errors import TransferError
from rkops.fleet.bootstrap import check_guard, guarded, introduced
from rkops.fleet.contact import Contact
from rkops.fleet.greeting import Greeting
from rkops.services.firstcontact import FirstContacts

_ANSWER = re.compile(rb"^@rkops-(target|done|fail) ?(.*)$", re.MULTILINE)
# What each script prints is one line beginning with @rkops-.
_FAIL = 'fail(){ echo "@rkops-fail $1"; exit 1; }; '
RESOLVE = _FAIL + (
    't=$1; case $t in */) t=$t$2;; *) [ -d "$t" ] && t=$t/$2;; esac; '
    'case $t in */*) d=${t%/*};; *) d=.;; esac; [ "$d" ] || d=/; '
    '[ -d "$d" ] || fail "there is no directory $d"; '
    '[ -d "$t" ] && fail "$t is a directory"; '
    '[ -w "$d" ] || fail "$d cannot be written by this account"; '
    'echo "@rkops-target $t"'
)
# Arguments: temporary file, target, size, sha256. `sync FILE` is coreutils 8.24; others sync all.
FINISH = _FAIL + (
    'n=$(wc -c <"$1"); [ "$n" -eq "$3" ] || fail "$n of $3 bytes arrived"; h=; '
    "if command -v sha256sum >/dev/null 2>&1; then "
    'h=$(sha256sum <"$1"); h=${h%% *}; [ "$h" = "$4" ] || fail "its sha256 differs"; fi; '
    's(){ sync "$1" 2>/dev/null || sync; }; s "$1"; '
    'mv -f "$1" "$2" || fail "it could not be renamed to $2"; '
    'case $2 in */*) s "${2%/*}/";; *) s .;; esac; echo "@rkops-done ${h:+sha256}"'
)
REMOVE = 'rm -f "$1"; echo "@rkops-done"'
NOTHING = "echo @rkops-done"


def ask(contact: Contact, script: str, *words: str, met: FirstContacts | None = None) -> str:
    """Run a script behind the identity guard; return what it says after its @rkops- word.

    With `met`, a board without a recorded identity is noted there, and held to that from then on.

    Raises:
        WrongBoardError: another board answers; the script was not run.
        TransferError: the script failed, or said nothing.
    """
    board = contact.board
    expected = met.known(board) if met else board.identity
    argv = ["sh", "-c", script, "sh", *words]
    line = introduced(None, argv) if met and not expected else guarded(expected, argv)
    result = contact.transport.run(line, deadline=contact.deadline)
    check_guard(result, expected=expected, board=board.name)
    if met and not expected:
        greeting = Greeting(board.name, None)
        greeting.feed(result.stdout)
        met.note(board, greeting.identity)
    said = _ANSWER.search(result.stdout.replace(b"\r\n", b"\n"))
    if said and said[1] != b"fail":
        return said[2].decode("utf-8", "surrogateescape")
    why = said[2] if said else (result.stderr or result.stdout).strip().rpartition(b"\n")[2]
    raise TransferError(
        why.decode("utf-8", "backslashreplace") or "the board did not say what became of the file",
        board=board.name,
        hint="check the path, its permissions and the free space on the board",
    )
