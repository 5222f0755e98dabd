"""A process of boards that write files for real: ADB daemons, and OpenSSH's sshd.

    python bench/file_boards.py adb --boards 20 [--manner legacy --payload 4096 --delay 0.0003]
    python bench/file_boards.py sshd --place DIR

Prints one JSON line once all answer, and ends with its stdin.
"""

import argparse
import getpass
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

from rkops.lab.adb.daemon import Manner
from rkops.lab.faults import Faults
from rkops.lab.here.endpoint import HereEndpoint
from rkops.lab.wire.boards import WireBoard, WireLab

SSHD = "/usr/sbin/sshd"


def adb(options: argparse.Namespace) -> None:
    """Serve ADB daemons on addresses of their own."""
    boards = [
        WireBoard(
            f"f{number}",
            HereEndpoint(),
            manner=Manner[options.manner.upper()],
            faults=Faults(delay_seconds=options.delay, payload_bytes=options.payload),
        )
        for number in range(options.boards)
    ]
    with WireLab(boards) as lab:
        print(json.dumps([address.serial for address in lab.adb.values()]), flush=True)
        sys.stdin.read()


def sshd(options: argparse.Namespace) -> None:
    """Serve one sshd; its keys and the client's are made in `place`, the account's home too.

    (A home of its own, since a slow shell profile would be measured with every command.)
    """
    place: Path = options.place
    for name in ("host", "client"):
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / name)]
        subprocess.run(keygen, check=True)
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    (place / "authorized").write_text((place / "client.pub").read_text())
    config = place / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {place}/host\nUsePAM no\n"
        f"AuthorizedKeysFile {place}/authorized\nStrictModes no\nPidFile none\n"
        f"SetEnv HOME={place}\nPermitRootLogin yes\nMaxStartups 100\nMaxSessions 100\n"
        "Subsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL)
    public = (place / "host.pub").read_text()
    (place / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    while socket.socket().connect_ex(("127.0.0.1", port)):
        time.sleep(0.05)
    try:
        print(json.dumps({"port": port, "user": getpass.getuser()}), flush=True)
        sys.stdin.read()
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    kinds = parser.add_subparsers(dest="kind", required=True)
    boards = kinds.add_parser("adb")
    boards.add_argument("--boards", type=int, default=1)
    boards.add_argument("--manner", default="modern")
    boards.add_argument("--payload", type=int, default=None)
    boards.add_argument("--delay", type=float, default=0.0)
    kinds.add_parser("sshd").add_argument("--place", type=Path, required=True)
    options = parser.parse_args()
    {"adb": adb, "sshd": sshd}[options.kind](options)


if __name__ == "__main__":
    main()
