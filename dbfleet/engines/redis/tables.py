"""Which collections are there, what their columns are, and how one is made and removed.

There are three kinds. Rows that dbfleet keeps have their schema in the hash SCHEMAS and an index (`redis.values`). Keys
of others that were copied here have their schema in the hash KEPT (`redis.foreign_write`). All other keys are
collections by their prefix (`redis.keys`), described by a sample (`redis.foreign`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from dbfleet.adapter import BATCH_SIZE, WHOLE
from dbfleet.engines.redis import foreign, index, left
from dbfleet.engines.redis import foreign_write as kept
from dbfleet.engines.redis import keys as keyspace
from dbfleet.engines.redis.connect import database_number
from dbfleet.engines.redis.session import Session
from dbfleet.engines.redis.values import ROW_NUMBERS, SCHEMAS, index_of, schema_of, schema_text
from dbfleet.engines.redis.wire import ReplyError, Wire
from dbfleet.engines.redis.write import MOST_COLUMNS, remove
from dbfleet.errors import Unsupported
from dbfleet.extras import Extras
from dbfleet.values import Schema

_COUNTERS: Final = frozenset(
    {b"rdb_changes_since_last_save", b"rdb_last_save_time", b"expired_keys", b"evicted_keys", b"rdb_saves"}
)
"""Fields of INFO that change when keys do."""


class Collections:
    """The collections of one database."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._census: tuple[tuple[bytes, ...], keyspace.Census] | None = None

    # --- what is there ---

    def names(self) -> Sequence[str]:
        """The collections, sorted; not those that are staged."""
        wire = self._session.data()
        own = self._own()
        listed = {name for name in (*own, *self._kept()) if not name.startswith(keyspace.STAGED)}
        known = self._known()
        if known is None:
            mark = _mark(wire)
            known = keyspace.census(wire, {index_of(name) for name in own}, foreign.SAMPLE + 1)
            self._census = None if mark is None else (mark, known)
        return sorted({*listed, *known.keys})

    def leftovers(self) -> Sequence[str]:
        """The staged collections, sorted."""
        return sorted(name for name in (*self._own(), *self._kept()) if name.startswith(keyspace.STAGED))

    def is_ours(self, name: str) -> bool:
        """Whether dbfleet keeps the rows in its own way."""
        return bool(self._session.data().ask("HEXISTS", SCHEMAS, name))

    def size(self, name: str) -> int | None:
        """How many rows a collection of dbfleet's has; None where it is not one."""
        return self._session.data().ask("ZCARD", index_of(name)) if self.is_ours(name) else None

    def count(self, name: str) -> int:
        """How many rows. NotFound where the collection is not there."""
        size = self.size(name)
        if size is not None:
            return size
        known = self._known()
        if known and name in known.keys and known.total == self._session.data().ask("DBSIZE"):
            return known.keys[name]  # else SCAN may have given a key twice
        self.foreign(name)
        return sum(map(len, self.keys_of(name)))

    def keys_of(self, name: str) -> Iterator[list[bytes]]:
        """The keys of a collection of others, a page at a time, each once."""
        return keyspace.keys_of(self._session.data(), name, self.indexes())

    def describe(self, name: str) -> Schema:
        """The collection's schema. NotFound where it is not there."""
        text = self._session.data().ask("HGET", SCHEMAS, name, decode=True)
        return schema_of(text) if text is not None else self.foreign(name, every=True)

    def foreign(self, name: str, *, every: bool = False) -> Schema:
        """The schema of keys that dbfleet did not make, or copied as they were. NotFound where there are none. `every`:
        the types of all keys are looked at."""
        wire = self._session.data()
        known = self._known()
        first = known.first.get(name) if known else None
        sampled = foreign.described(wire, name, self.indexes(), first, every=every)
        text = wire.ask("HGET", kept.KEPT, name, decode=True)
        made = schema_of(text) if text is not None else None
        if made is not None and sampled is not None:
            return kept.joined(made, sampled)
        schema = sampled or made
        if schema is None:
            raise self._session.not_found(name)
        return schema

    def extras(self, name: str) -> Extras:
        """What the collection's keys have besides their values. Keys of others have it in another Redis, too."""
        wire = self._session.data()
        number = database_number(self._session.target)
        text = wire.ask("HGET", SCHEMAS, name, decode=True)
        if text is None:
            self.foreign(name)
            return Extras(has=left.of_keys(wire, number, self.keys_of(name), len(keyspace.waiting_as(name))))
        before = index_of(name).encode() + b":"
        part = index.Pages(wire, schema_of(text), WHOLE, BATCH_SIZE)
        pages = ([before + key for key in page] for page in iter(part.next, []))
        return Extras(left=tuple(map(str, left.of_keys(wire, number, pages))))

    def ends_of_rows(self, name: str) -> tuple[str, ...]:
        """What rows of dbfleet's own have besides their values, in words. Where nothing in the database ends, no key is
        asked."""
        if not left.anything_expires(self._session.data(), self._session.target):
            return ()
        return self.extras(name).left

    # --- making and removing ---

    def create(self, schema: Schema) -> None:
        """Write down the schema. AlreadyExists where the collection is there, or a key in its place."""
        wire = self._session.data()
        ours, copied, taken = wire.ask_all(
            [
                ["HEXISTS", SCHEMAS, schema.name],
                ["HEXISTS", kept.KEPT, schema.name],
                ["EXISTS", index_of(schema.name)],
            ]
        )
        if kept.is_kept(schema):
            house, exists = kept.KEPT, ours or copied or keyspace.exists(wire, schema.name)
        else:
            house = SCHEMAS
            exists = ours or copied or taken or keyspace.exists(wire, index_of(schema.name))
        if exists or not wire.ask("HSETNX", house, schema.name, schema_text(schema)):
            raise self._session.already_exists(schema.name)

    def drop(self, name: str) -> None:
        """Remove the collection. Silent if it is absent."""
        wire = self._session.data()
        text = wire.ask("HGET", SCHEMAS, name, decode=True)
        if text is None:
            for keys in self.keys_of(name):
                wire.ask("UNLINK", *keys)
            wire.ask("HDEL", kept.KEPT, name)
            return
        # Rows first, the schema last: a drop that was cut short can be done again.
        if remove(wire, schema_of(text)):
            # Rows that expired have left their keys in sets that nothing names any more.
            for keys in keyspace.scanned(wire, keyspace.literal(index_of(name)) + b":by:*"):
                if keys:
                    wire.ask("UNLINK", *keys)
        wire.ask_all([["HDEL", ROW_NUMBERS, name], ["HDEL", SCHEMAS, name]])

    # --- inside ---

    def _known(self) -> keyspace.Census | None:
        """The census that was taken last, if nothing has changed on the server since: a walk over all names is dear."""
        if self._census and self._census[0] == _mark(self._session.data()):
            return self._census[1]
        return None

    def _own(self) -> list[str]:
        names: list[str] = self._session.data().ask("HKEYS", SCHEMAS, decode=True)
        return names

    def _kept(self) -> list[str]:
        names: list[str] = self._session.data().ask("HKEYS", kept.KEPT, decode=True)
        return names

    def indexes(self) -> set[str]:
        """The keys of the indexes of dbfleet's own collections."""
        return {index_of(name) for name in self._own()}


def _mark(wire: Wire) -> tuple[bytes, ...] | None:
    """What the server counts of changes to any of its keys; None where this user may not ask."""
    replies = wire.ask_all([["INFO", "persistence"], ["INFO", "stats"], ["DBSIZE"]], keep=True)
    if any(isinstance(reply, ReplyError) for reply in replies):
        return None
    lines = [line for info in replies[:2] for line in info.splitlines() if line.partition(b":")[0] in _COUNTERS]
    return (*lines, b"%d" % replies[2]) if len(lines) == len(_COUNTERS) else None


def refuse_too_many_columns(schema: Schema) -> None:
    """Unsupported for more columns than a script can store."""
    if len(schema.columns) > MOST_COLUMNS:
        raise Unsupported(f"{schema.name} has {len(schema.columns)} columns, Redis takes {MOST_COLUMNS}")
