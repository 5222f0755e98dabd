"""What stands in a model directory: releases, whether they are whole, which one is current.

    <model_dir>/<name>/<sha256-12>/<files>, manifest.json    a release
    <model_dir>/<name>/current -> <sha256-12>                the one applications open
    <model_dir>/<name>/.history                              what was made current, in order

Names that begin with a dot are work in progress, or what is left of it. Reads only.
"""

import json
import os
import re
import stat
import time

MANIFEST = "manifest.json"
HISTORY = ".history"
CURRENT = "current"
WHOLE, DIFFERS, INCOMPLETE, UNCHECKED = "whole", "differs", "incomplete", "unchecked"
_ID = re.compile(r"[0-9a-f]{12}\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_LIMIT_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 20


def is_name(text):
    """Tell whether the text can be a model's or a file's name: no path, nothing hidden."""
    return isinstance(text, str) and _NAME.match(text) is not None


def is_file_entry(entry):
    """Tell whether this describes a file of a release: name, size, sha256."""
    return (
        isinstance(entry, dict)
        and is_name(entry.get("name"))
        and isinstance(entry.get("size"), int)
        and entry["size"] >= 0
        and isinstance(entry.get("sha256"), str)
        and _SHA256.match(entry["sha256"]) is not None
    )


def hash_file(path):
    """Return the SHA-256 of a file's content, in hex."""
    import hashlib  # here: it loads OpenSSL, and most probes have nothing to hash

    digest = hashlib.sha256()
    buffer = bytearray(_CHUNK_BYTES)
    view = memoryview(buffer)
    with open(path, "rb", buffering=0) as source:
        while True:
            count = source.readinto(buffer)
            if not count:
                return digest.hexdigest()
            digest.update(view[:count])


def stamp(status):
    """Return what changes when somebody writes to the file: no one can set back ctime."""
    return {
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "ctime_ns": status.st_ctime_ns,
        "inode": status.st_ino,
    }


def read_manifest(release_dir):
    """Return the manifest of a release, or None when it is missing or damaged."""
    try:
        with open(os.path.join(release_dir, MANIFEST), "rb") as source:
            manifest = json.loads(source.read(_LIMIT_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, list) or not files or not all(map(is_file_entry, files)):
        return None
    return manifest


def inspect(release_dir, thorough=False, until=None):
    """Return (state, problem, manifest) of a release.

    A file whose size, times and inode are those noted when it was verified is taken as whole,
    unless `thorough`; every other one is hashed, as long as the monotonic clock is not past
    `until`.
    """
    manifest = read_manifest(release_dir)
    if manifest is None:
        return INCOMPLETE, "{} is missing or damaged".format(MANIFEST), None
    if not manifest["files"][0]["sha256"].startswith(os.path.basename(release_dir)):
        return DIFFERS, "{} is of another release".format(MANIFEST), manifest
    for entry in manifest["files"]:
        state, problem = _inspect_file(release_dir, entry, thorough, until)
        if state != WHOLE:
            return state, problem, manifest
    return WHOLE, "", manifest


def _inspect_file(release_dir, entry, thorough, until):
    name = entry["name"]
    path = os.path.join(release_dir, name)
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            return DIFFERS, "{} is no regular file".format(name)
        if status.st_size != entry["size"]:
            return DIFFERS, "{} has {} bytes, not {}".format(name, status.st_size, entry["size"])
        noted = all(entry.get(key) == value for key, value in stamp(status).items())
        if noted and not thorough:
            return WHOLE, ""
        if until is not None and time.monotonic() > until:
            return UNCHECKED, "{} was not hashed: out of time".format(name)
        same = hash_file(path) == entry["sha256"]
    except OSError as exc:
        return INCOMPLETE, "{}: {}".format(name, exc.strerror)
    return (WHOLE, "") if same else (DIFFERS, "{} has another sha256".format(name))


def release_ids(root):
    """Return the ids of the releases of one model, sorted; whole or not."""
    return sorted(
        name
        for name in os.listdir(root)
        if _ID.match(name) and stat.S_ISDIR(os.lstat(os.path.join(root, name)).st_mode)
    )


def current_of(root):
    """Return the release id the `current` link names, or an empty string."""
    try:
        target = os.readlink(os.path.join(root, CURRENT))
    except OSError:
        return ""
    return target if _ID.match(target) else ""


def history_of(root):
    """Return the ids that were made current, oldest first; empty when there is no good file."""
    try:
        with open(os.path.join(root, HISTORY), "rb") as source:
            ids = json.loads(source.read(_LIMIT_BYTES).decode("ascii"))
    except (OSError, ValueError, RecursionError):
        return []
    if not isinstance(ids, list):
        return []
    return [one for one in ids if isinstance(one, str) and _ID.match(one)]


def history_up_to(history, current):
    """Return the history that ends with `current`.

    A switch is written down before it is made, so entries after the last mention of `current`
    are switches that never came about.
    """
    if current not in history:
        return history + [current] if current else []
    last = len(history) - 1 - history[::-1].index(current)
    return history[: last + 1]


def previous_of(root):
    """Return the release that was current before this one and is still there, or ''."""
    current = current_of(root)
    there = set(release_ids(root))
    for one in reversed(history_up_to(history_of(root), current)):
        if one != current and one in there:
            return one
    return ""


def list_models(model_dir, seconds=None):
    """Return every model of the directory as `DeployedModel` in JSON; raises OSError.

    `seconds` bounds the hashing: what comes after it is `unchecked`.
    """
    until = None if seconds is None else time.monotonic() + seconds
    model_dir = os.path.expanduser(model_dir)
    try:
        names = sorted(filter(is_name, os.listdir(model_dir)))
    except FileNotFoundError:
        return []
    roots = ((name, os.path.join(model_dir, name)) for name in names)
    models = [
        _describe(name, root, until)
        for name, root in roots
        if not os.path.islink(root) and os.path.isdir(root)
    ]
    return [model for model in models if model["releases"] or model["current"]["is"] == "present"]


def _describe(name, root, until):
    current = current_of(root)
    link = os.path.join(root, CURRENT)
    if current:
        fact = {"is": "present", "value": current, "source": link}
    else:
        fact = {"is": "absent", "looked": link}
    releases = [_describe_release(root, one, until) for one in release_ids(root)]
    return {"name": name, "current": fact, "previous": previous_of(root), "releases": releases}


def _describe_release(root, release, until):
    state, problem, manifest = inspect(os.path.join(root, release), until=until)
    manifest = manifest or {}
    files = manifest.get("files") or [{}]
    pushed_at = manifest.get("pushed_at")
    return {
        "id": release,
        "sha256": files[0].get("sha256", ""),
        "size_bytes": sum(entry.get("size", 0) for entry in files),
        "state": state,
        "target": str(manifest.get("target") or ""),
        "toolkit": str(manifest.get("toolkit") or ""),
        "pushed_at": float(pushed_at) if isinstance(pushed_at, (int, float)) else 0.0,
        "problem": problem,
    }
