"""Redis's adapter: the contract's methods on one connection. What they do at length stands in the rooms beside it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from typing import Final

from dbfleet.abilities import CarriesExtras, Identifies, MakesReader, Swaps, TellsLeft
from dbfleet.abilities import Native as CarriesNatively
from dbfleet.adapter import BATCH_SIZE, WHOLE, Adapter, Change, Part, Result, ServerInfo, Swap, WriteMode, Written
from dbfleet.engines.redis import foreign_write, left, literals, query, read, reader, swap, write
from dbfleet.engines.redis.connect import Dial, database_number, dialer, identity
from dbfleet.engines.redis.keys import named
from dbfleet.engines.redis.native import literals as native_literals
from dbfleet.engines.redis.native import outline as native_outline
from dbfleet.engines.redis.native import own as native_own
from dbfleet.engines.redis.native import read as native_read
from dbfleet.engines.redis.native import take
from dbfleet.engines.redis.native import values as native_values
from dbfleet.engines.redis.native import write as native_write
from dbfleet.engines.redis.session import Session
from dbfleet.engines.redis.tables import Collections, refuse_too_many_columns
from dbfleet.engines.redis.wire import ReplyError
from dbfleet.errors import Unsupported
from dbfleet.extras import AnyExtra, Extras, Native
from dbfleet.outline import Outline, Step
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
"""Fields of INFO by which a server tells what it is. All of them also claim to be some Redis, so that comes last."""


class RedisAdapter(
    Adapter,
    Identifies,
    Swaps,
    CarriesExtras,
    TellsLeft,
    CarriesNatively,
    MakesReader,
):
    """One connection; `dial` makes another like it, for `cancel` and after an interrupt."""

    def __init__(self, spec: EngineSpec, target: Target, dial: Dial) -> None:
        self.spec = spec
        self.target = target
        self._session = Session(target, dial)
        self._collections = Collections(self._session)
        self._taking = take.Taking(self._session, self._collections)

    # --- what is there ---

    def ping(self) -> ServerInfo:
        with self._session.translated():
            wire = self._session.open()
            started = time.perf_counter()
            pong, info = wire.take(wire.send(wire.packed(["PING"]) + wire.packed(["INFO", "server"]), 2))
            latency = time.perf_counter() - started
            if isinstance(pong, ReplyError):
                raise pong
        versions = {"redis_version": str(self._session.hello.get("version", "0"))}  # INFO may be forbidden
        if isinstance(info, bytes):
            versions |= {k: v for k, _, v in (line.partition(":") for line in info.decode().splitlines())}
        field = next(field for field in PRODUCTS if field in versions)
        return ServerInfo(PRODUCTS[field], versions[field].removeprefix("df-").removeprefix("v"), latency)

    def collections(self) -> Sequence[str]:
        with self._session.translated():
            return self._collections.names()

    def describe(self, name: str) -> Schema:
        with self._session.translated():
            return self._collections.describe(name)

    def count(self, name: str) -> int:
        with self._session.translated():
            return self._collections.count(name)

    def create(self, schema: Schema) -> None:
        refuse_too_many_columns(schema)
        with self._session.translated():
            self._collections.create(schema)

    def drop(self, name: str) -> None:
        with self._session.translated():
            self._collections.drop(name)

    # --- rows ---

    def get(self, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
        if self._by_keys(schema):
            for batch in self._session.batches(native_read.get(self._session, schema, keys)):
                yield from batch
            return
        for batch in self._session.batches(read.get(self._session, self._collections, schema, keys)):
            yield from batch

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        with self._session.translated():
            if self._by_keys(schema):
                return native_read.parts_of(parts)
            return read.split(self._session, self._collections, schema, parts)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        if self._by_keys(schema):
            ours = sorted(self._collections.indexes())
            return self._session.batches(native_read.scan(self._session, schema, ours, part, batch_size))
        if schema.native and schema.key:
            return self._session.batches(native_own.scan(self._session, schema, part, batch_size))
        return self._session.batches(read.scan(self._session, self._collections, schema, part, batch_size))

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        with self._session.translated():
            wire, upsert = self._session.data(), mode == "upsert"
            if schema.native and self._collections.is_ours(schema.name):
                known = self._collections.describe(schema.name)
                schema = replace(known, columns=schema.columns)
                return native_own.Writer(wire, schema, upsert=upsert).write(batches)
            if schema.native:
                return native_write.Writer(wire, schema, upsert=upsert).write(batches)
            if foreign_write.is_kept(schema) and not self._collections.is_ours(schema.name):
                self._collections.foreign(schema.name)
                return foreign_write.write(wire, schema, batches, upsert=upsert)
            return write.Writer(wire, schema, upsert=upsert).write(batches)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        with self._session.translated():
            wire = self._session.data()
            if self._collections.is_ours(schema.name):
                return write.remove_keys(wire, schema, [key for key in keys if None not in key])
            if schema.native:
                names = [native_values.key_of_text(key[0]) for key in keys]
                return sum(wire.ask("UNLINK", *names[i : i + 1000]) for i in range(0, len(names), 1000))
            self._collections.foreign(schema.name)
            return sum(wire.ask("UNLINK", *named(schema.name, chunk)) for chunk in write.in_chunks(list(keys)))

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        with self._session.translated():
            if not self._collections.is_ours(schema.name):
                if schema.native:
                    yield from native_literals.statements(schema, changes)
                    return
                self._collections.foreign(schema.name)
                raise Unsupported(f"dbfleet did not make {schema.name}, and does not write its keys")
            yield from literals.statements(schema, changes)

    # --- collections that take others' places ---

    def swap(self, swaps: Sequence[Swap]) -> None:
        """In one script: `redis.swap` says for how long the server answers nobody else."""
        with self._session.translated():
            swap.swap(self._session.data(), swaps)

    def leftovers(self) -> Sequence[str]:
        """The names of staged collections, which `drop` removes."""
        with self._session.translated():
            return self._collections.leftovers()

    # --- what goes along and what stays behind ---

    def extras(self, name: str) -> Extras:
        """What the collection's keys have besides their values."""
        with self._session.translated():
            return self._collections.extras(name)

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        """Unsupported: what keys have comes with them, or not at all."""
        if isinstance(extra, Native) and extra.engine == self.spec.name:
            raise Unsupported("not all of it came along, or it has ended meanwhile", target=self.target.name)
        raise Unsupported(f"Redis has no {type(extra).__name__.lower()} of a collection", target=self.target.name)

    def left(self) -> Sequence[str]:
        """What a copy leaves behind of the whole server."""
        with self._session.translated():
            return left.of_database(self._session.data())

    # --- as they are ---

    def carries(self) -> bool:
        """From Redis 7.0 on, and Valkey; not another product, nor a node of a cluster."""
        return self._carries

    @cached_property
    def _carries(self) -> bool:
        info = self.ping()
        major = int(info.version.partition(".")[0])
        return info.product in ("Redis", "Valkey") and major >= 7 and self._session.hello.get("mode") != "cluster"

    def native_collections(self) -> Sequence[str]:
        """All collections."""
        return self.collections()

    def native_views(self) -> Sequence[str]:
        """None: Redis has no views."""
        return ()

    def native(self, name: str, described: Schema | None = None) -> Schema:
        """Keys as `native.values` has them; rows of dbfleet's as they are."""
        schema = described or self.describe(name)
        if self._by_keys(replace(schema, native=True)):
            return native_values.schema_of_keys(schema)
        return replace(schema, native=True)

    def outline(self, names: Sequence[str], *, everything: bool = False, views: Sequence[str] = ()) -> Outline:
        """See `native.outline`."""
        with self._session.translated():
            return native_outline.outline(self._session, self._collections, names, everything=everything)

    def lacking(self, steps: Sequence[Step]) -> Mapping[str, str]:
        """Nothing: a key of a type that the server does not know is a refused row."""
        return {}

    def names(
        self, makes: Sequence[tuple[str, str]], old: str, new: str, going: Collection[str]
    ) -> Mapping[tuple[str, str], str]:
        """Their own names. Unsupported for keys that are to have another one."""
        return take.named(makes, old, new)

    def take(self, step: Step, called: Mapping[str, str], *, again: bool = False) -> bool:
        """See `native.take`."""
        with self._session.translated():
            return self._taking.take(step, called, again=again)

    def clear(self, schema: Schema, part: Part) -> None:
        """Delete the keys, or rows, of the part."""
        with self._session.translated():
            self._taking.clear(schema, part)

    def remove(self, names: Sequence[str]) -> None:
        """Drop them one after the other: nothing refers to keys."""
        with self._session.translated():
            self._taking.remove(names)

    def together(self) -> AbstractContextManager[None]:
        """What fails is undone by us: Redis has no transaction that one could look into."""
        return self._taking.together()

    def undo(self, step: Step, called: Mapping[str, str]) -> None:
        """Remove what the step has made."""
        with self._session.translated():
            self._taking.undo(step, called)

    def _by_keys(self, schema: Schema) -> bool:
        """Whether a schema is of keys that are read natively."""
        if not schema.native:
            return False
        with self._session.translated():
            return not self._collections.is_ours(schema.name)

    # --- statements ---

    def query(
        self, statement: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        return query.run(self._session, statement, params or {}, batch_size)

    def cancel(self) -> None:
        self._session.cancel()

    # --- reading only ---

    def make_reader(self, user: str, password: str) -> None:
        """An ACL user that reads every key and may nothing else; the server forgets it when it stops (`reader`)."""
        with self._session.translated():
            reader.make_reader(self._session.open(), user, password)

    # --- the connection ---

    def identity(self) -> str:
        """The server's id and the database's number (`connect.identity`)."""
        with self._session.translated():
            return identity(self._session.open(), database_number(self.target))

    def close(self) -> None:
        self._session.close()


def connect(spec: EngineSpec, target: Target, timeout_s: float) -> RedisAdapter:
    """A connection that is logged in and in its database. UsageError for options that Redis does not have; Unsupported
    where the target is for reading only, and its user may do more."""
    adapter = RedisAdapter(spec, target, dialer(target, timeout_s))
    if target.read_only:
        try:
            with adapter._session.translated():
                reader.prove(adapter._session.open(), target)
        except BaseException:
            adapter.close()
            raise
    return adapter
