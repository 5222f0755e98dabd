"""The steps of a deploy on the board, each safe to be the last one before a power cut.

Their order is what makes a cut harmless; docs/deploy.md tells it as a story and tests/crash
replays it. At every moment `current` names nothing, the old or the new release, and what it
names is whole on the medium.
"""

import json
import os

from rkops.agent import leftovers, shelf
from rkops.agent.files import Disk
from rkops.agent.frames import AgentFault
from rkops.agent.lock import BoardLock

_HISTORY_LENGTH = 32


class Job:
    """One request about one model: the places it works in, and who asks."""

    def __init__(self, request, disk=None, lock=None):
        self.disk = disk or Disk()
        self.model_dir = os.path.expanduser(str(request.get("model_dir", "")))
        self.name = request.get("name", "")
        self.holder = request.get("holder")
        if not os.path.isabs(self.model_dir):
            raise bad_request("model_dir must be an absolute path", self.model_dir)
        if not shelf.is_name(self.name):
            raise bad_request("not a usable model name", self.name)
        if not isinstance(self.holder, dict) or not shelf.is_name(self.holder.get("token")):
            raise bad_request("holder needs a token", self.holder)
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
        """Remove what dead pushes left; return the names removed, and what stays and why."""
        return leftovers.sweep(self.disk, self.model_dir)


def bad_request(what, value):
    """Return the fault of a request that no host of this version sends."""
    return AgentFault("bad-request", "{}: {!r}".format(what, value), "rkops and its agent disagree")


def verify(job, files):
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


def settle(job, files, said):
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


def place(job, release):
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


def announce(job, release):
    """Write down the switch before it is made, so that rollback knows the way back."""
    history = shelf.history_up_to(shelf.history_of(job.root), shelf.current_of(job.root))
    data = json.dumps((history + [release])[-_HISTORY_LENGTH:]).encode("ascii")
    path = job.in_root(".history-")
    job.disk.write(path, data)
    job.disk.fsync(path)
    job.disk.rename(path, os.path.join(job.root, shelf.HISTORY))


def sync_up(job):
    """Bring the names on the way to the release onto the medium, up to the mount point."""
    path = job.root
    while True:
        job.disk.fsync_dir(path)
        if os.path.ismount(path) or not os.access(os.path.dirname(path), os.R_OK | os.W_OK):
            return  # above a mount point, or where we may not write, no name is ours
        path = os.path.dirname(path)


def point(job, release):
    """Let `current` name the release, in one step."""
    link = job.in_root(".current-")
    job.disk.symlink(release, link)
    job.disk.rename(link, os.path.join(job.root, shelf.CURRENT))
    job.disk.fsync_dir(job.root)


def prune(job, keep):
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
    problems = [leftovers.obstacle(os.path.join(job.root, one)) for one in surplus]
    surplus = [one for one, problem in zip(surplus, problems) if not problem]
    try:
        for one in surplus:
            job.disk.rename(os.path.join(job.root, one), job.in_root(".trash-", "-" + one))
        if surplus:
            job.disk.fsync_dir(job.root)
        problems += job.sweep()[1]
    except OSError as exc:
        return shelf.release_ids(job.root), [], leftovers.sentence_of(exc, job.root)
    return [one for one in ids if one not in surplus], surplus, "; ".join(filter(None, problems))
