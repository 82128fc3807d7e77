"""Reading only. The Community Edition has no roles: each of its users may do everything. So it is the session that
reads only: its access mode is READ, in which the server refuses every change of data, schema, users and databases.

What the server lets pass in that mode is found in the statement's plan, which the server makes, before it is run:

- LOAD CSV reads files and addresses that the server can reach: refused;
- TERMINATE TRANSACTIONS ends what others do: refused;
- procedures: those below only read. Another one may end connections, empty caches, or do what its plugin does: refused.

So PROFILE, which asks for a plan of another kind, is not for reading only. Functions of plugins are not looked at.

`make_reader` makes an account of its own all the same: who reads needs no password that opens anything else. An edition
with roles would show it nothing until it has one, so there it is told to make the account by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.text import quoted
from dbfleet.errors import StatementError, Unsupported

_OPERATORS: Final = {
    "LoadCSV": "LOAD CSV reads files and addresses that the server can reach",
    "TerminateTransactions": "TERMINATE TRANSACTIONS ends what others do",
}
_PROCEDURES: Final = {
    "db": "awaitIndex awaitIndexes info labels ping propertyKeys relationshipTypes",
    "db.index.fulltext": "awaitEventuallyConsistentIndexRefresh listAvailableAnalyzers queryNodes queryRelationships",
    "db.index.vector": "queryNodes queryRelationships",
    "db.schema": "nodeTypeProperties relTypeProperties visualization",
    "db.stats": "retrieve retrieveAllAnonymized status",
    "dbms": "components info listCapabilities listConfig listConnections queryJmx showCurrentUser upgradeStatus",
    "dbms.cluster.routing": "getRoutingTable",
    "dbms.routing": "getRoutingTable",
    "tx": "getMetaData",
}
"""The procedures that only read, by their namespaces."""


def check(session: Session, statement: str, params: Mapping[str, Any]) -> None:
    """Nothing, where the statement only reads. StatementError where its plan holds something else, and where the server
    gives no plan."""
    try:
        with session.translated(), session.open() as opened:
            plan = opened.run(session.marked(f"EXPLAIN {statement}"), params).consume().plan
    except StatementError as error:
        if "execution mode" in error.message:
            raise _refused(session, "PROFILE is not for reading only", "EXPLAIN shows the plan") from error
        raise
    if not plan:
        raise _refused(session, "the server gives no plan of this statement, so it is not known only to read")
    for operator in _operators(plan):
        name = operator["operatorType"].partition("@")[0]
        if name in _OPERATORS:
            raise _refused(session, f"not for reading only: {_OPERATORS[name]}")
        if name == "ProcedureCall":
            procedure = str(operator.get("args", {}).get("Details")).partition("(")[0]
            space, _, word = procedure.rpartition(".")
            if word not in _PROCEDURES.get(space, "").split():
                raise _refused(session, f"the procedure {procedure} is not one that is known only to read")


def _operators(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("children", ()):
        yield from _operators(child)


def _refused(session: Session, message: str, hint: str | None = None) -> StatementError:
    return StatementError(message, engine="neo4j", target=session.target.name, hint=hint)


# --- the account -----------------------------------------------------------------------------------------------------


def make_reader(session: Session, user: str, password: str) -> None:
    """Make the user, or put it right. Unsupported for an edition with roles."""
    ((edition,),) = session.rows("CALL dbms.components() YIELD edition RETURN edition")
    if edition != "community":
        raise Unsupported(
            f"the {edition} edition has roles, and dbfleet knows none of them",
            engine="neo4j",
            target=session.target.name,
            hint=f"CREATE USER {user} SET PASSWORD … CHANGE NOT REQUIRED; GRANT ROLE reader TO {user}",
        )
    name, login = quoted(user), "SET PASSWORD $password CHANGE NOT REQUIRED"
    if (user,) not in map(tuple, session.rows("SHOW USERS YIELD user")):
        session.run(f"CREATE USER {name} {login}", {"password": password})
        return
    try:
        # To try a login would count: after three wrong ones the server refuses the right one, too.
        session.run(f"ALTER USER {name} {login}", {"password": password})
    except StatementError as error:
        if "cannot be the same" not in error.message:
            raise
