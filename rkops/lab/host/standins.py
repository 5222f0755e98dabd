"""Stand-ins for Rockchip's closed files, each marked `rkops simulated` inside.

They carry the real version banners where the real files do, so that whatever reads versions
reads them; they compute nothing.
"""

import base64
import hashlib

from rkops.lab.host.elf import shared_object
from rkops.lab.profile import BANNERS, LitePart, Profile

MARK = "rkops simulated"
SERVER_PATH = "/usr/bin/rknn_server"
LOOP_PATH = "/usr/bin/start_rknn.sh"
INIT_PATH = "/etc/init.d/rknn_server"
_RUN_SERVER = f"LD_PRELOAD=librknnrt.so {SERVER_PATH} infinity"
# By its command line: by name, pkill -x would end the init script too, which has the same.
_STOP_SERVER = f"pkill -f '^{SERVER_PATH} '"


def runtime_library(machine: str, version: str) -> bytes:
    """Return a librknnrt.so of that release which the real loader can open."""
    banner = f"\0librknnrt version: {version} ({BANNERS[version][0]})\0{MARK}\0"
    return shared_object(machine, "librknnrt.so", banner.encode())


def server_binary(sleep_program: bytes, version: str) -> bytes:
    """Return an rknn_server that only sleeps: a program of the board with the banner behind it."""
    banner = f"\0rknn_server version: {version} ({BANNERS[version][1]})\0{MARK}\0"
    return sleep_program + banner.encode()


def server_files(profile: Profile) -> dict[str, str]:
    """Return the scripts that start rknn_server on this board."""
    if profile.server.start == "loop":
        loop = f"#!/bin/sh\n# {MARK}\nwhile true; do\n  {_RUN_SERVER}\n  sleep 1\ndone\n"
        return {LOOP_PATH: loop}
    if profile.server.start == "init":
        return {
            INIT_PATH: (
                f"#!/bin/sh\n# {MARK}\n### BEGIN INIT INFO\n# Provides: rknn_server\n"
                '### END INIT INFO\ncase "$1" in\n'
                f"start) {_RUN_SERVER} </dev/null >/dev/null 2>&1 & ;;\n"
                f"stop) {_STOP_SERVER} ;;\n"
                f"restart) {_STOP_SERVER}; exec $0 start ;;\nesac\n"
            )
        }
    return {}


def server_command(profile: Profile) -> tuple[str, ...]:
    """Return the command that starts rknn_server the way this board does at boot."""
    return {
        "loop": ("/bin/sh", LOOP_PATH),
        "init": ("/bin/sh", INIT_PATH, "start"),
        "hand": ("/bin/sh", "-c", f"{_RUN_SERVER} </dev/null >/dev/null 2>&1 &"),
    }[profile.server.start]


def lite_files(part: LitePart) -> dict[str, str]:
    """Return rknn-toolkit-lite2 as pip would leave it; paths are relative to a site directory."""
    info = f"rknn_toolkit_lite2-{part.version}.dist-info"
    files = {
        "rknnlite/__init__.py": f'"""{MARK}"""\n',
        "rknnlite/api/__init__.py": (
            f'"""{MARK}"""\n\n\nclass RKNNLite:\n    def __init__(self, *_, **__):\n'
            f'        raise RuntimeError("{MARK}: this board has no NPU")\n'
        ),
        f"{info}/METADATA": (
            f"Metadata-Version: 2.1\nName: rknn-toolkit-lite2\nVersion: {part.version}\n"
            f"Summary: {MARK}\n"
        ),
        f"{info}/INSTALLER": "pip\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: {MARK}\nRoot-Is-Purelib: true\n",
        f"{info}/top_level.txt": "rknnlite\n",
    }
    record = "".join(f"{name},{_digest(text)},{len(text)}\n" for name, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    return files


def _digest(text: str) -> str:
    raw = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
