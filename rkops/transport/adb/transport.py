"""One board over adb: a thin client of the adb server beside adbutils.

Why not adbutils alone: docs/adr/0010-adb-thin-path.md. What it is used for: the adb binary it
bundles (`adb/server.py: client_path`).
"""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from weakref import WeakSet

from rkops.core.deadline import Deadline
from rkops.core.errors import (
    BoardOfflineError,
    BoardUnauthorizedError,
    DeadlineError,
    LinkLostError,
    RkopsError,
)
from rkops.transport.adb.connection import ServerSocket
from rkops.transport.adb.files import fetch, spill
from rkops.transport.adb.known import KnownLinks
from rkops.transport.adb.link import LINKS, LinkUp, disconnect, link_anew, link_up, part
from rkops.transport.adb.output import LegacyOutput, ModernOutput, Output
from rkops.transport.adb.push import Pushing
from rkops.transport.adb.talk import Typing, converse, packets
from rkops.transport.adb.words import server_error
from rkops.transport.base import (
    AdbAddress,
    ByteProgress,
    CommandResult,
    Heard,
    PushReport,
    no_progress,
)
from rkops.transport.quote import command_line

_LONGEST = {False: 3900, True: 60_000}
"""Bytes of command line by `modern`: an old adbd takes 4 KiB for the whole service string."""
_PARTING_SECONDS = 2.0


def open_adb(
    address: AdbAddress, *, board: str, deadline: Deadline, known: KnownLinks | None = None
) -> "AdbTransport":
    """Connect the adb server to a board, unless it is connected.

    Raises:
        TransportError: no link; the error says which way, and what to try.
    """
    if known and known.has(address.serial, board=board, deadline=deadline):
        return AdbTransport(address, board, None)
    return AdbTransport(address, board, link_up(address.serial, board=board, deadline=deadline))


