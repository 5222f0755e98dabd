"""The agent's release verbs, as calls on one board with typed answers."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from rkops import __version__
from rkops.core.deadline import Deadline
from rkops.core.errors import AgentReplyError, BoardBusyError, LinkLostError
from rkops.facts.board import DeployedModel
from rkops.fleet.contact import Contact
from rkops.fleet.session import AgentSession
from rkops.services.holder import is_dead, new_holder
from rkops.services.payload import Payload
from rkops.services.transfer import payload_seconds

S = TypeVar("S", bound=Struct)
D = TypeVar("D")
_ASK_AGAIN_SECONDS = 0.5
_SPARE_SECONDS = 1.0
"""Of the board's time, kept back to say who holds the lock."""


class Prepared(Struct, frozen=True):
    """Where to push, or that the release is there (`state` is `present`, `ready` or `busy`)."""

    state: str
    dir: str = ""
    release: str = ""
    current: str = ""
    previous: str = ""
    problem: str = ""
    lease_seconds: float = 300.0


class Committed(Struct, frozen=True):
    """A release that stands, and how long the board took to make sure of it."""

    release: str
    previous: str
    hash_seconds: float
    sync_seconds: float
    removed: tuple[str, ...] = ()
    problem: str = ""


class Switched(Struct, frozen=True):
    """The release that is current now, and the way back (`state` is `done` or `busy`)."""

    state: str
    release: str = ""
    previous: str = ""
    changed: bool = False


class _Aborted(Struct, frozen=True):
    removed: tuple[str, ...] = ()
    current: str = ""


class _Listed(Struct, frozen=True):
    models: tuple[DeployedModel, ...]


class BoardModels:
    """The models of one board, through its agent."""

    def __init__(self, contact: Contact, session: AgentSession, timeout_seconds: float) -> None:
        self.contact = contact
        self.timeout_seconds = timeout_seconds
        self._session = session
        self._holder = new_holder()

    def moved_to(self, contact: Contact) -> "BoardModels":
        """Return the same holder of the lock on a new link to the board."""
        session = AgentSession(
            contact.transport,
            board=contact.board.name,
            expected_identity=self._session.identity or None,
            python=contact.board.python,
        )
        moved = BoardModels(contact, session, self.timeout_seconds)
        moved._holder = self._holder
        return moved

    def prepare(self, payload: Payload) -> Prepared:
        """Take the board's lock and learn where to push; waits while another host holds it."""
        entry = _entry(payload)
        allowance = payload_seconds(payload.size_bytes)
        return self._locked("release-prepare", payload.name, Prepared, allowance, files=[entry])

    def commit(self, payload: Payload, *, keep: int, pushed_at: float) -> Committed:
        """Have what was pushed verified, made a release, and made current."""
        manifest = {
            "target": ",".join(payload.targets),
            "toolkit": payload.toolkit,
            "original": payload.path.name,
            "pushed_at": pushed_at,
            "rkops": __version__,
        }
        deadline = self.contact.renew(self.timeout_seconds + payload_seconds(payload.size_bytes))
        request = self._request(payload.name, files=[_entry(payload)], manifest=manifest, keep=keep)
        self._want_link()
        return self._call("release-commit", request, Committed, deadline)

    def switch(self, name: str, release: str, *, size_bytes: int = 0) -> Switched:
        """Make a release current that is there; an empty `release` is the previous one."""
        target: dict[str, Any] = {"release": release} if release else {"previous": True}
        allowance = payload_seconds(size_bytes)
        return self._locked("release-switch", name, Switched, allowance, **target)

    def renew(self, name: str) -> None:
        """Keep the lock while a long push goes on."""
        deadline = Deadline.after(self.timeout_seconds)
        self._session.call("release-renew", self._request(name), deadline=deadline)

    def abort(self, name: str, deadline: Deadline) -> str:
        """Remove what was pushed and give the lock back; return the release that is current.

        adbd makes the missing directory of a file it is sent (AOSP adb, file_sync_service), so
        streams that are still dying may bring it back: look again until nothing came.
        """
        request = self._request(name)
        while True:
            aborted = self._call("release-abort", request, _Aborted, deadline)
            if not aborted.removed or deadline.remaining < _SPARE_SECONDS:
                return aborted.current
            deadline.pause(_ASK_AGAIN_SECONDS)

    def models(self) -> tuple[DeployedModel, ...]:
        """Return every model on the board with its releases and their states."""
        request = {"model_dir": self.contact.board.model_dir}
        return self._call("release-list", request, _Listed, self.contact.deadline).models

    def _locked(self, verb: str, name: str, kind: type[S], allowance: float, **more: object) -> S:
        """Call a verb that takes the lock; wait for its owner within the board's time."""
        waiting = self.contact.renew(self.timeout_seconds)
        while True:
            request = self._request(name, **more)
            deadline = Deadline.after(waiting.remaining + allowance)
            self.contact.deadline = deadline
            self._want_link()
            raw = self._session.call(verb, request, deadline=deadline)
            answer = self._decoded(raw, dict[str, Any])
            if answer.get("state") != "busy":
                return self._decoded(raw, kind)
            owner = answer.get("owner") or {}
            if is_dead(owner) and "breaks" not in self._holder:
                self._holder["breaks"] = str(owner.get("token", ""))
            elif waiting.remaining < _SPARE_SECONDS:
                raise _busy(self.contact.board.name, owner)
            else:
                waiting.pause(_ASK_AGAIN_SECONDS)

    def _want_link(self) -> None:
        """Change nothing on a board that was hung up on: nobody would tell."""
        if self.contact.hung_up:
            raise LinkLostError(
                "was hung up on", board=self.contact.board.name, hint="deploy again"
            )

    def _request(self, name: str, **more: object) -> dict[str, Any]:
        board = self.contact.board
        return {"model_dir": board.model_dir, "name": name, "holder": self._holder, **more}

    def _call(self, verb: str, request: Mapping[str, Any], kind: type[S], deadline: Deadline) -> S:
        return self._decoded(self._session.call(verb, request, deadline=deadline), kind)

    def _decoded(self, payload: bytes, kind: type[D]) -> D:
        try:
            return msgspec.json.decode(payload, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise AgentReplyError(
                f"the agent's answer does not fit: {exc}",
                board=self.contact.board.name,
                hint="rkops and its agent disagree; please report this",
            ) from exc


def _entry(payload: Payload) -> dict[str, object]:
    return {"name": payload.file_name, "size": payload.size_bytes, "sha256": payload.sha256}


def _busy(board: str, owner: Mapping[str, Any]) -> BoardBusyError:
    who = owner.get("who") or "another host"
    process = str(owner.get("process", "")).partition(":")[0]
    left = float(owner.get("seconds_left") or 0.0)
    return BoardBusyError(
        f"{who} (process {process or '?'}) is changing this board's models",
        code="busy",
        hint=f"wait for it with a longer --timeout; a dead one's lock runs out in {left:.0f} s",
        board=board,
    )
