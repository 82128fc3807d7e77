"""`dbfleet seed`: fill targets with a dataset, all of them at once.

A process for each target makes the rows and feeds them to its engine. So each batch is made once a target, not once
for all: making a row costs less than half of what handing it to another process would (pickle, both ways), and a tenth
of what the engine's driver and server then spend on it. In one process the engines would take turns at one core. An
engine pulls, so memory holds a batch a target, and a slow engine holds up no other. A thread that makes batches ahead
was 1.4 times slower with MongoDB: it takes the driver's turns.

Nothing is written anywhere before every target has been looked at: rows that are there already are refused, unless
`reset` drops them. A target that fails does not stop the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, Protocol

from dbfleet import datasets, registry
from dbfleet.adapter import Adapter, Rejected, Target, Written, coarsened
from dbfleet.datasets import Dataset
from dbfleet.errors import DbfleetError, FleetPartlyFailed, PartialWrite, Unavailable, UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _workers
from dbfleet.ops._workers import Owner, Worker
from dbfleet.values import Batch, Digest, Schema, digest_rows

Connect = Callable[[Target], AbstractContextManager[Adapter]]

_MOST_REJECTED: Final = 100
"""Rejected rows that an error carries; `rejected` of the record counts them all."""
_TELL_EVERY_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was done to one collection of one target. `digest` is of the rows read back, with `verify`."""

    target: str
    collection: str
    rows: int
    rejected: int
    seconds: float
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """What would be done: make the collection, fill the empty one that is there, or replace it."""

    target: str
    collection: str
    rows: int
    action: Literal["create", "fill", "replace"]


