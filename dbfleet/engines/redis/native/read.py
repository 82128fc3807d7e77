"""Keys read natively (`native.values`): a batch of rows that are read when somebody looks at them.

Who only moves keys on (`native.write`) asks the batch for DUMP's bytes instead, and no row is ever made. A key that is
gone when its turn comes gives no row. Keys are cut into batches by their sizes, so that one batch is bounded in bytes;
a list or a sorted set that is a batch of its own is read in slices.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import chain
from typing import Any, Final
from zlib import crc32

from dbfleet.adapter import Part
from dbfleet.engines.redis import sizes
from dbfleet.engines.redis.foreign import pairs
from dbfleet.engines.redis.keys import keys_of, shown, waiting_as
from dbfleet.engines.redis.left import fields_expire
from dbfleet.engines.redis.native.later import Later
from dbfleet.engines.redis.native.values import ends_of_fields, key_of_text, places, text_of, text_of_key
from dbfleet.engines.redis.session import Session
from dbfleet.engines.redis.wire import Pending, ReplyError, Wire
from dbfleet.errors import StatementError
from dbfleet.values import Batch, Row, Schema

MOST_PARTS: Final = 4
"""Parts of one collection: SCAN has no ranges, so each part walks over all names and takes its share."""
_COMMANDS: Final[dict[bytes, tuple[str, ...]]] = {
    b"string": ("GET",),
    b"hash": ("HGETALL",),
    b"list": ("LRANGE", "0", "-1"),
    b"set": ("SMEMBERS",),
    b"zset": ("ZRANGE", "0", "-1", "WITHSCORES"),
    b"stream": ("XINFO", "STREAM", "FULL", "COUNT", "0"),
    b"ReJSON-RL": ("JSON.GET",),
}
"""The command that reads a key of the type. Of any other type (vector sets, filters, series) only DUMP says all."""
_SLICE: Final = 10_000
_AGAIN: Final = 3


def parts_of(count: int) -> list[Part]:
    """So many shares of a collection's keys, by their names."""
    count = min(count, MOST_PARTS)
    return [{"share": number, "of": count} for number in range(count)]


def pages(wire: Wire, name: str, ours: Sequence[str], part: Part) -> Iterator[list[bytes]]:
    """The keys of a part of a collection, a page at a time, each once."""
    share, of = part.get("share", 0), part.get("of", 1)
    for keys in keys_of(wire, name, ours):
        mine = keys if of == 1 else [key for key in keys if crc32(key) % of == share]
        if mine:
            yield mine


def scan(session: Session, schema: Schema, ours: Sequence[str], part: Part, batch_size: int) -> Generator[Batch]:
    """The part's keys."""
    wire = session.data()
    reader = Reader(session, schema)
    before: tuple[list[bytes], Pending] | None = None
    try:
        for page in pages(wire, schema.name, ours, part):
            for start in range(0, len(page), batch_size):
                keys = page[start : start + batch_size]
                asked = keys, sizes.ask(wire, keys)
                if before:
                    yield from reader.batches(*before)
                before = asked
        if before:
            last, before = before, None
            yield from reader.batches(*last)
    finally:
        if before:
            before[1].drop()


def get(session: Session, schema: Schema, keys: Sequence[Row]) -> Generator[Batch]:
    """The rows of these keys."""
    before = waiting_as(schema.name)
    names = list(dict.fromkeys(before + key_of_text(key) for (key,) in keys))
    yield from Reader(session, schema).batches(names, sizes.ask(session.data(), names))


