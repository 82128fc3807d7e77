"""Tables by the catalog views: what a collection's name means, what its columns are, how one is made.

A plain name is in the user's default schema (dbo). A dot in a name separates schema and table only where a schema of
that name exists: `sales.orders`. What a table's columns do not say (edge, partition) is kept in the table's extended
property `dbfleet`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from dbfleet.engines.sqlserver.types import (
    LEXIS,
    NAME_LENGTH,
    PROPERTY,
    Native,
    declare,
    kept_beside,
    read_native,
    text_literal,
)
from dbfleet.errors import NotFound, StatementError, Unsupported, did_you_mean
from dbfleet.values import Column, Reference, Schema

HIDDEN: Final = "_dbfleet_"
Ask = Callable[[str], list[tuple[Any, ...]]]
"""Runs a statement and gives all its rows."""

_SCHEMA: Final = "SELECT SCHEMA_NAME()"
_SCHEMAS: Final = "SELECT s.name FROM sys.schemas AS s"
_COLLECTIONS: Final = """\
SELECT s.name, o.name FROM sys.objects AS o INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0"""
_OBJECT: Final = """\
SELECT o.object_id, o.name, RTRIM(o.type), CONVERT(nvarchar(4000), p.value)
FROM sys.objects AS o INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
LEFT JOIN sys.extended_properties AS p
ON p.class = 1 AND p.major_id = o.object_id AND p.minor_id = 0 AND p.name = N'dbfleet'
WHERE s.name = {space} AND o.name = {table} AND o.type IN ('U', 'V')"""
_COLUMNS: Final = """\
SELECT c.name, COALESCE(b.name, t.name), c.max_length, c.precision, c.scale, c.is_nullable, c.collation_name,
c.is_identity, c.is_computed, c.generated_always_type, c.is_column_set, CONVERT(nvarchar(4000), p.value)
FROM sys.columns AS c INNER JOIN sys.types AS t ON t.user_type_id = c.user_type_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
LEFT JOIN sys.extended_properties AS p
ON p.class = 1 AND p.major_id = c.object_id AND p.minor_id = c.column_id AND p.name = N'dbfleet'
WHERE c.object_id = {id} ORDER BY c.column_id"""
_KEY: Final = """\
SELECT c.name FROM sys.indexes AS i
INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id
INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.object_id = {id} AND i.is_primary_key = 1 ORDER BY k.key_ordinal"""
_REFERENCES: Final = """\
SELECT k.constraint_object_id, c.name, s.name, o.name, r.name FROM sys.foreign_key_columns AS k
INNER JOIN sys.columns AS c ON c.object_id = k.parent_object_id AND c.column_id = k.parent_column_id
INNER JOIN sys.objects AS o ON o.object_id = k.referenced_object_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
INNER JOIN sys.columns AS r ON r.object_id = k.referenced_object_id AND r.column_id = k.referenced_column_id
WHERE k.parent_object_id = {id} ORDER BY k.constraint_object_id, k.constraint_column_id"""

_VIEWS: Final = """\
SELECT s.name, o.name FROM sys.objects AS o INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE o.type = 'V' AND o.is_ms_shipped = 0"""
_READABLE: Final = frozenset({"229", "230", "297", "300", "701", "802", "916", "1204", "1205", "1222", "3617", "8645"})
"""Errors of reading a view that are not the view's fault: a privilege, a lock, no memory, a stop by somebody."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view: its number and name, its name in SQL, its kind (U or V), its columns, what is kept beside it."""

    number: int
    name: str
    sql: str
    kind: str
    columns: Mapping[str, Native]
    beside: Mapping[str, Any]

    def native(self, name: str) -> Native:
        """The column of this name. NotFound if there is none."""
        if name not in self.columns:
            # The server finds it too where its collation ignores case, as most do.
            folded = [native for known, native in self.columns.items() if known.casefold() == name.casefold()]
            if len(folded) == 1:
                return folded[0]
            raise NotFound(f"{self.name} has no column {name}", hint=did_you_mean(name, self.columns))
        return self.columns[name]

    @property
    def identity(self) -> bool:
        """Whether it has an IDENTITY column."""
        return any(native.identity for native in self.columns.values())


