"""Which boards answer at all: every port at once, each known as soon as it is known.

`adb connect` takes 10 s for a silent peer and over 90 s for one that is switched off; a plain
TCP connect tells the same in one second, and for all boards in the same second.
"""

import errno
import os
import queue
import resource
import selectors
import socket
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Generic, TypeVar

from rkops.core.deadline import Deadline
from rkops.core.errors import TransportError
from rkops.transport.names import Found, Target, Where, connect_error, look_up, numeric

Key = TypeVar("Key", bound=Hashable)

_SPARE_FILES = 256
_UNDERWAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


def reach(
    addresses: Mapping[Key, Where], seconds: float = 1.0
) -> Iterator[tuple[Key, TransportError | None]]:
    """Connect to every address at once; yield each with None or why it does not answer.

    Those that answer come first, the silent ones when `seconds` have passed. There is no limit
    on how many: what this process may not open at once follows in a further round.
    """
    waiting = list(addresses.items())
    room = max(64, _open_files(len(waiting)) - _SPARE_FILES)
    for start in range(0, len(waiting), room):
        yield from _Round(Deadline.after(seconds), dict(waiting[start : start + room])).run()


def _open_files(wanted: int) -> int:
    """How many files this process may open; raised within what the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted + _SPARE_FILES:
        more = min(hard, wanted + _SPARE_FILES) if hard != resource.RLIM_INFINITY else wanted
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, more), hard))
        soft = max(soft, more)
    return soft


def _begun(target: Target) -> socket.socket:
    """Begin to connect, without waiting; an OSError where that fails at once."""
    family, address = target
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    sock.settimeout(0)
    number = sock.connect_ex(address)
    if number not in _UNDERWAY:
        sock.close()
        raise OSError(number, os.strerror(number))
    return sock


class _Round(Generic[Key]):
    """One batch of connects under one deadline."""

    def __init__(self, deadline: Deadline, addresses: Mapping[Key, Where]) -> None:
        self._deadline = deadline
        self._addresses = addresses
        self._selector = selectors.DefaultSelector()
        self._open: dict[Key, list[socket.socket]] = {}
        self._names: dict[Key, Where] = {}
        self._found: Found[Key] = queue.SimpleQueue()

    def run(self) -> Iterator[tuple[Key, TransportError | None]]:
        """Yield every address of the batch once."""
        bell, rope = socket.socketpair()
        with self._selector, bell, rope:
            try:
                yield from self._start(rope)
                self._selector.register(bell, selectors.EVENT_READ)
                yield from self._wait(bell)
            finally:
                for sock in chain.from_iterable(self._open.values()):
                    sock.close()

    def _start(self, rope: socket.socket) -> Iterator[tuple[Key, TransportError | None]]:
        for key, where in self._addresses.items():
            target = numeric(where)
            if target is None:
                self._names[key] = where
            else:
                yield from self._connect(key, [target])
        if self._names:
            look_up(self._names, self._found, rope)

    def _connect(
        self, key: Key, targets: Sequence[Target]
    ) -> Iterator[tuple[Key, TransportError | None]]:
        """Begin to connect to every address of a board at once."""
        number = 0
        for target in targets:
            try:
                sock = _begun(target)
            except OSError as exc:
                number = exc.errno or errno.EINVAL
            else:
                self._open.setdefault(key, []).append(sock)
                self._selector.register(sock, selectors.EVENT_WRITE, (key, sock))
        if key not in self._open:
            yield key, self._error(key, number)

    def _wait(self, bell: socket.socket) -> Iterator[tuple[Key, TransportError | None]]:
        last = False
        while (self._open or self._names) and not last:
            last = self._deadline.expired  # one more look, however long the caller took
            for ready, _ in self._selector.select(self._deadline.remaining):
                if ready.fileobj is bell:
                    bell.recv(4096)
                    yield from self._looked_up()
                else:
                    yield from self._known(*ready.data)
        for key in (*self._open, *self._names):
            yield key, self._error(key, errno.ETIMEDOUT)

    def _looked_up(self) -> Iterator[tuple[Key, TransportError | None]]:
        while not self._found.empty():
            key, targets = self._found.get()
            self._names.pop(key)
            yield from self._connect(key, targets)

    def _known(self, key: Key, sock: socket.socket) -> Iterator[tuple[Key, TransportError | None]]:
        """Take what one connect came to: alive by one address, dead by the last."""
        if sock.fileno() < 0:
            return  # another address of the board was told in the same moment
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        others = [other for other in self._open.pop(key) if other is not sock]
        for over in (sock,) if number else (sock, *others):
            self._selector.unregister(over)
            over.close()
        if number and others:
            self._open[key] = others
        else:
            yield key, self._error(key, number) if number else None

    def _error(self, key: Key, number: int) -> TransportError:
        return connect_error(self._addresses[key], number, board=str(key))
