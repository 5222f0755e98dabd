"""Releases of models on the board: put there whole, switched in one step, pruned, rolled back.

The order of the steps is what makes a power cut harmless; docs/deploy.md tells it as a story
and tests/crash replays it. At every moment `current` names nothing, the old or the new
release, and what it names is whole on the medium.
"""

import json
import os
import time
from contextlib import contextmanager, suppress

from rkops.agent import shelf
from rkops.agent.files import Disk, fault_of
from rkops.agent.frames import AgentFault
from rkops.agent.lock import LEASE_SECONDS, BoardLock

KEEP = 3
_MARGIN_BYTES = 16 << 20
_HISTORY_LENGTH = 32
_LEFTOVERS = (".incoming-", ".trash-", ".history-", ".current-")


class Job:
    """One request about one model: the places it works in, and who asks."""

    def __init__(self, request, disk=None, lock=None):
        self.disk = disk or Disk()
        self.model_dir = os.path.expanduser(str(request.get("model_dir", "")))
        self.name = request.get("name", "")
        self.holder = request.get("holder")
        if not os.path.isabs(self.model_dir):
            raise _bad("model_dir must be an absolute path", self.model_dir)
        if not shelf.is_name(self.name):
            raise _bad("not a usable model name", self.name)
        if not isinstance(self.holder, dict) or not shelf.is_name(self.holder.get("token")):
            raise _bad("holder needs a token", self.holder)
        self.root = os.path.join(self.model_dir, self.name)
        self.incoming = os.path.join(self.root, ".incoming-" + self.holder["token"])
        self.lock = lock or BoardLock(self.model_dir)

    def in_root(self, prefix, release=""):
        """Return a name of our own in the model's directory, for work in progress."""
        return os.path.join(self.root, "{}{}{}".format(prefix, self.holder["token"], release))

    def make_dirs(self):
        """Make the model's directory and what is missing above it."""
        missing = []
        path = self.root
        while not os.path.lexists(path):
            missing.append(path)
            path = os.path.dirname(path)
        for path in reversed(missing):
            self.disk.mkdir(path)
        if os.path.islink(self.root) or not os.path.isdir(self.root):
            raise AgentFault(
                "bad-path",
                "{} is no directory".format(self.root),
                "move it away, or deploy under another --name",
            )

    def sweep(self):
        """Remove what pushes that never came to their end left behind."""
        removed = []
        for name in sorted(filter(shelf.is_name, os.listdir(self.model_dir))):
            root = os.path.join(self.model_dir, name)
            if os.path.islink(root) or not os.path.isdir(root):
                continue
            for entry in sorted(os.listdir(root)):
                if entry.startswith(_LEFTOVERS):
                    self.disk.remove_tree(os.path.join(root, entry))
                    removed.append("{}/{}".format(name, entry))
        return removed


def _bad(what, value):
    return AgentFault("bad-request", "{}: {!r}".format(what, value), "rkops and its agent disagree")


@contextmanager
def _faults(doing):
    try:
        yield
    except OSError as exc:
        raise fault_of(exc, doing) from exc


def prepare(request, _out, disk=None, lock=None):
    """Take the lock, sweep, and say where to push; or that the release is there already."""
    job = Job(request, disk, lock)
    files = _files_of(request)
    release = files[0]["sha256"][:12]
    with _faults("cannot prepare {}".format(job.root)):
        job.make_dirs()
        with job.lock:
            owner = job.lock.take(job.holder)
            if owner:
                return {"state": "busy", "owner": owner}
            try:
                swept = job.sweep()
                state, problem, _ = shelf.inspect(os.path.join(job.root, release))
                answer = {
                    "state": "present" if state == shelf.WHOLE else "ready",
                    "dir": job.incoming,
                    "release": release,
                    "current": shelf.current_of(job.root),
                    "previous": shelf.previous_of(job.root),
                    "swept": swept,
                    "lease_seconds": LEASE_SECONDS,
                    "problem": problem if os.path.isdir(os.path.join(job.root, release)) else "",
                }
                if state == shelf.WHOLE:
                    job.lock.give_back(job.holder)
                    return answer
                _want_space(job.root, sum(entry["size"] for entry in files))
                job.disk.mkdir(job.incoming)
            except BaseException:
                job.lock.give_back(job.holder)
                raise
    return answer


def _files_of(request):
    files = request.get("files")
    if not isinstance(files, list) or not files or not all(map(shelf.is_file_entry, files)):
        raise _bad("files must be a list of name, size, sha256", files)
    return files


def _want_space(root, size):
    status = os.statvfs(root)
    free = status.f_bavail * status.f_frsize
    if free < size + _MARGIN_BYTES:
        raise AgentFault(
            "no-space",
            "the model needs {:.1f} MB and {:.0f} MB to spare, {} has {:.1f} MB free".format(
                size / 1e6, _MARGIN_BYTES / 1e6, root, free / 1e6
            ),
            "free space on the board, or set another model-dir",
        )


def commit(request, _out, disk=None, lock=None):
    """Verify what was pushed, make it a release on the medium, switch to it, prune.

    A failure leaves `current` as it was, the pushed files removed and the lock given back.
    """
    job = Job(request, disk, lock)
    files = _files_of(request)
    with _faults("cannot finish {}".format(job.root)), job.lock:
        job.lock.renew(job.holder)
        try:
            return _commit(job, files, request)
        except BaseException:
            _forget(job)
            raise
        finally:
            job.lock.give_back(job.holder)


