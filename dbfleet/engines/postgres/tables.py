"""Tables by the catalog: what a collection's name means, what its columns are, how it is made, and read in parts.

A plain name is in the connection's current schema and nowhere else on the search path: what `create` makes, `describe`
finds and `drop` removes. A dot in a name separates schema and table only where a schema of that name exists.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from dbfleet.adapter import WHOLE, Part
from dbfleet.engines.postgres.types import LEXIS, NAME_BYTES, NATIVE, RELATIONAL, Carried, TypeCatalog
from dbfleet.errors import NotFound, Unsupported, did_you_mean
from dbfleet.sql.relational import create_statements
from dbfleet.values import Column, Schema, Type

Execute = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

_quote = LEXIS.quote

_COLLECTIONS: Final = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = ANY($2::"char"[]) AND NOT c.relispartition AND c.relpersistence <> 't'
  AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND has_schema_privilege(n.oid, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
                  AND d.objid = c.oid AND d.deptype = 'e')
  AND (c.relname LIKE '\\_dbfleet\\_%') = $1
"""

_COLUMNS: Final = """
SELECT c.relkind::text, a.attname, a.atttypid, format_type(a.atttypid, a.atttypmod),
       format_type(coalesce(nullif(t.typbasetype, 0), t.oid), -1), a.attgenerated <> '',
       a.attnotnull OR t.typnotnull, col_description(c.oid, a.attnum), obj_description(c.oid, 'pg_class')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY a.attnum
"""

_SPACE: Final = re.compile(r"[^\W\d][\w $-]*")  # as people call them: tenant-1, "My Schema"; `2024.csv` is none

_EMPTY: Final = """
SELECT 1 FROM pg_catalog.pg_namespace n WHERE n.nspname = $1 AND obj_description(n.oid, 'pg_namespace') = 'dbfleet:made'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid = n.oid)
"""

