"""SQLite's adapter: the contract's methods on one connection. What they need stands in the rooms beside it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from dbfleet.abilities import (
    CarriesExtras,
    Encodes,
    Encoding,
    Identifies,
    Locates,
    Narrows,
    Native,
    Snapshots,
    Swaps,
    TellsLeft,
)
from dbfleet.adapter import (
    BATCH_SIZE,
    WHOLE,
    Adapter,
    Change,
    Condition,
    Part,
    Result,
    ServerInfo,
    Swap,
    WriteMode,
    Written,
)
from dbfleet.engines.sqlite import extras, left, literals, query, read, swap, tables, write
from dbfleet.engines.sqlite.connect import opened
from dbfleet.engines.sqlite.errors import NAME
from dbfleet.engines.sqlite.native import names as native_names
from dbfleet.engines.sqlite.native import outline, take
from dbfleet.engines.sqlite.native import values as native_values
from dbfleet.engines.sqlite.session import Session
from dbfleet.errors import NotFound
from dbfleet.extras import AnyExtra, Extras, shared
from dbfleet.outline import Outline, Step
from dbfleet.spec import EngineSpec
from dbfleet.sql import files
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema


class SqliteAdapter(
    Adapter,
    Identifies,
    Locates,
    Swaps,
    Snapshots,
    Encodes,
    Narrows,
    CarriesExtras,
    TellsLeft,
    Native,
):
    """One session in autocommit; `write` and `snapshot` open their own transactions."""

    def __init__(
        self, spec: EngineSpec, target: Target, connection: sqlite3.Connection, timeout_s: float = 10.0
    ) -> None:
        self.spec = spec
        self.target = target
        self._session = Session(target, connection, timeout_s)

    # --- what is there ---

    def ping(self) -> ServerInfo:
        started = time.perf_counter()
        ((version,),) = self._session.rows("SELECT sqlite_version() FROM (SELECT count(*) FROM sqlite_schema)")
        return ServerInfo("SQLite", version, time.perf_counter() - started)

    def identity(self) -> str:
        """The file itself: its device and inode."""
        ((path,),) = self._session.rows("SELECT file FROM pragma_database_list WHERE name = 'main'")
        return files.identity(NAME, self.target.name, path)

    def places(self, names: Sequence[str]) -> Sequence[str]:
        """The file and the table's name, in which only ASCII's capital letters mean the same as the small ones."""
        return files.places(self.identity(), names)

    def collections(self) -> Sequence[str]:
        ask = self._session.rows
        return [
            name for name in tables.names(ask) if not name.startswith(tables.STAGED) and not tables.broken(ask, name)
        ]

    def leftovers(self) -> Sequence[str]:
        """Collections that a command which was killed had staged: their names begin with `_dbfleet_`. `drop` removes
        them."""
        return [name for name in tables.names(self._session.rows) if name.startswith(tables.STAGED)]

    def left(self) -> Sequence[str]:
        """What the file has besides tables."""
        ask = self._session.rows
        return left.of_file(ask, {name: why for name in tables.names(ask) if (why := tables.broken(ask, name))})

    def describe(self, name: str) -> Schema:
        schema = tables.describe(name, self._session.rows, self._session.look(name))
        if schema is None:
            raise NotFound(f"no collection {name!r}", engine=NAME, target=self.target.name)
        return schema

    def create(self, schema: Schema) -> None:
        self._session.rows(tables.create_statement(schema))

    def drop(self, name: str) -> None:
        tables.drop(self._session.rows, name)

    def swap(self, swaps: Sequence[Swap]) -> None:
        """In one transaction: see `swap`."""
        self._session.rows("PRAGMA foreign_keys = OFF")  # inside a transaction it has no effect
        try:
            with self._session.translated(), self._session.writing():
                swap.swap(self._session.rows, swaps)
        finally:
            self._session.rows("PRAGMA foreign_keys = ON")

    def extras(self, name: str) -> Extras:
        """Indexes, defaults and identities; what there is besides, in words."""
        return extras.extras(self._session.rows, self.describe(name))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        """Give the table the index or default."""
        extras.add(self._session, schema, shared(extra, self.spec.title))

    # --- rows ---

    def count(self, name: str) -> int:
        return tables.count(self._session.rows, name)

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        return read.get(self._session, schema, keys)

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        return read.split(self._session, schema, parts)

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that the condition chooses. None where a column's values have several forms: SQLite compares these."""
        return literals.chosen(self._session, schema, condition)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        return read.scan(self._session, schema, part, batch_size)

    def snapshot(self) -> AbstractContextManager[None]:
        """All scans inside see one moment, that of a read transaction. A file that is not in WAL mode takes no write
        meanwhile."""
        return self._session.snapshot()

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        return write.write(self._session, schema, batches, mode, alone=alone)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        return write.delete(self._session, schema, keys)

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        return literals.statements(self._session, schema, changes)

    # --- to another file as it is (the ability Native) ---

    def carries(self) -> bool:
        """Whether this SQLite tells which tables are STRICT, and which have no rowids."""
        return sqlite3.sqlite_version_info >= (3, 37)

    def native_collections(self) -> Sequence[str]:
        return outline.collections(self._session.rows)

    def native_views(self) -> Sequence[str]:
        return outline.views(self._session.rows)

    def native(self, name: str, described: Schema | None = None) -> Schema:
        """The table by its values' storage classes: see `native.values`."""
        return native_values.native(self._session.rows, described or self.describe(name))

    def outline(self, names: Sequence[str], *, everything: bool = False, views: Sequence[str] = ()) -> Outline:
        return outline.outline(self._session.rows, names, everything=everything, view_names=views)

    def lacking(self, steps: Sequence[Step]) -> Mapping[str, str]:
        return take.lacking(self._session, steps)

    def names(
        self, makes: Sequence[tuple[str, str]], old: str, new: str, going: Collection[str]
    ) -> Mapping[tuple[str, str], str]:
        return native_names.names(self._session.rows, makes, old, new, going)

    def take(self, step: Step, called: Mapping[str, str], *, again: bool = False) -> bool:
        return take.take(self._session, step, called, again=again)

    def clear(self, schema: Schema, part: Part) -> None:
        take.clear(self._session, schema, part)

    def remove(self, names: Sequence[str]) -> None:
        take.remove(self._session, names)

    def together(self) -> AbstractContextManager[None]:
        """In one transaction: in SQLite all statements can be."""
        return self._session.writing()

    def undo(self, step: Step, called: Mapping[str, str]) -> None:
        take.undo(self._session, step, called)

    # --- statements of the user's ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        return query.query(self._session, statement, params, batch_size)

    def encoded(self, statement: str, params: Mapping[str, object] | None, format: Encoding) -> Iterator[bytes] | None:
        """JSON Lines of one statement that reads, from the stored values; None for anything else."""
        return query.encoded(self._session, statement, params, format)

    def cancel(self) -> None:
        self._session.cancel()

    def close(self) -> None:
        self._session.close()


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> SqliteAdapter:
    """Open the file; `timeout_s` bounds the wait for another writer's lock."""
    return SqliteAdapter(spec, target, opened(target, timeout_s), timeout_s)