class Tables:
    """The database's tables, asked for anew each time: they change."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    @cached_property
    def _space(self) -> str:
        ((space,),) = self._ask(_SCHEMA)
        return str(space or "dbo")

    def names(self) -> list[str]:
        """The collections' names, sorted."""
        return sorted(name for name, hidden in self._names() if not hidden)

    def broken_views(self, ask: Ask) -> dict[str, str]:
        """The views that nobody can read, and why: a table of theirs is gone, or a column. Each view has to be asked;
        `ask` raises errors of ours."""
        schemas = self._schemas()
        broken = {}
        for space, view in self._ask(_VIEWS):
            try:
                ask(f"SELECT TOP (0) 0 AS [dbfleet] FROM {LEXIS.quote(space)}.{LEXIS.quote(view)}")
            except StatementError as error:
                if error.code not in _READABLE:
                    broken[self._joined(space, view, schemas)] = error.message
        return broken

    def joined(self, space: str, name: str) -> str:
        """The name of a collection or another object: the inverse of `split`."""
        return self._joined(space, name, self._schemas() if "." in name else set())

    def keyed(self, table: Table) -> set[str]:
        """The columns of the key and of the references."""
        key = {str(name) for (name,) in self._ask(_KEY.format(id=table.number))}
        return key | {str(row[1]) for row in self._ask(_REFERENCES.format(id=table.number))}

    def leftovers(self) -> list[str]:
        """The names of dbfleet's own tables, which are no collections."""
        return sorted(name for name, hidden in self._names() if hidden)

    def _names(self) -> list[tuple[str, bool]]:
        schemas = self._schemas()
        return [
            (self._joined(space, table, schemas), table.startswith(HIDDEN)) for space, table in self._ask(_COLLECTIONS)
        ]

    def _schemas(self) -> set[str]:
        return {str(name) for (name,) in self._ask(_SCHEMAS)}

    def split(self, collection: str) -> tuple[str, str]:
        """The schema and the table that a collection's name means."""
        return self._split(collection, self._schemas() if "." in collection else set())

    def _split(self, collection: str, schemas: set[str]) -> tuple[str, str]:
        for place, mark in enumerate(collection):
            if mark == "." and collection[:place] in schemas:
                return collection[:place], collection[place + 1 :]
        return self._space, collection

    def _joined(self, space: str, table: str, schemas: set[str]) -> str:
        plain = space == self._space and self._split(table, schemas) == (space, table)
        return table if plain else f"{space}.{table}"

    def sql(self, collection: str) -> str:
        """The collection's name in SQL."""
        return ".".join(map(LEXIS.quote, self.split(collection)))

    def find(self, collection: str) -> Table:
        """The table. NotFound if it is not there."""
        space, name = self.split(collection)
        found = self._ask(_OBJECT.format(space=text_literal(space), table=text_literal(name)))
        if not found:
            raise NotFound(f"there is no table {collection}")
        number, name, kind, beside = found[0]
        columns = {}
        for column, word, length, precision, scale, nullable, collation, identity, *computed, kept in self._ask(
            _COLUMNS.format(id=int(number))
        ):
            columns[str(column)] = read_native(
                column, word, length, precision, scale, bool(nullable),
                collation=collation, identity=bool(identity), computed=any(computed), beside=kept,
            )  # fmt: skip
        sql = ".".join(map(LEXIS.quote, (space, name)))
        return Table(int(number), collection, sql, kind, columns, _kept(beside))

    def describe(self, collection: str) -> Schema:
        """The table's schema. NotFound if it is not there."""
        table = self.find(collection)
        order = list(table.columns)
        references = sorted(self._references(table), key=lambda each: [order.index(name) for name in each.columns])
        return Schema(
            collection,
            tuple(native.column for native in table.columns.values()),
            tuple(str(name) for (name,) in self._ask(_KEY.format(id=table.number))),
            tuple(references),
            edge=bool(table.beside.get("edge")),
            partition=tuple(table.beside.get("partition", ())),
        )

    def _references(self, table: Table) -> list[Reference]:
        found: dict[int, list[tuple[str, str, str, str]]] = {}
        for number, *rest in self._ask(_REFERENCES.format(id=table.number)):
            found.setdefault(number, []).append(tuple(rest))
        schemas = self._schemas() if found else set()
        return [
            Reference(
                tuple(row[0] for row in rows), self._joined(rows[0][1], rows[0][2], schemas), tuple(r[3] for r in rows)
            )
            for rows in found.values()
        ]

    # --- making one ---

    def create_statements(self, schema: Schema) -> Iterator[str]:
        """The statements that make the schema's table, in order."""
        _check_names(schema)
        space, name = self.split(schema.name)
        table = ".".join(map(LEXIS.quote, (space, name)))
        native = self._types_of_references(schema)
        keyed = {*schema.key, *(name for reference in schema.references for name in reference.columns)}
        lines, beside = [], []
        for column in schema.columns:
            declared = native.get(column.name) or declare(column, column.name in keyed)
            missing = "NOT NULL" if column.name in schema.key or not column.nullable else "NULL"
            lines.append(f"{LEXIS.quote(column.name)} {declared} {missing}")
            kept = kept_beside(column, reads_back(column.name, declared))
            if kept:
                beside.append((kept, ("TABLE", name), ("COLUMN", column.name)))
        if schema.key:
            lines.append(f"PRIMARY KEY ({LEXIS.quote_all(schema.key)})")
        lines += [
            f"FOREIGN KEY ({LEXIS.quote_all(reference.columns)}) "
            f"REFERENCES {self.sql(reference.collection)} ({LEXIS.quote_all(reference.keys)})"
            for reference in schema.references
        ]
        yield f"CREATE TABLE {table} ({', '.join(lines)})"
        extras = {word: value for word, value in (("edge", schema.edge), ("partition", schema.partition)) if value}
        if extras:
            yield _add_property(space, json.dumps(extras, separators=(",", ":")), ("TABLE", name))
        for kept, *levels in beside:
            yield _add_property(space, kept, *levels)

    def _types_of_references(self, schema: Schema) -> dict[str, str]:
        """The types of the columns that refer to another table: the server demands the same types as there."""
        found: dict[str, Any] = {}
        for reference in schema.references:
            if reference.collection == schema.name:
                keyed = {column.name: declare(column, True) for column in schema.columns if column.name in schema.key}
                found |= {own: keyed[key] for own, key in zip(reference.columns, reference.keys, strict=True)
                          if key in keyed}  # fmt: skip
                continue
            try:
                other = self.find(reference.collection)
            except NotFound:
                continue  # CREATE TABLE says so
            for own, key in zip(reference.columns, reference.keys, strict=True):
                native = other.columns.get(key)
                if native is not None and native.column.type is schema.column(own).type:
                    collate = f" COLLATE {native.collation}" if native.collation else ""
                    found[own] = native.native + collate
        return found


