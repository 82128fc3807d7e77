"""Which server answers, and which database of it.

A server that was made of another's files has the other's name, and its databases' numbers. The moment at which tempdb
was made, which is its start, tells them apart.
"""

from __future__ import annotations

import re
import time
from typing import Final

from dbfleet.adapter import ServerInfo
from dbfleet.engines.sqlserver.errors import NAME
from dbfleet.engines.sqlserver.session import Session
from dbfleet.engines.sqlserver.tables import Ask

_PRODUCT: Final = re.compile(r"(.*?)(?:\s+-)?\s+\(?\d")
_IDENTITY: Final = """\
SELECT CONVERT(nvarchar(128), SERVERPROPERTY('ServerName')), CONVERT(nvarchar(128), SERVERPROPERTY('MachineName')),
DB_NAME()"""
_STARTED: Final = "SELECT d.create_date FROM sys.databases AS d WHERE d.name = N'tempdb'"


_BABELFISH: Final = "SELECT CONVERT(int, SERVERPROPERTY('Babelfish'))"


def is_own(session: Session) -> bool:
    """Whether it is SQL Server, and not Babelfish."""
    if session.own is None:
        ((found,),) = session.rows(_BABELFISH)
        session.own = not found
    return session.own


def ping(session: Session) -> ServerInfo:
    """One round trip: who answers."""
    started = time.perf_counter()
    ((text, version),) = session.rows("SELECT @@VERSION, CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion'))")
    product = _PRODUCT.match(text)
    return ServerInfo(product[1] if product else text.splitlines()[0], version, time.perf_counter() - started)


def identity(ask: Ask) -> str:
    """The server, since when it runs, and the database."""
    ((server, machine, database),) = ask(_IDENTITY)
    started = [moment for (moment,) in ask(_STARTED)]
    return ":".join(str(part or "") for part in (NAME, server, machine, *started[:1], database))