_SAMPLE_PAGES: Final = 200
"""Pages that are sampled for the bounds of each part: parts of a million rows then differ by some 10 %."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table. `native` has the type's sizes: character varying(20). `cast` has none: a cast to varchar(20)
    would cut a longer key to one that exists."""

    oid: int
    native: str
    cast: str
    generated: bool
    not_null: bool
    comment: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view: its name, its name in SQL, its kind as in pg_class.relkind, its columns, its comment."""

    name: str
    sql: str
    kind: str
    columns: Mapping[str, TableColumn]
    comment: str | None

    def column(self, name: str) -> TableColumn:
        """The column of this name. NotFound if there is none."""
        if name not in self.columns:
            raise NotFound(f"{self.name} has no column {name}", hint=did_you_mean(name, self.columns))
        return self.columns[name]

    @property
    def drop(self) -> str:
        """The statement that removes it."""
        kind = {"v": "VIEW", "m": "MATERIALIZED VIEW", "f": "FOREIGN TABLE"}.get(self.kind, "TABLE")
        return f"DROP {kind} {self.sql}"


_DIGITS: Final = re.compile(r"\((\d)\)")
_FIELDS: Final = {0: "second", 3: "milliseconds"}


def _cut(column: Column, native: str, expression: str) -> str:
    digits = _DIGITS.search(native)
    field = _FIELDS.get(6 if column.fraction_digits is None else column.fraction_digits)
    if (
        field is None
        or not native.startswith("time")
        or int(digits[1] if digits else 6) <= (column.fraction_digits or 0)
    ):
        return expression
    if native.startswith("timestamp"):
        return f"date_trunc('{field}', {expression})"
    if native.endswith("without time zone"):
        return f"date_trunc('{field}', {expression}::interval)::time"
    return expression


class Tables:
    """The database's tables, asked for anew each time: they change. `types` is the catalog of their columns' types."""

    def __init__(self, execute: Execute) -> None:
        self.types = TypeCatalog(execute)
        self._execute = execute
        self._schemas: set[str] = set()

    def names(self, *, staged: bool = False, kinds: str = "rpvmf") -> list[str]:
        """The collections' names, sorted; or those of staged ones alone; of these kinds, as in pg_class.relkind."""
        wanted = "{" + ",".join(kinds) + "}"
        return sorted(self.joined(space, table) for space, table in self._execute(_COLLECTIONS, [staged, wanted]))

    @cached_property
    def _space(self) -> str:
        ((space,),) = self._execute("SELECT coalesce(current_schema(), 'public')", ())
        return str(space)

    def _is_schema(self, name: str) -> bool:
        if name not in self._schemas and self._execute("SELECT 1 FROM pg_namespace WHERE nspname = $1", [name]):
            self._schemas.add(name)
        return name in self._schemas

    def create(self, schema: Schema, *, constraints_later: bool = False) -> None:
        """Make the table, in a transaction of the caller's, without its key and references if these come later
        (`add_key`, `add_references`). Unsupported for a name that the server would cut."""
        for name in (self.split(schema.name)[1], *schema.names):
            if len(name.encode()) > NAME_BYTES:
                raise Unsupported(f"PostgreSQL's names have at most {NAME_BYTES} bytes: {name}")
            if "\0" in name or not name:
                raise Unsupported(f"PostgreSQL's names are not empty and hold no NUL: {name!r}")
        self.make_space(schema.name)
        for statement in create_statements(
            schema, RELATIONAL, split_name=self.split, constraints_later=constraints_later
        ):
            self._execute(statement, ())

    def add_key(self, schema: Schema) -> None:
        """Make the key over the rows. The server gives it the name that `create` would have given."""
        if schema.key:
            self._execute(f"ALTER TABLE {self.sql(schema.name)} ADD PRIMARY KEY ({LEXIS.quote_all(schema.key)})", ())

    def add_references(self, schema: Schema) -> None:
        """Make the references over the rows, as `add_key` makes the key."""
        for each in schema.references:
            self._execute(
                f"ALTER TABLE {self.sql(schema.name)} ADD FOREIGN KEY ({LEXIS.quote_all(each.columns)}) "
                f"REFERENCES {self.sql(each.collection)} ({LEXIS.quote_all(each.keys)})",
                (),
            )

    def drop(self, table: Table) -> None:
        """Remove the table, and its schema where we made that and nothing else is in it."""
        self._execute(table.drop, ())
        self.drop_space(self.split(table.name)[0])

    def make_space(self, collection: str) -> None:
        """Make the schema `s2` for a new collection `s2.t`, as it was called in another database, unless it is there.
        It gets a comment, by which `drop_space` knows it."""
        space, _, table = collection.partition(".")
        if not table or not _SPACE.fullmatch(space) or space.startswith("pg_") or self._is_schema(space):
            return
        if self._execute("SELECT has_database_privilege(current_database(), 'CREATE')", ())[0][0]:
            self._execute(f"CREATE SCHEMA {_quote(space)}", ())
            self._execute(f"COMMENT ON SCHEMA {_quote(space)} IS 'dbfleet:made'", ())

    def drop_space(self, space: str) -> None:
        """Remove a schema that `make_space` made, once nothing is in it."""
        if self._execute(_EMPTY, [space]):
            self._schemas.discard(space)
            self._execute(f"DROP SCHEMA {_quote(space)}", ())

    def split(self, collection: str) -> tuple[str, str]:
        """The schema and the table that a collection's name means."""
        for place, mark in enumerate(collection):
            if mark == "." and place and self._is_schema(collection[:place]):
                return collection[:place], collection[place + 1 :]
        return self._space, collection

    def joined(self, space: str | None, table: str) -> str:
        """The collection's name of a table: the inverse of `split`."""
        plain = space in (None, self._space)
        return table if plain and self.split(table) == (self._space, table) else f"{space or self._space}.{table}"

    def sql(self, collection: str) -> str:
        """The collection's name in SQL."""
        space, table = self.split(collection)
        return f"{_quote(space)}.{_quote(table)}"

    def arrays(self, schema: Schema, table: Table) -> list[bool]:
        """Of each column of the schema, whether it is an array of the table."""
        return [bool(self.types[table.column(name).oid].element) for name in schema.names]

    def find(self, collection: str) -> Table:
        """The table, its columns' types known to the catalog of types. NotFound if it is not there."""
        rows = self._execute(_COLUMNS, self.split(collection))
        if not rows:
            raise NotFound(f"there is no table {collection}")
        if rows[0][1] is None:
            raise NotFound(f"the table {collection} has no columns, so it has no rows that could be told apart")
        columns = {name: TableColumn(*rest) for _, name, *rest, _ in rows if name is not None}
        self.types.learn(column.oid for column in columns.values())
        return Table(collection, self.sql(collection), rows[0][0], columns, rows[0][-1])

    def select(self, schema: Schema, table: Table, *, cut: bool = False) -> str:
        """SELECT of the schema's columns, each as the schema's type. With `cut`, times are cut to the digits of a
        second that the schema names, where the server has a function for that."""
        return f"SELECT {named(schema, self.expressions(schema, table, cut=cut))} FROM {from_(schema, table)}"

    def expressions(self, schema: Schema, table: Table, *, cut: bool = False) -> list[str]:
        """The expressions of `select`, one a column."""
        casts = [_cast(column, self.types[table.column(column.name).oid]) for column in schema.columns]
        if cut:
            natives = [table.column(column.name).native for column in schema.columns]
            casts = list(map(_cut, schema.columns, natives, casts))
        return casts

    # --- parts ---

    def parts(self, schema: Schema, table: Table, count: int) -> Sequence[Part]:
        """Parts by ranges of the key, which stay right whatever is written meanwhile. The bounds are quantiles of a
        sample of pages: gaps and skew do not matter, and a table of any size is split in a few hundredths of a second.
        A table without a key is split by ranges of pages, which are right while nothing is written."""
        if count < 2 or table.kind not in "rpm" or (table.kind == "p" and not schema.key):
            return [WHOLE]
        if not all(table.column(name).not_null for name in schema.key):
            return [WHOLE]  # no range holds a NULL
        pages = self._pages(table)
        edges: list[Any]
        if not schema.key:
            edges = sorted({pages * number // count for number in range(1, count)} - {0})
            return [{"pages": [*pair]} for pair in itertools.pairwise([0, *edges, None])] if edges else [WHOLE]
        edges = [None, *self._bounds(schema, table, count, pages), None]
        if len(edges) == 2:
            return [WHOLE]
        return [
            {word: edge for word, edge in zip(("from", "below"), pair, strict=True) if edge}
            for pair in itertools.pairwise(edges)
        ]

    def bytes(self, table: Table) -> int:
        """The size of the table's rows, without what they keep outside their pages."""
        ((size,),) = self._execute(
            "SELECT coalesce(sum(pg_relation_size(relid)), pg_relation_size($1::regclass))::bigint "
            "FROM pg_partition_tree($1::regclass)",
            [table.sql],
        )
        return int(size)

    def _pages(self, table: Table) -> int:
        sizes = "pg_relation_size($1::regclass)"
        if table.kind == "p":
            sizes = "(SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree($1::regclass))"
        ((pages,),) = self._execute(
            f"SELECT coalesce({sizes}, 0)::bigint / current_setting('block_size')::bigint", [table.sql]
        )
        return int(pages)

    def _bounds(self, schema: Schema, table: Table, count: int, pages: int) -> list[list[str]]:
        percent = 100.0 if pages <= _SAMPLE_PAGES * count else 100.0 * _SAMPLE_PAGES * count / pages
        key = LEXIS.quote_all(schema.key)
        texts = ", ".join(f"{_quote(name)}::text" for name in schema.key)
        bounds = self._execute(
            f"SELECT {texts} FROM (SELECT {key}, row_number() OVER (ORDER BY {key}) AS dbfleet_place, "
            f"count(*) OVER () AS dbfleet_total "
            f"FROM {table.sql} TABLESAMPLE SYSTEM ({percent:.6f}) REPEATABLE (1)) AS s "
            f"JOIN generate_series(1, {count - 1}) AS n ON dbfleet_place = dbfleet_total * n / {count} + 1 "
            "WHERE dbfleet_place > 1 ORDER BY dbfleet_place",
            (),
        )
        return [list(bound) for bound, _ in itertools.groupby(bounds)]


def from_(schema: Schema, table: Table) -> str:
    """What rows are read from: with `native` a table without what inherits from it, which has its own rows."""
    return f"ONLY {table.sql}" if schema.native and not schema.heirs and table.kind == "r" else table.sql


def named(schema: Schema, expressions: Sequence[str]) -> str:
    """The expressions, each with its column's name, which the server's messages then have."""
    pairs = zip(map(_quote, schema.names), expressions, strict=True)
    return ", ".join(text if text == name else f"{text} AS {name}" for name, text in pairs)


def where(
    schema: Schema, table: Table, part: Part, literal: Callable[[str], str] | None = None
) -> tuple[str, list[str]]:
    """The WHERE of a part, and its parameters. With `literal` there are none: it spells them (COPY takes none)."""
    conditions: list[str] = []
    values: list[str] = []
    for word, sign in (("from", ">="), ("below", "<")):
        if word in part:
            first = len(values) + 1
            texts = [f"${number}" for number, _ in enumerate(schema.key, first)]
            if literal:
                texts = [literal(value) for value in part[word]]
            casts = [f"{text}::{table.column(name).cast}" for text, name in zip(texts, schema.key, strict=True)]
            conditions.append(f"({LEXIS.quote_all(schema.key)}) {sign} ({', '.join(casts)})")
            values += () if literal else part[word]
    if "pages" in part:
        low, high = part["pages"]
        conditions.append(f"ctid >= '({int(low)},0)'::tid")
        if high is not None:
            conditions.append(f"ctid < '({int(high)},0)'::tid")
    if "where" in part:
        conditions.append(part["where"])
    return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), values


def by_keys(schema: Schema, table: Table) -> str:
    """The condition that a row's key is among the keys. Its parameters are arrays, one for each column of the key."""
    arrays = [f"${number}::{table.column(name).cast}[]" for number, name in enumerate(schema.key, 1)]
    if len(arrays) == 1:  # this always uses the index; a subselect only where the statistics say so
        return f"{_quote(schema.key[0])} = ANY({arrays[0]})"
    return f"({LEXIS.quote_all(schema.key)}) IN (SELECT * FROM unnest({', '.join(arrays)}))"


def order(column: Column, table: Table) -> str | None:
    """What orders by a key column as every engine does: numbers by value, text by its bytes. None for other types."""
    name, native = _quote(column.name), table.column(column.name).cast
    if native == "date" and column.type is Type.TEXT:
        return None  # BC and infinity are not in the order of their texts
    if native in ("smallint", "integer", "bigint", "uuid", "date"):
        return name
    return f'{name} COLLATE "C"' if native in ("text", "character varying") else None


def _cast(column: Column, carried: Carried) -> str:
    """The expression of the column, as the schema's type."""
    name = _quote(column.name)
    if carried.type is None and not carried.nested:
        return f"{name}::text"  # a domain of a domain would come as what it is in the end
    if column.type is carried.column_type:
        return f"to_json({name})" if carried.nested else name
    return f"{name}::{NATIVE[column.type]}"
