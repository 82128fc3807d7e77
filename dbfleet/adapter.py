"""The contract: what every connection to a target can do (Adapter).

An adapter is one live connection to a target, used by one thread, closed by `with` or `close`. Every method raises
only `dbfleet.errors`; driver exceptions pass through the engine's one `_translate`. What an engine can do and how
exactly it keeps a type is data on its spec (dbfleet/spec.py), so nothing outside the engine's package asks for an
engine by name.

What every adapter is held to (dbfleet.conformance):

1. `scan` yields each row exactly once and holds one batch in memory. The parts of `split` scan to the whole.
2. `write` pulls its batches one at a time: `sink.write(schema, source.scan(schema))` is a copy with back-pressure.
   No row is dropped in silence. Where the engine is ATOMIC_WRITE, a refused row raises and nothing is written;
   elsewhere refused rows come back in `Written.rejected` and the others are stored.
3. `upsert` twice gives the same digest as once. `insert` of an existing key is refused.
4. A half-read scan or result can be closed; a closed adapter raises Unavailable.
5. An undeclared capability raises Unsupported; a declared one works.

What an adapter can do beyond this contract, and its faster ways, are abilities (dbfleet/abilities.py). They are
declared on the spec, and the conformance suite holds a faster way to the plain way's result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, Self, runtime_checkable

from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema, Type

BATCH_SIZE: Final = 1000
"""The rows of a batch by default: the cost per batch is then below 1 %, and 1000 wide rows are below 10 MB."""

BATCH_BYTES: Final = 8 << 20
"""The bytes that the values of a batch may hold together. A batch ends early once it has as many; it has at least one
row. Two workers hold a batch on each side and what the driver buffers of it: at most 64 MB at any time."""

WriteMode = Literal["insert", "upsert"]
"""insert refuses a key that exists; upsert replaces the row of that key."""

Part = Mapping[str, Any]
"""Which rows of a collection. It is plain data that survives JSON; `split` makes it, and the same engine's `scan`
understands it on any connection to the same target."""

WHOLE: Final[Part] = {}
"""All rows."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on a row; as in SQL it is true, false or unknown. `word` is and, or, not (of `parts`), null (the
    column holds NULL), or a sign (= <> < <= > >=) that compares the column with `value`, which has the column's type
    and is not NULL."""

    word: str
    parts: tuple[Condition, ...] = ()
    column: str = ""
    value: Any = None

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the condition is about."""
        return frozenset((self.column,) if self.column else ()).union(*(part.columns for part in self.parts))


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one row: `before` is the row that the collection holds (None: the row is new), `after` is the row
    that it is to hold (None: the row is to be removed). Both are whole rows in schema order with the same key."""

    before: Row | None
    after: Row | None


@dataclass(frozen=True, slots=True)
class Swap:
    """A collection that is to take the place of another.

    `staged` is the schema that it was made with, under a temporary name; its references to collections that are swapped
    too use their temporary names. `name` is the final name; a collection that has it now is removed. `indexes` maps the
    temporary name of each index to its final one: in some engines an index name is unique in the database, so the
    final name is free only after the swap. Of a collection that was `outlined` (the ability Native) they are the names
    of all that it has; it then keeps its own definition, and takes over from the one that goes what no outline holds.
    """

    staged: Schema
    name: str
    indexes: Mapping[str, str] = field(default_factory=dict)
    outlined: bool = False


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The server that answered: `product` is its own name ("PostgreSQL", "Valkey"), `version` its version,
    `latency_s` the time of the round trip."""

    product: str
    version: str
    latency_s: float


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that the server refused, and its reason in the server's words."""

    row: Row
    reason: str


@dataclass(slots=True)
class Written:
    """How many rows were stored, and which rows were not."""

    rows: int = 0
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a query's result. `type` is None where the engine names no type of the closed set: then each value
    shows its own type. `native` is the engine's own name of the type."""

    name: str
    type: Type | None = None
    native: str | None = None


class Result:
    """The result of a statement: batches of rows, which can be pulled once, or a count of affected rows, or neither.

    `columns` names the values of each row; names may repeat, as SQL allows. Where each record is a document with fields
    of its own, `documents` is true, `columns` is one column, and each row is one dict. A value is one of
    `dbfleet.values`; a value outside the closed set is nested JSON or the engine's own text. `messages` are the
    server's notices; they are complete when the rows are read. Closing a half-read result frees the connection.
    """

    def __init__(
        self,
        columns: Sequence[ResultColumn] = (),
        batches: Iterable[Batch] = (),
        *,
        affected: int | None = None,
        documents: bool = False,
        messages: list[str] | None = None,
        close: Callable[[], None] | None = None,
        following: Callable[[], Result | None] | None = None,
    ) -> None:
        self.columns = tuple(columns)
        self.affected = affected
        self.documents = documents
        self.messages = messages if messages is not None else []
        self._batches = iter(batches)
        self._close = close
        self._following = following

    def __iter__(self) -> Iterator[Batch]:
        return self._batches

    def following(self) -> Result | None:
        """The result of the next statement, where the text held several; read this one first."""
        return self._following() if self._following else None

    def close(self) -> None:
        """Stop reading and free the connection."""
        closing = getattr(self._batches, "close", None)
        if closing:
            closing()
        if self._close:
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@runtime_checkable
class Adapter(AbstractContextManager["Adapter"], Protocol):
    """A live connection to a target; used by one thread, except for `cancel`."""

    spec: EngineSpec
    target: Target

    def ping(self) -> ServerInfo:
        """A real round trip to the server."""
        ...

    def collections(self) -> Sequence[str]:
        """The names of the target's collections, sorted, without the collections that dbfleet or the engine keeps for
        itself."""
        ...

    def describe(self, name: str) -> Schema:
        """The collection's schema. NotFound if there is no such collection."""
        ...

    def create(self, schema: Schema) -> None:
        """Make an empty collection. AlreadyExists if it exists; Unsupported for what this engine cannot hold."""
        ...

    def drop(self, name: str) -> None:
        """Remove the collection, its rows and what is kept beside it. An absent collection is no error."""
        ...

    def count(self, name: str) -> int:
        """The exact number of rows. NotFound if there is no such collection."""
        ...

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        """The rows with these keys (tuples in key order), in any order; a key that is absent gives no row."""
        ...

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        """At most `parts` disjoint parts that together are the whole collection; [WHOLE] where it cannot
        or need not be split."""
        ...

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        """The part's rows, with values in the schema's order and types. A batch has at most `batch_size` rows, and
        about BATCH_BYTES unless one row is larger. The same bound holds for what a driver buffers and for the answer
        that the server builds."""
        ...

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        """Store rows by the engine's bulk path, pulling one batch after another. `alone`: the collection is new, only
        this command fills it, and all keys are different; so the engine need not look for each key first."""
        ...

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        """Remove the rows with these keys (tuples in key order) and return how many there were. An absent key is no
        error. ConstraintViolated where a row that stays refers to one of them; then no row is removed."""
        ...

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        """The changes as statements in the engine's language, exact for every type, in the given order. Joined by line
        ends they are one text that `query` runs. Each row is in at most one change. Nothing is written. Unsupported
        for a value that has no literal in the language."""
        ...

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        """Run a statement in the engine's own language. UsageError if it is empty; params are bound, never spliced."""
        ...

    def cancel(self) -> None:
        """Stop the statement that runs on this connection, on the server too. May be called from another thread or a
        signal handler. Does nothing if no statement runs."""
        ...

    def close(self) -> None:
        """Free the connection. Closing it twice is no error."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
