"""Which server answers, and which database of it."""

from __future__ import annotations

import time
from typing import Final

from dbfleet.adapter import ServerInfo
from dbfleet.engines.oracle.errors import NAME
from dbfleet.engines.oracle.session import Session

VERSION: Final = "SELECT banner FROM v$version"
IDENTITY: Final = (
    "SELECT SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME'), SYS_CONTEXT('USERENV', 'CON_NAME'), "
    "SYS_CONTEXT('USERENV', 'SERVER_HOST'), SYS_CONTEXT('USERENV', 'INSTANCE_NAME'), "
    "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM dual"
)


def ping(session: Session) -> ServerInfo:
    """A round trip: who answers."""
    started = time.perf_counter()
    ((banner,), *_) = session.rows(VERSION)
    latency = time.perf_counter() - started
    return ServerInfo(banner.partition(" Release ")[0], session.ready().version, latency)


def identity(session: Session) -> str:
    """The database, where it runs, and the schema. Everybody may ask for these, but not for the database's number and
    when it was started. A copied database has the same name and another host or instance."""
    (parts,) = session.rows(IDENTITY)
    return ":".join(str(part or "") for part in (NAME, *parts))