def _commit(job, files, request):
    release = files[0]["sha256"][:12]
    before = shelf.current_of(job.root)
    started = time.monotonic()
    _verify(job, files)
    hashed = time.monotonic()
    _settle(job, files, request.get("manifest") or {})
    _place(job, release)
    switch = before != release and request.get("switch", True)
    if switch:
        _announce(job, release)
    _sync_up(job)
    if switch:
        _switch(job, release)
    synced = time.monotonic()
    kept, removed, problem = _prune(job, request.get("keep", KEEP))
    return {
        "release": release,
        "previous": shelf.previous_of(job.root),
        "kept": kept,
        "removed": removed,
        "problem": problem,
        "hash_seconds": round(hashed - started, 6),
        "sync_seconds": round(synced - hashed, 6),
    }


def _verify(job, files):
    """Compare every pushed file with what the host said, and drop what it did not name."""
    wanted = {entry["name"]: entry for entry in files}
    for name in sorted(os.listdir(job.incoming)):
        if name not in wanted:
            job.disk.remove_tree(os.path.join(job.incoming, name))
    for name, entry in sorted(wanted.items()):
        path = os.path.join(job.incoming, name)
        size = os.path.getsize(path)
        if size != entry["size"]:
            raise AgentFault(
                "damaged",
                "{} came with {} of {} bytes".format(name, size, entry["size"]),
                "deploy again; is the board's storage full or the link bad?",
            )
        if shelf.hash_file(path) != entry["sha256"]:
            raise AgentFault(
                "damaged",
                "{} has another sha256 on the board than here".format(name),
                "deploy again; if it stays so, test the board's storage and memory",
            )
        job.lock.renew(job.holder)


def _settle(job, files, said):
    """Bring the release onto the medium under its temporary name."""
    for entry in files:
        job.disk.fsync(os.path.join(job.incoming, entry["name"]))
        job.lock.renew(job.holder)
    stamped = [
        dict(
            shelf.stamp(os.lstat(os.path.join(job.incoming, entry["name"]))),
            name=entry["name"],
            sha256=entry["sha256"],
        )
        for entry in files
    ]
    manifest = dict(said, files=stamped, holder=str(job.holder.get("who", "")))
    path = os.path.join(job.incoming, shelf.MANIFEST)
    job.disk.write(path, (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode("ascii"))
    job.disk.fsync(path)
    job.disk.fsync_dir(job.incoming)


def _place(job, release):
    """Give the release its name; one of that name that is not whole is moved out of the way."""
    path = os.path.join(job.root, release)
    if not os.path.lexists(path):
        job.disk.rename(job.incoming, path)
        return
    aside = job.in_root(".trash-", "-" + release)
    job.disk.rename(path, aside)
    try:
        job.disk.rename(job.incoming, path)
    except OSError:
        job.disk.rename(aside, path)
        raise


def _announce(job, release):
    """Write down the switch before it is made, so that rollback knows the way back."""
    history = shelf.history_up_to(shelf.history_of(job.root), shelf.current_of(job.root))
    data = json.dumps((history + [release])[-_HISTORY_LENGTH:]).encode("ascii")
    path = job.in_root(".history-")
    job.disk.write(path, data)
    job.disk.fsync(path)
    job.disk.rename(path, os.path.join(job.root, shelf.HISTORY))


def _sync_up(job):
    """Bring the names on the way to the release onto the medium, up to the mount point."""
    path = job.root
    while True:
        job.disk.fsync_dir(path)
        if os.path.ismount(path) or not os.access(os.path.dirname(path), os.R_OK | os.W_OK):
            return  # above a mount point, or where we may not write, no name is ours
        path = os.path.dirname(path)


def _switch(job, release):
    link = job.in_root(".current-")
    job.disk.symlink(release, link)
    job.disk.rename(link, os.path.join(job.root, shelf.CURRENT))
    job.disk.fsync_dir(job.root)


def _prune(job, keep):
    """Remove the oldest releases beyond `keep`, never the current or the previous one.

    The new release stands already, so a failure here is told and harms nothing.
    """
    ids = shelf.release_ids(job.root)
    history = shelf.history_of(job.root)
    needed = {shelf.current_of(job.root), shelf.previous_of(job.root)}

    def newness(release):
        manifest = shelf.read_manifest(os.path.join(job.root, release)) or {}
        pushed = manifest.get("pushed_at")
        used = len(history) - history[::-1].index(release) if release in history else 0
        return release in needed, used, pushed if isinstance(pushed, (int, float)) else 0

    ids.sort(key=newness, reverse=True)
    surplus = [one for one in ids[max(1, int(keep)) :] if one not in needed]
    try:
        for one in surplus:
            job.disk.rename(os.path.join(job.root, one), job.in_root(".trash-", "-" + one))
        if surplus:
            job.disk.fsync_dir(job.root)
        job.sweep()
    except OSError as exc:
        return shelf.release_ids(job.root), [], str(exc)
    return [one for one in ids if one not in surplus], surplus, ""


def _forget(job):
    """Remove the work in progress; what cannot be removed, the next deploy sweeps."""
    with suppress(OSError):
        job.sweep()


def abort(request, _out, disk=None, lock=None):
    """Give up a push: remove its files and give the lock back."""
    job = Job(request, disk, lock)
    if not os.path.isdir(job.model_dir):
        return {"removed": []}
    with _faults("cannot clean up {}".format(job.root)), job.lock:
        there = os.path.isdir(job.incoming)
        job.disk.remove_tree(job.incoming)
        job.lock.give_back(job.holder)
    return {"removed": [job.incoming] if there else []}


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
                _announce(job, release)
                _sync_up(job)
                _switch(job, release)
        finally:
            job.lock.give_back(job.holder)
    return {"state": "done", "release": release, "previous": before, "changed": release != before}


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
