"""Who may log in to the lab's SSH server."""

from collections.abc import Mapping
from dataclasses import dataclass

import asyncssh

from rkops.lab.endpoint import Endpoint
from rkops.lab.faults import Faults


@dataclass(frozen=True, slots=True)
class Account:
    """How one user may log in; `keys` are lines as in authorized_keys.

    An account with an endpoint of its own runs its commands there (as another user, say).
    """

    password: str | None = None
    keys: tuple[str, ...] = ()
    endpoint: Endpoint | None = None


class Logins(asyncssh.SSHServer):
    """Answers one connection's questions about who may come in, and what is forwarded."""

    def __init__(self, users: Mapping[str, Account], faults: Faults) -> None:
        self._users = users
        self._faults = faults

    def password_auth_supported(self) -> bool:
        """Offer passwords when anybody has one."""
        return any(account.password is not None for account in self._users.values())

    def public_key_auth_supported(self) -> bool:
        """Offer keys, always."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """Tell whether this is the user's password."""
        account = self._users.get(username)
        if account is None or account.password is None or self._faults.unauthorized:
            return False
        return account.password == password

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Tell whether this is one of the user's keys."""
        account = self._users.get(username)
        if account is None or self._faults.unauthorized:
            return False
        lines = (asyncssh.import_public_key(line) for line in account.keys)
        return any(line.public_data == key.public_data for line in lines)

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> bool:
        """Forward TCP to anywhere the board's place can reach."""
        del dest_host, dest_port, orig_host, orig_port
        return True

    def unix_connection_requested(self, dest_path: str) -> bool:
        """Forward to Unix sockets too."""
        del dest_path
        return True
