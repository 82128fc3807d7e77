"""The double's logins and their users in a database: the administrator, who may do everything, and others, with the few
roles and rights that dbfleet's reader has. They are gone with the process: the next `up` makes them again.

A user that is only in db_datareader reads; every statement that writes is refused, as far as the double has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pysqlbridge.logins import Login, LoginStore

from tests.doubles.sqlserver.faults import SqlError, refused
from tests.doubles.sqlserver.lexer import Statement

_READS: Final = frozenset(
    {"SELECT", "WITH", "SET", "USE", "BEGIN", "COMMIT", "ROLLBACK", "IF", "PRINT", "WAITFOR", "DECLARE", "EXEC",
     "EXECUTE"}
)  # fmt: skip
"""What anybody may begin a statement with; what EXEC and IF run is looked at by itself."""
_SERVER_ROLES: Final = frozenset(
    {"sysadmin", "securityadmin", "serveradmin", "setupadmin", "processadmin", "diskadmin", "dbcreator", "bulkadmin"}
)


@dataclass(slots=True)
class _User:
    roles: set[str] = field(default_factory=set)
    rights: set[str] = field(default_factory=set)


class Accounts(LoginStore):  # type: ignore[misc]
    """Who may log in, and what they may do."""

    def __init__(self, administrator: str, password: str) -> None:
        super().__init__([Login(administrator, password, False)])
        self._administrator = administrator.lower()
        self._users: dict[tuple[str, str], _User] = {}

    def may_use(self, user: str, database: str) -> bool:
        """Whether the login has a user in the database."""
        return user.lower() == self._administrator or database == "master" or (database, user.lower()) in self._users

    def check(self, user: str, statement: Statement) -> None:
        """229 for a statement that a reader may not run."""
        words = [word.upper for word in statement.words]
        if user.lower() == self._administrator or (words[0] in _READS and "INTO" not in words):
            return
        name = statement.words[2].text if words[0] == "INSERT" and len(words) > 2 else statement.words[-1].text
        raise SqlError(229, f"The {words[0]} permission was denied on the object '{name}'.")

    def knows(self, statement: Statement) -> bool:
        """Whether the statement is one about accounts."""
        words = [word.upper for word in statement.words[:3]]
        return words[:1] == ["GRANT"] or (
            words[0] in ("CREATE", "ALTER", "DROP") and words[1:2] in (["LOGIN"], ["USER"], ["ROLE"], ["SERVER"])
        )

    def run(self, database: str, statement: Statement) -> None:
        """Run a statement about accounts."""
        words, upper = statement.words, [word.upper for word in statement.words]
        match upper:
            case ["CREATE", "LOGIN", _, "WITH", "PASSWORD", "=", *_]:
                self._logins[words[2].value.lower()] = Login(words[2].value, words[6].value, False)
            case ["ALTER", "LOGIN", _, "WITH", "PASSWORD", "=", _]:
                if words[2].value.lower() not in self._logins:
                    raise SqlError(15151, f"Cannot alter the login '{words[2].value}'.")
                self._logins[words[2].value.lower()] = Login(words[2].value, words[6].value, False)
            case ["ALTER", "LOGIN", _, "ENABLE"]:
                pass
            case ["DROP", "USER", "IF", "EXISTS", _]:
                self._users.pop((database, words[4].value.lower()), None)
            case ["CREATE", "USER", _, "FOR", "LOGIN", _, "WITH", *_]:
                if words[5].value.lower() not in self._logins:
                    raise SqlError(15007, f"'{words[5].value}' is not a valid login or you do not have permission.")
                self._users[database, words[2].value.lower()] = _User()
            case ["ALTER", "ROLE", _, "ADD", "MEMBER", _]:
                self._user(database, words[5].value).roles.add(words[2].value.lower())
            case ["GRANT", *rights, "TO", _]:
                self._user(database, words[-1].value).rights.add(" ".join(rights))
            case _:
                raise refused(f"the statement {' '.join(word.text for word in words[:3])}")

    def _user(self, database: str, name: str) -> _User:
        found = self._users.get((database, name.lower()))
        if found is None:
            raise SqlError(15151, f"Cannot find the user '{name}'.")
        return found

    def function(self, user: str, database: str, name: str, arguments: Sequence[Any]) -> int | None:
        """What the functions about accounts give. KeyError for another function."""
        owner = user.lower() == self._administrator
        mine = self._users.get((database, user.lower()), _User())
        match name, list(arguments):
            case "SUSER_ID", [login]:
                return sorted(self._logins).index(login.lower()) + 1 if login.lower() in self._logins else None
            case "IS_ROLEMEMBER", [role]:
                return int(owner or role.lower() in mine.roles)
            case "IS_SRVROLEMEMBER", [role, *whose] if role in _SERVER_ROLES:
                return int((whose[0] if whose else user).lower() == self._administrator)
            case "HAS_PERMS_BY_NAME", [_, "DATABASE", right]:
                return int(owner or right in mine.rights)
        raise KeyError(name)
