"""A driver that has proven its login, and which database it is connected to."""

from __future__ import annotations

import sys
from typing import Any

from dbfleet.engines.neo4j.errors import translate
from dbfleet.engines.neo4j.session import Session
from dbfleet.errors import StatementError, UsageError, translated
from dbfleet.target import Target


def opened(target: Target, timeout_s: float) -> tuple[Session, tuple[int, int]]:
    """A session whose login is proven, and the version of Bolt that the server speaks. AuthFailed or Unavailable within
    about `timeout_s`."""
    import logging

    neo4j = _driver()
    if target.options:
        raise UsageError(f"a Neo4j URL has no option {min(target.options)!r}")
    host = f"[{target.host}]" if ":" in (target.host or "") else target.host
    scheme = target.scheme if target.scheme != "cypher" else "bolt"
    logging.getLogger("neo4j").addHandler(logging.NullHandler())  # what it logs comes as an error too
    with translated(translate, engine="neo4j", target=target.name):
        driver = neo4j.GraphDatabase.driver(
            f"{scheme}://{host}:{target.port}",
            auth=(target.user, target.password or "") if target.user is not None else None,
            connection_timeout=timeout_s,
            connection_acquisition_timeout=timeout_s,
            max_transaction_retry_time=0,
            notifications_min_severity="OFF",
            user_agent="dbfleet",
        )
        try:
            driver.verify_connectivity()
            with driver.session(database=target.database) as session:
                bolt = session.run("RETURN 1").consume().server.protocol_version
        except BaseException:
            driver.close()
            raise
    return Session(target, driver), bolt


def _driver() -> Any:
    """The driver's package, imported without numpy, pandas and pyarrow.

    Where those are installed the driver imports them, 36 MB and 0.1 s, for values that are never sent here. What the
    process has imported already, the driver sees.
    """
    hidden = [name for name in ("numpy", "pandas", "pyarrow") if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's way to say: not to be imported
    try:
        import neo4j
    finally:
        for name in hidden:
            del sys.modules[name]
    return neo4j


def identity(session: Session) -> str:
    """The database's own id, and when and as which process its server was started, as a copy of the files has the same
    id. Several servers of one cluster have one database together: there the id is all."""
    ((id_, name),) = session.rows("CALL db.info() YIELD id, name RETURN id, name")
    places = session.rows("SHOW DATABASES YIELD name, databaseID WHERE databaseID = $id RETURN name", {"id": id_})
    if len(places) > 1:
        return f"neo4j {id_} {name}"
    try:
        ((runtime,),) = session.rows(
            "CALL dbms.queryJmx('java.lang:type=Runtime') YIELD attributes "
            "RETURN toString(attributes.StartTime.value) + ' ' + attributes.Name.value"
        )
    except StatementError:  # not for every user, and not on every hosted Neo4j
        runtime = "?"
    return f"neo4j {id_} {name} {runtime}"
