"""Rows written and removed whole, by scripts on the server.

CHUNK rows travel as one JSON text of their columns, and a script stores them: hash, index and sets of a row are there
together or not at all, whatever is killed at any moment, and an insert never overwrites, whoever else inserts. Measured
with rows of nine fields: the server takes 12 µs a row, as for plain HSET, ZADD and SADD, and packing takes us 6 µs, not
10.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

from dbfleet.adapter import Rejected, Written
from dbfleet.columns import shortened
from dbfleet.engines.redis.large import store
from dbfleet.engines.redis.scripts import DELETE, INSERT, REMOVE, UPSERT
from dbfleet.engines.redis.values import ROW_NUMBERS, Encoder, dumps, index_of, key_encoder, reference_sets
from dbfleet.engines.redis.wire import Pending, ReplyError, Wire
from dbfleet.errors import NotFound
from dbfleet.values import Batch, Row, Schema

CHUNK: Final = 250
"""Rows of one call of a script, which takes 3 ms; meanwhile the server answers nobody else. 500 rows are no faster."""
CHUNK_BYTES: Final = 4 << 20
IN_FLIGHT: Final = 3
"""Calls that are sent and not yet answered: the server has work while we pack the next one."""
_REMOVED_AT_ONCE: Final = 500
STOPS: Final = ("MISCONF ", "READONLY ", "NOREPLICAS ")
"""How the error of a server begins that takes no writes at all: no row is to blame, so none is listed as refused."""
MOST_COLUMNS: Final = 3900
"""Lua hands at most 8000 values to a command, and a field is two of them."""


class Writer:
    """One write: chunks go out, replies come in, and `written` adds up."""

    def __init__(self, wire: Wire, schema: Schema, *, upsert: bool) -> None:
        self.written = Written()
        self._wire = wire
        self._schema = schema
        self._encoder = Encoder(schema)
        self._upsert = upsert and bool(schema.key)
        words = ["EVAL", UPSERT if self._upsert else INSERT, 1, index_of(schema.name), ""]
        self._head = wire.packed(words).removesuffix(b"$0\r\n\r\n")
        self._flying: deque[tuple[Pending, Batch]] = deque()

    def write(self, batches: Iterable[Batch]) -> Written:
        """Store the rows. NotFound where the collection is not there."""
        try:
            for batch in shortened(self._schema.columns, batches):
                for chunk in in_chunks(batch):
                    self._send(chunk)
            while self._flying:
                self._land()
        finally:
            for pending, _ in self._flying:
                pending.drop()
        return self.written

    def _send(self, chunk: Batch) -> None:
        """Send the rows to the server, in halves where they are too many bytes for one call."""
        encoder = self._encoder
        if encoder.least(chunk) > CHUNK_BYTES:
            if len(chunk) == 1:
                self._send_alone(chunk[0])
            else:
                self._halves(chunk)
            return
        if not encoder.keyed(chunk):
            chunk = self._without_faults(chunk)
        while chunk:
            try:
                packed = encoder.chunk(chunk, None if self._schema.key else self._numbers(len(chunk)))
                break
            except UnicodeEncodeError:
                chunk = self._without_faults(chunk)
        if not chunk:
            return
        if len(packed) > CHUNK_BYTES:
            del packed
            if len(chunk) == 1:
                self._send_alone(chunk[0])
            else:
                self._halves(chunk)
            return
        pending = self._wire.send(b"%b$%d\r\n%b\r\n" % (self._head, len(packed), packed))
        self._flying.append((pending, chunk))
        if len(self._flying) > IN_FLIGHT:
            self._land()

    def _halves(self, chunk: Batch) -> None:
        middle = len(chunk) // 2
        self._send(chunk[:middle])
        self._send(chunk[middle:])

    def _send_alone(self, row: Row) -> None:
        """Store a row that is too large for a script, after all rows before it have landed."""
        while self._flying:
            self._land()
        why = self._encoder.fault(row)
        if why is None:
            number = None if self._schema.key else self._numbers(1)[0]
            try:
                why = store(self._wire, self._schema, row, number, upsert=self._upsert)
            except ReplyError as reply:
                raise not_found(self._schema) if "NOTFOUND" in str(reply) else reply  # noqa: B904
        if why is None:
            self.written.rows += 1
        elif why.startswith(STOPS):
            raise ReplyError(why)
        else:
            self.written.rejected.append(Rejected(row, why))

    def _numbers(self, count: int) -> list[str]:
        """Numbers that name rows without a key; nobody else gets the same ones."""
        last = self._wire.ask("HINCRBY", ROW_NUMBERS, self._schema.name, count)
        return [str(number) for number in range(last - count + 1, last + 1)]

    def _without_faults(self, chunk: Batch) -> Batch:
        """The rows that can be stored; the others are refused."""
        good = []
        for row in chunk:
            fault = self._encoder.fault(row)
            if fault is None:
                good.append(row)
            else:
                self.written.rejected.append(Rejected(row, fault))
        return good

    def _land(self) -> None:
        """Count what the oldest call stored."""
        pending, chunk = self._flying.popleft()
        (reply,) = self._wire.take(pending)
        refused = not_stored(reply, self._schema, len(chunk))
        if refused and refused[0][1].startswith(STOPS):
            raise ReplyError(refused[0][1])
        self.written.rows += len(chunk) - len(refused)
        for place, why in refused:
            self.written.rejected.append(Rejected(chunk[place], why))


def not_stored(reply: Any, schema: Schema, rows: int) -> list[tuple[int, str]]:
    """The places of the rows that a script was to store and did not, and why, by its reply. NotFound where the
    collection is not there."""
    if not isinstance(reply, ReplyError):
        return [(place - 1, why.decode("utf-8", "replace")) for place, why in zip(reply[::2], reply[1::2], strict=True)]
    if "NOTFOUND" in str(reply):
        raise not_found(schema)
    if reply.code != "OOM":
        raise reply
    return [(place, str(reply)) for place in range(rows)]


def not_found(schema: Schema) -> NotFound:
    """The error for a collection that is not there when rows come."""
    return NotFound(f"no collection {schema.name!r}", hint="create it, or let seed or copy do it")


def remove(wire: Wire, schema: Schema) -> int:
    """Remove all rows. Gives how many had no hash any more: some set may still hold their keys."""
    instructions = dumps({"most": _REMOVED_AT_ONCE, **references_of(schema)})
    gone = 0
    while True:
        removed: int
        strays: int
        removed, strays = wire.ask("EVAL", REMOVE, 1, index_of(schema.name), instructions)
        gone += strays
        if not removed:
            return gone


def remove_keys(wire: Wire, schema: Schema, keys: Batch) -> int:
    """Remove the rows with these keys, each whole. Gives how many there were."""
    encode = key_encoder(schema)
    return sum(
        remove_named(wire, schema, list(dict.fromkeys(encode(list(zip(*chunk, strict=True))))))
        for chunk in in_chunks(keys, _REMOVED_AT_ONCE)
    )


def remove_named(wire: Wire, schema: Schema, names: list[str]) -> int:
    """Remove the rows that stand in the index by these names, which are few. Gives how many there were."""
    instructions = dumps({"keys": names, **references_of(schema)}).encode("utf-8", "surrogateescape")
    removed: int = wire.ask("EVAL", DELETE, 1, index_of(schema.name), instructions)
    return removed


def references_of(schema: Schema) -> dict[str, Any]:
    """What the scripts need to find the sets that a row is in."""
    fields = list(dict.fromkeys(name for reference in schema.references for name in reference.columns))
    places = [[fields.index(name) + 1 for name in reference.columns] for reference in schema.references]
    return {"fields": fields, "refs": places, "by": reference_sets(schema)}


def in_chunks(rows: Batch, size: int = CHUNK) -> Iterator[Batch]:
    """The rows in chunks of at most `size`."""
    if len(rows) <= size:
        if rows:
            yield rows
        return
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
