"""The account that can only read: a user with the role `read` on the target's database, and no other.

It stands where the target's own user stands (authSource). The role reads every collection, those of later too, and
lists no other database. Needs pymongo: imported only behind a connection.
"""

from __future__ import annotations

from typing import Final

from dbfleet.engines.mongodb.connect import client_of
from dbfleet.engines.mongodb.session import Session
from dbfleet.errors import AuthFailed, StatementError
from dbfleet.target import Target

_DEFAULT_SOURCE: Final = "admin"


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


def _logs_in(session: Session, target: Target, user: str, password: str) -> bool:
    try:
        with session.translated():
            client_of(target.with_(user=user, password=password), 10.0).close()
    except AuthFailed:
        return False
    return True
