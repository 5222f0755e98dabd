"""Ask another program, with a time limit; several at once, without threads.

Not `subprocess`: importing it costs a slow board more than all questions together.
"""

import os
import select
import signal
import time

_LIMIT_BYTES = 1 << 20
_BECOME_FAILED = 126
_EXEC_FAILED = 127
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The PATH a login or sudo gives on Debian (login.defs ENV_SUPATH, sudoers secure_path)."""


class Child:
    """A program that was started; `wait` brings its exit code and what it printed."""

    def __init__(self, argv: list, environment: dict, account=None) -> None:
        self._output, inner = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            _run(argv, environment, account, inner)
        os.close(inner)

    def wait(self, until: float) -> tuple:
        """Return (exit code, output); the code is None when `until` (monotonic) came first."""
        chunks = []
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        ended = False
        size = 0
        while size < _LIMIT_BYTES:
            left = max(0.0, until - time.monotonic())
            if not poll.poll(int(left * 1000)):
                break
            chunk = os.read(self._output, 65536)
            if not chunk:
                ended = True
                break
            chunks.append(chunk)
            size += len(chunk)
        os.close(self._output)
        return self._reap(until if ended else 0.0), b"".join(chunks)

    def _reap(self, until: float):
        """Return the exit code; kill what is still there at `until`, children included."""
        while True:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            if time.monotonic() >= until:
                break
            time.sleep(0.002)
        try:
            os.killpg(self._pid, signal.SIGKILL)
        except OSError:
            return None  # sudo made it root's: it ends by its own budget, and is not waited for
        os.waitpid(self._pid, 0)
        return None


def _run(argv: list, environment: dict, account, output: int) -> None:
    """In the child: become the account and the program. Never returns."""
    code = _BECOME_FAILED
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if account is not None and account.uid != os.geteuid():
            os.setgroups(sorted(account.gids))
            os.setgid(account.gid)
            os.setuid(account.uid)
        _enter(environment.get("HOME", "/"))
        code = _EXEC_FAILED
        os.execve(argv[0], argv, environment)  # noqa: S606 - no shell is the point
    finally:
        os._exit(code)


def _enter(home: str) -> None:
    try:
        os.chdir(home)
    except OSError:
        os.chdir("/")


def find(name: str, search: str = "") -> str:
    """Return the path of a program; empty when there is none."""
    for directory in (search or os.environ.get("PATH", "") + ":" + SEARCH).split(":"):
        path = os.path.join(directory, name)
        if directory.startswith("/") and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""


def failure(code) -> str:
    """Say in words why a child brought nothing."""
    if code is None:
        return "no answer in time"
    if code == _BECOME_FAILED:
        return "could not become the account"
    if code == _EXEC_FAILED:
        return "could not be started"
    return "ended with code %d" % code
