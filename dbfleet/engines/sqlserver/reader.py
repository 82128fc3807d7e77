"""The account that can only read: a login, and its user in the target's database with the role `db_datareader` and
VIEW DEFINITION, which shows what a table's columns, keys and checks are. SHOWPLAN lets it see the plans of its own
statements, which tell of values in tables that it may read anyway.

It follows Microsoft's documentation: it is verified on the double alone.
"""

from __future__ import annotations

from typing import Final

from dbfleet.engines.sqlserver.connect import opened
from dbfleet.engines.sqlserver.session import Session
from dbfleet.engines.sqlserver.types import LEXIS, text_literal
from dbfleet.errors import AuthFailed
from dbfleet.target import Target

_ROLES: Final = ("db_owner", "db_datawriter", "db_ddladmin", "db_securityadmin", "db_accessadmin", "db_backupoperator")
_MAY_NOT: Final = ("INSERT", "UPDATE", "DELETE", "EXECUTE", "ALTER", "CREATE TABLE")
_OF_THE_SERVER: Final = (
    "sysadmin", "securityadmin", "serveradmin", "setupadmin", "processadmin", "diskadmin", "dbcreator", "bulkadmin",
)  # fmt: skip


def make_reader(target: Target, session: Session, user: str, password: str) -> None:
    """Make the account, or put it right. One login and one statement where it is right already."""
    if _is_right(target.with_(user=user, password=password, read_only=True)):
        return
    name, text = LEXIS.quote(user), text_literal(user)
    ((number,),) = session.rows(f"SELECT SUSER_ID({text})")
    if number is None:
        session.run(f"CREATE LOGIN {name} WITH PASSWORD = {text_literal(password)}, CHECK_POLICY = OFF")
    else:
        session.run(f"ALTER LOGIN {name} WITH PASSWORD = {text_literal(password)}")
        session.run(f"ALTER LOGIN {name} ENABLE")
        asked = ", ".join(f"IS_SRVROLEMEMBER({text_literal(role)}, {text})" for role in _OF_THE_SERVER)
        for role, member in zip(_OF_THE_SERVER, session.rows(f"SELECT {asked}")[0], strict=True):
            if member:
                session.run(f"ALTER SERVER ROLE {LEXIS.quote(role)} DROP MEMBER {name}")
    with session.translated(), session.transaction():
        session.run(f"DROP USER IF EXISTS {name}")  # with it go its rights and roles
        session.run(f"CREATE USER {name} FOR LOGIN {name} WITH DEFAULT_SCHEMA = [dbo]")
        session.run(f"ALTER ROLE [db_datareader] ADD MEMBER {name}")
        session.run(f"GRANT VIEW DEFINITION TO {name}")
        session.run(f"GRANT SHOWPLAN TO {name}")


def _is_right(reader: Target) -> bool:
    asked = [
        "IS_ROLEMEMBER(N'db_datareader')",
        "HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'VIEW DEFINITION')",
        "HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'SHOWPLAN')",
        *(f"IS_SRVROLEMEMBER({text_literal(role)})" for role in _OF_THE_SERVER),
        *(f"IS_ROLEMEMBER({text_literal(role)})" for role in _ROLES),
        *(f"HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', {text_literal(right)})" for right in _MAY_NOT),
    ]
    try:
        wire = opened(reader, 10.0)
    except AuthFailed:
        return False
    try:
        ((first, second, third, *others),) = wire.rows(f"SELECT {', '.join(asked)}")
    finally:
        wire.close()
    return (first, second, third) == (1, 1, 1) and not any(others)
