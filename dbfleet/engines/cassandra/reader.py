"""The account that can only read: a role with SELECT on the target's keyspace, and UNMASK where the server can mask
columns (5.0), as a mask would change what is read. It has no other right.

- It reads every table, those of later too. A keyspace that is dropped takes the grant along; `up` makes it again.
- System tables that describe the cluster and the schema are for everybody; those with passwords and rights are not.
- A function of the user's own needs EXECUTE, which the role does not have.
- In Cassandra every role may change its own password: then nobody can log in with it until `up` has made it again.
  The server takes one such change in five seconds, so a role that is not right is not changed, but made anew.
- A session for reading only is refused where its role has greater rights.
"""

from __future__ import annotations

from typing import Final

from dbfleet.engines.cassandra.connect import opened
from dbfleet.engines.cassandra.session import Session
from dbfleet.engines.cassandra.text import quote
from dbfleet.errors import AuthFailed, StatementError, Unsupported

_READS: Final = frozenset({"SELECT", "SELECT_MASKED", "UNMASK", "DESCRIBE", "EXECUTE"})


def make_reader(session: Session, user: str, password: str) -> None:
    """Make the role, or put it right. Unsupported without a keyspace; StatementError where the server gives everybody
    every right, as it does without an authorizer."""
    if not session.keyspace:
        raise Unsupported("the target names no keyspace to read", engine="cassandra", target=session.target.name)
    rights = _rights(session)
    if _is_right(session, user, rights) and _logs_in(session, user, password):
        return
    role, secret = quote(user), password.replace("'", "''")
    session.rows(f"DROP ROLE IF EXISTS {role}")
    session.rows(f"CREATE ROLE {role} WITH PASSWORD = '{secret}' AND LOGIN = true")
    for right in rights:
        session.rows(f"GRANT {right} ON KEYSPACE {quote(session.keyspace)} TO {role}")


def _rights(session: Session) -> list[str]:
    ((version,),) = session.rows("SELECT release_version FROM system.local")
    return ["SELECT", "UNMASK"] if int(version.partition(".")[0]) >= 5 else ["SELECT"]


def _is_right(session: Session, user: str, rights: list[str]) -> bool:
    """Whether there is such a role, which may log in and has these rights, no other, and no role besides."""
    # Refused where there is no authorizer: before there is a role, which could write there.
    session.rows(f"LIST ALL PERMISSIONS OF {quote(session.target.user or '')}")
    roles = {name: (superuser, login) for name, superuser, login, *_ in session.rows("LIST ROLES")}
    if roles.get(user) != (False, True):
        return False
    role, keyspace = quote(user), f"<keyspace {session.keyspace}>"
    granted = {tuple(row[1:4]) for row in session.rows(f"LIST ALL PERMISSIONS OF {role}")}
    members = {name for name, *_ in session.rows(f"LIST ROLES OF {role}")}
    return granted == {(user, keyspace, right) for right in rights} and members == {user}


def _logs_in(session: Session, user: str, password: str) -> bool:
    try:
        opened(session.target.with_(user=user, password=password, read_only=True), 10.0).close()
    except AuthFailed:
        return False
    return True


def prove(session: Session) -> None:
    """Unsupported where the role of this session may change something, and where nobody's rights are looked at."""
    user, why = session.target.user, None
    if user is None:
        why = "there is no login"
    else:
        try:
            rights = {row[3] for row in session.rows(f"LIST ALL PERMISSIONS OF {quote(user)}")} - _READS
            if any(superuser for _, superuser, *_ in session.rows(f"LIST ROLES OF {quote(user)}")):
                why = f"{user} is a superuser"
            elif rights:
                why = f"{user} may do more than read ({', '.join(sorted(rights))})"
        except StatementError as error:
            why = f"the rights of {user} cannot be seen: {error.message}"
    if why:
        raise Unsupported(
            f"not enforced: {why}",
            engine="cassandra",
            target=session.target.name,
            hint="name a role that has SELECT on the keyspace, and no other right",
        )
