"""What others could do with the board."""

from rkops.checks.registry import check
from rkops.core.outcome import Outcome, Severity, failed, passed, skipped
from rkops.facts.board import AdbExposure, BoardFacts
from rkops.facts.fact import Absent, Present, Unknown


@check("RKX101", "adb is not open to the network as root", severity=Severity.INFO)
def adb_open(adb: AdbExposure) -> Outcome:
    """Adbd listens on TCP and gives a root shell.

    Why: whoever reaches the port is root; adb over TCP has no password and most board images ask
    for no key. Fine on a closed bench.
    Fix: keep the board in a network of its own, or use ssh.
    """
    match adb.tcp_port, adb.root:
        case (Unknown(reason=reason, needs=needs), _) | (_, Unknown(reason=reason, needs=needs)):
            return skipped(f"not known: {reason}", needs=needs)
        case Present(value=port), Present(value=True):
            return failed(
                f"adbd gives a root shell to everyone who reaches port {port}",
                hint="keep the board in a closed network, or use ssh",
            )
        case _:
            return passed("adb gives no root shell over the network")


@check("RKX120", "Root imports only what root may write", severity=Severity.WARNING)
def path_files(facts: BoardFacts) -> Outcome:
    """A `.pth` file makes root's Python import from a directory another account can write.

    Why: that account can run code as root whenever root starts Python. Such files are a common
    way round RKP111.
    Fix: install the package for all accounts and remove the `.pth` file.
    """
    match facts.path_files:
        case Unknown(reason=reason, needs=needs):
            return skipped(f"not readable: {reason}", needs=needs)
        case Present(value=files) if files:
            said = "; ".join(f"{f.path} leads to {f.target} ({f.writer} may write)" for f in files)
            return failed(
                f"root imports from a directory others can write: {said}",
                hint="install the package for all accounts, then remove the .pth file",
                commands=tuple(dict.fromkeys(f"sudo rm {file.path}" for file in files)),
            )
        case Present() | Absent():
            return passed("no .pth file leads root to others' directories")
