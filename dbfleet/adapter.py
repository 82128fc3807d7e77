"""The contract: what an engine's file gives (ENGINE, an EngineSpec) and what its connections can do (Adapter).

An adapter is one live connection to a target, used by one thread, closed by `with` or `close`. Every method raises
only `dbfleet.errors`; driver exceptions pass through the engine's one `_translate`. What an engine can do and how
exactly it keeps a type is data on its spec, so nothing outside the engine's file asks for an engine by name.

What every adapter is held to (dbfleet.conformance):

1. `scan` yields each row exactly once and holds one batch in memory. The parts of `split` scan to the whole.
2. `write` pulls its batches one at a time: `sink.write(schema, source.scan(schema))` is a copy with back-pressure.
   No row is dropped in silence. Where the engine is ATOMIC_WRITE, a refused row raises and nothing is written;
   elsewhere refused rows come back in `Written.rejected` and the others are stored.
3. `upsert` twice gives the same digest as once. `insert` of an existing key is refused.
4. A half-read scan or result can be closed; a closed adapter raises Unavailable.
5. An undeclared capability raises Unsupported; a declared one works.

What an adapter may do besides, and faster ways of these, are abilities (dbfleet/abilities.py): declared on the spec,
held to the plain way's result by the conformance suite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self, runtime_checkable

from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema, Type

BATCH_SIZE: Final = 1000
"""Rows a batch where nobody says otherwise: per-batch costs are below 1 % there, and 1000 wide rows are below 10 MB."""

BATCH_BYTES: Final = 8 << 20
"""What the values of a batch may hold together: a batch ends early once it has as much, and has one row at least. Two
workers hold a batch on either side and what a driver buffers of it: 64 MB in flight at most."""

WriteMode = Literal["insert", "upsert"]
"""insert refuses a key that exists; upsert replaces its row."""

Part = Mapping[str, Any]
"""Which rows of a collection: plain data that survives JSON, made by `split`, understood by the same engine's
`scan` on any connection to the same target."""

WHOLE: Final[Part] = {}
"""All rows."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What is asked of a row, with SQL's three values. `word` is and, or, not (of `parts`), null (the column holds
    NULL), or a sign (= <> < <= > >=) between the column and `value`, which is of the column's type and not NULL."""

    word: str
    parts: tuple[Condition, ...] = ()
    column: str = ""
    value: Any = None

    @property
    def columns(self) -> frozenset[str]:
        """The columns that are asked about."""
        return frozenset((self.column,) if self.column else ()).union(*(part.columns for part in self.parts))


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of one row: `before` is the row as the collection holds it (None: it is new), `after` as it
    shall be (None: it goes). Both are whole, in the schema's order, and have the same key."""

    before: Row | None
    after: Row | None


@dataclass(frozen=True, slots=True)
class Swap:
    """One collection that is to take another's place. `staged` is its schema as it was made, under a name of its own;
    references to collections that are swapped too name their staged names. `name` is what it is to be called; what has
    that name goes, and it may be that nothing has. `indexes` gives the name that an index of the staged collection is
    to have, by the name that it was made with: where an engine has one index of a name a database, both cannot be there
    at once."""

    staged: Schema
    name: str
    indexes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Who answered: `product` as the server names itself ("PostgreSQL", "Valkey"), its version, the round trip."""

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
    """How many rows were stored, and which were not."""

    rows: int = 0
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a query's result: `type` where the engine names one of the closed set, else None and each value
    speaks for itself; `native` is the engine's own name of the type."""

    name: str
    type: Type | None = None
    native: str | None = None


class Result:
    """What a statement gave: batches of rows to pull, once, or a count of affected rows, or neither.

    `columns` names the values of each row; names may repeat, as SQL allows. For engines whose records are documents
    with fields of their own, `documents` is true, `columns` is one column, and each row is one dict. Values are those
    of `dbfleet.values`, plus whatever the closed set lacks as nested JSON or as the engine's own text. `messages` are
    the server's notices, complete when the rows are read. `following` is the next statement's result where the text
    held several, to be read after this one. Closing a half-read result frees the connection.
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
        return self._following() if self._following else None

    def close(self) -> None:
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
        """The names of the target's collections, sorted; never dbfleet's or the engine's own housekeeping."""
        ...

    def describe(self, name: str) -> Schema:
        """The collection's schema. NotFound if it is not there."""
        ...

    def create(self, schema: Schema) -> None:
        """Make an empty collection. AlreadyExists if it is there; Unsupported for what this engine cannot hold."""
        ...

    def drop(self, name: str) -> None:
        """Remove the collection, its rows and what was kept beside it. Silent if it is absent."""
        ...

    def count(self, name: str) -> int:
        """How many rows, exactly. NotFound if it is not there."""
        ...

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        """The rows with these keys (tuples in key order), in any order; keys that are not there give none."""
        ...

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        """At most `parts` disjoint parts that are everything together; [WHOLE] where it cannot or need not."""
        ...

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        """The part's rows, values in the schema's order and types, in batches of at most `batch_size` rows and, beyond
        one row, of about BATCH_BYTES. Big values must not pile up on the way either: in a driver's buffer, or in the
        server that has to make an answer of them."""
        ...

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        """Store rows by the engine's bulk path, pulling one batch after another. `alone`: the collection was just made,
        and this command alone fills it, with keys that are all different; an engine that would look for each key first
        need not."""
        ...

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        """Remove the rows with these keys (tuples in key order); how many there were. Keys that are not there are
        silent. ConstraintViolated where a row that stays refers to one of them, and none of them is removed then."""
        ...

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        """The changes as statements of the engine's language, exact for every type, in the given order; one text that
        joins them by line ends is one that `query` runs. A row stands among them once. Nothing is written. Unsupported
        for a value that the language has no literal for."""
        ...

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        """Run a statement in the engine's own language. UsageError if it is empty; params are bound, never spliced."""
        ...

    def cancel(self) -> None:
        """Stop the statement that runs on this connection, on the server; from another thread or a signal handler.
        Does nothing where nothing runs."""
        ...

    def close(self) -> None:
        """Free the connection. Silent if it is closed already."""
        ...

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