class Progress(Protocol):
    """Told now and then how many of a target's rows, over all collections, have been handed to the engine."""

    def __call__(self, target: str, collection: str, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _Work:
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
        return sum(self.dataset.rows(schema.name, self.rows) for schema in self.dataset.schemas())


def seed(
    targets: Sequence[Target],
    *,
    dataset: str | Dataset = "shop",
    rows: int | None = None,
    seed: int = 0,
    reset: bool = False,
    verify: bool = False,
    jobs: int | None = None,
    connect: Connect | None = None,
    progress: Progress | None = None,
    agree: Callable[[str], None] | None = None,
) -> Iterator[Seeded]:
    """Fill the targets; a record for each collection when it is done.

    `rows` is the number of the dataset's leading entity (None: its default), `jobs` how many targets are filled at
    the same time (None: all), `verify` reads every row back and compares its digest with what was made, at each
    engine's declared fidelity. UsageError, before anything is written, for rows that are there without `reset`; with
    it `agree` is told what will be dropped, and may raise.
    At the end FleetPartlyFailed where some targets failed; where there is only one target, its own error.
    """
    work = _prepared(targets, dataset, rows, seed, reset, verify, connect or _connect, jobs)
    work.warm_up()
    failures: dict[str, DbfleetError] = {}
    workers = _workers.start([(target.name, partial(_feed, work=work, target=target)) for target in targets])
    try:
        found = _look(workers, failures)
        in_the_way = _in_the_way(found)
        if in_the_way and not reset:
            raise _refused(in_the_way)
        if in_the_way and agree:
            agree(in_the_way)
        waiting = [worker for worker in workers if worker.name in found]
        running, waiting = waiting[:jobs], waiting[jobs:] if jobs else []
        for worker in running:
            worker.send("go")
        for worker in _workers.listen(workers):
            try:
                message = worker.receive()
            except DbfleetError as error:
                failures[worker.name] = error
                message = None
            if isinstance(message, Seeded):
                yield message
            elif message is not None and progress:
                progress(worker.name, *message)
            if worker.ended and waiting:
                waiting.pop(0).send("go")
    finally:
        _workers.stop(workers)
    _raise_failures(failures, len(targets))


def everything(fleet: Fleet) -> list[Target]:
    """What `--all` means: what `up` has started, embedded files, and servers that the fleet names by URL."""
    return [
        target
        for target in fleet.targets.values()
        if not target.managed or fleet.spec(target).embedded or fleet.record(target.name).get("wanted")
    ]


def plan(
    targets: Sequence[Target],
    *,
    dataset: str | Dataset = "shop",
    rows: int | None = None,
    reset: bool = False,
    connect: Connect | None = None,
) -> Iterator[Planned]:
    """What `seed` would do, from a look at every target. Nothing is written; what `seed` refuses is refused."""
    work = _prepared(targets, dataset, rows, 0, reset, False, connect or registry.connect)
    failures: dict[str, DbfleetError] = {}
    found: dict[str, Mapping[str, int | None]] = {}
    for target in targets:
        try:
            with work.connect(target) as adapter:
                found[target.name] = _there(adapter, work.dataset.schemas())
        except DbfleetError as error:
            # An embedded target's file need not be there yet.
            if isinstance(error, Unavailable) and registry.spec(target.engine).embedded:
                found[target.name] = {}
            else:
                failures[target.name] = error
    in_the_way = _in_the_way(found)
    if in_the_way and not reset:
        raise _refused(in_the_way)
    for name, there in found.items():
        for schema in work.dataset.schemas():
            action: Literal["create", "fill", "replace"] = "replace" if reset else "fill"
            yield Planned(
                name,
                schema.name,
                work.dataset.rows(schema.name, work.rows),
                action if schema.name in there else "create",
            )
    _raise_failures(failures, len(targets))


def _prepared(
    targets: Sequence[Target],
    dataset: str | Dataset,
    rows: int | None,
    seed: int,
    reset: bool,
    verify: bool,
    connect: Connect,
    jobs: int | None = None,
) -> _Work:
    """Everything that can be wrong before a connection is made."""
    if not targets:
        raise UsageError("no target to seed", hint="name some, or say --all")
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs is {jobs}", hint="it is how many targets are filled at the same time")
    names = [target.name for target in targets]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(f"{min(twice)} is named twice")
    found = datasets.load(dataset) if isinstance(dataset, str) else dataset
    work = _Work(found, found.default_rows if rows is None else rows, seed, reset, verify, connect)
    work.total()  # refuses a number of rows that cannot be meant
    return work


def _connect(target: Target) -> Adapter:
    return registry.connect(target.with_(create=True))


# --- the owner's side ----------------------------------------------------------------------------------------------


def _look(workers: Sequence[Worker], failures: dict[str, DbfleetError]) -> dict[str, Mapping[str, int | None]]:
    """What each target has of the dataset's collections, when all have looked."""
    found: dict[str, Mapping[str, int | None]] = {}
    for worker in workers:
        try:
            found[worker.name] = worker.receive()
        except DbfleetError as error:
            failures[worker.name] = error
    return found


def _in_the_way(found: Mapping[str, Mapping[str, int | None]]) -> str:
    """The collections that hold rows or other columns, in words; empty where nothing is in the way."""
    told = []
    for name, there in found.items():
        full = [
            f"{collection} ({'other columns' if rows is None else f'{rows:,} rows'})"
            for collection, rows in there.items()
            if rows != 0
        ]
        if full:
            told.append(f"{name} has {', '.join(full[:2])}" + (f" and {len(full) - 2} more" if full[2:] else ""))
    return "; ".join(told)


def _refused(in_the_way: str) -> UsageError:
    return UsageError(
        f"there is data already: {in_the_way}. Nothing was written", hint="--reset drops these collections first"
    )


def _raise_failures(failures: Mapping[str, DbfleetError], targets: int) -> None:
    if not failures:
        return
    if targets == 1:
        raise next(iter(failures.values()))
    raise FleetPartlyFailed(f"{len(failures)} of {targets} targets were not seeded", failures=failures)


# --- the worker's side ---------------------------------------------------------------------------------------------


def _feed(owner: Owner, *, work: _Work, target: Target) -> None:
    """Look, wait for the word, then fill one target."""
    with work.connect(target) as adapter:
        owner.adapter = adapter
        schemas = work.dataset.schemas()
        there = _there(adapter, schemas)
        owner.send(there)
        owner.receive()
        for schema in reversed(schemas) if work.reset else ():
            owner.check()
            adapter.drop(schema.name)
        rejected: list[Rejected] = []
        done, total, stored = 0, work.total(), 0
        for schema in schemas:
            owner.check()
            if work.reset or schema.name not in there:
                adapter.create(schema)
            started = time.perf_counter()
            written = adapter.write(schema, _told(owner, work, schema, done, total))
            seconds = time.perf_counter() - started
            digest = _verified(adapter, work, schema, written) if work.verify else None
            done += work.dataset.rows(schema.name, work.rows)
            stored += written.rows
            rejected += written.rejected[: _MOST_REJECTED - len(rejected)]
            owner.send(Seeded(target.name, schema.name, written.rows, len(written.rejected), round(seconds, 3), digest))
    if rejected:
        raise PartialWrite(
            f"{total - stored:,} of {total:,} rows were refused, the first because: {rejected[0].reason}",
            written=Written(stored, rejected),
            engine=target.engine,
            target=target.name,
        )


def _there(adapter: Adapter, schemas: Sequence[Schema]) -> dict[str, int | None]:
    """The dataset's collections that the target has: their rows, None where the columns are others."""
    there = set(adapter.collections())
    found: dict[str, int | None] = {}
    for schema in schemas:
        if schema.name in there:
            rows = adapter.count(schema.name)
            same = rows or set(adapter.describe(schema.name).names) == set(schema.names)
            found[schema.name] = rows if same else None
    return found


def _batches(work: _Work, schema: Schema) -> Iterator[Batch]:
    return work.dataset.batches(schema.name, seed=work.seed, rows=work.rows)


def _told(owner: Owner, work: _Work, schema: Schema, done: int, total: int) -> Iterator[Batch]:
    """The collection's batches, with word to the owner of how far they are, ten times a second."""
    owner.send((schema.name, done, total))
    next_word = time.monotonic() + _TELL_EVERY_S
    for batch in _batches(work, schema):
        owner.check()
        yield batch
        done += len(batch)
        if (now := time.monotonic()) >= next_word:
            owner.send((schema.name, done, total))
            next_word = now + _TELL_EVERY_S
    owner.send((schema.name, done, total))


def _verified(adapter: Adapter, work: _Work, schema: Schema, written: Written) -> str:
    """The digest of what the target holds; PartialWrite where it is not that of what was made."""
    coarsen = coarsened(schema.columns, adapter.spec)
    batches: Iterable[Batch] = _batches(work, schema)
    if coarsen:
        batches = ([coarsen(row) for row in batch] for batch in batches)
    held = _digest(adapter, schema)
    if not written.rejected and held != (made := digest_rows(schema.columns, batches)):
        raise PartialWrite(
            f"{schema.name} is not what was written: its digest is {held}, not {made}",
            written=written,
            engine=adapter.spec.name,
            target=adapter.target.name,
        )
    return str(held)


def _digest(adapter: Adapter, schema: Schema) -> Digest:
    on_server: Any = getattr(adapter, "digest", None)
    found: Digest = on_server(schema) if on_server else digest_rows(schema.columns, adapter.scan(schema))
    return found
