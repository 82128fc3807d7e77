"""Which database a connection is in, and tables that take others' places.

Neither server can have DDL in a transaction, but one RENAME TABLE of any number of tables is one step, after a crash
too: what goes is renamed to `_dbfleet_gone_…` in the same statement, and dropped after it. A kill between the two
leaves those; `leftovers` names them, and `drop` removes them.

A foreign key follows a table that is renamed, so those among the staged tables are right by themselves, and their
generated names follow too (`orders_ibfk_1`). One from a table outside would follow what goes; to point it anew is a
statement of its own, with a gap before it, so the swap is refused.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from dbfleet.adapter import Swap
from dbfleet.engines._mysql.driver import driver_errors
from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.tables import HIDDEN, Server, kinds
from dbfleet.engines._mysql.types import LEXIS
from dbfleet.engines._mysql.wire import Wire
from dbfleet.errors import ConstraintViolated, NotFound
from dbfleet.values import Type

Ask = Callable[[str], Sequence[tuple[str | None, ...]]]
_GONE: Final = f"{HIDDEN}gone_"
_WAIT_S: Final = 60
"""Of a rename for those who hold a table open: whoever comes later waits behind it, and the server's own limit is a
year."""
_WHO: Final = ("server_uuid", "server_uid", "hostname", "port", "datadir")


def identity(ask: Ask, server: Server) -> str:
    """The server's id, which a copied data directory has too (MariaDB has one from 10.6.16 and 11.4 on); so its host,
    port and directory as well, and the second in which it started: now, less how long it runs."""
    names = ", ".join(f"'{name}'" for name in _WHO)
    found = {str(name).lower(): value for name, value in ask(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")}
    status = f"{'information_schema' if server.mariadb else 'performance_schema'}.global_status"
    started: str | None = None
    ((database,),) = ask("SELECT DATABASE()")
    for (seconds,) in ask(
        f"SELECT CAST(UNIX_TIMESTAMP() - variable_value AS SIGNED) FROM {status} WHERE variable_name = 'Uptime'"
    ):
        started = seconds
    parts = [found.get(name) for name in _WHO]
    name = database.lower() if database and server.folds_names else database
    return ":".join(str(part or "") for part in ("mysql", *parts, started, name))


def leftovers(ask: Ask) -> Sequence[str]:
    """The staged and the gone tables that are there."""
    return sorted(name for name in kinds(ask) if name.startswith(HIDDEN))


def swap(wire: Wire, swaps: Sequence[Swap]) -> None:
    """All of them take their places; ConstraintViolated or NotFound, and nothing has changed, where they cannot."""
    there = kinds(wire.rows)
    for each in swaps:
        if each.staged.name not in there:
            raise NotFound(f"there is no table {each.staged.name}")
    going = [each.name for each in swaps if each.name in there]
    _check_outside(wire, going)
    for each in swaps:
        renamed = [f"RENAME INDEX {LEXIS.quote(a)} TO {LEXIS.quote(b)}" for a, b in each.indexes.items() if a != b]
        if renamed:
            wire.execute(f"ALTER TABLE {LEXIS.quote(each.staged.name)} {', '.join(renamed)}")
    gone = {name: f"{_GONE}{os.urandom(8).hex()}" for name in going}
    pairs = [*gone.items(), *((each.staged.name, each.name) for each in swaps)]
    with _patient(wire):
        wire.execute("RENAME TABLE " + ", ".join(f"{LEXIS.quote(a)} TO {LEXIS.quote(b)}" for a, b in pairs))
    with contextlib.suppress(*driver_errors()):  # it is done; what cannot be dropped now is a leftover
        drop(wire, {gone[name]: there[name] for name in going})


def lost(ask: Ask, names: Sequence[str]) -> list[str]:
    """Triggers and partitions go with a table; privileges and views hold to its name."""
    going = ", ".join(literal(name, Type.TEXT) for name in names) or "NULL"
    found = ask(
        "SELECT event_object_table, concat('trigger ', trigger_name) FROM information_schema.triggers "
        f"WHERE event_object_schema = DATABASE() AND event_object_table IN ({going}) "
        "UNION SELECT table_name, 'partitions' FROM information_schema.partitions "
        f"WHERE table_schema = DATABASE() AND partition_name IS NOT NULL AND table_name IN ({going}) ORDER BY 1, 2"
    )
    return [f"{table}: {text}" for table, text in found]


def drop(wire: Wire, tables: dict[str, str]) -> None:
    """Drop what is nobody's: by name, and what DROP calls it. References among them have no say."""
    wire.execute("SET SESSION foreign_key_checks = 0")
    try:
        for name, kind in tables.items():
            wire.execute(f"DROP {kind} IF EXISTS {LEXIS.quote(name)}")
    finally:
        if not wire.closed:
            wire.execute("SET SESSION foreign_key_checks = 1")


def _check_outside(wire: Wire, going: Sequence[str]) -> None:
    if not going:
        return
    names = ", ".join(literal(name, Type.TEXT) for name in going)
    for space, table, constraint, other, here in wire.rows(
        "SELECT table_schema, table_name, constraint_name, referenced_table_name, table_schema = DATABASE() "
        "FROM information_schema.key_column_usage WHERE referenced_table_schema = DATABASE() "
        f"AND referenced_table_name IN ({names})"
    ):
        if other in going and not (here == "1" and table in going):
            child = str(table) if here == "1" else f"{space}.{table}"
            raise ConstraintViolated(
                f"{child} refers to {other} by its foreign key {constraint}, which would follow the rows that go",
                hint=f"replace {child} together with {other}, or drop that foreign key first",
            )


@contextlib.contextmanager
def _patient(wire: Wire) -> Iterator[None]:
    wire.execute(f"SET @dbfleet_wait = @@SESSION.lock_wait_timeout, SESSION lock_wait_timeout = {_WAIT_S}")
    try:
        yield
    finally:
        if not wire.closed:
            wire.execute("SET SESSION lock_wait_timeout = @dbfleet_wait")
