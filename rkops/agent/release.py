"""The verbs that put models on the board, switch them, list them and give up a push.

A verb holds the board's lock while it works and leaves nothing half done: docs/deploy.md.
"""

import errno
import os
import time
from contextlib import contextmanager, suppress

from rkops.agent import shelf, steps
from rkops.agent.files import fault_of
from rkops.agent.frames import AgentFault
from rkops.agent.lock import LEASE_SECONDS
from rkops.agent.steps import Job

KEEP = 3
_MARGIN_BYTES = 16 << 20


@contextmanager
def _faults(doing):
    try:
        yield
    except BrokenPipeError:
        raise  # not the disk: the host hung up
    except OSError as exc:
        raise fault_of(exc, doing) from exc


def prepare(request, _out, disk=None, lock=None):
    """Take the lock, sweep, and say where to push; or that the release is there already."""
    job = Job(request, disk, lock)
    files = _files_of(request)
    size = sum(entry["size"] for entry in files)
    with _faults("cannot prepare {}".format(job.root)):
        try:
            job.make_dirs()
            with job.lock:
                owner = job.lock.take(job.holder)
                return {"state": "busy", "owner": owner} if owner else _prepare(job, files, size)
        except OSError as exc:
            if exc.errno == errno.ENOSPC:
                _want_space(job.root, size)  # says how much; else it is inodes that ran out
            raise


def _prepare(job, files, size):
    """Do the work of `prepare` with the lock held; keep it only when a push is to follow."""
    release = files[0]["sha256"][:12]
    path = os.path.join(job.root, release)
    keep = False
    try:
        swept, _ = job.sweep()  # what stays is told by the commit
        state, problem, _ = shelf.inspect(path)
        if state != shelf.WHOLE:
            _want_space(job.root, size)
            job.disk.mkdir(job.incoming)
            keep = True
    finally:
        if not keep:
            job.lock.give_back(job.holder)
    return {
        "state": "ready" if keep else "present",
        "dir": job.incoming,
        "release": release,
        "current": shelf.current_of(job.root),
        "previous": shelf.previous_of(job.root),
        "swept": swept,
        "lease_seconds": LEASE_SECONDS,
        "problem": problem if os.path.isdir(path) else "",
    }


def _files_of(request):
    files = request.get("files")
    if not isinstance(files, list) or not files or not all(map(shelf.is_file_entry, files)):
        raise steps.bad_request("files must be a list of name, size, sha256", files)
    return files


def _want_space(path, size):
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    status = os.statvfs(path)
    free = status.f_bavail * status.f_frsize
    if free < size + _MARGIN_BYTES:
        raise AgentFault(
            "no-space",
            "the model needs {:.1f} MB and {:.0f} MB to spare, {} has {:.1f} MB free".format(
                size / 1e6, _MARGIN_BYTES / 1e6, path, free / 1e6
            ),
            "free space on the board, or set another model-dir",
        )


def commit(request, out, disk=None, lock=None):
    """Verify what was pushed, make it a release on the medium, switch to it, prune.

    A failure leaves `current` as it was, the pushed files removed and the lock given back. It
    is one when the host has hung up: nobody would tell that `current` is another one now.
    """
    job = Job(request, disk, lock)
    files = _files_of(request)
    with _faults("cannot finish {}".format(job.root)), job.lock:
        job.lock.renew(job.holder)
        try:
            return _commit(job, files, request, out)
        except BaseException:
            _forget(job)
            raise
        finally:
            job.lock.give_back(job.holder)


def _commit(job, files, request, out):
    release = files[0]["sha256"][:12]
    before = shelf.current_of(job.root)
    started = time.monotonic()
    steps.verify(job, files)
    hashed = time.monotonic()
    steps.settle(job, files, request.get("manifest") or {})
    steps.place(job, release)
    switch = before != release and request.get("switch", True)
    if switch:
        steps.announce(job, release)
    steps.sync_up(job)
    if switch:
        if out is not None:
            out.progress({"step": "switch"})
        steps.point(job, release)
    synced = time.monotonic()
    kept, removed, problem = steps.prune(job, request.get("keep", KEEP))
    return {
        "release": release,
        "previous": shelf.previous_of(job.root),
        "kept": kept,
        "removed": removed,
        "problem": problem,
        "hash_seconds": round(hashed - started, 6),
        "sync_seconds": round(synced - hashed, 6),
    }


def _forget(job):
    """Remove the work in progress; what cannot be removed, the next deploy sweeps."""
    with suppress(OSError):
        job.sweep()


def abort(request, _out, disk=None, lock=None):
    """Give up a push: remove its files and give the lock back."""
    job = Job(request, disk, lock)
    if not os.path.isdir(job.model_dir):
        return {"removed": [], "current": ""}
    with _faults("cannot clean up {}".format(job.root)), job.lock:
        there = os.path.isdir(job.incoming)
        job.disk.remove_tree(job.incoming)
        job.lock.give_back(job.holder)
    return {
        "removed": [job.incoming] if there else [],
        "current": shelf.current_of(job.root),
    }


def renew(request, _out, disk=None, lock=None):
    """Keep the lock while a long push goes on."""
    job = Job(request, disk, lock)
    with _faults("cannot renew the lock of {}".format(job.model_dir)), job.lock:
        job.lock.renew(job.holder)
    return {"lease_seconds": LEASE_SECONDS}


def switch(request, _out, disk=None, lock=None):
    """Make another release that is there the current one, after hashing it."""
    job = Job(request, disk, lock)
    if not os.path.isdir(job.root):
        raise _no_release(job, "no model {} on this board".format(job.name))
    with _faults("cannot switch {}".format(job.root)), job.lock:
        owner = job.lock.take(job.holder)
        if owner:
            return {"state": "busy", "owner": owner}
        try:
            before = shelf.current_of(job.root)
            release = _wanted(job, request)
            _want_whole(job, release)
            if release != before:
                steps.announce(job, release)
                steps.sync_up(job)
                steps.point(job, release)
        finally:
            job.lock.give_back(job.holder)
    return {
        "state": "done",
        "release": release,
        "previous": shelf.previous_of(job.root),
        "changed": release != before,
    }


def _wanted(job, request):
    if request.get("previous"):
        release = shelf.previous_of(job.root)
        if not release:
            raise _no_release(job, "no release of {} was current before".format(job.name))
        return release
    asked = str(request.get("release", ""))
    found = [one for one in shelf.release_ids(job.root) if asked and one.startswith(asked)]
    if len(found) != 1:
        what = "several releases of {} begin with {}" if found else "no release of {} is {}"
        raise _no_release(job, what.format(job.name, asked or "''"))
    return found[0]


def _no_release(job, message):
    there = shelf.release_ids(job.root) if os.path.isdir(job.root) else []
    names = ", ".join(there) or "nothing"
    return AgentFault("no-release", message, "there is: {}; see rkops deploy --list".format(names))


def _want_whole(job, release):
    state, problem, _ = shelf.inspect(os.path.join(job.root, release), thorough=True)
    if state != shelf.WHOLE:
        raise AgentFault(
            "not-whole",
            "release {} of {} is not whole: {}".format(release, job.name, problem),
            "deploy its model file again",
        )


def list_all(request, _out):
    """Return the models of a directory."""
    with _faults("cannot list the models"):
        return {"models": shelf.list_models(str(request.get("model_dir", "")))}


list_models = shelf.list_models

VERBS = {
    "release-prepare": prepare,
    "release-commit": commit,
    "release-abort": abort,
    "release-renew": renew,
    "release-switch": switch,
    "release-list": list_all,
}
