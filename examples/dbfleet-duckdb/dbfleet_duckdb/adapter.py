"""DuckDB's adapter: what DuckDB does in its own way. `dbfleet.sql.dbapi` does the rest by the dialect of `types`.

A cursor of DuckDB's is another connection to the same file. So statements of the user's and writes run on the
connection itself: what one of them makes for the session, the next one sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dbfleet.abilities import CarriesExtras, TellsLeft
from dbfleet.adapter import ResultColumn
from dbfleet.errors import StatementError
from dbfleet.extras import AnyExtra, Extras
from dbfleet.sql import ddl
from dbfleet.sql.dbapi import DbapiAdapter
from dbfleet.sql.dialect import Reading
from dbfleet.sql.files import InFile
from dbfleet.sql.text import Statement
from dbfleet.values import Batch, Schema
from dbfleet_duckdb import tables
from dbfleet_duckdb.types import DIALECT, kind_of, quote

_READS: Final = frozenset({"SELECT", "FROM", "VALUES", "WITH", "TABLE"})


class DuckdbAdapter(DbapiAdapter, InFile, CarriesExtras, TellsLeft):
    """One connection that writes, and a cursor, a connection to the same file, for each scan."""

    dialect = DIALECT

    def version(self) -> str:
        return str(self.ask("SELECT version()")[0][0]).removeprefix("v")

    def collections(self) -> Sequence[str]:
        return sorted(tables.tables(self.ask))

    def left(self) -> Sequence[str]:
        return tables.left(self.ask)

    def describe(self, name: str) -> Schema:
        return tables.describe(self.ask, name)

    def natives(self, name: str) -> Mapping[str, str]:
        return tables.natives(self.ask, name)

    def create_statements(self, schema: Schema) -> Iterator[str]:
        return tables.create_statements(schema)

    def drop(self, name: str) -> None:
        for known, (_, kind) in tables.tables(self.ask).items():
            if known.lower() == name.lower():
                self.ask(f"DROP {kind} {quote(known)}")

    def extras(self, name: str) -> Extras:
        return tables.extras(self.ask, self.describe(name))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        self.ask(ddl.extra_statement(schema, extra, quote, self.literals(schema), now="now()"))

    def reading(self, statement: Statement, text: str, values: Sequence[object]) -> Reading:
        """A statement that reads is described first, and read in the form that loses nothing."""
        if not _READS.intersection(statement.words[:1]):
            return Reading(text)
        try:
            with self.translated():
                found = self._connection.execute(f"DESCRIBE {text}", values).fetchall()
        except StatementError:
            return Reading(text)  # running it says what is wrong with it
        kinds = [kind_of(native) for _, native, *_ in found]
        columns = [
            ResultColumn(name, None if kind.note else kind.type, native)
            for (name, native, *_), kind in zip(found, kinds, strict=True)
        ]
        if any(kind.read != "{c}" for kind in kinds):
            cells = ", ".join(kind.read.format(c=f"#{place}") for place, kind in enumerate(kinds, 1))
            text = f"SELECT {cells} FROM ({text}\n) AS t"
        return Reading(text, columns, [kind.fetch for kind in kinds])

    def outcome(
        self, text: str, columns: Sequence[ResultColumn], first: Batch
    ) -> tuple[Sequence[ResultColumn], int | None]:
        """DuckDB tells in a column `Count` how many rows were changed, and gives an empty one, `Success`, for DDL."""
        names = [column.name for column in columns]
        if names == ["Count"] and "RETURNING" not in text.upper():
            return [], int(first[0][0]) if first else None
        return [] if names == ["Success"] and not first else columns, None
