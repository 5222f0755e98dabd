"""The probe of a board without python3: the script, and its lines as the JSON of BoardFacts.

What the script does not look at is unknown, because there is no python3 on the board.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rkops.fleet import pack

_SCRIPT = Path(__file__).with_name("probe.sh")
_SCHEMA = 1
_NO_PYTHON = "no python3 on the board"
_ROOT = "root on the board"
_BANNER = re.compile(r"version: (\S+) \((\S+?)(?: build)?@(\S+)\)")
_TOO_OLD = re.compile(r"(\S+) is (3\.\d+),")
"""How the agent refuses a Python (rkops/agent/boot.py)."""
_DEVFREQ: dict[str, tuple[str, Callable[[str], object]]] = {
    "governor": ("governor", str),
    "governors": ("available_governors", lambda text: text.split()),
    "frequencies_hz": ("available_frequencies", lambda text: sorted(map(int, text.split()))),
    "cur_hz": ("cur_freq", int),
    "min_hz": ("min_freq", int),
    "max_hz": ("max_freq", int),
}

Json = dict[str, Any]
Lines = Sequence[tuple[str, str]]


@cache
def _script() -> bytes:
    lines = _SCRIPT.read_text("ascii").splitlines()
    return "\n".join(line for line in lines if line and not line.startswith("#")).encode() + b"\n"


def script_name() -> str:
    """Return the name of the script on a board: named for its content, like the agent."""
    return f"probe-{hashlib.sha256(_script()).hexdigest()[:16]}.sh"


def script_file() -> Path:
    """Return a file of this machine that holds the script, for a push."""
    return pack.stored(script_name(), _script())


def _present(value: object, source: str = "") -> Json:
    return {"is": "present", "value": value, "source": source}


def _absent(looked: str = "") -> Json:
    return {"is": "absent", "looked": looked}


def _unknown(reason: str = _NO_PYTHON, needs: str = "python3") -> Json:
    return {"is": "unknown", "reason": reason, "needs": needs}


def _fact(text: str | None, parse: Callable[[str], object] = str, source: str = "") -> Json:
    """Turn one value of the script into a fact."""
    if text is None:
        return _absent()
    mark, rest = text[:1], text[1:].strip(" |")
    if mark == "-":
        return _absent(rest)
    if mark != "=":
        return _unknown(rest, _ROOT)
    try:
        return _present(parse(rest), source)
    except ValueError:
        return _unknown(f"not understood: {rest[:80]}", "")


def _banner(text: str) -> Json:
    match = _BANNER.search(text)
    if match is None:
        raise ValueError(text)
    return {"number": match[1], "commit": match[2], "built": match[3]}


def _driver(text: str) -> str:
    match = re.search(r"v?(\d+\.\d+\.\d+\w*)", text)
    if match is None:
        raise ValueError(text)
    return match[1]


def _loads(text: str) -> list[int]:
    found = [int(number) for number in re.findall(r"(\d+)%", text)]
    if not found:
        raise ValueError(text)
    return found


def _os_name(text: str) -> str:
    match = re.search(r'PRETTY_NAME="?([^"]*)"?', text)
    return match[1] if match else text[:80]


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def facts_json(lines: Lines, request: Mapping[str, Any], *, too_old: str = "") -> bytes:
    """Return what the script said as the JSON that `rkops.facts.parse` reads.

    `too_old` is what a python3 said that cannot run the agent: then that is the reason.
    """
    said = dict(lines)
    facts = {
        "schema": _SCHEMA,
        "by": "sh",
        "identity": _identity(said),
        "session": _session(said),
        "system": _system(said),
        "runtime": _runtime(lines),
        "server": _server(lines, said),
        "npu": _npu(lines, said),
        "clocks": {"npu": _devfreq("npu", said), "dmc": _devfreq("dmc", said), "cpu": []},
        "thermal": [
            {"type": key[5:], "temp_c": _fact(value, lambda text: int(text) / 1000)}
            for key, value in lines
            if key.startswith("zone@")
        ],
        "memory": _memory(said.get("meminfo", "")),
        "storage": _storage(said, str(request.get("model_dir") or "/")),
        "pythons": _pythons(too_old),
        "path_files": _unknown(),
        "adb": _adb(said, str(request.get("via") or "")),
    }
    if too_old:
        _explain(facts, too_old)
    return json.dumps(facts, separators=(",", ":")).encode()


def _explain(part: object, why: str) -> None:
    """Give `why` as the reason wherever the facts say that there is no python3."""
    if isinstance(part, list):
        for item in part:
            _explain(item, why)
    elif isinstance(part, dict):
        if part.get("is") == "unknown" and part.get("reason") == _NO_PYTHON:
            part["reason"] = why
        for item in part.values():
            _explain(item, why)


def _pythons(too_old: str) -> Json:
    """Return the interpreter that was too old as a fact; it was not asked for more."""
    found = _TOO_OLD.match(too_old)
    if found is None:
        return _absent("a python3 of version 3.7 or newer")
    path, version = found.groups()
    python: Json = {"path": path, "real": path, "version": version, "wanted": True}
    python.update(externally_managed=False, venv=False, pip=_unknown())
    python.update(root=_unknown(), users=_unknown())
    return _present([python], path)


def _identity(said: Mapping[str, str]) -> Json:
    key = said.get("key", "")
    return {
        "key": key,
        "serial": _fact(said.get("serial")),
        "mac": _present(key[4:], "bootstrap") if key.startswith("mac:") else _unknown(),
        "machine_id": _fact(said.get("machine-id")),
    }


def _session(said: Mapping[str, str]) -> Json:
    root = said.get("uid") == "0"
    return {
        "user": said.get("user", ""),
        "uid": _number(said.get("uid")),
        "home": said.get("home", ""),
        "groups": said.get("groups", "").split(),
        "sudo": _present("root") if root else _unknown(),
    }


def _system(said: Mapping[str, str]) -> Json:
    return {
        "compatible": _fact(
            said.get("compatible"), lambda text: [part for part in text.split("|") if part.strip()]
        ),
        "model": _fact(said.get("model")),
        "os": _fact(said.get("os"), _os_name),
        "kernel": _fact(said.get("kernel"), source="uname -r"),
        "arch": said.get("arch", ""),
        "glibc": _fact(said["glibc"]) if "glibc" in said else _unknown(),
        "init": _fact(said.get("init")),
        "simulated": "simulated" in said,
        "epoch": float(_number(said.get("epoch"))),
    }


def _runtime(lines: Lines) -> Json:
    copies: list[Json] = []
    for key, value in lines:
        if key == "lib":
            size, path, real = [*value.split("|"), "", ""][:3]
            copies.append(
                {
                    "path": path,
                    "real": real,
                    "size_bytes": _number(size),
                    "version": _unknown(),
                }
            )
        elif key == "lib-version" and copies:
            copies[-1]["version"] = _fact(value, _banner, copies[-1]["path"])
    loaded = _unknown()
    if not copies:
        loaded = _absent("librknnrt.so in the library directories")
    elif len(copies) == 1:
        loaded = _present(copies[0]["real"], "the only copy")
    return {"copies": copies, "loaded": loaded, "mapped": _unknown()}


def _server(lines: Lines, said: Mapping[str, str]) -> Json:
    processes = [
        {
            "pid": _number(pid),
            "user": "root" if uid == "0" else f"uid {uid or 'unknown'}",
            "exe": said.get("server", "=")[1:],
            "stale": [],
            "readable": False,
        }
        for pid, _, uid in (value.partition(" ") for key, value in lines if key == "server-process")
    ]
    return {
        "file": _fact(said.get("server", "-rknn_server in /usr/bin")),
        "version": _fact(said.get("server-version"), _banner, said.get("server", "=")[1:]),
        "processes": _present(processes, "/proc/*/comm") if "processes" in said else _unknown(),
        "starter": _unknown(),
    }


def _npu(lines: Lines, said: Mapping[str, str]) -> Json:
    routes: list[Json] = [
        {"source": key[7:], "version": _fact(value, _driver, key[7:])}
        for key, value in lines
        if key.startswith("driver@")
    ]
    best = {"present": 0, "unknown": 1, "absent": 2}
    versions: list[Json] = [route["version"] for route in routes]
    versions.sort(key=lambda fact: best[fact["is"]])
    return {
        "driver": versions[0] if versions else _unknown(),
        "routes": routes,
        "kernel_driver": _fact(said.get("kernel-driver")),
        "nodes": [value for key, value in lines if key == "node"],
        "nodes_usable": _unknown(),
        "load_percent": _fact(said.get("load"), _loads),
        "iommu": _unknown(),
        "power": _fact(said.get("power")),
    }


def _devfreq(key: str, said: Mapping[str, str]) -> Json:
    path = said.get(key)
    if path is None:
        return _absent("/sys/class/devfreq")
    facts: Json = {
        name: _fact(said.get(f"{key}-{file}"), parse) for name, (file, parse) in _DEVFREQ.items()
    }
    return _present({"path": path, **facts}, path)


def _memory(text: str) -> Json:
    def area(name: str) -> Json:
        match = re.search(rf"\b{name}:\s+(\d+) kB", text)
        return _present(int(match[1]) * 1024, "/proc/meminfo") if match else _absent(name)

    return {
        "total_bytes": area("MemTotal"),
        "available_bytes": area("MemAvailable"),
        "cma_total_bytes": area("CmaTotal"),
        "cma_free_bytes": area("CmaFree"),
    }


def _storage(said: Mapping[str, str], model_dir: str) -> Json:
    free = said.get("free-kb")
    known = free is not None and free.isdigit()
    return {
        "model_dir": model_dir,
        "exists": "model-dir-exists" in said,
        "writable": "model-dir-writable" in said,
        "read_only": "model-dir-read-only" in said,
        "free_bytes": _present(_number(free) * 1024, "df") if known else _unknown(),
        "models": _unknown(),
        "blocked_by": said.get("model-dir-blocked", ""),
    }


def _adb(said: Mapping[str, str], via: str) -> Json:
    port = said.get("adb-port")
    root = _unknown()
    if via == "adb":
        root = _present(said.get("uid") == "0", "the account of this adb session")
    elif "adbd" in said:
        root = _present(said["adbd"] == "0", "the owner of adbd")
    return {
        "tcp_port": _present(int(port), "getprop") if port and port.isdigit() else _unknown(),
        "root": root,
    }
