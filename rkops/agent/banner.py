"""Versions inside Rockchip's binaries: found in the bytes, no `strings` needed.

Texts: `librknnrt version: 2.3.2 (429f97ae6b@2025-04-09T09:09:27)` and
`rknn_server version: 2.3.2 (1842325 build@2025-03-30T09:54:34)`.
"""

import mmap
import re

from rkops.agent.fact import absent, look, present

RUNTIME = re.compile(rb"librknnrt version: ([\w.+-]{1,40}) \((\w{1,40})@([\w:.+-]{1,40})\)")
SERVER = re.compile(rb"rknn_server version: ([\w.+-]{1,40}) \((\w{1,40}) build@([\w:.+-]{1,40})\)")


def _scan(tree, path: str, pattern) -> dict:
    with open(tree.at(path), "rb") as stream:
        try:
            data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # mmap refuses an empty file
            return absent("version text in " + path)
        with data:
            # find first: it is ten times faster than the pattern on megabytes of code.
            at = data.find(pattern.pattern[:19])
            while at >= 0:
                found = pattern.match(data[at : at + 200])
                if found:
                    number, commit, built = (part.decode("ascii") for part in found.groups())
                    version = {"number": number, "commit": commit, "built": built}
                    return present(version, path)
                at = data.find(pattern.pattern[:19], at + 1)
    return absent("version text in " + path)


def version(tree, path: str, pattern) -> dict:
    """Return the Version in a file as a fact."""
    return look(path, _scan, tree, path, pattern)
