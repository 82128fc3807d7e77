"""A session that is logged in, and which server and database it is connected to."""

from __future__ import annotations

from dbfleet.engines.couchdb.reader import CONFIGURATION
from dbfleet.engines.couchdb.session import Session
from dbfleet.errors import AuthFailed, StatementError, UsageError
from dbfleet.target import Target


def opened(target: Target, timeout_s: float) -> Session:
    """A session that is logged in. AuthFailed for a wrong user or password, Unavailable where nothing answers."""
    unknown = set(target.options) - {"verify"}
    if unknown:
        raise UsageError(f"a CouchDB URL has no option {min(unknown)!r}", hint="it has: verify")
    session = Session(target, timeout_s)
    try:
        session.log_in()
    except BaseException:
        session.close()
        raise
    return session


def server_of(session: Session) -> str:
    """The server's uuid. A copy of a whole installation has the same uuid, so of a single node the ports and folders
    are told too, where an administrator asks: two installations on one machine differ in them."""
    words = [session.json("GET", "/").get("uuid") or session.address]
    try:
        nodes = session.json("GET", "/_membership")["cluster_nodes"]
        if len(nodes) == 1:
            config = session.json("GET", CONFIGURATION)
            settings = (("chttpd", "port"), ("couchdb", "database_dir"), ("couchdb", "view_index_dir"))
            words += [nodes[0], *(str(config.get(section, {}).get(name)) for section, name in settings)]
    except (AuthFailed, StatementError, KeyError):
        pass  # no administrator, or a server that speaks only a part of CouchDB's API
    return " ".join(["couchdb", *words])
