"""Redis's adapter: the contract's methods on one connection. What they do at length stands in the rooms beside it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from dbfleet.abilities import CarriesExtras, Identifies, MakesReader, Swaps, TellsLeft
from dbfleet.adapter import BATCH_SIZE, WHOLE, Adapter, Change, Part, Result, ServerInfo, Swap, WriteMode, Written
from dbfleet.engines.redis import foreign_write, left, literals, query, read, reader, swap, write
from dbfleet.engines.redis.connect import Dial, database_number, dialer, identity
from dbfleet.engines.redis.keys import named
from dbfleet.engines.redis.session import Session
from dbfleet.engines.redis.tables import Collections, refuse_too_many_columns
from dbfleet.engines.redis.wire import ReplyError
from dbfleet.errors import Unsupported
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
"""Fields of INFO by which a server tells what it is. All of them also claim to be some Redis, so that comes last."""


class RedisAdapter(
    Adapter,
    Identifies,
    Swaps,
    CarriesExtras,
    TellsLeft,
    MakesReader,
):
    """One connection; `dial` makes another like it, for `cancel` and after an interrupt."""

    def __init__(self, spec: EngineSpec, target: Target, dial: Dial) -> None:
        self.spec = spec
        self.target = target
        self._session = Session(target, dial)
        self._collections = Collections(self._session)

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
        for batch in self._session.batches(read.get(self._session, self._collections, schema, keys)):
            yield from batch

    def split(self, schema: Schema, parts: int) -> Sequence[Part]:
        with self._session.translated():
            return read.split(self._session, self._collections, schema, parts)

    def scan(self, schema: Schema, part: Part = WHOLE, *, batch_size: int = BATCH_SIZE) -> Iterator[Batch]:
        return self._session.batches(read.scan(self._session, self._collections, schema, part, batch_size))

    def write(
        self, schema: Schema, batches: Iterable[Batch], *, mode: WriteMode = "insert", alone: bool = False
    ) -> Written:
        with self._session.translated():
            wire, upsert = self._session.data(), mode == "upsert"
            if foreign_write.is_kept(schema) and not self._collections.is_ours(schema.name):
                self._collections.foreign(schema.name)
                return foreign_write.write(wire, schema, batches, upsert=upsert)
            return write.Writer(wire, schema, upsert=upsert).write(batches)

    def delete(self, schema: Schema, keys: Sequence[Row]) -> int:
        with self._session.translated():
            wire = self._session.data()
            if self._collections.is_ours(schema.name):
                return write.remove_keys(wire, schema, [key for key in keys if None not in key])
            self._collections.foreign(schema.name)
            return sum(wire.ask("UNLINK", *named(schema.name, chunk)) for chunk in write.in_chunks(list(keys)))

    def statements(self, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
        with self._session.translated():
            if not self._collections.is_ours(schema.name):
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
