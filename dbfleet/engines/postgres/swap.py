"""Staged tables in the places of others (the ability Swaps), in one transaction: DDL is transactional in PostgreSQL, so
a kill at any moment leaves the old tables or the new ones, and a reader waits for the lock and then sees the new
ones.

The old table is dropped. The staged one is renamed and gets what the old one had around it (`swap_kept`). Its
constraints, the indexes behind them and the sequences of its identities are named as PostgreSQL would have named them
for the final name. A foreign key of a table outside is made anew against the new table, which checks its rows: where
they do not fit, nothing has changed. A view, a materialized view, a rule or a function's signature depends on the old
table itself, not on its name: the swap is refused and names it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dbfleet.adapter import Swap
from dbfleet.engines.postgres.swap_kept import holders, kept, lost
from dbfleet.engines.postgres.tables import Execute, Table, Tables
from dbfleet.engines.postgres.types import LEXIS, NAME_BYTES
from dbfleet.errors import ConstraintViolated, NotFound, StatementError

_quote = LEXIS.quote

_REFERRING: Final = """
WITH going AS (SELECT unnest($1::regclass[])::oid AS id
               UNION SELECT p.relid FROM unnest($1::regclass[]) AS g(id), pg_catalog.pg_partition_tree(g.id) p)
SELECT k.conrelid::regclass::text, k.conname, pg_get_constraintdef(k.oid) FROM pg_catalog.pg_constraint k
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid IN (SELECT id FROM going)
  AND k.conrelid NOT IN (SELECT id FROM going)