class Reader:
    """Reads keys of one collection, on one connection."""

    def __init__(self, session: Session, schema: Schema) -> None:
        self.session, self.wire = session, session.data()
        self.before = len(waiting_as(schema.name))
        self.places = places(schema)
        self.fields_end = fields_expire(self.wire, session.target)
        self.dumps = True
        """Whether this user may DUMP, as far as is known."""

    def batches(self, keys: Sequence[bytes], asked: Pending) -> Iterator[Batch]:
        """The keys in batches that are bounded in bytes; `asked` has their sizes."""
        for piece in sizes.cut(self.wire, asked, keys):
            yield Keys(self, piece)

    # --- whole rows -------------------------------------------------------------------------------------------------

    def rows(self, keys: Sequence[bytes]) -> list[Row]:
        """Key, type, end, value, besides of each key that is there."""
        found: dict[bytes, Row] = {}
        left = list(keys)
        with self.session.translated():  # whoever looks at a row may be a sink
            for _ in range(_AGAIN):
                left = self._read(left, found)
                if not left:
                    break
            else:
                raise StatementError(f"the key {shown(left[0])} changes its type all the time")
        return [found[key] for key in keys if key in found]

    def _read(self, keys: list[bytes], found: dict[bytes, Row]) -> list[bytes]:
        """Read these keys. Those whose type has changed meanwhile are left."""
        told = self.wire.ask_all([[word, key] for key in keys for word in ("TYPE", "PEXPIRETIME")])
        kinds, ends = told[::2], told[1::2]
        there = [(key, kind, end) for key, kind, end in zip(keys, kinds, ends, strict=True) if kind != b"none"]
        if len(there) == 1:
            replies = [self._one(*there[0][:2])]
        else:
            replies = self.wire.ask_all([_words(kind, key) for key, kind, _ in there], keep=True)
        left = []
        for (key, kind, end), reply in zip(there, replies, strict=True):
            if isinstance(reply, ReplyError):
                if reply.code not in ("WRONGTYPE", "ERR"):
                    raise reply
                if self.wire.ask("TYPE", key) == kind:
                    raise StatementError(f"the key {shown(key)}, a {kind.decode()}: {reply}")
                left.append(key)
            elif reply or (kind == b"string" and reply is not None) or kind == b"stream":
                text, besides = text_of(kind, reply)
                if kind == b"hash" and self.fields_end:
                    besides = self._ends(key, [field for field, _ in pairs(reply)])
                name = text_of_key(key[self.before :])
                found[key] = (name, kind.decode(), end if end > 0 else None, text, besides)
        return left

    def _one(self, key: bytes, kind: bytes) -> Any:
        """The reply for a key that may be large: of a list or a sorted set in slices."""
        if kind not in (b"list", b"zset"):
            return self.wire.ask_all([_words(kind, key)], keep=True)[0]
        command, more = ("LRANGE", []) if kind == b"list" else ("ZRANGE", ["WITHSCORES"])
        slices: list[list[Any]] = []
        while not slices or len(slices[-1]) >= _SLICE:
            start = len(slices) * _SLICE
            (reply,) = self.wire.ask_all([[command, key, start, start + _SLICE - 1, *more]], keep=True)
            if isinstance(reply, ReplyError):
                return reply
            slices.append(reply)
        return list(chain.from_iterable(slices))

    def _ends(self, key: bytes, fields: list[bytes]) -> str | None:
        (times,) = self.wire.ask_all([["HPEXPIRETIME", key, "FIELDS", len(fields), *fields]], keep=True)
        if isinstance(times, ReplyError):
            if "unknown command" in str(times):
                self.fields_end = False
            elif times.code != "WRONGTYPE":
                raise times
            return None
        return ends_of_fields(fields, times) if times else None

    # --- as the server keeps them -----------------------------------------------------------------------------------

    def ask_dumps(self, keys: Sequence[bytes]) -> Pending:
        """Ask for each key's bytes and its end."""
        asked = [
            b"*2\r\n$4\r\nDUMP\r\n$%d\r\n%b\r\n*2\r\n$11\r\nPEXPIRETIME\r\n$%d\r\n%b\r\n"
            % (len(key), key, len(key), key)
            for key in keys
        ]
        with self.session.translated():
            return self.wire.send(b"".join(asked), 2 * len(keys))

    def take_dumps(self, asked: Pending) -> list[tuple[bytes | None, int]] | None:
        """What was asked for; None where this user may not."""
        with self.session.translated():
            replies = self.wire.take(asked)
            for reply in replies:
                if isinstance(reply, ReplyError):
                    if reply.code != "NOPERM":
                        raise reply
                    self.dumps = False
                    return None
        return [(value, max(end, 0)) for value, end in zip(replies[::2], replies[1::2], strict=True)]


def _words(kind: bytes, key: bytes) -> list[Any]:
    command = _COMMANDS.get(kind, ("DUMP",))
    at = 2 if kind == b"stream" else 1
    return [*command[:at], key, *command[at:]]


class Keys(Later):
    """A batch of keys, whose rows are read when somebody looks at them."""

    __slots__ = ("_keys", "_reader")

    def __init__(self, reader: Reader, keys: list[bytes]) -> None:
        super().__init__(len(keys))
        self._reader, self._keys = reader, keys

    def _fetched(self) -> list[Row]:
        rows = self._reader.rows(self._keys)
        places = self._reader.places
        return rows if places == [0, 1, 2, 3, 4] else [tuple(row[at] for at in places) for row in rows]

    def rows_of(self) -> dict[bytes, Row]:
        """The whole rows, by their keys."""
        return {key_of_text(row[0]): row for row in self._reader.rows(self._keys)}

    def ask_dumps(self) -> tuple[list[bytes], Pending] | None:
        """Ask for the bytes of the keys, without what stands before a staged one; None where this user may not. What
        was read before of them is moved, and no key more."""
        if not self._reader.dumps:
            return None
        before = self._reader.before
        keys = self._keys
        if self.looked_at:
            at = self._reader.places.index(0)
            keys = [keys[0][:before] + key_of_text(row[at]) for row in self] if keys else []
        self.moved = True
        return [key[before:] for key in keys], self._reader.ask_dumps(keys)

    def take_dumps(self, asked: Pending) -> list[tuple[bytes | None, int]] | None:
        """The bytes, None for a key that is gone, and the ends, 0 for never. None, and the rows are still there to be
        read, where this user may not."""
        return self._reader.take_dumps(asked)
