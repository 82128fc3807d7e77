"""Which tables are there, what their columns are, and how a table is made and removed.

The schema of a table that dbfleet made is kept in the table's comment, behind a mark. The columns of any other table
come from system_schema.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from dbfleet.engines.cassandra.session import NAME, Session
from dbfleet.engines.cassandra.text import partition_of, quote, quoted
from dbfleet.engines.cassandra.values import DECLARED, FOREIGN, NOTES, STATIC, cql_type, keeps
from dbfleet.values import Column, Schema, Type

MARK: Final = "dbfleet:"
"""What the comment of a table that dbfleet made begins with."""
_WHERE: Final = "WHERE keyspace_name = %s AND table_name = %s"
_LONGEST_NAME: Final = 65535
"""Bytes that the name of a column may have."""


class Tables:
    """The tables of one keyspace. The schemas that were read last are remembered: they say how values are bound."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._described: dict[str, Schema] = {}

    def names(self) -> Sequence[str]:
        """The tables of the keyspace, sorted."""
        rows = self._session.rows(
            "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (self._session.keyspace,)
        )
        return sorted(name for (name,) in rows)

    def views(self) -> Sequence[str]:
        """The materialized views of the keyspace, sorted."""
        rows = self._session.rows(
            "SELECT view_name FROM system_schema.views WHERE keyspace_name = %s", (self._session.keyspace,)
        )
        return sorted(name for (name,) in rows)

    def describe(self, name: str) -> Schema:
        """The table's schema, read now. NotFound if it is not there."""
        kept = kept_in(self._comment(name))
        schema = self._as_it_is_now(name, replace(kept, name=name)) if kept else self._read(name)
        self._described[name] = schema
        return schema

    def _as_it_is_now(self, name: str, kept: Schema) -> Schema:
        """The schema that dbfleet gave the table, without the columns that are gone and with those that others have
        added since."""
        there = {column for column, *_ in columns_of(self._session, name)}
        if there == set(kept.names):
            return kept
        found = self._read(name)
        if not there.issuperset(kept.key):
            return found
        columns = [column for column in kept.columns if column.name in there]
        columns += [column for column in found.columns if column.name not in kept.names]
        references = tuple(each for each in kept.references if there.issuperset(each.columns))
        edge = kept.edge and references == kept.references
        return replace(kept, columns=tuple(columns), references=references, edge=edge)

    def described(self, name: str) -> Schema:
        """The table's schema as it was read last."""
        return self._described[name] if name in self._described else self.describe(name)

    def column(self, schema: Schema, name: str) -> Column:
        """A column as the table has it. In the schema `native` may be another engine's type, as in one from a dump."""
        known = self.described(schema.name)
        return known.column(name) if name in known.names else replace(schema.column(name), native=None)

    def is_ours(self, name: str) -> bool:
        """Whether dbfleet made the table."""
        return kept_in(self._comment(name)) is not None

    def create(self, schema: Schema) -> None:
        """Make the table. Unsupported for a name, a key or a column that Cassandra does not take."""
        session = self._session
        if not NAME.fullmatch(schema.name):
            raise session.unsupported(f"the name {schema.name!r}: letters, digits and _ only, 48 at most")
        if not schema.key:
            raise session.unsupported(f"{schema.name} has no key, and a table of Cassandra's needs one")
        for column in schema.columns:
            if not column.name or len(column.name.encode(errors="surrogatepass")) > _LONGEST_NAME:
                raise session.unsupported(f"the column name {column.name!r}")
        partition = partition_of(schema)
        clustering = [name for name in schema.key if name not in partition]
        columns = ", ".join(f"{quote(column.name)} {_declared(column)}" for column in schema.columns)
        primary = ", ".join([f"({quoted(partition)})", *map(quote, clustering)])
        # The names of another engine's types are left out.
        kept = replace(
            schema,
            columns=tuple(column if keeps(column) else replace(column, native=None) for column in schema.columns),
        )
        self._described.pop(schema.name, None)
        comment = (MARK + json.dumps(kept.to_dict(), ensure_ascii=False)).replace("'", "''")
        session.rows(f"CREATE TABLE {session.table(schema.name)} ({columns}, PRIMARY KEY ({primary})) "
                     f"WITH comment = '{comment}'")  # fmt: skip

    def drop(self, name: str) -> None:
        """Remove the table. Silent if it is absent."""
        if NAME.fullmatch(name):
            self._session.rows(f"DROP TABLE IF EXISTS {self._session.table(name)}")

    def _comment(self, name: str) -> str:
        place = (self._session.keyspace, name)
        rows = self._session.rows(f"SELECT comment FROM system_schema.tables {_WHERE}", place)
        if not rows:
            raise self._session.not_found(name)
        return rows[0][0] or ""

    def _read(self, name: str) -> Schema:
        """The schema of a table that dbfleet did not make."""
        columns, keys = [], []
        for column, kind, position, type_, _ in columns_of(self._session, name):
            plain = type_.removeprefix("frozen<") if type_.startswith("frozen<") else type_
            carried = FOREIGN.get(plain, Type.JSON)
            native = f"{type_}{STATIC}" if kind == "static" else type_
            nullable = kind in ("regular", "static")
            note = NOTES.get(plain) or (f"{plain.partition('<')[0]}, as json" if carried is Type.JSON else None)
            columns.append(Column(column, carried, nullable, native=native, note=note))
            if kind in ("partition_key", "clustering"):
                keys.append((kind != "partition_key", position, column))
        key = tuple(column for _, _, column in sorted(keys))
        partition = tuple(column for clustering, _, column in sorted(keys) if not clustering)
        columns.sort(key=lambda column: (key.index(column.name) if column.name in key else len(key), column.name))
        return Schema(name, tuple(columns), key, partition=partition if len(partition) > 1 else ())


def columns_of(session: Session, name: str) -> list[tuple[str, str, int, str, str]]:
    """The table's columns, with kind, position in the key, type and order. A table of COMPACT STORAGE has some that CQL
    does not show, and others are called static there that are not."""
    place = (session.keyspace, name)
    fields = "column_name, kind, position, type, clustering_order"
    columns = session.rows(f"SELECT {fields} FROM system_schema.columns {_WHERE}", place)
    ((flags,),) = session.rows(f"SELECT flags FROM system_schema.tables {_WHERE}", place)
    if "compound" in (flags or ()):
        return columns
    if "dense" in (flags or ()):
        return [column for column in columns if column[3] != "empty"]
    return [
        (column, "regular" if kind == "static" else kind, *rest)
        for column, kind, *rest in columns
        if kind in ("partition_key", "static")
    ]


def kept_in(comment: str) -> Schema | None:
    """The schema that the table's comment holds, with the notes of today; None where the comment is somebody else's."""
    try:
        kept = Schema.from_dict(json.loads(comment.removeprefix(MARK))) if comment.startswith(MARK) else None
    except (ValueError, LookupError, TypeError, AttributeError):
        kept = None
    if kept is None:
        return None
    columns = [replace(column, note=NOTES.get(cql_type(column) or "", column.note)) for column in kept.columns]
    return replace(kept, columns=tuple(columns))


def _declared(column: Column) -> str:
    return str(column.native) if keeps(column) else DECLARED[column.type]
