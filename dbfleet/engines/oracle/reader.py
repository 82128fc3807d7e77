"""The account that can only read: CREATE SESSION, and READ ANY TABLE on the owner's schema. Before 23ai there are no
rights on a schema, and it is READ ANY TABLE on all of them. Not SELECT, which could lock rows and tables.

On a server of the fleet's SYSTEM has its password, and makes the account. The reader's own schema is empty; the option
`schema` of its URL names the owner's. This follows Oracle's documentation: it is verified on the double alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from dbfleet.engines.oracle.local import reader_options
from dbfleet.engines.oracle.session import Session
from dbfleet.engines.oracle.text import LEXIS
from dbfleet.errors import AuthFailed, StatementError
from dbfleet.target import Target

_SESSION: Final = "CREATE SESSION"
_READ: Final = "READ ANY TABLE"
_SYSTEM_RIGHTS: Final = "SELECT privilege FROM session_privs ORDER BY privilege"
_SCHEMA_RIGHTS: Final = "SELECT privilege, schema FROM session_schema_privs ORDER BY privilege, schema"
_ALL_RIGHTS: Final = (
    "SELECT privilege FROM dba_sys_privs WHERE grantee = :1 UNION ALL "
    "SELECT granted_role FROM dba_role_privs WHERE grantee = :2"
)
_NO_SUCH: Final = "ORA-00942"

Opened = Callable[[Target], Any]
"""Opens a connection of the driver's."""


def make_reader(target: Target, open_: Opened, user: str, password: str) -> None:
    """Make the account, or put it right. One login and two statements where it is right already."""
    reader = target.with_(user=user, password=password, read_only=True)
    name, schema = user.upper(), reader_options(target)["schema"]
    if _is_right(target, open_, reader, schema):
        return
    admin = Session(target.name, open_(target.with_(user="SYSTEM", options=_without_schema(target))))
    try:
        who, secret = LEXIS.quote(name), LEXIS.quote(password)
        if admin.rows("SELECT username FROM all_users WHERE username = :1", [name]):
            admin.run(f"ALTER USER {who} IDENTIFIED BY {secret} ACCOUNT UNLOCK")
            for (right,) in admin.rows(_ALL_RIGHTS, [name, name]):
                admin.run(f"REVOKE {right} FROM {who}")
        else:
            admin.run(f"CREATE USER {who} IDENTIFIED BY {secret}")
        admin.run(f"GRANT {_SESSION} TO {who}")
        try:
            admin.run(f"GRANT {_READ} ON SCHEMA {LEXIS.quote(schema)} TO {who}")
        except StatementError:  # before 23ai
            admin.run(f"GRANT {_READ} TO {who}")
    finally:
        admin.close()


def _is_right(target: Target, open_: Opened, reader: Target, schema: str) -> bool:
    try:
        session = Session(target.name, open_(reader.with_(options=_without_schema(target))))
    except AuthFailed:
        return False
    try:
        rights = [right for (right,) in session.rows(_SYSTEM_RIGHTS)]
        try:
            on_schemas = session.rows(_SCHEMA_RIGHTS)
        except StatementError as error:
            if error.code != _NO_SUCH:
                raise
            on_schemas = []
    finally:
        session.close()
    if rights == [_SESSION]:
        return on_schemas == [(_READ, schema)]
    return rights == [_SESSION, _READ] and not on_schemas


def _without_schema(target: Target) -> dict[str, str]:
    return {name: value for name, value in target.options.items() if name != "schema"}
