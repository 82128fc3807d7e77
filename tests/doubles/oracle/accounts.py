"""The double's accounts: the owner of its one schema, SYSTEM, which makes others, and those, with the few rights that
dbfleet's reader has. They are gone with the process: the next `up` makes them again.

An account without rights of its own on the owner's schema sees nothing there; one with READ ANY TABLE may only read.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.doubles.oracle import sql
from tests.doubles.oracle.sql import OraError
from tests.doubles.oracle.types import Kind, text_kind

_CREATE: Final = re.compile(r'CREATE USER "([^"]+)" IDENTIFIED BY "([^"]+)"')
_ALTER: Final = re.compile(r'ALTER USER "([^"]+)" IDENTIFIED BY "([^"]+)" ACCOUNT UNLOCK')
_GRANT: Final = re.compile(r'GRANT ([A-Z ]+?)(?: ON SCHEMA "([^"]+)")? TO "([^"]+)"')
_REVOKE: Final = re.compile(r'REVOKE ([A-Z_ ]+?) FROM "([^"]+)"')
_SCHEMA: Final = re.compile(r'ALTER SESSION SET CURRENT_SCHEMA = "([^"]+)"')
_USERS: Final = "SELECT username FROM all_users WHERE username = :1"
_MINE: Final = "SELECT privilege FROM session_privs ORDER BY privilege"
_MINE_ON_SCHEMAS: Final = "SELECT privilege, schema FROM session_schema_privs ORDER BY privilege, schema"
_GRANTED: Final = (
    "SELECT privilege FROM dba_sys_privs WHERE grantee = :1 UNION ALL "
    "SELECT granted_role FROM dba_role_privs WHERE grantee = :2"
)
_QUERIES: Final = {_USERS: ("USERNAME",), _MINE: ("PRIVILEGE",), _MINE_ON_SCHEMAS: ("PRIVILEGE", "SCHEMA"),
                   _GRANTED: ("PRIVILEGE",)}  # fmt: skip
_STATEMENTS: Final = (_CREATE, _ALTER, _GRANT, _REVOKE, _SCHEMA)
_READ: Final = "READ ANY TABLE"

Rows = tuple[list[tuple[str, Kind]], Iterator[tuple[bytes | None, ...]]]


@dataclass(slots=True)
class _Account:
    password: str
    rights: set[str] = field(default_factory=set)
    on_schemas: set[tuple[str, str]] = field(default_factory=set)


class Accounts:
    """Who may log in, and what they may do."""

    def __init__(self, owner: str, password: str) -> None:
        self.owner = owner
        self._lock = threading.Lock()
        self._known = {owner: _Account(password, {"CREATE SESSION"}), "SYSTEM": _Account(password, {"CREATE SESSION"})}

    def password(self, user: str) -> str | None:
        """The account's password; None for one that is not there."""
        found = self._known.get(user)
        return found.password if found else None

    def check_login(self, user: str) -> None:
        """ORA-01045 without CREATE SESSION."""
        if "CREATE SESSION" not in self._known[user].rights:
            raise OraError(1045, f"Login denied. User {user} does not have CREATE SESSION privilege.")

    def knows(self, text: str) -> bool:
        """Whether the statement is one about accounts."""
        return text in _QUERIES or any(pattern.fullmatch(text) for pattern in _STATEMENTS)

    def columns(self, text: str) -> list[tuple[str, Kind]]:
        """The columns that it gives."""
        return [(name, text_kind(128)) for name in _QUERIES.get(text, ())]

    def check(self, user: str, statement: Any) -> None:
        """ORA-01031 or ORA-00942 where the account may not run the statement."""
        if user == self.owner or isinstance(statement, sql.Plain):
            return
        account = self._known[user]
        reads = _READ in account.rights or (_READ, self.owner) in account.on_schemas
        if not isinstance(statement, sql.Select):
            raise OraError(1031, "insufficient privileges")
        if not reads and statement.source is not None:
            raise OraError(942, "table or view does not exist")

    def run(self, user: str, text: str, binds: Sequence[bytes | None]) -> Rows | None:
        """The rows of a query about accounts; None where a statement about them was run."""
        if text in _QUERIES:
            asked = (binds[0] or b"").decode() if binds else user
            account = self._known.get(asked)
            rights = sorted(account.rights) if account else []
            found: dict[str, list[tuple[str, ...]]] = {
                _USERS: [(asked,)] if account else [],
                _MINE: [(right,) for right in rights],
                _GRANTED: [(right,) for right in rights],
                _MINE_ON_SCHEMAS: sorted(account.on_schemas) if account else [],
            }
            rows = (tuple(value.encode() for value in row) for row in found[text])
            return self.columns(text), rows
        if _SCHEMA.fullmatch(text):
            return None
        if user != "SYSTEM":
            raise OraError(1031, "insufficient privileges")
        with self._lock:
            self._change(text)
        return None

    def _change(self, text: str) -> None:
        if match := _CREATE.fullmatch(text):
            if match[1] in self._known:
                raise OraError(1920, f"user name '{match[1]}' conflicts with another user or role name")
            self._known[match[1]] = _Account(match[2])
        elif match := _ALTER.fullmatch(text):
            self._account(match[1]).password = match[2]
        elif match := _GRANT.fullmatch(text):
            account = self._account(match[3])
            if match[2]:
                account.on_schemas.add((match[1], match[2]))
            else:
                account.rights.add(match[1])
        elif match := _REVOKE.fullmatch(text):
            self._account(match[2]).rights.discard(match[1])

    def _account(self, name: str) -> _Account:
        if name not in self._known:
            raise OraError(1918, f"user '{name}' does not exist")
        return self._known[name]
