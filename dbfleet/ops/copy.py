"""`dbfleet copy`: collections from one target into another, of any two engines.

A part of a collection is `sink.write(schema, source.scan(schema, part))`: the sink pulls, memory holds a batch. Workers
in processes of their own (ops/_workers.py) take parts in turns, a collection after those that it refers to. Before
anything is written every column's way is planned (ops/_plan.py) and shown; what cannot be kept is refused by name.

A journal (ops/_journal.py) knows which parts are done. `resume` does the others: those that had begun by upsert, as the
sink may hold some of their rows, so nothing is lost or doubled. A collection without a key cannot be upserted: it is
made anew where this copy has made it, and refused where its rows might be another's.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal, cast

from dbfleet.adapter import (
    WHOLE,
    Adapter,
    Capability,
    EngineSpec,
    Part,
    Rejected,
    Target,
    WriteMode,
    Written,
    coarsened,
)
from dbfleet.errors import DbfleetError, NotFound, PartialWrite, Unavailable, Unsupported, UsageError, nearest
from dbfleet.fleet import Fleet
from dbfleet.ops import _plan, _workers
from dbfleet.ops._journal import Journal, Progressed
from dbfleet.ops._order import with_kept_references
from dbfleet.ops._plan import PlannedCollection
from dbfleet.ops._workers import Owner, Worker
from dbfleet.values import Batch, Digest, Schema, digest_rows

Mode = Literal["insert", "upsert", "replace"]

PART_ROWS: Final = 250_000
"""A part is some seconds of work: what a copy that was cut off has to do again."""
_MOST_PARTS: Final = 64
_MOST_REJECTED: Final = 100
_TELL_EVERY_S: Final = 0.1
_JOBS: Final = 2
_CHECK: Final = -1
"""In the place of a part's number: the whole is read back."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was written of one collection. `digest` is of the rows as the sink keeps them, with `verify`; `same` says
    whether the sink gave it back."""

    target: str
    collection: str
    rows: int
    rejected: int
    seconds: float
    digest: str | None = None
    same: bool | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a copy will do, in the order in which it does it; `left` is what does not come along, in words."""

    collections: Sequence[PlannedCollection]
    left: Sequence[str] = ()
    resumed: int = 0


class Watch:
    """What `copy` tells on its way; every method may be overridden."""

    def planned(self, plan: Plan) -> None:
        """Before anything is written or refused."""

    def agree(self, plan: Plan) -> None:
        """Last thing before writing; may raise to stop it."""

    def progress(self, collection: str, done: int, total: int) -> None:
        """Now and then, from the first row on."""

    def said(self, text: str) -> None:
        """What the user should know."""


def copy(
    fleet: Fleet,
    source: Target,
    sink: Target,
    collections: Sequence[str] = (),
    *,
    rename: str | None = None,
    mode: Mode = "insert",
    verify: bool = False,
    strict: bool = False,
    dry_run: bool = False,
    resume: bool = False,
    jobs: int | None = None,
    watch: Watch | None = None,
) -> Iterator[Copied]:
    """Copy the collections (all, if none is named); a record for each when it is done.

    `rename` is the sink's name of the only collection. UsageError for rows that are there already, unless `mode` says
    upsert (they are kept, ours win by key) or replace (they go). PartialWrite at the end where rows were rejected.
    """
    watch = watch or Watch()
    if (source.url(), source.database) == (sink.url(), sink.database) and not rename:
        raise UsageError("source and sink are the same target")
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs is {jobs}", hint="it is how many parts are copied at the same time")
    alone = fleet.spec(sink).embedded  # one writer at a time
    count = 0 if dry_run else 1 if alone else jobs or _JOBS
    journal = Journal(fleet, source, sink)
    with contextlib.nullcontext() if dry_run else journal.alone():
        # Forked before a connection is open: a driver's sockets are not for two processes.
        workers = _workers.start(
            [(f"copy {number}", partial(_work, fleet=fleet, source=source, sink=sink)) for number in range(count)]
        )
        try:
            with ExitStack() as stack:
                job = _Job(fleet, source, sink, journal, watch, verify)
                yield from job.run(stack, workers, list(collections), rename, mode, strict, dry_run, resume)
        finally:
            _workers.stop(workers)


