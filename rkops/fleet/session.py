"""Ask the agent of one board. Warm, a call is exactly one `transport.run`."""

import logging
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rkops.core.deadline import Deadline
from rkops.core.errors import AgentError, AgentReplyError, BoardBusyError, TransferError
from rkops.fleet import bootstrap, pack, shprobe
from rkops.fleet.frames import Fault, Reply, ReplyReader, decode_object, parse_reply
from rkops.transport.base import Transport

_log = logging.getLogger(__name__)

OnProgress = Callable[[Mapping[str, Any]], None]
_ROUNDS = 7
"""At most: agent needed, push failed in one directory, asked again, damaged copy, old Python,
sh probe needed."""
_GRACE_SECONDS = 1.0
"""Of the deadline, kept back for the reply's way home."""
_BROKEN_COPY = re.compile(rb"can't find '__main__' module|zipimport|bad (local|magic)|SyntaxError")
"""What a Python says that was given a damaged archive: the agent never began (CPython 3.7-3.13)."""


class AgentSession:
    """Calls verbs of the agent on one board, and pushes the agent when it is not there."""

    def __init__(
        self,
        transport: Transport,
        *,
        board: str,
        expected_identity: str | None,
        python: str | None = None,
    ) -> None:
        self._transport = transport
        self._board = board
        self._expected = expected_identity or None
        self._python = python or ""
        self.identity = ""
        """The key the board showed at the last call."""
        self._too_old = ""
        """What a python3 said that is too old; empty when none did."""

    def call(
        self,
        verb: str,
        request: Mapping[str, Any],
        *,
        deadline: Deadline,
        on_progress: OnProgress | None = None,
    ) -> bytes:
        """Run one verb; return the JSON of its result.

        A `probe` of a board without python3 is answered by the sh probe.

        Raises:
            WrongBoardError: another board answers; nothing was written there.
            AgentError: the agent refused (`code` says why); BoardBusyError when locked.
            AgentReplyError: the reply is damaged or missing.
            TransportError: the link failed.
        """
        told = {"via": self._transport.scheme, **request}
        told.setdefault("budget", max(1.0, deadline.remaining - _GRACE_SECONDS))
        call = bootstrap.Call(
            verb=verb,
            request=bootstrap.encode_request(told),
            agent=pack.agent_name(),
            script=shprobe.script_name(),
            python=str(request.get("python") or self._python),
            model_dir=str(request.get("model_dir") or "/"),
            expected=self._expected,
            checked=bool(self._too_old),
        )
        if len(bootstrap.command(call)) > bootstrap.MAX_COMMAND:
            call = self._with_request_file(call, deadline)
        reply = self._converse(call, deadline, on_progress)
        if reply.error:
            raise self._refusal(reply.error)
        if reply.probe:
            lines = [("key", self.identity), *reply.probe]
            return shprobe.facts_json(lines, told, too_old=self._too_old)
        return reply.payload or b""

    def _converse(self, call: bootstrap.Call, deadline: Deadline, heed: OnProgress | None) -> Reply:
        """Ask until the agent answered, giving it what it lacks."""
        for _ in range(_ROUNDS):
            try:
                reply = self._ask(call, deadline, heed)
            except AgentReplyError as exc:
                if call.fresh or not _BROKEN_COPY.search(exc.message.encode()):
                    raise
                _log.info("%s: the agent on the board is damaged: pushing it again", self._board)
                call = replace(call, fresh=True)
                continue
            if reply.nopython and call.verb != "probe":
                raise self._no_python()
            if reply.need is not None:
                call = self._supply(call, reply, deadline)
            elif reply.error and reply.error.code == "old-python" and not call.checked:
                self._too_old = reply.error.message
                call = replace(call, checked=True, pushed="", fresh=False)
            elif reply.complete or reply.probe or reply.directory is not None:
                return reply
            else:
                break
        raise AgentReplyError(
            "the board has the agent, or asked for it again and again, and gave no answer",
            board=self._board,
            hint="try again; is its cache directory emptied while rkops works?",
        )

    def _ask(self, call: bootstrap.Call, deadline: Deadline, heed: OnProgress | None) -> Reply:
        """One round trip; the identity is looked at before anything else."""
        argv = ["sh", "-c", bootstrap.command(call)]
        try:
            if heed is None:
                result = self._transport.run(argv, deadline=deadline)
                reply = parse_reply(result.stdout + b"\n" + result.stderr)
            else:
                reply = self._streamed(argv, deadline, heed)
        except AgentReplyError as exc:
            exc.board = self._board
            raise
        if reply.noise:
            _log.debug("%s: beside the reply: %r", self._board, reply.noise)
        if reply.wrong is not None:
            raise bootstrap.wrong_board(self._board, self._expected or "", reply.wrong)
        if reply.identity is None:
            raise AgentReplyError("the board did not say who it is", board=self._board)
        self.identity = reply.identity
        return reply

    def _streamed(self, argv: list[str], deadline: Deadline, heed: OnProgress) -> Reply:
        reader = ReplyReader()
        with self._transport.stream(argv, deadline=deadline) as chunks:
            for chunk in chunks:
                for payload in reader.feed(chunk):
                    heed(decode_object(payload))
        return reader.finish()

    def _supply(self, call: bootstrap.Call, reply: Reply, deadline: Deadline) -> bootstrap.Call:
        """Push what the board needs under a temporary name; the next call renames it."""
        if not reply.need:
            raise AgentError(
                "no directory of the board takes the agent",
                code="no-place",
                hint="it needs 400 kB in one of $HOME/.cache, /dev/shm, /run or /tmp",
                board=self._board,
            )
        source = shprobe.script_file() if reply.nopython else pack.agent_file()
        temporary = f"{reply.need}/.push-{secrets.token_hex(6)}"
        try:
            self._push(source, temporary, deadline)
        except TransferError as exc:
            _log.info("%s: %s did not take the agent: %s", self._board, reply.need, exc)
            return replace(call, skip=(*call.skip, reply.need), pushed="")
        return replace(call, pushed=temporary, fresh=False)

    def _push(self, source: Path, remote: str, deadline: Deadline) -> None:
        self._transport.push(source, remote, mode=0o600, deadline=deadline)

    def _with_request_file(self, call: bootstrap.Call, deadline: Deadline) -> bootstrap.Call:
        """Push a request that is too long for a command; return the call that names the file."""
        reply = self._converse(replace(call, where=True, request=""), deadline, None)
        if reply.directory is None:
            raise AgentReplyError("the board did not say where the agent is", board=self._board)
        name = f"request-{secrets.token_hex(6)}"
        local = pack.stored(name, call.request.encode("ascii"))
        remote = f"{reply.directory}/{name}"
        try:
            self._push(local, remote, deadline)
        finally:
            local.unlink(missing_ok=True)
        return replace(call, request=f'@"{remote}"')

    def _no_python(self) -> AgentError:
        return AgentError(
            self._too_old or "there is no python3 on the board",
            code="old-python" if self._too_old else "no-python",
            hint="install python3 (3.7 or newer) on the board",
            board=self._board,
        )

    def _refusal(self, fault: Fault) -> AgentError:
        kind = BoardBusyError if fault.code == "busy" else AgentError
        return kind(fault.message, code=fault.code, hint=fault.hint, board=self._board)
