"""Reaching the board: who answers, what its clock says, and why a board gave no answer."""

from datetime import UTC, datetime

from rkops.checks.registry import also_lost_by, check, loss_check
from rkops.checks.subject import Clock, Wanted
from rkops.core.errors import (
    AdbServerError,
    AgentError,
    AgentReplyError,
    AuthFailedError,
    BoardOfflineError,
    BoardRefusedError,
    BoardUnauthorizedError,
    BoardUnreachableError,
    DeadlineError,
    HostKeyChangedError,
    HostKeyUnknownError,
    LinkLostError,
    RkopsError,
    TransferError,
    WrongBoardError,
)
from rkops.core.outcome import Outcome, Severity, failed, passed, skipped
from rkops.facts.board import Identity, System
from rkops.facts.fact import value_of
from rkops.knowledge.limits import Limits


@check("RKC110", "The board is the recorded one", severity=Severity.ERROR)
def identity_same(identity: Identity, wanted: Wanted) -> Outcome:
    """Another board answers at this address than the one the inventory knows.

    Why: addresses move (DHCP, a swapped board, a cloned card). What holds for one board is not
    known of another, and a change meant for one must not reach the other: rkops changes nothing.
    Fix: correct the address, or take the new board over with `rkops board adopt`.
    """
    if not identity.key:
        return skipped("the board shows nothing to know it by: see RKC114")
    if not wanted.identity:
        return passed(f"{identity.key}, recorded now")
    if identity.key == wanted.identity:
        return passed(identity.key)
    return failed(
        f"{identity.key} answers, the inventory knows {wanted.identity}",
        hint="correct the address, or accept the new board",
        commands=(f"rkops board adopt {wanted.name}",),
    )


# Sessions stop at the wrong board before they ask for anything: the error is the finding.
also_lost_by("RKC110", WrongBoardError)


@check("RKC114", "The board can be told from others", severity=Severity.WARNING)
def identity_there(identity: Identity) -> Outcome:
    """The board shows nothing to know it by: the guard against a wrong board is off.

    Why: rkops knows a board by its device-tree serial number, else by the address of its network
    card. Without both, another board at the same address is taken for this one (RKC110 cannot
    fire), and what is meant for one may be done to the other. The machine-id is a hint only:
    cloned images share it.
    Fix: have the boot loader write the serial number to the device tree (U-Boot: `serial#`), or
    give the network card an address of its own.
    """
    if identity.key:
        return passed(identity.key)
    machine = value_of(identity.machine_id)
    hint = f"; its machine-id is {machine}, which a cloned image shares" if machine else ""
    return failed(
        "no serial number and no network card: another board at this address would not be noticed"
        + hint,
        hint="have the boot loader set the serial number; be sure of the address until then",
    )


@check("RKC120", "The board's clock is right", severity=Severity.WARNING)
def clock_right(system: System, clock: Clock, limits: Limits) -> Outcome:
    """The board's clock is far from this machine's.

    Why: TLS, package installation, logs and the age of files go wrong. Boards without a battery
    start in the past and need the network for the time.
    Fix: set up NTP (systemd-timesyncd, chrony), or set the clock by hand.
    """
    # The board read its clock somewhere between question and answer: the doubt is in its favour.
    off = system.epoch - clock.host_epoch
    skew = max(0.0, -off - clock.seconds) if off < 0 else off
    if skew <= limits.clock_seconds:
        return passed(f"within {max(1.0, skew):.0f} s of this machine")
    word = "behind" if off < 0 else "ahead of"
    return failed(
        f"the board's clock is {_span(skew)} {word} this machine's ({_written(system.epoch)})",
        hint="set up NTP on the board, or set its clock",
        commands=("sudo timedatectl set-ntp true",),
    )


def _span(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 60:.0f} min"


def _written(epoch: float) -> str:
    try:
        return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return f"{epoch:.0f} s since 1970"


def _told(error: RkopsError, otherwise: str) -> Outcome:
    return failed(error.message, hint=error.hint or otherwise)


@loss_check("RKC100", "The board gives a usable answer", RkopsError)
def no_answer(error: RkopsError) -> Outcome:
    """The board gave no usable answer, for a reason that has no code of its own.

    Why: the message is that of the program or library that failed.
    Fix: run the command again with -vv and read what was said on the link.
    """
    return _told(error, "try again with -vv")


@loss_check("RKC101", "The board can be reached", BoardUnreachableError)
def unreachable(error: RkopsError) -> Outcome:
    """Nothing answers at the board's address.

    Why: the board is off, the address is another one now, or a cable, switch or firewall is
    between.
    Fix: look whether it has power and network (`ping`), then at `rkops board show`.
    """
    return _told(error, "is the board on, and is its address still the same?")


