"""First code of the packed agent (its `__main__.py`): any Python 3 can compile and run this.

Python keeps no compiled code of an archive, and to compile the agent anew takes a slow board
longer than to run it. So the first run leaves the compiled modules beside the archive.
"""

import sys
import zlib

TAG = getattr(sys.implementation, "cache_tag", None) or "none"
STALE_SECONDS = 30 * 86400


def refuse_old_python():
    """Say that this Python is too old; the host then looks for another, else uses sh."""
    import json

    message = "%s is %d.%d, 3.7 is needed" % ((sys.executable or "python3",) + sys.version_info[:2])
    text = json.dumps({"code": "old-python", "message": message, "hint": ""}).encode("ascii")
    for number, (kind, body) in enumerate((("error", text), ("end", b"1"))):
        check = zlib.crc32(body) & 0xFFFFFFFF
        head = "%s@rkops %s j %d %08x " % ("\n"[number:], kind, len(body), check)
        sys.stdout.write(head + body.decode("ascii") + "\n")
    return 1


class Compiled:
    """Finds the agent's modules among compiled code."""

    def __init__(self, codes):
        self.codes = codes

    def find_spec(self, name, path=None, target=None):
        """Return the spec of a module of ours, else None."""
        del path, target
        if name not in self.codes:
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self, is_package=name in ("rkops", "rkops.agent"))

    def create_module(self, spec):
        """Leave it to Python to make the module."""
        del spec

    def exec_module(self, module):
        """Run the module's code."""
        exec(self.codes[module.__name__], module.__dict__)  # noqa: S102 - this is an importer


def load(path):
    """Return the compiled modules in a file; None when it is missing or damaged."""
    import marshal

    try:
        with open(path, "rb") as stream:
            data = stream.read()
        if len(data) < 4 or zlib.crc32(data[4:]) != int.from_bytes(data[:4], "big"):
            return None
        return marshal.loads(data[4:])  # noqa: S302 - our own file, in a directory only we write
    except (OSError, ValueError, EOFError, TypeError):
        return None


def store(archive, path):
    """Compile the archive's modules into a file; a full disk just goes without."""
    import marshal
    import os
    import zipfile

    if os.stat(archive).st_uid != os.geteuid():
        return  # root by sudo leaves nothing of its own in the account's directory
    codes = {}
    with zipfile.ZipFile(archive) as members:
        for name in members.namelist():
            if name.startswith("rkops/"):
                dotted = name[: -len(".py")].replace("/", ".")
                if dotted.endswith(".__init__"):
                    dotted = dotted[: -len(".__init__")]
                codes[dotted] = compile(members.read(name), name, "exec", dont_inherit=True)
    data = marshal.dumps(codes)
    temporary = "%s.%d" % (path, os.getpid())
    try:
        with open(temporary, "wb") as stream:
            stream.write(zlib.crc32(data).to_bytes(4, "big") + data)
        os.rename(temporary, path)
    except OSError:
        if os.path.exists(temporary):
            os.unlink(temporary)


def sweep(archive):
    """Remove what other versions of rkops left in the agent's directory a month ago."""
    import os
    import time

    directory = os.path.dirname(archive)
    mine = os.path.basename(archive)[: -len(".pyz")]
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        ours = name.startswith(("agent-", "probe-", "request-", ".push-"))
        if not ours or name.startswith(mine):
            continue
        if time.time() - os.lstat(path).st_mtime > STALE_SECONDS:
            os.unlink(path)


def start(archive):
    """Run the agent, from compiled code where there is some."""
    if sys.version_info < (3, 7):
        return refuse_old_python()
    kept = "%s.%s" % (archive[: -len(".pyz")], TAG)
    codes = load(kept)
    if codes is not None:
        sys.meta_path.insert(0, Compiled(codes))
    from rkops.agent.__main__ import main

    code = main(sys.argv[1:])
    if codes is None and archive.endswith(".pyz"):
        try:
            store(archive, kept)
            sweep(archive)
        except OSError:
            pass  # read-only or full: the next run compiles again
    return code


if __name__ == "__main__":
    sys.exit(start(sys.argv[0]))
