"""One host at a time changes the models of a board.

A deploy is several calls of the agent with a push between them, so the lock is a lease in a
file: who holds it, and until when. While one call looks at the lease or changes anything it
also holds `flock` on that file, so two calls never decide at the same time; the kernel lets
go of it when the call dies. The lease is counted on the clock that runs since boot and names
the boot: boards without a clock battery jump by years when they find the network, and after
a reboot no push goes on. A lock needs no fsync for the same reason.
"""

import fcntl
import json
import os
import time

from rkops.agent.frames import AgentFault

LOCK_NAME = ".rkops-lock"
LEASE_SECONDS = 300.0
_PATIENCE_SECONDS = 5.0
_POLL_SECONDS = 0.05
_LIMIT_BYTES = 65536


def boot_id():
    """Return what tells this run of the board from every other one; empty where it cannot."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as source:
            return source.read().strip()
    except (OSError, ValueError):
        return ""


def uptime():
    """Return seconds since boot, time asleep included."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class BoardLock:
    """The lock of one model directory, held by `flock` while the context is open."""

    def __init__(self, model_dir, boot=None, now=uptime, patience=_PATIENCE_SECONDS):
        self._path = os.path.join(model_dir, LOCK_NAME)
        self._boot = boot_id() if boot is None else boot
        self._now = now
        self._patience = patience
        self._handle = -1

    def __enter__(self):
        """Wait a little for a call that runs at this moment, then keep others out."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._handle = os.open(self._path, flags, 0o644)
        try:
            self._wait()
        except BaseException:
            os.close(self._handle)
            raise
        return self

    def _wait(self):
        limit = time.monotonic() + self._patience
        while True:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                if time.monotonic() > limit:
                    raise AgentFault(
                        "busy",
                        "another deploy is at work on this board at this moment",
                        "try again when it is done",
                    ) from exc
                time.sleep(_POLL_SECONDS)
            else:
                return

    def __exit__(self, *_exc):
        """Let the next call in; the lease stays."""
        os.close(self._handle)

    def owner(self):
        """Return the lease that counts now, or None: never taken, given back, or run out."""
        lease = self._read()
        if lease is None or lease.get("boot") != self._boot:
            return None
        left = lease["until"] - self._now()
        if not 0 < left <= LEASE_SECONDS:
            return None
        return dict(lease, seconds_left=round(left, 1))

    def take(self, holder):
        """Take or renew the lease; return None, or the owner that stands in the way.

        `holder["breaks"]` is the token of a lease whose process its own host saw dead.
        """
        owner = self.owner()
        if owner and owner["token"] not in (holder["token"], holder.get("breaks")):
            return owner
        self._write(
            {
                "token": holder["token"],
                "who": str(holder.get("who", "")),
                "host": str(holder.get("host", "")),
                "process": str(holder.get("process", "")),
                "boot": self._boot,
                "until": self._now() + LEASE_SECONDS,
            }
        )
        return None

    def renew(self, holder):
        """Renew the lease this holder has; a fault when it is no longer its own."""
        owner = self.owner()
        if owner is None or owner["token"] != holder["token"]:
            by = " by {}".format(owner["who"]) if owner and owner.get("who") else ""
            raise AgentFault(
                "lock-lost",
                "the board's lock ran out and was taken{}".format(by or " away"),
                "deploy again; was this machine asleep or the link very slow?",
            )
        self.take(holder)

    def give_back(self, holder):
        """End the lease if it is this holder's."""
        owner = self.owner()
        if owner and owner["token"] == holder["token"]:
            os.ftruncate(self._handle, 0)

    def _read(self):
        try:
            lease = json.loads(os.pread(self._handle, _LIMIT_BYTES, 0).decode("ascii"))
            valid = isinstance(lease["token"], str) and isinstance(lease["until"], (int, float))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None  # empty, or torn by a power cut: no one holds it
        return lease if valid else None

    def _write(self, lease):
        data = json.dumps(lease).encode("ascii")
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, data, 0)