@loss_check("RKC102", "The board accepts connections", BoardRefusedError)
def refused(error: RkopsError) -> Outcome:
    """The machine answers, but the port is closed.

    Why: adbd does not listen on TCP, or sshd does not run, or another machine has the address.
    Fix: on the board set `service.adb.tcp.port` to 5555 and restart adbd; or start sshd.
    """
    return _told(error, "start adbd on TCP port 5555, or sshd, on the board")


@loss_check("RKC103", "The adb link is alive", BoardOfflineError)
def offline(error: RkopsError) -> Outcome:
    """The adb server knows the board, but its link is dead.

    Why: the board was restarted or lost its network while the adb server kept the connection.
    rkops has reconnected once already.
    Fix: `adb disconnect ADDRESS`, then try again; restart adbd or the board if that does not help.
    """
    return _told(error, "run adb disconnect for this address, then try again")


@loss_check("RKC104", "The board accepts this machine's adb key", BoardUnauthorizedError)
def unauthorized(error: RkopsError) -> Outcome:
    """The board wants this machine's adb key accepted first.

    Why: adbd with authentication shows a question on the board's screen.
    Fix: accept the key there, or add ~/.android/adbkey.pub to the board's adb_keys.
    """
    return _told(error, "accept the key on the board's screen")


@loss_check("RKC105", "The SSH login works", AuthFailedError)
def login_failed(error: RkopsError) -> Outcome:
    """The SSH server took no key and no password.

    Why: the account's authorized_keys lacks this machine's key, or the user name is another one.
    Fix: `ssh-copy-id user@board`, or name `key:` and `user:` in the inventory.
    """
    return _told(error, "run ssh-copy-id, or name key: and user: in the inventory")


@loss_check("RKC106", "The SSH host key is the known one", HostKeyChangedError, HostKeyUnknownError)
def host_key(error: RkopsError) -> Outcome:
    """The SSH host key was never accepted, or is another one than before.

    Why: a board that was flashed anew has a new key; so has another machine at its address.
    Fix: be sure it is your board, then `ssh-keygen -R ADDRESS` and log in once by hand.
    """
    return _told(error, "be sure it is your board, then accept its key with ssh")


@loss_check("RKC107", "The board answers in time", DeadlineError)
def too_slow(error: RkopsError) -> Outcome:
    """The board took the connection and did not finish before its deadline.

    Why: it hangs, is overloaded, or the link is very slow.
    Fix: raise --timeout; if that does not help, look at the board's serial console or restart it.
    """
    return _told(error, "raise --timeout, or restart the board")


@loss_check("RKC108", "The agent's reply is whole", AgentReplyError)
def damaged_reply(error: RkopsError) -> Outcome:
    """The reply of rkops' agent was damaged, cut short or missing.

    Why: the link broke or changed bytes, or the board's Python died (out of memory, broken
    installation).
    Fix: try again; then look at `python3 -V` and at free memory on the board.
    """
    return _told(error, "try again; then look at python3 and free memory on the board")


@loss_check("RKC109", "The link holds", LinkLostError)
def link_lost(error: RkopsError) -> Outcome:
    """The connection broke in the middle of the work.

    Why: the board restarted, adbd was killed, or the network dropped.
    Fix: try again; look at the board's power supply and cable if it happens again.
    """
    return _told(error, "try again; look at power and cable if it happens again")


@loss_check("RKC111", "The agent can be put on the board", TransferError)
def agent_not_there(error: RkopsError) -> Outcome:
    """Rkops could not write its agent to the board.

    Why: every place it may use (~/.cache, /dev/shm, /run, /tmp) is full, read-only or not ours.
    Fix: free some space, or make /tmp or /dev/shm writable for the account.
    """
    return _told(error, "free some space on the board, or make /tmp writable")


@loss_check("RKC112", "The agent does its work", AgentError)
def agent_failed(error: RkopsError) -> Outcome:
    """The agent ran on the board and reported a failure of its own.

    Why: the message is the agent's and names what it could not do.
    Fix: as the hint says; try again with -vv for more.
    """
    return _told(error, "try again with -vv")


@loss_check("RKC113", "The adb server on this machine works", AdbServerError)
def server_broken(error: RkopsError) -> Outcome:
    """The adb server on this machine could not be used, so no adb board could be reached.

    Why: no adb program is there, the server does not start, or something else holds its port.
    Fix: install adb, or look at what listens on port 5037.
    """
    return _told(error, "install adb, or look at what listens on port 5037")
