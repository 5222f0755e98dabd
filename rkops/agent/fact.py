"""Three answers to a question about the board: present, absent, unknown."""

import errno

ROOT = "root on the board"


def present(value, source: str = "") -> dict:
    """Return the fact that is there, and where it was read."""
    return {"is": "present", "value": value, "source": source}


def absent(looked: str = "") -> dict:
    """Return the fact that was looked for and is not there."""
    return {"is": "absent", "looked": looked}


def unknown(reason: str, needs: str = "") -> dict:
    """Return the fact that could not be looked at; `needs` says what it would take."""
    return {"is": "unknown", "reason": reason, "needs": needs}


def value_of(fact: dict, default=None):
    """Return the value of a present fact."""
    return fact["value"] if fact["is"] == "present" else default


def from_error(exc: Exception, what: str) -> dict:
    """Turn the exception of a gatherer into its fact: a gatherer never ends the probe."""
    if isinstance(exc, (FileNotFoundError, NotADirectoryError)):
        return absent(what)
    if isinstance(exc, PermissionError):
        return unknown(what + ": permission denied", ROOT)
    if isinstance(exc, OSError) and exc.errno in (errno.ENODEV, errno.ENXIO, errno.ENODATA):
        return absent(what)
    if isinstance(exc, OSError):
        return unknown("%s: %s" % (what, exc.strerror or type(exc).__name__))
    if isinstance(exc, ValueError):
        return unknown("%s: not understood: %s" % (what, str(exc)[:120]))
    return unknown("%s: %s: %s" % (what, type(exc).__name__, str(exc)[:120]))


def look(what: str, function, *args) -> dict:
    """Return the fact `function` gives, or the fact that says why it gave none."""
    try:
        return function(*args)
    except Exception as exc:
        return from_error(exc, what)


def listing(function, *args) -> list:
    """Return the list `function` gives; an empty one when it breaks."""
    try:
        return list(function(*args))
    except Exception:
        return []


def first(facts: list, looked: str) -> dict:
    """Return the first present fact, else the first unknown one, else absent."""
    for wanted in ("present", "unknown"):
        for fact in facts:
            if fact["is"] == wanted:
                return fact
    return absent(looked)
