"""Logging in over SSH: keys of files and of the agent first, a password last.

A password comes from `RKOPS_SSH_PASSWORD_<BOARD>`, from `RKOPS_SSH_PASSWORD`, or is asked for on
a terminal, once per run. It is never an argument of a command and never logged.
"""

import atexit
import getpass
import os
import re
import sys
import termios
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from paramiko import AuthenticationException, BadAuthenticationType, SSHException, Transport
from paramiko.agent import Agent
from paramiko.pkey import PKey

from rkops.core.errors import AuthFailedError
from rkops.core.terminal import TERMINAL
from rkops.transport.ssh.config import SshSettings

_answers: dict[str, str | None] = {}


def password_variable(board: str) -> str:
    """Return the name of the environment variable with one board's password."""
    return "RKOPS_SSH_PASSWORD_" + re.sub(r"\W", "_", board).upper()


def _given_password(board: str) -> tuple[str, str] | None:
    for name in (password_variable(board), "RKOPS_SSH_PASSWORD"):
        if password := os.environ.get(name):
            return name, password
    return None


def _asked_password(user: str) -> str | None:
    """Ask on a terminal; one answer, also none, serves all boards with this user."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    with TERMINAL.asking():
        if user not in _answers:
            _answers[user] = _typed_password(f"ssh password of {user} on the boards: ")
        return _answers[user]


def _typed_password(prompt: str) -> str | None:
    """Read without echo; Ctrl-C ends the process from another thread: the echo comes back then."""
    before = termios.tcgetattr(sys.stdin)
    restore = partial(termios.tcsetattr, sys.stdin.fileno(), termios.TCSANOW, before)
    atexit.register(restore)
    try:
        return getpass.getpass(prompt, sys.stderr)
    except EOFError:  # Ctrl-D
        return None
    finally:
        atexit.unregister(restore)


def _load(path: Path) -> PKey | None:
    """Read a key file; None when it has a passphrase or cannot be used."""
    try:
        return PKey.from_path(path)
    except (SSHException, ValueError, TypeError, OSError):
        # cryptography: TypeError for a missing passphrase, ValueError for no key at all.
        return None


def _public_blob(path: Path) -> bytes:
    import base64

    try:
        return base64.b64decode(Path(f"{path}.pub").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return b""


class Login:
    """One login; `authenticate` is what paramiko's client asks of a strategy."""

    def __init__(self, settings: SshSettings, *, board: str, user: str, place: str) -> None:
        self._settings = settings
        self._board = board
        self._user = user
        self._place = place
        self._tried: list[str] = []
        self._agent: Agent | None = None

    def authenticate(self, transport: Transport) -> None:
        """Log in, or say what was tried.

        Raises:
            AuthFailedError: nothing was accepted.
        """
        try:
            if self._by_key(transport):
                return
        finally:
            if self._agent:
                self._agent.close()
        if given := _given_password(self._board):
            self._tried.append(f"the password of {given[0]}")
            if self._by_password(transport, given[1]):
                return
        elif (asked := _asked_password(self._user)) is not None:
            self._tried.append("the password typed")
            if self._by_password(transport, asked):
                return
        raise self._refused()

    def _by_key(self, transport: Transport) -> bool:
        for name, key in self._keys():
            self._tried.append(name)
            try:
                # What is returned are the further methods wanted: a second factor.
                return not transport.auth_publickey(self._user, key)
            except BadAuthenticationType:
                return False
            except AuthenticationException:
                if not transport.is_active():
                    raise
        return False

    def _by_password(self, transport: Transport, password: str) -> bool:
        try:
            transport.auth_password(self._user, password)
        except AuthenticationException:
            return False
        return True

    def _keys(self) -> Iterator[tuple[str, PKey]]:
        agent = self._held()
        for path in self._settings.keys:
            if held := agent.pop(_public_blob(path), None):
                yield f"{path} of the agent", held
            elif loaded := _load(path):
                yield str(path), loaded
            else:
                self._tried.append(f"{path} (needs its passphrase, or is no key)")
        if not self._settings.only_these:
            for key in agent.values():
                yield "a key of the agent", key

    def _held(self) -> dict[bytes, PKey]:
        """The agent's keys, by their public part."""
        if not self._settings.agent:
            return {}
        self._agent = Agent()
        return {key.asbytes(): key for key in self._agent.get_keys()}

    def _refused(self) -> AuthFailedError:
        tried = ", ".join(self._tried) or "nothing: no key, no agent, no password"
        return AuthFailedError(
            f"{self._place} let {self._user} in with none of: {tried}",
            board=self._board,
            hint="give the board your key with ssh-copy-id, load a key with a passphrase by "
            f"ssh-add, or set {password_variable(self._board)}",
        )
