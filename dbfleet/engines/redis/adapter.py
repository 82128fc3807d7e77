"""Redis's adapter: the contract's methods on one connection. What they need stands in the rooms beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Self

from dbfleet.abilities import CarriesExtras, Identifies, Swaps, TellsLeft
from dbfleet.adapter import BATCH_SIZE, WHOLE, Adapter, Change, Part, Result, ServerInfo, Swap, WriteMode, Written
from dbfleet.engines.redis import foreign, index, left, replies, text
from dbfleet.engines.redis import foreign_write as kept
from dbfleet.engines.redis import keys as keyspace
from dbfleet.engines.redis import values as rows
from dbfleet.engines.redis.cancel import stop
from dbfleet.engines.redis.errors import translate
from dbfleet.engines.redis.literals import statements as command_texts
from dbfleet.engines.redis.read import Scan
from dbfleet.engines.redis.swap import identity, swap
from dbfleet.engines.redis.values import ROW_NUMBERS, SCHEMAS, index_of
from dbfleet.engines.redis.wire import Dial, ReplyError, Wire, database_number, dialer
from dbfleet.engines.redis.write import MOST_COLUMNS, Writer, in_chunks, remove, remove_keys
from dbfleet.errors import (
    AlreadyExists,
    NotFound,
    Unavailable,
    Unsupported,
    UsageError,
    translated,
)
from dbfleet.extras import AnyExtra, Extras, Native
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Row, Schema

PRODUCTS: Final = {
    "valkey_version": "Valkey",
    "dragonfly_version": "Dragonfly",
    "kvrocks_version": "Kvrocks",
    "garnet_version": "Garnet",
    "redis_version": "Redis",
}
"""Fields of INFO by which a server tells what it is; all of them also claim to be some Redis, so that comes last."""


class RedisAdapter(
    Adapter,
    Identifies,
    Swaps,
    CarriesExtras,
    TellsLeft,
):
    """One connection; `dial` makes another like it, for `cancel` and after an interrupt."""

    def __init__(self, spec: EngineSpec, target: Target, dial: Dial) -> None:
        self.spec = spec
        self.target = target
        self._dial = dial
        self._closed = False
        self._session_changed = False
        self._running = ""
        self._lock = threading.Lock()
        with self._translated():
            self._wire, self._hello = dial()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- what is there ---

    def ping(self) -> ServerInfo:
        with self._translated():
            wire = self._open()
            started = time.perf_counter()
            pong, info = wire.take(wire.send(wire.packed(["PING"]) + wire.packed(["INFO", "server"]), 2))
            latency = time.perf_counter() - started
            if isinstance(pong, ReplyError):
                raise pong
        found = {"redis_version": str(self._hello.get("version", "0"))}  # INFO may be forbidden
        if isinstance(info, bytes):
            found |= {k: v for k, _, v in (line.partition(":") for line in info.decode().splitlines())}
        field = next(field for field in PRODUCTS if field in found)
        return ServerInfo(PRODUCTS[field], found[field].removeprefix("df-").removeprefix("v"), latency)

    def collections(self) -> Sequence[str]:
        with self._translated():
            wire = self._data()
            own = self._own(wire)
            listed = {name for name in (*own, *self._kept(wire)) if not name.startswith(keyspace.STAGED)}
            return sorted({*listed, *keyspace.prefixes(wire, {index_of(name) for name in own})})

    def identity(self) -> str:
        with self._translated():
            return identity(self._open(), database_number(self.target))

    def describe(self, name: str) -> Schema:
        with self._translated():
            return self._described(self._data(), name)

    def count(self, name: str) -> int:
        with self._translated():
            wire = self._data()
            size = self._size(wire, name)
            if size is not None:
                return size
            self._foreign(wire, name)
            return sum(map(len, keyspace.keys_of(wire, name, self._indexes(wire))))

    # --- making and removing ---

    def create(self, schema: Schema) -> None:
        if len(schema.columns) > MOST_COLUMNS:
            raise Unsupported(f"{schema.name} has {len(schema.columns)} columns, Redis takes {MOST_COLUMNS}")
        with self._translated():
            wire = self._data()
            there, also, taken = self._all(
                wire,
                ["HEXISTS", SCHEMAS, schema.name],
                ["HEXISTS", kept.KEPT, schema.name],
                ["EXISTS", index_of(schema.name)],
            )
            if kept.is_kept(schema):
                if there or also or keyspace.exists(wire, schema.name):
                    raise self._exists(schema.name)
                if not wire.ask("HSETNX", kept.KEPT, schema.name, rows.schema_text(schema)):
                    raise self._exists(schema.name)
                return
            if there or also or taken or keyspace.exists(wire, index_of(schema.name)):
                raise self._exists(schema.name)
            if not wire.ask("HSETNX", SCHEMAS, schema.name, rows.schema_text(schema)):
                raise self._exists(schema.name)

    def drop(self, name: str) -> None:
        with self._translated():
            wire = self._data()
            text_of_it = wire.ask("HGET", SCHEMAS, name, decode=True)
            if text_of_it is None:
                for keys in keyspace.keys_of(wire, name, self._indexes(wire)):
                    wire.ask("UNLINK", *keys)
                wire.ask("HDEL", kept.KEPT, name)
                return
            # Rows first, the schema last: a drop that was cut short is there to be dropped again.
            if remove(wire, rows.schema_of(text_of_it)):
                # Rows that expired have left their keys in sets that nothing names any more.
                for keys in keyspace.scanned(wire, keyspace.literal(index_of(name)) + b":by:*"):
                    if keys:
                        wire.ask("UNLINK", *keys)
            self._all(wire, ["HDEL", ROW_NUMBERS, name], ["HDEL", SCHEMAS, name])

    def swap(self, swaps: Sequence[Swap]) -> None:
        """In one script: see `redis.swap` for how long the server answers nobody else."""
        with self._translated():
            swap(self._data(), swaps)

    def leftovers(self) -> Sequence[str]:
        """Staged collections, by their names, which `drop` removes."""
        with self._translated():
            wire = self._data()
            found = (*self._own(wire), *self._kept(wire))
            return sorted(name for name in found if name.startswith(keyspace.STAGED))

    def extras(self, name: str) -> Extras:
        """What its keys have besides their values: keys of others have it in another Redis, too."""
        with self._translated():
            wire = self._data()
            found = wire.ask("HGET", SCHEMAS, name, decode=True)
            number = database_number(self.target)
            if found is None:
                self._foreign(wire, name)
                keys = keyspace.keys_of(wire, name, self._indexes(wire))
                return Extras(has=left.of_keys(wire, number, keys, len(keyspace.waiting_as(name))))
            before = index_of(name).encode() + b":"
            part = index.Pages(wire, rows.schema_of(found), WHOLE, BATCH_SIZE)
            pages = ([before + key for key in page] for page in iter(part.next, []))
            return Extras(left=tuple(map(str, left.of_keys(wire, number, pages))))

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        """Nothing: what keys have comes with them, or not at all."""
        if isinstance(extra, Native) and extra.engine == self.spec.name:
            raise Unsupported("not all of it came along, or it has ended meanwhile", target=self.target.name)
        raise Unsupported(f"Redis has no {type(extra).__name__.lower()} of a collection", target=self.target.name)

    def left(self) -> Sequence[str]:
        """What a copy leaves behind of the whole server."""
        with self._translated():
            return left.of_database(self._data())

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        with self._translated():
            if not schema.key:
                raise Unsupported(f"the rows of {schema.name} have no key to get them by")
            wire = self._data()
            read = self._reader(wire, schema)
        for some in in_chunks([key for key in keys if None not in key], BATCH_SIZE):
            with self._translated():
                found = read(some)
            while True:
                with self._translated():
                    batch = next(found, None)
                if batch is None:
                    break
                yield from batch

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        with self._translated():
            wire = self._data()
            size = self._size(wire, schema.name)
            if not size or parts < 2:
                return [WHOLE]
            return index.parts(wire, schema, size, parts)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        with self._translated():
            wire = self._data()
            there = wire.ask("HEXISTS", SCHEMAS, schema.name)
            if not there:
                self._foreign(wire, schema.name)
        if not there:
            yield from self._scan_foreign(wire, schema, batch_size)
            return
        scan = Scan(wire, schema, part, batch_size)
        try:
            while True:
                with self._translated():
                    batch = scan.next()
                if batch is None:
                    return
                yield batch
                del batch
        finally:
            scan.close()

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        with self._translated():
            wire = self._data()
            if kept.is_kept(schema) and not wire.ask("HEXISTS", SCHEMAS, schema.name):
                self._foreign(wire, schema.name)
                return kept.write(wire, schema, batches, upsert=mode == "upsert")
            return Writer(wire, schema, upsert=mode == "upsert").write(batches)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        with self._translated():
            wire = self._data()
            if wire.ask("HEXISTS", SCHEMAS, schema.name):
                return remove_keys(wire, schema, [key for key in keys if None not in key])
            self._foreign(wire, schema.name)
            return sum(wire.ask("UNLINK", *_named(schema.name, some)) for some in in_chunks(list(keys)))

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        with self._translated():
            wire = self._data()
            if not wire.ask("HEXISTS", SCHEMAS, schema.name):
                self._foreign(wire, schema.name)
                raise Unsupported(f"dbfleet did not make {schema.name}, and does not write its keys")
            yield from command_texts(schema, changes)

    def _reader(self, wire: Wire, schema: Schema) -> Callable[[Batch], Iterator[Batch]]:
        """A function from keys to the rows that are there."""
        if not wire.ask("HEXISTS", SCHEMAS, schema.name):
            reader = foreign.Reader(wire, schema, self._foreign(wire, schema.name))
            return lambda keys: reader.batches(_named(schema.name, keys))
        scan, encode = Scan(wire, schema, WHOLE, BATCH_SIZE), rows.key_encoder(schema)

        def read(keys: Batch) -> Iterator[Batch]:
            return scan.get([key.encode() for key in dict.fromkeys(encode(list(zip(*keys, strict=True))))])

        return read

    def _scan_foreign(self, wire: Wire, schema: Schema, batch_size: int) -> Iterator[Batch]:
        with self._translated():
            reader = foreign.Reader(wire, schema, self._foreign(wire, schema.name))
            pages = keyspace.keys_of(wire, schema.name, self._indexes(wire))
        try:
            while True:
                with self._translated():
                    keys = next(pages, None)
                if keys is None:
                    return
                for start in range(0, len(keys), batch_size):
                    batches = reader.batches(keys[start : start + batch_size])
                    while True:
                        with self._translated():
                            batch = next(batches, None)
                        if batch is None:
                            break
                        yield batch
                        del batch
        finally:
            pages.close()  # type: ignore[attr-defined]

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        with self._translated():
            commands = text.parse(statement)
            if not commands:
                raise UsageError("the statement is empty", target=self.target.name)
            values = text.bind(params or {}, commands)
            bound = [command.bound(values) for command in commands]
            for words in bound:
                why = replies.endless(words)
                if why:
                    name = words[0].decode("utf-8", "replace").upper()
                    raise Unsupported(f"{name} is not for query: {why}", hint="redis-cli is: dbfleet shell")
        return self._run(bound, batch_size)

    def _run(self, commands: list[list[bytes]], batch_size: int) -> Result:
        words = commands[0]
        name = words[0].decode("utf-8", "replace").upper()
        with self._translated():
            wire = self._open()
            self._session_changed |= name in replies.SESSION
            self._running = name
            pending = wire.stream(words)
            shape = replies.shape(words, pending.kind)
            if not pending.kind:
                (reply,) = wire.take(pending)
                if isinstance(reply, ReplyError):
                    raise reply
                batches: Iterator[Batch] = iter([[(replies.plain(reply),)]])
            else:
                batches = self._streamed(replies.batches(wire, pending, shape, name, batch_size))
        return Result(
            replies.columns(shape),
            batches,
            documents=shape.documents,
            close=pending.drop,
            following=lambda: self._run(commands[1:], batch_size) if len(commands) > 1 else None,
        )

    def _streamed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        while True:
            with self._translated():
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def cancel(self) -> None:
        """See `redis.cancel`: over a second connection."""
        if not self._closed and not self._wire.broken and self._wire.waiting:
            stop(self._wire, self._dial, self._hello.get("id"), script=self._running in replies.SCRIPTS)

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self._wire.close()

    # --- inside ---

    def _translated(self) -> Any:
        return translated(translate, engine="redis", target=self.target.name)

    def _open(self) -> Wire:
        """The wire; a new one where an interrupt or a lost connection has spoiled it."""
        if self._closed:
            raise Unavailable("the connection is closed")
        if self._wire.broken:
            self._wire.close()
            self._wire, self._hello = self._dial()
            self._session_changed = False
        return self._wire

    def _data(self) -> Wire:
        """The wire, in the target's database and outside a transaction, whatever statements have done to it."""
        if self._hello.get("mode") == "cluster":
            raise Unsupported(
                "a node of a Redis Cluster has a part of the keys only, and dbfleet does not speak to all nodes",
                hint="query works on each node",
            )
        if self._session_changed:
            self._wire.broken = True
        return self._open()

    def _all(self, wire: Wire, *commands: Sequence[bytes | str | int]) -> list[Any]:
        found = wire.take(wire.send(b"".join(map(wire.packed, commands)), len(commands)))
        for reply in found:
            if isinstance(reply, ReplyError):
                raise reply
        return found

    def _size(self, wire: Wire, name: str) -> int | None:
        """How many rows a collection of dbfleet's has; None where it is not one."""
        return wire.ask("ZCARD", index_of(name)) if wire.ask("HEXISTS", SCHEMAS, name) else None

    def _own(self, wire: Wire) -> list[str]:
        names: list[str] = wire.ask("HKEYS", SCHEMAS, decode=True)
        return names

    def _indexes(self, wire: Wire) -> set[str]:
        return {index_of(name) for name in self._own(wire)}

    def _kept(self, wire: Wire) -> list[str]:
        names: list[str] = wire.ask("HKEYS", kept.KEPT, decode=True)
        return names

    def _described(self, wire: Wire, name: str) -> Schema:
        found = wire.ask("HGET", SCHEMAS, name, decode=True)
        return rows.schema_of(found) if found is not None else self._foreign(wire, name)

    def _foreign(self, wire: Wire, name: str) -> Schema:
        """The schema of keys that dbfleet did not make. NotFound where there are none."""
        found = foreign.described(wire, name, self._indexes(wire))
        text_of_it = wire.ask("HGET", kept.KEPT, name, decode=True)
        made = rows.schema_of(text_of_it) if text_of_it is not None else None
        if made is not None and found is not None:
            return kept.joined(made, found)
        if found is None and made is None:
            raise self._not_found(name)
        return found or made  # type: ignore[return-value]

    def _not_found(self, name: str) -> NotFound:
        return NotFound(f"no collection {name!r}", engine="redis", target=self.target.name)

    def _exists(self, name: str) -> AlreadyExists:
        return AlreadyExists(f"the collection {name!r} exists", engine="redis", target=self.target.name)


def _named(collection: str, keys: Batch) -> list[bytes]:
    """Keys of others as they stand now."""
    before = keyspace.waiting_as(collection)
    return [before + (key if isinstance(key, bytes) else str(key).encode()) for (key,) in keys]


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> RedisAdapter:
    """A connection that is logged in and in its database. UsageError for options that Redis does not have."""
    return RedisAdapter(spec, target, dialer(target, timeout_s))
