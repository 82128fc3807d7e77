"""`dbfleet seed` from its beginning to its end: see the package for the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

from dbfleet import datasets, registry
from dbfleet.adapter import Adapter
from dbfleet.datasets import Dataset
from dbfleet.errors import DbfleetError, FleetPartlyFailed, Unavailable, UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _verified, _workers
from dbfleet.ops._workers import Worker
from dbfleet.ops.seed import worker as seed_worker
from dbfleet.ops.seed.messages import Begin, Far, Half, HalfDone, Looked, Seeded, Whole
from dbfleet.ops.seed.worker import Connect, Work
from dbfleet.target import Target

__all__ = ["Planned", "Progress", "Seeded", "everything", "plan", "seed"]


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
    At the end FleetPartlyFailed where some targets failed (where there is only one target, its own error), else
    VerifyFailed where a collection is not what was made.
    """
    work = _prepared(targets, dataset, rows, seed, reset, verify, connect or _connect, jobs)
    work.warm_up()
    failures: dict[str, DbfleetError] = {}
    feeds = [(target.name, partial(seed_worker.feed, work=work, target=target)) for target in targets]
    if seed_worker.shared(registry.spec(targets[0].engine), len(targets)):
        feeds = [(targets[0].name, partial(seed_worker.feed, work=work, target=targets[0], halves=True))]
        feeds.append((targets[0].name, partial(seed_worker.feed_halves, work=work, target=targets[0])))
    all_workers = _workers.start(feeds, [registry.spec(target.engine) for target in targets])
    workers, seconds = all_workers[: len(targets)], all_workers[len(targets) :]
    unlike: list[str] = []
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
            worker.send(Begin())
        told = _Told(progress, work.total())
        # Where nobody has the word, nobody feeds the second process either.
        for worker in _workers.listen(all_workers) if running else ():
            try:
                message = worker.receive()
            except DbfleetError as error:
                failures.setdefault(worker.name, error)
                message = None
            match message:
                case Seeded():
                    if message.verified is False:
                        unlike.append(f"{message.collection} of {message.target}")
                    yield message
                case Half() | Whole():
                    seconds[0].send(message)
                case HalfDone():
                    workers[0].send(message)
                case Far():
                    told.word(worker.name, message, second=worker in seconds)
            if worker.ended:
                for other in all_workers if seconds else ():
                    other.tell_to_stop()  # the first has done all, or one of them has failed
                if waiting:
                    waiting.pop(0).send(Begin())
    finally:
        _workers.stop(all_workers)
    _raise_failures(failures, len(targets))
    _verified.refuse(unlike, "is not what was written")


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
                found[target.name] = seed_worker.there(adapter, work.dataset.schemas())
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
) -> Work:
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
    work = Work(found, found.default_rows if rows is None else rows, seed, reset, verify, connect)
    work.total()  # refuses a number of rows that cannot be meant
    return work


def _connect(target: Target) -> Adapter:
    return registry.connect(target.with_(create=True))


# --- the owner's side ----------------------------------------------------------------------------------------------


def _look(workers: Sequence[Worker], failures: dict[str, DbfleetError]) -> dict[str, Mapping[str, int | None]]:
    """What each target has of the dataset's collections, when all have looked."""
    found: dict[str, Mapping[str, int | None]] = {}
    identities: dict[str, str] = {}
    for worker in workers:
        try:
            looked: Looked = worker.receive()
        except DbfleetError as error:
            failures[worker.name] = error
            continue
        found[worker.name] = looked.there
        other = identities.setdefault(looked.identity, worker.name)
        if other != worker.name:
            raise UsageError(f"{other} and {worker.name} are the same database. Nothing was written")
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


class _Told:
    """What the processes say of their rows, for `progress`; two that share a collection as one."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total = progress, total
        self._first: dict[str, Far] = {}
        self._second = Far("", 0)

    def word(self, target: str, far: Far, *, second: bool) -> None:
        if second:
            self._second = far
        else:
            self._first[target] = far
        if self._progress and target in self._first:
            first = self._first[target]
            beside = self._second.rows if self._second.apart or self._second.collection == first.collection else 0
            self._progress(target, first.collection, first.rows + beside, self._total)


def _raise_failures(failures: Mapping[str, DbfleetError], targets: int) -> None:
    if not failures:
        return
    if targets == 1:
        raise next(iter(failures.values()))
    raise FleetPartlyFailed(f"{len(failures)} of {targets} targets were not seeded", failures=failures)
