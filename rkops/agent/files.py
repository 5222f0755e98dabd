"""Every change the release verbs make to the board's file system goes through `Disk`.

One small door, so that the crash tests can stand a recorder in for it and replay what a
power cut may leave behind. Reading needs no door.
"""

import errno
import os
import stat

from rkops.agent.frames import AgentFault

_NO_DIRECTORY_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF)


class Disk:
    """The operations that change the board's disk, each one system call or as near as can be."""

    def mkdir(self, path):
        """Make one directory that everybody may read, whatever the umask is."""
        os.mkdir(path, 0o755)
        os.chmod(path, 0o755)  # noqa: S103 - applications of other accounts load the models

    def write(self, path, data):
        """Write a new file; one that is already there is an error."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
        finally:
            os.close(handle)

    def fsync(self, path):
        """Return once the content of a file is on the medium."""
        _sync(path, os.O_RDONLY)

    def fsync_dir(self, path):
        """Return once the names in a directory are on the medium.

        A file system that cannot sync a directory (some FUSE mounts) keeps no promise about
        names at all; it is used as it is.
        """
        try:
            _sync(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as exc:
            if exc.errno not in _NO_DIRECTORY_SYNC:
                raise

    def rename(self, old, new):
        """Give a file or directory another name; a file that has the name is replaced."""
        os.rename(old, new)

    def symlink(self, target, path):
        """Make a link that must not be there yet."""
        os.symlink(target, path)

    def unlink(self, path):
        """Remove a file or a link."""
        os.unlink(path)

    def rmdir(self, path):
        """Remove an empty directory."""
        os.rmdir(path)

    def remove_tree(self, path):
        """Remove a file, a link or a directory with all that is in it; nothing there is fine."""
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(mode):
            self.unlink(path)
            return
        for last in (False, False, True):
            for name in sorted(os.listdir(path)):
                self.remove_tree(os.path.join(path, name))
            try:
                self.rmdir(path)
            except OSError as exc:
                # The daemon of a dead push may still have begun one more file in it.
                if last or exc.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            else:
                return


def _sync(path, flags):
    handle = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_FAULTS = {
    errno.ENOSPC: ("no-space", "free space on the board, or set another model-dir"),
    errno.EDQUOT: ("no-space", "the account's disk quota is used up: free space on the board"),
    errno.EROFS: (
        "read-only",
        "set a model-dir on a writable file system; if it turned read-only by itself, see dmesg",
    ),
    errno.EACCES: ("not-permitted", "log in as an account that may write there, or chown it"),
    errno.EPERM: (
        "not-permitted",
        "set another model-dir: this file system knows no links (vfat), or it is protected",
    ),
    errno.ENOENT: ("missing", "somebody removed it meanwhile: deploy again"),
    errno.EIO: ("io-error", "the board's storage fails: see dmesg on the board"),
    errno.ENOTDIR: ("bad-path", "a file stands where a directory is wanted: set another model-dir"),
    errno.ELOOP: ("bad-path", "links go round in a circle there: set another model-dir"),
}


def fault_of(exc, doing):
    """Turn an OSError into the fault that says what broke while `doing` what, and what to try."""
    code, hint = _FAULTS.get(exc.errno, ("os-error", "see the board's own log: dmesg"))
    where = " ({})".format(exc.filename) if exc.filename else ""
    return AgentFault(code, "{}: {}{}".format(doing, exc.strerror or exc, where), hint)
