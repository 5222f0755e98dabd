"""Host keys: nobody is talked to whose key is not the known one."""

import logging
import os
import threading
from pathlib import Path

import paramiko

from rkops.core.errors import HostKeyChangedError, HostKeyUnknownError, TransportError
from rkops.transport.ssh.config import SshSettings
from rkops.transport.ssh.known import fingerprint, judge, known_keys

_log = logging.getLogger(__name__)
_recording = threading.Lock()


class HostKeys(paramiko.MissingHostKeyPolicy):
    """Checks a host key against the known_hosts files; paramiko's own store stays empty."""

    def __init__(self, settings: SshSettings, *, board: str) -> None:
        self._label = settings.label
        self._settings = settings
        self._board = board

    def missing_host_key(
        self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> None:
        """Accept the key, or say what is wrong with it."""
        del client, hostname
        files = self._settings.known_files
        verdict = judge(known_keys(self._label, files), key.asbytes())
        if verdict.word == "known":
            return
        if verdict.because:
            raise self._changed(verdict.word, verdict.because.file, verdict.because.line, key)
        if judge(known_keys(self._settings.plain, files), key.asbytes()).word == "known":
            return  # as OpenSSH does: the same key on another port of this host
        if not self._settings.accept_new:
            raise self._unknown(key)
        self._record(key)

    def _changed(self, word: str, file: Path, line: int, key: paramiko.PKey) -> TransportError:
        return HostKeyChangedError(
            f"the host key of {self._label} is {word}: {key.get_name()} "
            f"{fingerprint(key.asbytes())} is not what {file} line {line} says",
            board=self._board,
            hint="if the board was flashed anew, forget its old key: "
            f"ssh-keygen -R '{self._label}' -f {file}",
        )

    def _unknown(self, key: paramiko.PKey) -> TransportError:
        host, _, port = self._label.lstrip("[").partition("]:")
        scan = f"ssh-keyscan -p {port or 22} {host}"
        scan += (
            f" >> {file}"
            if (file := self._settings.own_file)
            else (" >> FILE, for a UserKnownHostsFile other than none")
        )
        return HostKeyUnknownError(
            f"the host key of {self._label} is not known: {key.get_name()} "
            f"{fingerprint(key.asbytes())}",
            board=self._board,
            hint=f"compare it with the board's, then {scan}; "
            "RKOPS_SSH_ACCEPT_NEW=1 accepts the keys of new boards",
        )

    def _record(self, key: paramiko.PKey) -> None:
        file = self._settings.own_file
        if file is None:
            return
        line = f"{self._label} {key.get_name()} {key.get_base64()}\n"
        with _recording:
            try:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with os.fdopen(
                    os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a"
                ) as out:
                    out.write(line)
            except OSError as exc:
                _log.warning("the host key of %s could not be recorded: %s", self._label, exc)
