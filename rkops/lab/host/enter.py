"""Into a running board behind rkops' back: as root, through its namespaces."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from rkops.core.errors import LabError
from rkops.lab.host import kernel
from rkops.lab.host.files import PATH

_SPACES = ("user", "mnt", "pid", "net", "uts", "ipc")
_ENV = {"PATH": PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root", "LANG": "C.UTF-8"}
_NOT_FOUND, _FAILED = 127, 126


def run_inside(pid: int, argv: Sequence[str], env: dict[str, str] | None = None) -> int:
    """Run a command as the board's root on our own terminal; returns its exit code."""

    def command() -> NoReturn:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would keep that
        try:
            os.execvpe(argv[0], list(argv), {**_ENV, **(env or {})})  # noqa: S606 - no shell
        except OSError as exc:
            os.write(2, f"{argv[0]}: {exc.strerror}\n".encode())
            os._exit(_NOT_FOUND)

    return _inside(pid, command)


def do_inside(pid: int, work: Callable[[], None], what: str) -> None:
    """Call `work` as the board's root, in a process of its own.

    Raises:
        LabError: it failed there; the message holds its own.
    """
    read, write = os.pipe()

    def guarded() -> NoReturn:
        try:
            work()
        except OSError as exc:
            os.write(write, str(exc).encode())
            os._exit(_FAILED)
        os._exit(0)

    code = _inside(pid, guarded)
    os.close(write)
    with os.fdopen(read, "rb") as said:
        words = said.read().decode("utf-8", "replace")
    if code:
        raise LabError(f"{what}: {words or f'exit code {code}'}", hint="rkops lab ls")


def _inside(pid: int, last: Callable[[], NoReturn]) -> int:
    """Fork into the board's namespaces and again (a pid namespace is for children only)."""
    try:
        spaces = [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in _SPACES]
    except OSError as exc:
        raise LabError(f"the board cannot be entered: {exc.strerror}", hint="rkops lab ls") from exc
    sys.stdout.flush()
    outer = os.fork()
    if outer == 0:
        _forked(spaces, last)
    for fd in spaces:
        os.close(fd)
    return _code(os.waitpid(outer, 0)[1])


def _forked(spaces: list[int], last: Callable[[], NoReturn]) -> NoReturn:
    try:
        for fd in spaces:
            kernel.enter(fd)
            os.close(fd)
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        os.chdir("/")
        inner = os.fork()
        if inner == 0:
            last()
        os._exit(_code(os.waitpid(inner, 0)[1]))
    except OSError as exc:
        os.write(2, f"the board cannot be entered: {exc}\n".encode())
    finally:
        os._exit(_FAILED)


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
