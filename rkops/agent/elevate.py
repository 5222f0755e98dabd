"""Root's part of the probe for a login that is not root: the agent runs itself under `sudo -n`.

One `sudo -n` answers two questions: may this account, and what does root see. A refusal is
logged by sudo on the board, as any other.
"""

import binascii
import json
import os
import sys
import zlib

from rkops.agent.ask import Child, find
from rkops.agent.fact import present, unknown
from rkops.agent.frames import read_result

VERB = "probe-root"


class Elevation:
    """The agent under sudo: started, later collected."""

    def __init__(self, request: dict, login: str) -> None:
        self._child = None
        self.sudo = present("none", "no sudo on PATH")
        self.parts = {}
        sudo = find("sudo")
        if not sudo:
            return
        inner = dict(request, login=login)
        text = json.dumps(inner, ensure_ascii=True).encode("ascii")
        word = binascii.b2a_base64(zlib.compress(text), newline=False).decode("ascii")
        agent = os.path.abspath(sys.argv[0])
        argv = [sudo, "-n", sys.executable, "-I", "-S", "-B", agent, VERB, word]
        try:
            self._child = Child(argv, dict(os.environ, LC_ALL="C", LANGUAGE="C"))
        except OSError as exc:
            self.sudo = unknown("sudo: %s" % exc.strerror)

    def wait(self, until: float) -> None:
        """Read root's answer, or the reason there is none."""
        if self._child is None:
            return
        code, output = self._child.wait(until)
        self._child = None
        result = read_result(output)
        if result is not None:
            self.parts = result
            self.sudo = present("nopasswd", "sudo -n")
        else:
            self.sudo = refusal(code, output.decode("utf-8", "backslashreplace"))


def refusal(code, text: str) -> dict:
    """Return what sudo's words mean (sudo 1.8 and 1.9, LC_ALL=C)."""
    if "password is required" in text or "terminal is required" in text:
        return present("password", "sudo -n")
    if "not in the sudoers" in text or "may not run" in text or "not allowed" in text:
        return present("none", "sudo -n")
    if code is None:
        return unknown("sudo did not answer in time")
    last = text.strip().rpartition("\n")[2]
    return unknown("sudo: %s" % (last[:160] or "ended with code %s" % code))
