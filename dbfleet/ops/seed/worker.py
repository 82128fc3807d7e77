"""What a process that seeds a target does: looks, waits for the word, makes the rows and feeds them to the engine.

A target that is seeded alone may have a second process, which makes and feeds the second half of each large
collection, where the engine declares that this is faster (EngineSpec.writers): MongoDB by a fifth on two cores, Redis,
which works on one, not at all. Its writes are not atomic then; of the other engines a seed that is stopped leaves no
half of a collection.

Where the engine can (KeysLast), a collection that is made gets its key when it has its rows, and its references when
all collections have theirs. No collection waits for another then, and the second process makes about half of them. A
seed that is stopped may leave collections without their references: the next one is refused without --reset, and drops
them with it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

from dbfleet.abilities import KeysLast, able
from dbfleet.adapter import Adapter, Rejected, Written
from dbfleet.datasets import Dataset
from dbfleet.errors import PartialWrite
from dbfleet.ops import _digests, _identity
from dbfleet.ops._progress import Ticker
from dbfleet.ops._workers import Owner
from dbfleet.ops.seed.messages import Far, Half, HalfDone, Looked, Seeded, Whole
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Schema

Connect = Callable[[Target], AbstractContextManager[Adapter]]

_MOST_REJECTED: Final = 100
"""Rejected rows that an error carries; `rejected` of the record counts them all."""
_SHARED_ROWS: Final = 10_000
"""A collection of fewer is made by one process."""


@dataclass(frozen=True, slots=True)
class Work:
    """What each worker does; the same for all."""

    dataset: Dataset
    rows: int
    seed: int
    reset: bool
    verify: bool
    connect: Connect

    def warm_up(self) -> None:
        """Make a row of each, so that what every worker needs (pools, tables, Faker) is there before they fork."""
        for schema in self.dataset.schemas():
            next(self.dataset.batches(schema.name, seed=self.seed, rows=self.rows, stop=1))

    def total(self) -> int:
        """How many rows a target gets, over all collections."""
        return sum(self.dataset.rows(schema.name, self.rows) for schema in self.dataset.schemas())


def shared(spec: EngineSpec, targets: int) -> bool:
    """Whether a target of this engine gets a second process."""
    return (spec.writers > 1 or KeysLast in spec.abilities) and targets == 1 and (os.cpu_count() or 1) > 1


def feed(owner: Owner, *, work: Work, target: Target, halves: bool = False) -> None:
    """Look, wait for the word, then fill one target. `halves`: somebody takes the second one of what is large, or some
    of the collections."""
    with work.connect(target) as adapter:
        owner.adapter = adapter
        schemas = work.dataset.schemas()
        found = there(adapter, schemas)
        owner.send(Looked(_identity.of(adapter), found))
        owner.receive()  # Begin
        for schema in reversed(schemas) if work.reset else ():
            owner.check()
            adapter.drop(schema.name)
        rejected: list[Rejected] = []
        done, total, stored = 0, work.total(), 0
        keys_last = able(adapter, KeysLast)
        referring: list[Schema] = []
        beside = _beside(schemas, work) if halves and keys_last and (work.reset or not found) else []
        for schema in beside:
            owner.send(Whole(schema.name))
        for schema in [*(each for each in schemas if each not in beside), *beside]:
            owner.check()
            missing, theirs = work.reset or schema.name not in found, schema in beside
            if missing and not keys_last:
                adapter.create(schema)
            started = time.perf_counter()
            rows = work.dataset.rows(schema.name, work.rows)
            half = rows // 2 if halves and not keys_last and rows >= _SHARED_ROWS else None
            if half is not None:
                owner.send(Half(schema.name, half))
            written = Written()
            if not theirs:
                with keys_last.filling(schema) if keys_last and missing else nullcontext():
                    written = adapter.write(schema, _told(owner, work, schema, (0, half), done))
            referring += [schema] if keys_last and missing and schema.references else []
            lost = len(written.rejected)
            seconds = time.perf_counter() - started
            if half is not None or theirs:
                other: HalfDone = owner.receive()
                written = Written(written.rows + other.rows, [*written.rejected, *other.rejected])
                lost += other.lost
                seconds = other.seconds or time.perf_counter() - started
            digest, verified = _verified(adapter, work, schema, written) if work.verify else (None, None)
            done += 0 if theirs else rows
            stored += written.rows
            rejected += written.rejected[: _MOST_REJECTED - len(rejected)]
            owner.send(Seeded(target.name, schema.name, written.rows, lost, round(seconds, 3), digest, verified))
        for schema in referring:
            owner.check()
            assert keys_last is not None
            keys_last.refer(schema)
    if rejected:
        raise PartialWrite(
            f"{total - stored:,} of {total:,} rows were refused, the first because: {rejected[0].reason}",
            written=Written(stored, rejected),
            engine=target.engine,
            target=target.name,
        )


def feed_halves(owner: Owner, *, work: Work, target: Target) -> None:
    """Write the rest of the collections that are named, or make them, until the owner stops it."""
    task: Half | Whole = owner.receive()
    with work.connect(target) as adapter:
        owner.adapter = adapter
        schemas = {schema.name: schema for schema in work.dataset.schemas()}
        done = 0
        while True:
            schema, started, seconds = schemas[task.collection], time.perf_counter(), 0.0
            if isinstance(task, Half):
                written = adapter.write(schema, _told(owner, work, schema, (task.start, None), 0))
            else:
                keys_last = able(adapter, KeysLast)
                assert keys_last is not None
                with keys_last.filling(schema):
                    written = adapter.write(schema, _told(owner, work, schema, (0, None), done, apart=True))
                done += work.dataset.rows(schema.name, work.rows)
                seconds = time.perf_counter() - started
            owner.send(HalfDone(written.rows, written.rejected[:_MOST_REJECTED], len(written.rejected), seconds))
            task = owner.receive()


def _beside(schemas: Sequence[Schema], work: Work) -> list[Schema]:
    """The collections that the second process makes: about half of all values, the largest collection first. None where
    there are few rows."""
    if work.total() < _SHARED_ROWS:
        return []
    values = {schema.name: work.dataset.rows(schema.name, work.rows) * len(schema.columns) for schema in schemas}
    mine, theirs = 0, 0
    found: list[Schema] = []
    for schema in sorted(schemas, key=lambda each: -values[each.name]):
        if theirs <= mine:
            theirs += values[schema.name]
            found.append(schema)
        else:
            mine += values[schema.name]
    return found


def there(adapter: Adapter, schemas: Sequence[Schema]) -> dict[str, int | None]:
    """The dataset's collections that the target has: their rows, None where the columns are others."""
    names = set(adapter.collections())
    found: dict[str, int | None] = {}
    for schema in schemas:
        if schema.name in names:
            rows = adapter.count(schema.name)
            same = rows or set(adapter.describe(schema.name).names) == set(schema.names)
            found[schema.name] = rows if same else None
    return found


def _told(
    owner: Owner, work: Work, schema: Schema, part: tuple[int, int | None], done: int, *, apart: bool = False
) -> Iterator[Batch]:
    """The rows of the part in batches, the owner is told how many there are, behind those that are `done`."""
    ticker = Ticker(lambda rows: owner.send(Far(schema.name, rows, apart)), rows=done)
    ticker.tell()
    batches = work.dataset.batches(schema.name, seed=work.seed, rows=work.rows, start=part[0], stop=part[1])
    for batch in ticker.batches(batches):
        owner.check()
        yield batch


def _verified(adapter: Adapter, work: Work, schema: Schema, written: Written) -> tuple[str, bool | None]:
    """The digest of what the target holds, and whether it is that of what was made."""
    held = _digests.stored(adapter, schema)
    if written.rejected:
        return str(held), None
    made = work.dataset.batches(schema.name, seed=work.seed, rows=work.rows)
    return str(held), held == _digests.of_batches(schema, made, kept_by=adapter.spec)