# --- the owner's side ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Moving:
    """One collection while it is copied."""

    plan: PlannedCollection
    state: Progressed
    mode: WriteMode
    waiting: list[int]
    after: set[str]
    done_before: int = 0
    running: int = 0
    started: float | None = None
    digest: Digest | None = None
    rejected: int = 0
    rows: int = 0
    far: dict[int, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.plan.sink.name


class _Job:
    """One copy."""

    def __init__(
        self, fleet: Fleet, source: Target, sink: Target, journal: Journal, watch: Watch, verify: bool
    ) -> None:
        self._fleet = fleet
        self._source, self._sink = source, sink
        self._from, self._to = fleet.spec(source), fleet.spec(sink)
        self._journal = journal
        self._watch = watch
        self._verify = verify
        self._rejected: list[Rejected] = []

    def run(
        self,
        stack: ExitStack,
        workers: Sequence[Worker],
        names: list[str],
        rename: str | None,
        mode: Mode,
        strict: bool,
        dry_run: bool,
        resume: bool,
    ) -> Iterator[Copied]:
        source = stack.enter_context(self._fleet.connect(self._source))
        sink = self._open_sink(stack, dry_run)
        known = resume and self._journal.load()
        if resume and not known:
            self._watch.said("there is nothing to resume: copying from the beginning")
        moment = self._one_moment(stack, source, len(workers))
        schemas = [source.describe(name) for name in self._chosen(source, names, known)]
        there = set(sink.collections()) if sink else set()
        plans, left = self._plans(sink, schemas, there, rename, mode, known)
        parts_done = sum(len(each.done) for each in self._journal.collections.values())
        self._watch.planned(plan := Plan(plans, left, parts_done))
        _plan.check(plans, strict=strict)
        if not known:
            self._refuse_rows(sink, plans, mode)
        if dry_run or sink is None:
            return
        self._watch.agree(plan)
        moving = self._made(source, sink, plans, mode)
        self._journal.save()
        for worker in workers:
            worker.send(_Begin(moment))
        try:
            yield from self._move(workers, moving)
        except DbfleetError as error:
            error.hint = error.hint or "what is done stays: the same command with --resume goes on from here"
            raise
        if self._rejected:
            self._keep_what_was_refused()
            stored = sum(each.rows for each in moving)
            lost = sum(each.rejected for each in moving)
            raise PartialWrite(
                f"{lost:,} of {stored + lost:,} rows were refused, the first because: {self._rejected[0].reason}",
                written=Written(stored, self._rejected),
                engine=self._to.name,
                target=self._sink.name,
                hint="--resume tries the parts with refused rows again",
            )
        self._journal.forget()

    def _keep_what_was_refused(self) -> None:
        """For a resume: parts with refused rows are not done."""
        for state in self._journal.collections.values():
            state.done = {number: found for number, found in state.done.items() if not found[1]}
        self._journal.save()

    def _open_sink(self, stack: ExitStack, dry_run: bool) -> Adapter | None:
        """The sink; None where it need not be there yet: a dry run makes no file."""
        try:
            return stack.enter_context(self._fleet.connect(self._sink, create=not dry_run))
        except Unavailable:
            if dry_run and self._to.embedded:
                return None
            raise

    def _one_moment(self, stack: ExitStack, source: Adapter, workers: int) -> str | None:
        """Hold the source at one moment, where it can: by a name that the workers join, or alone where there is one
        worker, which does it then."""
        if Capability.SNAPSHOT not in self._from.capabilities or not workers:
            return None
        if hasattr(source, "snapshot_id"):
            stack.enter_context(source.snapshot())  # type: ignore[attr-defined]
            return str(source.snapshot_id)
        return "" if workers == 1 else None

    def _chosen(self, source: Adapter, names: list[str], known: bool) -> list[str]:
        if known and not names:
            return [state.schema["name"] for state in self._journal.collections.values()]
        there = source.collections()
        for name in names:
            if name not in there:
                close = nearest(name, there)
                raise NotFound(
                    f"there is no collection {name}",
                    target=self._source.name,
                    engine=self._from.name,
                    hint=f"did you mean {close}?" if close else None,
                )
        return list(dict.fromkeys(names)) or list(there)

    def _plans(
        self, sink: Adapter | None, schemas: Sequence[Schema], there: set[str], rename: str | None, mode: Mode,
        known: bool,
    ) -> tuple[list[PlannedCollection], list[str]]:  # fmt: skip
        if rename is not None:
            (schema,) = schemas
            own = tuple(
                replace(each, collection=rename) if each.collection == schema.name else each
                for each in schema.references
            )
            renamed = {rename: schema}
            schemas = [replace(schema, name=rename, references=own)]
        else:
            renamed = {schema.name: schema for schema in schemas}
        if known:
            # A resumed copy may have fewer collections than the sink has of it.
            gone = [name for name in self._journal.collections if name not in there]
            for name in gone:
                del self._journal.collections[name]
        keys: dict[str, Sequence[str]] = {}
        referred = {each.collection for schema in schemas for each in schema.references}
        for name in referred & there if sink else ():
            keys[name] = sink.describe(name).key  # type: ignore[union-attr]
        kept, left = with_kept_references(schemas, there, keys)
        plans = []
        for schema in kept:
            state = self._journal.collections.get(schema.name)
            if schema.name not in there or sink is None:
                action, found, rows = "create", None, 0
            elif mode == "replace" and state is None:
                action, found, rows = "replace", None, 0
            else:
                found = sink.describe(schema.name)
                action, rows = "resume" if state else "fill", 0
                if mode == "upsert" and not state and sink.count(schema.name):
                    action = "merge"
            planned = _plan.planned(self._sink.name, schema, found, self._from, self._to, action=action, rows=rows)
            original = renamed[schema.name]
            # Read with what the source calls its own; written as planned.
            plans.append(replace(planned, source=original))
        return plans, left

    def _refuse_rows(self, sink: Adapter | None, plans: Sequence[PlannedCollection], mode: Mode) -> None:
        if mode == "upsert":
            keyless = [plan.sink.name for plan in plans if plan.action == "merge" and not plan.sink.key]
            if keyless:
                raise Unsupported(
                    f"{keyless[0]} has no key to upsert by",
                    target=self._sink.name,
                    hint="--mode replace empties it first",
                )
        if mode != "insert" or sink is None:
            return
        full = [
            (plan.sink.name, rows) for plan in plans if plan.action == "fill" and (rows := sink.count(plan.sink.name))
        ]
        if full:
            told = ", ".join(f"{name} ({rows:,} rows)" for name, rows in full[:3])
            more = f" and {len(full) - 3} more" if full[3:] else ""
            journal = self._journal.path.exists()
            raise UsageError(
                f"{self._sink.name} has data already: {told}{more}. Nothing was written",
                hint="--resume goes on with the copy that was cut off; --mode upsert or replace begins anew"
                if journal
                else "--mode upsert keeps its rows and lets ours win by key; --mode replace drops them first",
            )

    def _made(self, source: Adapter, sink: Adapter, plans: Sequence[PlannedCollection], mode: Mode) -> list[_Moving]:
        """Make what is missing, all of it before the first row, and what is to be done of each."""
        dropped = [plan.sink.name for plan in reversed(plans) if plan.action == "replace"]
        if Capability.REFERENCES in self._to.capabilities and dropped:
            self._check_nothing_refers_to(sink, dropped)
        for name in dropped:
            sink.drop(name)
        made: list[str] = []
        try:
            for plan in plans:
                if plan.action in ("create", "replace"):
                    sink.create(plan.sink)
                    made.append(plan.sink.name)
        except BaseException:
            with contextlib.suppress(DbfleetError):
                for name in reversed(made):
                    sink.drop(name)
            raise
        states = self._journal.collections
        self._journal.collections = {}
        moving: list[_Moving] = []
        for plan in plans:
            state = states.get(plan.sink.name)
            if state is not None and state.schema != plan.source.to_dict():
                raise UsageError(
                    f"{plan.source.name} has other columns than when the copy began",
                    target=self._source.name,
                    hint="--mode replace copies it from the beginning",
                )
            if state is not None and not plan.sink.key and (not state.complete or self._verify):
                self._begin_keyless_again(sink, plan, state)
            if state is None:
                rows = source.count(plan.source.name)
                parts = self._parts(source, plan, rows)
                state = Progressed(plan.source.to_dict(), parts, plan.sink.name in made, plan.action == "merge")
            else:
                rows = plan.rows
            self._journal.collections[plan.sink.name] = state
            moving.append(self._moving(replace(plan, rows=rows), state, mode))
        for each in moving:
            names = {one.name for one in moving}
            each.after = {r.collection for r in each.plan.sink.references if r.collection in names} - {each.name}
        return moving

    def _check_nothing_refers_to(self, sink: Adapter, dropped: Sequence[str]) -> None:
        """Half of the collections dropped and the other half refused would be the worst of both."""
        for other in set(sink.collections()) - set(dropped):
            for reference in sink.describe(other).references:
                if reference.collection in dropped:
                    raise UsageError(
                        f"{other} refers to {reference.collection}, which therefore cannot be dropped. Nothing was",
                        target=self._sink.name,
                        hint=f"drop {other} first, or copy with --mode upsert",
                    )

    def _begin_keyless_again(self, sink: Adapter, plan: PlannedCollection, state: Progressed) -> None:
        if state.begun and state.made:
            sink.drop(plan.sink.name)
            sink.create(plan.sink)
        elif state.begun and sink.count(plan.sink.name):
            raise UsageError(
                f"{plan.sink.name} has no key, so its rows of the copy that was cut off cannot be told from others",
                target=self._sink.name,
                hint="--mode replace copies it from the beginning",
            )
        state.begun, state.done = [], {}

    def _parts(self, source: Adapter, plan: PlannedCollection, rows: int) -> list[Part]:
        parts = min(-(-rows // PART_ROWS), _MOST_PARTS)
        refers_to_itself = any(each.collection == plan.sink.name for each in plan.sink.references)
        if parts < 2 or Capability.SPLIT not in self._from.capabilities or (
            refers_to_itself and Capability.REFERENCES in self._to.capabilities
        ):  # fmt: skip
            return [WHOLE]  # a row may refer to one of another part
        return list(source.split(plan.source, parts))

    def _moving(self, plan: PlannedCollection, state: Progressed, mode: Mode) -> _Moving:
        if self._verify:  # a part that was copied without a digest is copied again with one
            state.done = {number: found for number, found in state.done.items() if found[2] is not None}
        waiting = [number for number in range(len(state.parts)) if str(number) not in state.done]
        each = _Moving(plan, state, "upsert" if state.merging else "insert", waiting, set())
        for rows, rejected, digest in state.done.values():
            each.rows += rows
            each.rejected += rejected
            each.done_before += rows
            if digest is not None:
                each.digest = (each.digest or Digest()) + Digest(*digest)
        return each

    # --- the work, handed out ---

    def _move(self, workers: Sequence[Worker], moving: Sequence[_Moving]) -> Iterator[Copied]:
        left = {each.name: each for each in moving}
        for each in moving:
            if not each.waiting and not self._verify:  # done by the copy that was cut off
                yield self._record(left.pop(each.name), None)
            elif not each.waiting:
                each.waiting.append(_CHECK)
        idle = list(workers)
        self._hand_out(idle, left)
        for worker in _workers.listen(workers) if left else ():
            kind, name, number, content = worker.receive()
            each = left[name]
            if kind == "rows":
                each.far[number] = content
                self._watch.progress(name, each.done_before + sum(each.far.values()), each.plan.rows)
                continue
            idle.append(worker)
            each.running -= 1
            if kind == "part":
                self._part_done(each, number, *content)
                if self._verify and each.state.complete:
                    each.waiting.append(_CHECK)
            if not each.waiting and not each.running:
                each.state.seconds += time.perf_counter() - (each.started or 0)
                yield self._record(left.pop(name), content if kind == "check" else None)
            self._hand_out(idle, left)
            if not left:
                return

    def _hand_out(self, idle: list[Worker], left: dict[str, _Moving]) -> None:
        """Give each idle worker a part whose collection may be filled by now."""
        # Where rows become relationships, two transactions would lock the same nodes: one part at a time.
        one = Capability.EDGES in self._to.capabilities
        for each in left.values():
            while idle and each.waiting:
                blocked = any(name in left and not left[name].state.complete for name in each.after)
                if blocked or (one and any(other.running for other in left.values())):
                    break
                each.started = each.started or time.perf_counter()
                each.running += 1
                self._send(idle.pop(0), each, each.waiting.pop(0))

    def _send(self, worker: Worker, each: _Moving, number: int) -> None:
        plan = each.plan
        if number == _CHECK:
            worker.send(_Check(plan, each.state.merging, each.digest or Digest()))
            return
        mode = each.mode
        if number in each.state.begun and plan.sink.key:
            mode = "upsert"
        if number not in each.state.begun:
            each.state.begun.append(number)
            self._journal.save()
        worker.send(_Task(plan, number, each.state.parts[number], mode, self._verify))

    def _part_done(
        self, each: _Moving, number: int, rows: int, rejected: list[Rejected], lost: int, digest: Any
    ) -> None:
        each.rows += rows
        each.rejected += lost
        self._rejected += rejected[: _MOST_REJECTED - len(self._rejected)]
        if digest is not None:
            each.digest = (each.digest or Digest()) + digest
        each.state.done[str(number)] = [rows, lost, [digest.rows, digest.sum] if digest is not None else None]
        self._journal.save()

    def _record(self, each: _Moving, found: Digest | None) -> Copied:
        expected = each.digest or Digest()
        same = None if found is None else found == expected
        if same is False:
            self._watch.said(f"{each.name} is not what was read: its digest is {found}, not {expected}")
        return Copied(
            self._sink.name,
            each.name,
            each.rows,
            each.rejected,
            round(each.state.seconds, 3),
            None if found is None else str(found),
            same,
        )


# --- the worker's side ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Begin:
    """The word to connect. `moment` is the source's, to be joined; empty: the worker's own; None: there is none."""

    moment: str | None


@dataclass(frozen=True, slots=True)
class _Task:
    """One part to be copied."""

    plan: PlannedCollection
    number: int
    part: Part
    mode: WriteMode
    digest: bool


@dataclass(frozen=True, slots=True)
class _Check:
    """A collection to be read back. `merged`: it holds other rows too, so ours are asked for by their keys."""

    plan: PlannedCollection
    merged: bool
    expected: Digest


class _Both:
    """What a stop reaches: the source's statement and the sink's."""

    def __init__(self, *adapters: Adapter) -> None:
        self._adapters = adapters

    def cancel(self) -> None:
        for adapter in self._adapters:
            with contextlib.suppress(DbfleetError):
                adapter.cancel()


def _work(owner: Owner, *, fleet: Fleet, source: Target, sink: Target) -> None:
    """Take parts until the owner stops."""
    moment = owner.receive().moment
    with ExitStack() as stack:
        reader = stack.enter_context(fleet.connect(source))
        writer = stack.enter_context(fleet.connect(sink, create=True))
        owner.adapter = cast(Adapter, _Both(reader, writer))
        if moment is not None:
            holding: Any = getattr(reader, "snapshot")  # noqa: B009 - an optional method
            held: AbstractContextManager[None] = holding(exported=moment) if moment else holding()
            stack.enter_context(held)
        while True:
            task = owner.receive()
            if isinstance(task, _Task):
                _copy_part(owner, reader, writer, task)
            else:
                found = _read_back(owner, reader, writer, task)
                owner.send(("check", task.plan.sink.name, 0, found))


def _copy_part(owner: Owner, reader: Adapter, writer: Adapter, task: _Task) -> None:
    plan = task.plan
    digesting = _Digesting(plan.sink, writer.spec) if task.digest else None
    # Closed here and now: a sink that fails leaves the source in the middle of a statement.
    with contextlib.closing(_pulled(owner, reader, task)) as batches:
        written = writer.write(plan.sink, digesting.over(batches) if digesting else batches, mode=task.mode)
    digest = None
    if digesting:
        digest = digesting.without([entry.row for entry in written.rejected])
    content = (written.rows, written.rejected[:_MOST_REJECTED], len(written.rejected), digest)
    owner.send(("part", plan.sink.name, task.number, content))


def _pulled(owner: Owner, reader: Adapter, task: _Task) -> Generator[Batch, None, None]:
    """The part's batches in the sink's types, with word to the owner ten times a second."""
    plan = task.plan
    convert = _plan.conversion(plan.source, plan.sink)
    done, next_word = 0, time.monotonic() + _TELL_EVERY_S
    with contextlib.closing(cast(Generator[Batch, None, None], reader.scan(plan.source, task.part))) as batches:
        for batch in batches:
            owner.check()
            yield convert(batch) if convert else batch
            done += len(batch)
            if (now := time.monotonic()) >= next_word:
                owner.send(("rows", plan.sink.name, task.number, done))
                next_word = now + _TELL_EVERY_S
    owner.send(("rows", plan.sink.name, task.number, done))


class _Digesting:
    """The digest of the rows that pass, as the sink keeps them."""

    def __init__(self, schema: Schema, spec: EngineSpec) -> None:
        self._columns = schema.columns
        self._coarsen = coarsened(schema.columns, spec)
        self._digest = Digest()

    def over(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self._digest += self._of(batch)
            yield batch

    def without(self, rows: Batch) -> Digest:
        lost = self._of(rows)
        return self._digest + Digest(-lost.rows, -lost.sum)

    def _of(self, batch: Batch) -> Digest:
        rows = [self._coarsen(row) for row in batch] if self._coarsen else batch
        return digest_rows(self._columns, [rows])


def _read_back(owner: Owner, reader: Adapter, writer: Adapter, check: _Check) -> Digest:
    schema = check.plan.sink
    if check.merged:
        return digest_rows(schema.columns, _ours(owner, reader, writer, check.plan))
    on_server: Callable[[Schema], Digest] | None = getattr(writer, "digest", None)
    if on_server is not None:
        return on_server(schema)
    return digest_rows(schema.columns, _checked(owner, writer.scan(schema)))


def _checked(owner: Owner, batches: Iterable[Batch]) -> Iterator[Batch]:
    for batch in batches:
        owner.check()
        yield batch


def _ours(owner: Owner, reader: Adapter, writer: Adapter, plan: PlannedCollection) -> Iterator[Batch]:
    """The sink's rows with the source's keys."""
    places = plan.sink.key_indexes
    convert = _plan.conversion(plan.source, plan.sink)
    for batch in _checked(owner, reader.scan(plan.source)):
        rows = convert(batch) if convert else batch
        yield list(writer.get(plan.sink, [tuple(row[place] for place in places) for row in rows]))


def receipt(fleet: Fleet, source: Target, sink: Target, copied: Sequence[Copied], started: datetime) -> dict[str, Any]:
    """What was copied, from what to what, as plain JSON data."""
    ends: dict[str, Any] = {}
    for word, target in (("source", source), ("sink", sink)):
        with fleet.connect(target) as adapter:
            info = adapter.ping()
        ends[word] = {
            "target": target.name,
            "url": target.url(),
            "product": info.product,
            "version": info.version,
        }
    ended = datetime.now(UTC)
    return {
        "receipt": "copy",
        **ends,
        "started": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ended": ended.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "rows": sum(record.rows for record in copied),
        "same": all(record.same is not False for record in copied),
        "collections": [
            {"collection": record.collection, "rows": record.rows, "rejected": record.rejected,
             "seconds": record.seconds, "digest": record.digest, "same": record.same}
            for record in copied
        ],
    }  # fmt: skip
