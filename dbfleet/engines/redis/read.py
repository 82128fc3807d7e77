"""The rows of a collection of dbfleet's, in the order of its index. Three things are under way at any time: the keys of
a page, the sizes of the page before it, and the rows of the piece before that, while a piece is decoded and used."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from dbfleet.adapter import Part
from dbfleet.engines.redis import sizes
from dbfleet.engines.redis.index import Pages
from dbfleet.engines.redis.values import Decoder, hmget_packer, index_of
from dbfleet.engines.redis.wire import Pending, Wire
from dbfleet.values import Batch, Schema


class Scan:
    """Of one part; `next` gives batches, and None behind the last. `close` ends it at any time."""

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
            yield self._decoder.rows(self._wire.take(self._send(piece)), piece)

    def close(self) -> None:
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
        if not self._pieces:
            return None
        piece = self._pieces.popleft()
        return piece, self._send(piece)
