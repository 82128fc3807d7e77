"""The account that can only read: SELECT and SHOW VIEW on the database, from every host from which the fleet's own
user may come. No EXECUTE, so that no routine of the owner's runs; no FILE, no temporary tables.

The fleet's user may not make accounts. `root` has its password on a server of the fleet's: by the same address in a
container, by the server's socket where it is a process on this machine.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dbfleet.engines._mysql.connect import opened, quoted
from dbfleet.engines._mysql.session import Session
from dbfleet.engines._mysql.types import LEXIS
from dbfleet.engines._mysql.wire import Wire
from dbfleet.errors import StatementError, Unavailable
from dbfleet.spec import EngineSpec
from dbfleet.target import Target

_NOT_ALLOWED: Final = frozenset({"1044", "1045", "1142", "1143", "1227", "1370", "1410"})
_GRANT: Final = "SELECT, SHOW VIEW"


def make_reader(spec: EngineSpec, target: Target, session: Session, user: str, password: str) -> None:
    """Make the account, or put it right. One login and one statement where it is right already."""
    if _is_right(spec, target.with_(user=user, password=password, read_only=True)):
        return
    refused: StatementError | None = None
    for wire in _may_make_accounts(spec, target, session):
        try:
            _make(wire, session, target, user, password)
            return
        except StatementError as error:
            if error.code not in _NOT_ALLOWED:
                raise
            refused = refused or error
    if refused is not None:
        raise refused


def _is_right(spec: EngineSpec, reader: Target) -> bool:
    try:
        wire, _ = opened(spec, reader, 10.0)
    except Unavailable:  # no such account, another password, no right to the database
        return False
    try:
        grants = {re.sub(r" (IDENTIFIED|WITH) .*", "", str(row[0])) for row in wire.rows("SHOW GRANTS")}
    finally:
        wire.close()
    rights = {grant.partition(" TO ")[0] for grant in grants}
    return rights == {"GRANT USAGE ON *.*", f"GRANT {_GRANT} ON {_database(reader)}.*"}


def _may_make_accounts(spec: EngineSpec, target: Target, session: Session) -> Iterator[Wire]:
    """Connections that may, or that say why not."""
    yield session.live()
    ((socket,),) = session.rows("SELECT @@socket")
    places = [target]
    if socket and Path(socket).is_socket():
        places.append(target.with_(options={**target.options, "socket": socket}))
    for place in places:
        with contextlib.suppress(Unavailable):
            wire, _ = opened(spec, place.with_(user="root", database=None), 10.0)
            try:
                yield wire
            finally:
                wire.close()


def _make(wire: Wire, session: Session, target: Target, user: str, password: str) -> None:
    with session.translated():
        for (host,) in wire.rows(f"SELECT host FROM mysql.user WHERE user = {quoted(target.user or '')}"):
            account = f"{quoted(user)}@{quoted(str(host))}"
            wire.execute(f"DROP USER IF EXISTS {account}")
            wire.execute(f"CREATE USER {account} IDENTIFIED BY {quoted(password)}")
            wire.execute(f"GRANT {_GRANT} ON {_database(target)}.* TO {account}")


def _database(target: Target) -> str:
    """The database as a grant names it, where _ and % stand for others."""
    return LEXIS.quote(re.sub(r"([_%\\])", r"\\\1", target.database or ""))
