"""Reading rows: by key, and all of them.

The rows of a collection of dbfleet's come in the order of its index. Three things are under way at any time: the keys
of a page, the sizes of the page before it, and the rows of the piece before that, while another piece is decoded and
used. Keys of others are read as `redis.foreign` says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence

from dbfleet.adapter import BATCH_SIZE, WHOLE, Part
from dbfleet.engines.redis import foreign, index, sizes
from dbfleet.engines.redis.index import Pages
from dbfleet.engines.redis.keys import named
from dbfleet.engines.redis.session import Session
from dbfleet.engines.redis.tables import Collections
from dbfleet.engines.redis.values import Decoder, hmget_packer, index_of, key_encoder
from dbfleet.engines.redis.wire import Pending, Wire
from dbfleet.engines.redis.write import in_chunks
from dbfleet.errors import Unsupported
from dbfleet.values import Batch, Row, Schema


def get(session: Session, collections: Collections, schema: Schema, keys: Sequence[Row]) -> Generator[Batch]:
    """The rows with these keys, in batches. Unsupported for rows without a key."""
    if not schema.key:
        raise Unsupported(f"the rows of {schema.name} have no key to get them by")
    read = _reader(session, collections, schema)
    for chunk in in_chunks([key for key in keys if None not in key], BATCH_SIZE):
        yield from read(chunk)


def split(session: Session, collections: Collections, schema: Schema, parts: int) -> Sequence[Part]:
    """Parts of the index, of equal size; keys of others are one part."""
    size = collections.size(schema.name)
    if not size or parts < 2:
        return [WHOLE]
    return index.parts(session.data(), schema, size, parts)


def scan(
    session: Session, collections: Collections, schema: Schema, part: Part, batch_size: int
) -> Generator[Batch]:  # fmt: skip
    """The part's rows."""
    if not collections.is_ours(schema.name):
        yield from _scan_foreign(session, collections, schema, batch_size)
        return
    rows = Scan(session.data(), schema, part, batch_size)
    try:
        while (batch := rows.next()) is not None:
            yield batch
            del batch  # not held while the next one is made
    finally:
        rows.close()


def _scan_foreign(
    session: Session, collections: Collections, schema: Schema, batch_size: int
) -> Iterator[Batch]:  # fmt: skip
    reader = foreign.Reader(session.data(), schema, collections.foreign(schema.name))
    for keys in collections.keys_of(schema.name):
        for start in range(0, len(keys), batch_size):
            yield from reader.batches(keys[start : start + batch_size])


def _reader(session: Session, collections: Collections, schema: Schema) -> Callable[[Batch], Iterator[Batch]]:
    """A function from keys to the rows that are there."""
    wire = session.data()
    if not collections.is_ours(schema.name):
        reader = foreign.Reader(wire, schema, collections.foreign(schema.name))
        return lambda keys: reader.batches(named(schema.name, keys))
    rows, encode = Scan(wire, schema, WHOLE, BATCH_SIZE), key_encoder(schema)

    def read(keys: Batch) -> Iterator[Batch]:
        return rows.get([key.encode() for key in dict.fromkeys(encode(list(zip(*keys, strict=True))))])

    return read


class Scan:
    """The rows of one part: `next` gives batches, and `close` ends it at any time."""

    def __init__(self, wire: Wire, schema: Schema, part: Part, batch_size: int) -> None:
        self._wire = wire
        self._prefix = index_of(schema.name).encode() + b":"
        self._decoder = Decoder(schema)
        self._pack = hmget_packer(index_of(schema.name), self._decoder.fields)
        self._pages = Pages(wire, schema, part, batch_size)
        self._pieces: deque[list[bytes]] = deque()
        self._sizing: tuple[list[bytes], Pending] | None = None
        self._rows: tuple[list[bytes], Pending] | None = None
        self._ended = False

    def next(self) -> Batch | None:
        """The next batch; None behind the last."""
        if self._rows is None:
            self._rows = self._ask()
        while self._rows:
            keys, pending = self._rows
            took = self._wire.take(pending)
            self._rows = self._ask()
            batch = self._decoder.rows(took, keys)
            if batch:
                return batch
        return None

    def get(self, keys: list[bytes]) -> Iterator[Batch]:
        """The rows of these keys, as they stand in the index."""
        for piece in sizes.cut(self._wire, sizes.ask(self._wire, self._named(keys)), keys):
            yield self.rows(piece)

    def close(self) -> None:
        """Drop what is under way."""
        self._pages.close()
        for waiting in (self._sizing, self._rows):
            if waiting:
                waiting[1].drop()

    def _named(self, keys: list[bytes]) -> list[bytes]:
        return [self._prefix + key for key in keys]

    def _send(self, keys: list[bytes]) -> Pending:
        return self._wire.send(self._pack(keys), len(keys), decode=True)

    def _ask(self) -> tuple[list[bytes], Pending] | None:
        """Have the next piece's rows sent; None behind the last."""
        piece = self.piece()
        return None if piece is None else (piece, self._send(piece))

    def piece(self) -> list[bytes] | None:
        """The next keys, as they stand in the index, whose rows are a batch; None behind the last."""
        while not self._pieces and not (self._ended and self._sizing is None):
            if self._sizing:
                keys, pending = self._sizing
                self._pieces.extend(sizes.cut(self._wire, pending, keys))
                self._sizing = None
            if not self._ended:
                keys = self._pages.next()
                if keys:
                    self._sizing = keys, sizes.ask(self._wire, self._named(keys))
                    self._pages.ask()
                else:
                    self._ended = True
        return self._pieces.popleft() if self._pieces else None

    def rows(self, keys: list[bytes]) -> Batch:
        """The rows of a piece."""
        return self._decoder.rows(self._wire.take(self._send(keys)), keys)