def reads_back(name: str, declared: str) -> Column:
    """The column that a declared type is read as, without what is kept beside it. It may be NULL."""
    word, _, rest = declared.partition(" ")[0].partition("(")
    sizes = [-1 if size == "max" else int(size) for size in rest.rstrip(")").split(",") if size]
    first, second = (*sizes, 0, 0)[:2]
    length = first * 2 if word[0] == "n" and first > 0 else first
    scale = first if word in ("time", "datetime2", "datetimeoffset") else second
    return read_native(name, word, length, first, scale, True).column


def _add_property(space: str, value: str, *levels: tuple[str, str]) -> str:
    places = [("SCHEMA", space), *levels]
    arguments = ", ".join(f"N'{kind}', {text_literal(name)}" for kind, name in places)
    return f"EXEC sys.sp_addextendedproperty N'{PROPERTY}', {text_literal(value)}, {arguments}"


def _kept(beside: str | None) -> Mapping[str, Any]:
    try:
        found = json.loads(beside or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _check_names(schema: Schema) -> None:
    for name in (schema.name.rpartition(".")[2] or schema.name, *schema.names):
        if not name or len(name.encode("utf-16-le")) // 2 > NAME_LENGTH:
            raise Unsupported(f"SQL Server's names have 1 to {NAME_LENGTH} characters: {name[:40]!r}…")
        if "\0" in name:
            raise Unsupported("a name cannot hold the character U+0000")
    if schema.name[0] == "#":
        raise Unsupported(f"{schema.name}: a name that begins with # is a temporary table's")


def with_types(table: Table, columns: Sequence[Column]) -> list[Native]:
    """The table's columns that are given, in their order; each with its `column` as the schema has it."""
    return [replace(table.native(column.name), column=column) for column in columns]
