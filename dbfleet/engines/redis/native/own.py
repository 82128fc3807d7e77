"""Rows that dbfleet keeps, out of one Redis into another: the hash of each goes as the bytes that DUMP gives, and no
row is made of it. A script on the sink's server restores them and puts their keys into the index and the sets of their
references, each row whole, as rows that are written are (`redis.write`).

Half a million rows of the shop, within one server: it takes 20 µs a row and we take 7, where by their values they took
26 and 15. RESTORE with its call from the script is 4 µs of it, the sets are 5, DUMP is 3.

By their values go rows that are merged, that have no key, whose fields may end (DUMP would bring that along, and it is
said to stay), that are too large for a script, and whose bytes the sink does not take.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

from dbfleet.adapter import WHOLE, Part, Rejected, Written
from dbfleet.engines.redis.index import Pages
from dbfleet.engines.redis.keys import literal, scanned
from dbfleet.engines.redis.left import fields_expire
from dbfleet.engines.redis.native.later import Later
from dbfleet.engines.redis.read import Scan
from dbfleet.engines.redis.scripts import RESTORE
from dbfleet.engines.redis.session import Session
from dbfleet.engines.redis.values import dumps, index_of, reference_sets, scored
from dbfleet.engines.redis.wire import Pending, ReplyError, Wire
from dbfleet.engines.redis.write import CHUNK, CHUNK_BYTES, IN_FLIGHT, STOPS, not_stored, references_of
from dbfleet.engines.redis.write import Writer as ByValues
from dbfleet.values import Batch, Row, Schema

_COMING: Final = 2
"""Batches whose bytes are asked for and not yet taken."""
_NONE_GO: Final = ("version or checksum", "NOPERM", "permission")
"""What the server says where no row can go as bytes."""


class Rows(Later):
    """A batch of rows, which are read when somebody looks at them."""

    __slots__ = ("_keys", "_scan")

    def __init__(self, scan: _Scan, keys: list[bytes]) -> None:
        super().__init__(len(keys))
        self._scan, self._keys = scan, keys

    def _fetched(self) -> list[Row]:
        return self.rows_of(self._keys)

    def rows_of(self, keys: list[bytes]) -> list[Row]:
        """The rows of some of the keys, as far as they are there."""
        with self._scan.session.translated():  # whoever looks may be a sink
            return self._scan.rows(keys)

    def ask_dumps(self) -> tuple[list[bytes], Pending] | None:
        """Ask for the bytes of the rows, whoever has looked at them: what a hash holds besides the columns comes along.
        None where they go by their values: so does one row alone, which may be too large for a script, and would be
        here twice then."""
        if not self._scan.dumps or len(self._keys) == 1:
            return None
        self.moved = True
        with self._scan.session.translated():
            return self._keys, self._scan.ask_dumps(self._keys)

    def take_dumps(self, asked: Pending) -> list[bytes | None] | None:
        """The bytes, None for a row that is gone. None where this user may not ask for them."""
        with self._scan.session.translated():
            found: list[bytes | None] = []
            for reply in self._scan.take_dumps(asked):
                if not isinstance(reply, ReplyError):
                    found.append(reply)
                elif reply.code == "NOPERM":
                    self._scan.dumps = False
                    return None
                else:
                    raise reply
            return found


class _Scan(Scan):
    """A scan whose batches are read later."""

    def __init__(self, session: Session, schema: Schema, part: Part, batch_size: int) -> None:
        super().__init__(session.data(), schema, part, batch_size)
        self.session = session
        self.dumps = not fields_expire(session.data(), session.target)
        """Whether rows may go as bytes, as far as is known."""

    def ask_dumps(self, keys: list[bytes]) -> Pending:
        """Ask for the bytes of the rows' hashes."""
        return self._wire.send(b"".join([self._wire.packed(["DUMP", name]) for name in self._named(keys)]), len(keys))

    def take_dumps(self, asked: Pending) -> list[Any]:
        """What was asked for: bytes, None for a row that is gone, or an error."""
        return self._wire.take(asked)


def scan(session: Session, schema: Schema, part: Part, batch_size: int) -> Generator[Batch]:
    """The part's rows."""
    reading = _Scan(session, schema, part, batch_size)
    try:
        while (piece := reading.piece()) is not None:
            yield Rows(reading, piece)
    finally:
        reading.close()


def beside(wire: Wire, schemas: Sequence[Schema]) -> Mapping[str, list[bytes]]:
    """Keys that begin as those of these collections do, and are neither their rows nor the sets of their references, by
    the collections' names. They are looked for one by one only where the sum of all such keys is not that of the
    indexes: to add up takes 0.5 µs a key."""
    heads = {index_of(each.name).encode(): each for each in schemas}
    sets = {name.encode() for each in schemas for name in reference_sets(each)}
    there = 0
    for keys in scanned(wire, count=5000):
        begins = [key.partition(b":")[0] for key in keys]
        if not set(begins) <= heads.keys():
            keys = [key for key, head in zip(keys, begins, strict=True) if head in heads]
        there += sum(map(crc32, keys)) - sum(crc32(key) for key in keys if b":by:" in key and _set_of(key) in sets)
    for head, schema in heads.items():
        there -= crc32(head) if wire.ask("EXISTS", head) else 0
        pages = Pages(wire, schema, WHOLE, 5000)
        there -= sum(sum(map(crc32, [b"%b:%b" % (head, key) for key in page])) for page in iter(pages.next, []))
    return _beside(wire, heads, sets) if there else {}


