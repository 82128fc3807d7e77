"""Which server answers, and which database of it: many servers speak PostgreSQL's protocol."""

from __future__ import annotations

import re
import time
from typing import Final

from dbfleet.adapter import ServerInfo
from dbfleet.engines.postgres.errors import NAME
from dbfleet.engines.postgres.session import Session
from dbfleet.errors import StatementError

_PRODUCTS: Final = (
    (r"^CockroachDB\D*v(\S+)", "CockroachDB"),
    (r"-YB-(\d[\d.]*)", "YugabyteDB"),
    (r"\bRedshift (\d[\d.]*)", "Amazon Redshift"),
    (r"\(Greenplum Database (\d[\w.+-]*)", "Greenplum"),
    (r"\(Materialize v?(\d[\d.]*)", "Materialize"),
    (r"EnterpriseDB Advanced Server (\d[\d.]*)", "EDB Postgres Advanced Server"),
    (r"^PostgreSQL (\S+?),? ", "PostgreSQL"),
)

_SERVER: Final = """
SELECT extract(epoch FROM pg_postmaster_start_time())::text, current_setting('port'), d.oid,
       coalesce(current_schema(), 'public')
FROM pg_catalog.pg_database d WHERE d.datname = current_database()
"""


def ping(session: Session) -> ServerInfo:
    """One round trip: who answers."""
    started = time.perf_counter()
    ((text,),) = session.rows("SELECT version()")
    latency = time.perf_counter() - started
    return ServerInfo(*_product(text), latency)


def _product(text: str) -> tuple[str, str]:
    """Product and version, of what version() says."""
    for pattern, product in _PRODUCTS:
        if match := re.search(pattern, text):
            return product, match[1]
    name, _, rest = text.partition(" ")
    return name, rest.split(" ")[0] or "0"


def place(session: Session) -> tuple[str, str, str, str, str]:
    """The engine's name, when the server was started, its port, the database's number, and the schema that plain names
    mean. The start tells two servers apart of which one is a copy of the other's data."""
    try:
        ((started, port, database, space),) = session.rows(_SERVER)
    except StatementError:  # another server that speaks the protocol
        ((database, space),) = session.rows("SELECT current_database(), coalesce(current_schema(), 'public')")
        started, port = session.connection.info.host, session.connection.info.port
    return NAME, str(started), str(port), str(database), str(space)
