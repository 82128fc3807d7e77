"""The account that can only read: `pg_read_all_data` where the server has it (14), else SELECT on all there is and, by
default privileges, on what this user makes later.

It is told past row security (BYPASSRLS), as a policy would hide rows, and its sessions are READ ONLY unless they say
otherwise. What PUBLIC may do it may too (temporary tables, large objects, before 15 tables in `public`): that cannot be
taken from one account. A session of dbfleet's refuses these too, by its transaction: see `session.guard`.

The password goes to the server as its SCRAM verifier, so that no log holds it.
"""

from __future__ import annotations

from typing import Final

from dbfleet.engines.postgres.connect import opened
from dbfleet.engines.postgres.session import Session
from dbfleet.engines.postgres.types import LEXIS
from dbfleet.errors import AuthFailed

READS_ALL: Final = 140000
"""The version from which on the server has a role that reads everything."""

_MEMBER: Final = "pg_read_all_data"
_RIGHT: Final = """
SELECT r.rolcanlogin AND r.rolbypassrls AND r.rolinherit
       AND NOT (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication)
       AND coalesce('default_transaction_read_only=on' = ANY (r.rolconfig), false),
       ARRAY(SELECT b.rolname::text FROM pg_auth_members m JOIN pg_roles b ON b.oid = m.roleid WHERE m.member = r.oid)
FROM pg_roles r WHERE r.rolname = $1
"""
_ATTRIBUTES: Final = "LOGIN INHERIT BYPASSRLS NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION"
_SPACES: Final = r"""
SELECT nspname::text FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
"""
_UNREAD: Final = rf"""
SELECT EXISTS (
  SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname IN ({_SPACES})
    AND NOT (has_schema_privilege($1, n.oid, 'USAGE') AND has_table_privilege($1, c.oid, 'SELECT')))
"""


def make_reader(session: Session, user: str, password: str) -> None:
    """Make the account, or put it right. One statement and one login where it is right already."""
    reads_all = session.connection.info.server_version >= READS_ALL
    found = session.rows(_RIGHT, [user])
    if found and _is_right(session, user, found[0], reads_all) and _logs_in(session, user, password):
        return
    who = LEXIS.quote(user)
    verifier = session.connection.pgconn.encrypt_password(password.encode(), user.encode(), None).decode()
    with session.translated(), session.ready().transaction():
        session.rows(f"{'ALTER' if found else 'CREATE'} ROLE {who} {_ATTRIBUTES} PASSWORD {session.literal(verifier)}")
        session.rows(f"ALTER ROLE {who} SET default_transaction_read_only = on")
        for role in found[0][1] if found else ():
            if role != _MEMBER or not reads_all:
                session.rows(f"REVOKE {LEXIS.quote(role)} FROM {who}")
        if reads_all:
            session.rows(f"GRANT {_MEMBER} TO {who}")
        else:
            _grant_each(session, who)


def _is_right(session: Session, user: str, found: tuple[bool, list[str]], reads_all: bool) -> bool:
    right, memberships = found
    if not right or memberships != ([_MEMBER] if reads_all else []):
        return False
    return reads_all or session.rows(_UNREAD, [user]) == [(False,)]


def _logs_in(session: Session, user: str, password: str) -> bool:
    try:
        opened(session.target.with_(user=user, password=password, read_only=True), 10.0).close()
    except AuthFailed:
        return False
    return True


def _grant_each(session: Session, who: str) -> None:
    """What there is, and what this user makes later."""
    for (space,) in session.rows(_SPACES):
        name = LEXIS.quote(space)
        session.rows(f"GRANT USAGE ON SCHEMA {name} TO {who}")
        session.rows(f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {who}")
        session.rows(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {name} TO {who}")
    for right in ("USAGE ON SCHEMAS", "SELECT ON TABLES", "SELECT ON SEQUENCES"):
        session.rows(f"ALTER DEFAULT PRIVILEGES GRANT {right} TO {who}")