class AdbTransport:
    """A board that the adb server has a link to. Holds no socket between calls.

    A link that went stale is brought up once more, as long as the board has not begun what
    it was asked for.
    """

    scheme = "adb"

    def __init__(self, address: AdbAddress, board: str, link: LinkUp | None) -> None:
        self.board = board
        self._serial = address.serial
        self._shell2: bool | None = None
        """Whether adbd speaks shell protocol 2; None until the first command showed it."""
        self._made = False
        if link:
            self._learn(link)
        self._open: WeakSet[ServerSocket] = WeakSet()
        self._lock = threading.Lock()

    def run(self, argv: Sequence[str], *, deadline: Deadline, stdin: bytes = b"") -> CommandResult:
        """Run a command to its end. When the deadline passes, adbd hangs up on the command."""
        line = command_line(argv, board=self.board)
        link, output = self._start(line, deadline, stdin)
        with closing(link):
            typed = packets(stdin, last=True) if isinstance(output, ModernOutput) else b""
            out, err = converse(link, output, typed)
        if output.code is None:
            raise link.lost("the command's exit code never came")
        shown = line.decode("utf-8", "replace")
        return CommandResult(shown, output.code, out, err, merged=output.merged)

    def talk(
        self,
        argv: Sequence[str],
        *,
        deadline: Deadline,
        heard: Heard,
        typed: Iterable[bytes] = (),
    ) -> CommandResult:
        """Run a command to its end, its output going to `heard` as it comes."""
        line = command_line(argv, board=self.board)
        modern = self._is_modern(deadline)
        link, output = self._start(line, deadline, b"" if modern else b"".join(typed))
        with closing(link):
            typing = Typing(link, typed if modern else None)
            try:
                for out, err in _both(link, output):
                    heard(out, err)
            except LinkLostError:
                typing.check()
                raise
        shown = line.decode("utf-8", "replace")
        return CommandResult(shown, output.code or 0, b"", b"", merged=output.merged)

    @contextmanager
    def stream(self, argv: Sequence[str], *, deadline: Deadline) -> Iterator[Iterator[bytes]]:
        """Run a command and read its stdout as it comes (old adbd: stderr with it)."""
        line = command_line(argv, board=self.board)
        link, output = self._start(line, deadline, b"")
        with closing(link):
            if isinstance(output, ModernOutput):
                link.send(packets(last=True))
            yield _pieces(link, output)

    def push(
        self,
        source: Path,
        remote: str,
        *,
        mode: int = 0o644,
        deadline: Deadline,
        progress: ByteProgress = no_progress,
    ) -> PushReport:
        """Write a file on the board, over as many streams as the link needs."""
        pushing = Pushing(
            board=self.board,
            open_files=lambda: self._files(deadline),
            run=lambda argv: self.run(argv, deadline=deadline),
            remote=remote,
            mode=mode,
            progress=progress,
        )
        return pushing.push(source)

    def pull(
        self,
        remote: str,
        destination: Path,
        *,
        deadline: Deadline,
        progress: ByteProgress = no_progress,
    ) -> int:
        """Read a file of the board; `destination` appears whole or not at all."""
        return fetch(lambda: self._files(deadline), remote, destination, progress)

    def forward(self, remote: str, *, deadline: Deadline) -> AbstractContextManager[int]:
        """Forward a free local TCP port to `remote` (`tcp:8080`, `localabstract:name`)."""
        return self._forward(remote, deadline)

    def close(self) -> None:
        """End what runs, and leave the link with the adb server, unless it has too many."""
        with self._lock:
            running = tuple(self._open)
        for link in running:
            link.close()
        if self._made and LINKS.let_go():
            self._made = False
            with contextlib.suppress(RkopsError):
                disconnect(self._serial, board=self.board, deadline=_parting())

    @contextmanager
    def _forward(self, remote: str, deadline: Deadline) -> Iterator[int]:
        service = f"host-serial:{self._serial}:forward:norebind:tcp:0;{remote}"
        with closing(ServerSocket(self.board, deadline)) as link:
            words = link.request(service.encode(), f"forwarding to {remote}")
            if words is None and link.exactly(4) == b"FAIL":  # two answers: serial, then forward
                words = link.text()
            if words is not None:
                raise server_error(words, self._serial, board=self.board)
            port = int(link.text())
        try:
            yield port
        finally:
            with contextlib.suppress(RkopsError):
                self._unforward(port)

    def _unforward(self, port: int) -> None:
        with closing(ServerSocket(self.board, _parting())) as link:
            service = f"host-serial:{self._serial}:killforward:tcp:{port}"
            link.request(service.encode(), "removing a forward")

    def _start(self, line: bytes, deadline: Deadline, stdin: bytes) -> tuple[ServerSocket, Output]:
        """Start a command; what an old adbd cannot carry goes ahead as a file."""
        if self._shell2 is None and len(line) <= _LONGEST[False]:
            link = self._hoped(b"shell,v2,raw:" + line, deadline)
            if link:
                return link, ModernOutput()
        modern = self._is_modern(deadline)
        if len(line) > _LONGEST[modern]:
            script = self._spill(line, deadline, prefix=b'rm -f "$0";')
            line = b"sh " + script
        if modern:
            return self._service(b"shell,v2,raw:" + line, deadline), ModernOutput()
        # Typing into the terminal would be echoed, and has no end of file.
        source = self._spill(stdin, deadline) if stdin else b"/dev/null"
        remove = b"rm -f %b;" % source if stdin else b""
        output = LegacyOutput()
        return (
            self._service(
                b"shell:" + output.wrap(b"exec <%b;%b%b" % (source, remove, line)), deadline
            ),
            output,
        )

    def _hoped(self, service: bytes, deadline: Deadline) -> ServerSocket | None:
        """Open a service that only a new adbd has; None where it is refused as unknown."""
        try:
            link = self._asked(service, deadline, patience=deadline.within(deadline.remaining / 2))
        except (BoardOfflineError, BoardUnauthorizedError, LinkLostError):
            return None  # an old adbd, or no link any more: the next question tells which
        except DeadlineError:
            if deadline.expired:
                part(self._serial, board=self.board)
                raise
            self._learn(link_anew(self._serial, board=self.board, deadline=deadline))
            return None
        self._shell2 = True
        return link

    def _is_modern(self, deadline: Deadline) -> bool:
        if self._shell2 is None:
            return self._learn(link_up(self._serial, board=self.board, deadline=deadline))
        return self._shell2

    def _learn(self, link: LinkUp) -> bool:
        self._made = self._made or link.made
        self._shell2 = "shell_v2" in link.features
        return self._shell2

    def _spill(self, data: bytes, deadline: Deadline, prefix: bytes = b"") -> bytes:
        path = spill(lambda: self._files(deadline), prefix + data, board=self.board)
        return path.encode()

    def _files(self, deadline: Deadline) -> ServerSocket:
        return self._service(b"sync:", deadline)

    def _service(self, service: bytes, deadline: Deadline) -> ServerSocket:
        """Open a service of the board's adbd, bringing a stale link up once.

        The server may call a link `device` for ever over which the board says nothing (it was
        switched off, or its network was). So half of the time is for the link there is, unless
        something runs over it already: that may be what keeps it busy, and is not to be cut.
        """
        patience = deadline if self._in_use() else deadline.within(deadline.remaining / 2)
        try:
            return self._asked(service, deadline, patience=patience)
        except (BoardOfflineError, LinkLostError):
            link_up(self._serial, board=self.board, deadline=deadline)
        except DeadlineError:
            if deadline.expired:
                part(self._serial, board=self.board)
                raise
            link_anew(self._serial, board=self.board, deadline=deadline)
        try:
            return self._asked(service, deadline, patience=deadline)
        except DeadlineError:
            part(self._serial, board=self.board)
            raise

    def _in_use(self) -> bool:
        with self._lock:
            return any(link.is_open for link in self._open)

    def _asked(self, service: bytes, deadline: Deadline, *, patience: Deadline) -> ServerSocket:
        """Open a service; `patience` ends the opening, `deadline` what is done with it."""
        link = ServerSocket(self.board, deadline)
        try:
            words = link.request(
                b"host:transport:" + self._serial.encode(),
                "asking the adb server for the board",
                local=True,
            )
            if words is None:
                link.deadline = patience
                words = link.request(service, "waiting for the board's adbd")
            if words is None:
                link.deadline = deadline
                with self._lock:
                    self._open.add(link)
                link.doing = "running a command"
                return link
        except BaseException:
            link.close()
            raise
        link.close()
        raise server_error(words, self._serial, board=self.board)


def _parting() -> Deadline:
    return Deadline.after(_PARTING_SECONDS)


def _pieces(link: ServerSocket, output: Output) -> Iterator[bytes]:
    for out, _ in _both(link, output):
        if out:
            yield out


def _both(link: ServerSocket, output: Output) -> Iterator[tuple[bytes, bytes]]:
    while output.code is None:
        data = link.some()
        if not data:
            raise link.lost("the command's output ended in the middle")
        out, err = output.feed(data)
        if out or err:
            yield out, err