def _beside(wire: Wire, heads: Mapping[bytes, Schema], sets: Container[bytes]) -> Mapping[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for head, schema in heads.items():
        strays: set[bytes] = set()
        for keys in scanned(wire, literal(head) + b":*", 5000):
            mine = [key for key in keys if _set_of(key) not in sets]
            scores = wire.ask_all([["ZSCORE", head, key[len(head) + 1 :]] for key in mine])
            strays.update(key for key, score in zip(mine, scores, strict=True) if score is None)
        if strays:
            found[schema.name] = sorted(strays)
    return found


def _set_of(key: bytes) -> bytes:
    """How the key of a set begins, up to the value (`reference_sets`)."""
    return b":".join(key.split(b":", 3)[:3]) + b":"


@dataclass(slots=True)
class _Coming:
    """A batch whose bytes are on their way from the source."""

    batch: Rows
    keys: list[bytes]
    dumps: Pending


@dataclass(slots=True)
class _Going:
    """Rows on their way into the sink."""

    batch: Rows
    keys: list[bytes]
    reply: Pending


class Writer:
    """One write: `written` adds up."""

    def __init__(self, wire: Wire, schema: Schema, *, upsert: bool) -> None:
        self._wire, self._schema = wire, schema
        self._by_values = ByValues(wire, schema, upsert=upsert)
        self.written = self._by_values.written
        self._restores = bool(schema.key) and not upsert
        self._coming: deque[_Coming] = deque()
        self._going: deque[_Going] = deque()
        told = references_of(schema)
        # The key's first column comes last: where nothing refers, it alone says that the hash is a row.
        told["fields"] = [*told["fields"], schema.key[0]] if schema.key else []
        self._told = {"collection": schema.name, "scored": scored(schema), **told}

    def write(self, batches: Iterable[Batch]) -> Written:
        """Store the rows. NotFound where the collection is not there."""
        try:
            for batch in batches:
                asked = batch.ask_dumps() if isinstance(batch, Rows) and self._restores else None
                if asked and isinstance(batch, Rows):
                    self._coming.append(_Coming(batch, *asked))
                    if len(self._coming) >= _COMING:
                        self._restore()
                else:
                    self._by_values.write([list(batch)])
            while self._coming:
                self._restore()
            while self._going:
                self._land()
        finally:
            for coming in self._coming:
                coming.dumps.drop()
            for going in self._going:
                going.reply.drop()
        return self.written

    def _restore(self) -> None:
        """Send the oldest batch that has come."""
        coming = self._coming.popleft()
        found = coming.batch.take_dumps(coming.dumps)
        if found is None or not self._restores:
            self._by_values.write([coming.batch.rows_of(coming.keys)])
            return
        keys: list[bytes] = []
        values: list[bytes] = []
        size = 0
        for key, value in zip(coming.keys, found, strict=True):
            if value is None:
                continue
            if keys and (len(keys) == CHUNK or size + len(value) > CHUNK_BYTES):
                self._send(coming.batch, keys, values)
                keys, values, size = [], [], 0
            keys.append(key)
            values.append(value)
            size += len(value)
        if keys:
            self._send(coming.batch, keys, values)

    def _send(self, batch: Rows, keys: list[bytes], values: Sequence[bytes]) -> None:
        if len(values[0]) > CHUNK_BYTES:  # it is alone
            self._by_values.write([batch.rows_of(keys)])
            return
        names = [key.decode("utf-8", "surrogateescape") for key in keys]
        told = dumps({**self._told, "keys": names}).encode("utf-8", "surrogateescape")
        packed = self._wire.packed(["EVAL", RESTORE, 1, index_of(self._schema.name), told, *values])
        self._going.append(_Going(batch, keys, self._wire.send(packed)))
        while len(self._going) > IN_FLIGHT:
            self._land()

    def _land(self) -> None:
        """Count what the oldest call stored; what the server did not take as bytes goes by its values."""
        going = self._going.popleft()
        (reply,) = self._wire.take(going.reply)
        refused = not_stored(reply, self._schema, len(going.keys))
        self.written.rows += len(going.keys) - len(refused)
        again: list[bytes] = []
        for place, why in refused:
            key = going.keys[place]
            if why.startswith(STOPS):
                raise ReplyError(why)
            if why.startswith("OOM ") or why.endswith(" exists"):
                self.written.rejected += [Rejected(row, why) for row in going.batch.rows_of([key])]
            elif why != "GONE":
                self._restores = self._restores and not any(sign in why for sign in _NONE_GO)
                again.append(key)
        if again:
            self._by_values.write([going.batch.rows_of(again)])