ORDER BY 1, 2
"""

_CONSTRAINTS: Final = """
SELECT k.conname, k.contype::text, ARRAY(
    SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(number, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place)
FROM pg_catalog.pg_constraint k WHERE k.conrelid = $1::regclass AND k.contype IN ('p', 'u', 'f', 'n') ORDER BY k.conname
"""

_SEQUENCES: Final = """
SELECT s.relname, a.attname FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
  AND d.refobjid = $1::regclass AND d.deptype IN ('i', 'a')
"""

_TAKEN: Final = """
SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2
UNION ALL SELECT 1 FROM pg_catalog.pg_constraint WHERE conrelid = $3::regclass AND conname = $2
"""

_WAIT_S: Final = 60
"""How long we wait for those who hold a table, say in a transaction that was left open."""
_LOCK_NOT_AVAILABLE: Final = "55P03"
_LABELS: Final = {"p": "pkey", "u": "key", "f": "fkey", "n": "not_null"}


def swap(execute: Execute, tables: Tables, swaps: Sequence[Swap]) -> None:
    """Put the staged tables in the places of the others, inside a transaction. NotFound for a staged table that is not
    there; ConstraintViolated, by name, for what depends on a table that would go."""
    # Whoever comes later waits behind us, and PostgreSQL's own limit is none.
    execute(f"SET LOCAL lock_timeout = '{_WAIT_S}s'", ())
    staged = [tables.find(each.staged.name) for each in swaps]
    for each in swaps:
        if not each.outlined:  # an outline makes its schemas itself
            tables.make_space(each.name)
    old = [table for each in swaps if (table := _there(tables, each.name)) is not None]
    lockable = sorted(table.sql for table in old if table.kind in "rp")
    if lockable:
        try:
            execute(f"LOCK TABLE {', '.join(lockable)} IN ACCESS EXCLUSIVE MODE", ())
        except StatementError as error:
            if error.code == _LOCK_NOT_AVAILABLE:
                error.message = f"somebody has held {', '.join(lockable)} for {_WAIT_S} s, in an open transaction"
                error.hint = "pg_stat_activity and pg_locks tell who: end that first"
            raise
    around = [
        (table, statement)
        for each, made in zip(swaps, staged, strict=True)
        if (table := _there(tables, each.name)) is not None
        for statement in kept(execute, table.sql, made.sql, outlined=each.outlined)
    ]
    referring = execute(_REFERRING, [_array(table.sql for table in old)]) if old else []
    for table, constraint, _ in referring:
        execute(f"ALTER TABLE {table} DROP CONSTRAINT {_quote(constraint)}", ())
    _drop(execute, old)
    for each, table_ in zip(swaps, staged, strict=True):
        _take_place(execute, tables, each, table_)
    for going, statement in around:
        try:
            execute(statement, ())
        except StatementError as error:
            error.message = f"what {going.name} has cannot be given to the table in its place: {error.message}"
            error.hint = f"this failed: {' '.join(statement.split())[:200]}"
            raise
    for table, constraint, definition in referring:
        execute(f"ALTER TABLE {table} ADD CONSTRAINT {_quote(constraint)} {definition}", ())


def what_goes(execute: Execute, tables: Tables, names: Sequence[str]) -> list[str]:
    """What goes with these tables and is not given to those in their places, in words. ConstraintViolated for what
    depends on one of them."""
    old = [table for name in names if (table := _there(tables, name)) is not None]
    held = holders(execute, _array(table.sql for table in old)) if old else []
    if held:
        told = ", ".join(f"{holder} (of {table})" for holder, table in held[:5])
        more = f" and {len(held) - 5} more" if held[5:] else ""
        raise ConstraintViolated(
            f"what is to be replaced is read by {told}{more}, and would take that with it. Nothing was written",
            hint="drop what depends on it first, or replace its rows: --mode upsert",
        )
    return [f"{table.name}: {text}" for table in old for text in lost(execute, table.sql)]


def _there(tables: Tables, name: str) -> Table | None:
    try:
        return tables.find(name)
    except NotFound:
        return None


def _drop(execute: Execute, old: Sequence[Table]) -> None:
    try:
        for table in old:
            if table.kind not in "rp":
                execute(table.drop, ())
        rest = [table.sql for table in old if table.kind in "rp"]
        if rest:  # all at once, as they may refer to each other
            execute(f"DROP TABLE {', '.join(rest)}", ())
    except ConstraintViolated as error:
        error.hint = "drop what depends on it first, or replace its rows: --mode upsert"
        raise


def _take_place(execute: Execute, tables: Tables, swap: Swap, staged: Table) -> None:
    space, name = tables.split(swap.staged.name)
    final_space, final = tables.split(swap.name)
    place = staged.sql
    if not swap.outlined:
        for made, wanted in swap.indexes.items():
            execute(f"ALTER INDEX {_quote(space)}.{_quote(made)} RENAME TO {_quote(wanted)}", ())
    if final_space != space:
        execute(f"ALTER TABLE {place} SET SCHEMA {_quote(final_space)}", ())
        place = f"{_quote(final_space)}.{_quote(name)}"
    if swap.outlined:
        _take_places(execute, space, {made: tables.split(wanted) for made, wanted in swap.indexes.items()})
    if final != name:
        execute(f"ALTER TABLE {place} RENAME TO {_quote(final)}", ())
        place = f"{_quote(final_space)}.{_quote(final)}"
    kept = set(swap.indexes.values())

    def free(wanted: Iterator[str]) -> str:
        return next(each for each in wanted if not execute(_TAKEN, [final_space, each, place]))

    for constraint, kind, held in execute(_CONSTRAINTS, [place]):
        columns = held if kind != "p" else ()
        if constraint in kept or constraint not in itertools.islice(_names(name, columns, _LABELS[kind]), 10):
            continue  # its name is not one that the server chose
        wanted = free(_names(final, columns, _LABELS[kind]))
        execute(f"ALTER TABLE {place} RENAME CONSTRAINT {_quote(constraint)} TO {_quote(wanted)}", ())
    for sequence, owner in execute(_SEQUENCES, [place]):
        if sequence in itertools.islice(_names(name, [owner], "seq"), 10):
            wanted = free(_names(final, [owner], "seq"))
            execute(f"ALTER SEQUENCE {_quote(final_space)}.{_quote(sequence)} RENAME TO {_quote(wanted)}", ())


_KIND: Final = """
SELECT c.relkind::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2
"""


def _take_places(execute: Execute, space: str, wanted: Mapping[str, tuple[str, str]]) -> None:
    """Give the indexes, sequences, partitions and statistics of a table their final schemas and names. What a table
    owns has moved with it; partitions and statistics have not, and take with them what is theirs."""
    whats: dict[str, str] = {}
    for made, (place, _) in wanted.items():
        kind = execute(_KIND, [space, made]) or execute(_KIND, [place, made])
        whats[made] = "TABLE" if kind else "STATISTICS"  # ALTER TABLE renames indexes and sequences, too
        if space != place and (not kind or kind[0][0] in "rp"):
            execute(f"ALTER {whats[made]} {_quote(space)}.{_quote(made)} SET SCHEMA {_quote(place)}", ())
    for made, (place, name) in wanted.items():
        execute(f"ALTER {whats[made]} {_quote(place)}.{_quote(made)} RENAME TO {_quote(name)}", ())


def _names(table: str, columns: Sequence[str], label: str) -> Iterator[str]:
    """The names that PostgreSQL tries, one after another, for what belongs to a table."""
    yield _name(table, "_".join(columns), label)
    for number in itertools.count(1):
        yield _name(table, "_".join(columns), f"{label}{number}")


def _name(first: str, second: str, label: str) -> str:
    """The name as the server makes it: the longer of the two is cut until all fits."""
    one, two = first.encode(), second.encode()
    room = NAME_BYTES - len(label) - (2 if two else 1)
    while len(one) + len(two) > room:
        if len(one) > len(two):
            one = one[:-1]
        else:
            two = two[:-1]
    parts = [one.decode(errors="ignore"), *([two.decode(errors="ignore")] if second else []), label]
    return "_".join(parts)


def _array(texts: Iterator[str]) -> str:
    return "{" + ",".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts) + "}"
