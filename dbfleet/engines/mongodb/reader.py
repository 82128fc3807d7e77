"""The account that can only read: a user with the role `read` on the target's database, and no other.

It stands where the target's own user stands (authSource). The role reads every collection, those of later too, and
lists no other database. A connection for reading only is refused where its user has greater rights. Needs pymongo:
imported only behind a connection.
"""

from __future__ import annotations

from typing import Final

from dbfleet.engines.mongodb.connect import client_of
from dbfleet.engines.mongodb.session import Session
from dbfleet.errors import AuthFailed, StatementError, Unsupported
from dbfleet.target import Target

_DEFAULT_SOURCE: Final = "admin"
_CHANGES: Final = frozenset(
    {
        "anyAction", "bypassDocumentValidation", "changeOwnPassword", "collMod", "convertToCapped", "createCollection",
        "createIndex", "createRole", "createUser", "dropCollection", "dropDatabase", "dropIndex", "enableProfiler",
        "grantRole", "insert", "killop", "remove", "renameCollectionSameDB", "shutdown", "update",
    }
)  # fmt: skip


def make_reader(session: Session, target: Target, user: str, password: str) -> None:
    """Make the user, or put it right. StatementError where the server asks nobody for a password: there everybody may
    write."""
    users = session.client[target.options.get("authSource") or _DEFAULT_SOURCE]
    with session.translated():
        if not users.command("connectionStatus")["authInfo"]["authenticatedUsers"]:
            raise StatementError("this server has no logins: whoever reaches it may write")
        roles = [{"role": "read", "db": session.database.name}]
        found = users.command("usersInfo", user)["users"]
        if not found:
            users.command("createUser", user, pwd=password, roles=roles)
        elif found[0]["roles"] != roles or not _logs_in(session, target, user, password):
            users.command("updateUser", user, pwd=password, roles=roles)


def prove(session: Session, target: Target) -> None:
    """Unsupported where the user of this connection may change something, and where there are no logins."""
    with session.translated():
        asked = {"connectionStatus": 1, "showPrivileges": True}
        info = session.client.get_database(_DEFAULT_SOURCE).command(asked)["authInfo"]
    may = {action for each in info["authenticatedUserPrivileges"] for action in each["actions"]}
    why = None if info["authenticatedUsers"] else "this server has no logins: whoever reaches it may write"
    if changes := sorted(may & _CHANGES):
        why = f"this user may do more than read ({', '.join(changes[:3])}{', …' if changes[3:] else ''})"
    if why:
        raise Unsupported(
            f"not enforced: {why}",
            engine="mongodb",
            target=target.name,
            hint="name a user that has the role read, and no other",
        )


def _logs_in(session: Session, target: Target, user: str, password: str) -> bool:
    try:
        with session.translated():
            client_of(target.with_(user=user, password=password), 10.0).close()
    except AuthFailed:
        return False
    return True
