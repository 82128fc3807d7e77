"""Staged tables in the places of others (the ability Swaps).

Neither server takes DDL in a transaction, but one RENAME TABLE of any number of tables is one step, after a crash too.
It renames the old tables to `_dbfleet_gone_…`; they are dropped after it. A kill between the two leaves them:
`leftovers` names them, and `drop` removes them.

A foreign key follows a table that is renamed. So foreign keys among the staged tables are right by themselves, and so
are their generated names (`orders_ibfk_1`). Any other name of a constraint of a table that was `outlined` is set after
the rename, when the old table has it no longer: see `native.constraints`. A foreign key of a table outside would follow
the old table. To point it to the new one takes a second statement, with a gap between, so the swap is refused.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Final

from dbfleet.adapter import Swap
from dbfleet.engines._mysql.driver import driver_errors
from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.native import constraints
from dbfleet.engines._mysql.server import Ask
from dbfleet.engines._mysql.tables import HIDDEN, kinds
from dbfleet.engines._mysql.types import LEXIS
from dbfleet.engines._mysql.wire import Wire
from dbfleet.errors import ConstraintViolated, NotFound
from dbfleet.values import Type

_GONE: Final = f"{HIDDEN}gone_"
_WAIT_S: Final = 60
"""How long the rename waits for those who hold a table open. Whoever comes later waits behind it, and the server's own
limit is a year."""


def leftovers(ask: Ask) -> Sequence[str]:
    """The staged tables, and the old ones of a swap that were not dropped."""
    return sorted(name for name in kinds(ask) if name.startswith(HIDDEN))


def swap(wire: Wire, swaps: Sequence[Swap]) -> None:
    """Let the staged tables take their places. ConstraintViolated or NotFound, and nothing has changed, where one
    cannot."""
    there = kinds(wire.rows)
    for each in swaps:
        if each.staged.name not in there:
            raise NotFound(f"there is no table {each.staged.name}")
    going = [each.name for each in swaps if each.name in there]
    check_outside(wire, going)
    for each in swaps:
        if each.outlined:
            continue  # its indexes have their names already
        renamed = [f"RENAME INDEX {LEXIS.quote(a)} TO {LEXIS.quote(b)}" for a, b in each.indexes.items() if a != b]
        if renamed:
            wire.execute(f"ALTER TABLE {LEXIS.quote(each.staged.name)} {', '.join(renamed)}")
    gone = {name: f"{_GONE}{os.urandom(8).hex()}" for name in going}
    pairs = [*gone.items(), *((each.staged.name, each.name) for each in swaps)]
    with _patient(wire):
        wire.execute("RENAME TABLE " + ", ".join(f"{LEXIS.quote(a)} TO {LEXIS.quote(b)}" for a, b in pairs))
    with contextlib.suppress(*driver_errors()):  # the swap is done; what cannot be dropped now is a leftover
        drop(wire, {gone[name]: there[name] for name in going})
    for each in swaps:
        if each.outlined:
            constraints.rename(wire, each.name, each.indexes)


def lost(ask: Ask, names: Sequence[str]) -> list[str]:
    """What goes with these tables: triggers and partitions. Privileges and views belong to the name, and stay."""
    going = ", ".join(literal(name, Type.TEXT) for name in names) or "NULL"
    rows = ask(
        "SELECT event_object_table, concat('trigger ', trigger_name) FROM information_schema.triggers "
        f"WHERE event_object_schema = DATABASE() AND event_object_table IN ({going}) "
        "UNION SELECT table_name, 'partitions' FROM information_schema.partitions "
        f"WHERE table_schema = DATABASE() AND partition_name IS NOT NULL AND table_name IN ({going}) ORDER BY 1, 2"
    )
    return [f"{table}: {text}" for table, text in rows]


def drop(wire: Wire, tables: dict[str, str]) -> None:
    """Drop dbfleet's own tables, given by name with what DROP calls each. References among them are not checked."""
    wire.execute("SET SESSION foreign_key_checks = 0")
    try:
        for name, kind in tables.items():
            wire.execute(f"DROP {kind} IF EXISTS {LEXIS.quote(name)}")
    finally:
        if not wire.closed:
            wire.execute("SET SESSION foreign_key_checks = 1")


def check_outside(wire: Wire, going: Sequence[str]) -> None:
    """ConstraintViolated where a table that is none of these refers to one of them."""
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
    """While the session waits for a lock as long as _WAIT_S."""
    wire.execute(f"SET @dbfleet_wait = @@SESSION.lock_wait_timeout, SESSION lock_wait_timeout = {_WAIT_S}")
    try:
        yield
    finally:
        if not wire.closed:
            wire.execute("SET SESSION lock_wait_timeout = @dbfleet_wait")
