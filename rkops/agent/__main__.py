"""Run one verb: `python3 -I -S -B agent.pyz VERB REQUEST`."""

import binascii
import importlib
import json
import os
import sys
import zlib

from rkops.agent.frames import AgentFault, Frames

MODULES = ("probe", "release")
"""A verb belongs to the module its first word names; each has `VERBS = {verb: function}`."""


def read_request(text: str) -> dict:
    """Decode the request; `@PATH` names a file that holds it and is removed once read."""
    if text.startswith("@"):
        with open(text[1:], encoding="ascii") as stream:
            encoded = stream.read()
        os.unlink(text[1:])
        text = encoded
    packed = binascii.a2b_base64(text.replace("-", "+").replace("_", "/"))  # URL-safe alphabet
    request = json.loads(zlib.decompress(packed).decode("ascii"))
    if not isinstance(request, dict):
        raise TypeError("the request is no object")
    return request


def read_call(argv: list) -> tuple:
    """Return verb and request; raises AgentFault when they are not usable."""
    if len(argv) != 2:
        raise AgentFault("bad-request", "the agent wants a verb and a request")
    try:
        return argv[0], read_request(argv[1])
    except (OSError, ValueError, TypeError, zlib.error) as exc:
        raise AgentFault("bad-request", "the request is not readable: %s" % exc) from exc


def function_of(verb: str):
    """Return the function that does the verb."""
    name = verb.partition("-")[0]
    verbs = {}
    if name in MODULES:
        verbs = importlib.import_module("rkops.agent." + name).VERBS
    if verb not in verbs:
        raise AgentFault("unknown-verb", "the agent has no verb " + ascii(verb))
    return verbs[verb]


def place_of(exc: Exception) -> str:
    """Return file and line where an exception came from."""
    step = exc.__traceback__
    while step.tb_next is not None:
        step = step.tb_next
    return "%s:%d" % (os.path.basename(step.tb_frame.f_code.co_filename), step.tb_lineno)


def answer(argv: list, out: Frames) -> int:
    """Do the verb and send exactly one result or error."""
    try:
        verb, request = read_call(argv)
        out.result(function_of(verb)(request, out))
    except AgentFault as fault:
        out.error(fault.code, fault.message, fault.hint)
        return 1
    except BrokenPipeError:
        return 1
    except Exception as exc:
        message = "the agent broke: %s: %s (%s)" % (type(exc).__name__, exc, place_of(exc))
        out.error("internal", message, "please report this")
        return 1
    return 0


def main(argv: list) -> int:
    """Answer the host on standard output."""
    return answer(argv, Frames(1))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
