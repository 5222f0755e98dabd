"""Every error rkops raises on purpose.

RkopsError
├── UsageError                  wrong flag, selector or value                       exit 2
│   ├── InventoryError          an inventory file: names file, line, allowed values
│   └── ModelFileError          a file that is no usable RKNN model
├── TransportError              one board gave no usable answer                     exit 3
│   ├── BoardUnreachableError   nothing answers at the address
│   │   └── BoardRefusedError   the machine answers, the port is closed
│   ├── BoardOfflineError       adb knows the board, its link is dead
│   ├── BoardUnauthorizedError  adb: the board wants its key accepted
│   ├── AuthFailedError         ssh: no key or password was accepted
│   ├── HostKeyChangedError     ssh: the host key is another one than the known one
│   ├── HostKeyUnknownError     ssh: the host key was never seen
│   ├── DeadlineError           the board was too slow, or hangs
│   ├── LinkLostError           the connection broke in the middle
│   ├── AdbServerError          the adb server on this machine does not do its part
│   ├── TransferError           a file could not be written to or read from the board
│   └── AgentReplyError         the agent's reply is damaged, truncated or not there
├── WrongBoardError             another board answers at the address (RKC110)       exit 4
├── AgentError                  the agent says why it could not do its work         exit 4
│   └── BoardBusyError          another host holds the board's lock
├── ChangeFailedError           a change to a board failed                          exit 4
└── LabError                    the lab on this machine could not do its part       exit 2
"""

from typing import ClassVar

from rkops.core.exit import ExitCode


class RkopsError(Exception):
    """Says what broke, on which board, and what to try next."""

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL

    def __init__(self, message: str, *, hint: str = "", board: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.board = board


class UsageError(RkopsError):
    """The command line, a file or a name is not usable."""

    exit_code = ExitCode.USAGE


class InventoryError(UsageError):
    """An inventory file is wrong: the message names file, line and allowed values."""


class ModelFileError(UsageError):
    """The file is no RKNN model that can be read."""


class TransportError(RkopsError):
    """One board gave no usable answer; the others go on."""

    exit_code = ExitCode.UNREACHABLE


class BoardUnreachableError(TransportError):
    """Nothing answers at the board's address."""


class BoardRefusedError(BoardUnreachableError):
    """The machine answers, but the port is closed."""


class BoardOfflineError(TransportError):
    """The adb server knows the board, but its link is dead."""


class BoardUnauthorizedError(TransportError):
    """The board asks for its adb key to be accepted."""


class AuthFailedError(TransportError):
    """The SSH server accepted no key and no password."""


class HostKeyChangedError(TransportError):
    """The SSH host key differs from the known one."""


class HostKeyUnknownError(TransportError):
    """The SSH host key was never accepted."""


class DeadlineError(TransportError):
    """The board did not finish in its time."""


class LinkLostError(TransportError):
    """The connection broke in the middle of the work."""


class AdbServerError(TransportError):
    """The adb server on this machine could not be used."""


class TransferError(TransportError):
    """A file could not be written to, or read from, the board."""

    exit_code = ExitCode.CHANGE_FAILED


class AgentReplyError(TransportError):
    """The agent's reply is damaged, truncated or missing."""


class WrongBoardError(RkopsError):
    """Another board than the recorded one answers at this address (RKC110)."""

    exit_code = ExitCode.CHANGE_FAILED


class AgentError(RkopsError):
    """The agent on the board refused or failed; the message is its own."""

    exit_code = ExitCode.CHANGE_FAILED

    def __init__(self, message: str, *, code: str = "", hint: str = "", board: str = "") -> None:
        super().__init__(message, hint=hint, board=board)
        self.code = code


class BoardBusyError(AgentError):
    """Another host holds the board's lock; the message names the holder."""


class ChangeFailedError(RkopsError):
    """A change to a board failed; the board was left as it was, or the message says how."""

    exit_code = ExitCode.CHANGE_FAILED


class LabError(RkopsError):
    """The lab on this machine could not do its part."""

    exit_code = ExitCode.USAGE
