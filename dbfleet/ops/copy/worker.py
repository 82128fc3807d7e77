"""A worker's side of a copy: it holds a connection to each end, and copies parts or reads collections back."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Final, TypeVar, cast

from dbfleet.abilities import Digests, Native, SharesSnapshots, Snapshots, able
from dbfleet.adapter import Adapter, Written
from dbfleet.errors import DbfleetError
from dbfleet.fidelity import conversion, marked
from dbfleet.fleet import Fleet
from dbfleet.ops import _digests, _ending, _ends, _unreadable
from dbfleet.ops._apart import Apart
from dbfleet.ops._ending import EndingDigester, Slots
from dbfleet.ops._plan import PlannedCollection
from dbfleet.ops._progress import Ticker
from dbfleet.ops._workers import Owner
from dbfleet.ops.copy import extras, lines, steps
from dbfleet.ops.copy.messages import (
    MOST_REJECTED,
    Begin,
    CheckPart,
    CopyPart,
    Far,
    GiveExtras,
    PartChecked,
    PartCopied,
    PartUnread,
    Taken,
    TakeSteps,
    Task,
)
from dbfleet.rules import changes
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Digest

T = TypeVar("T")


class _Both:
    """What a stop reaches: the source's statement and the sink's."""

    def __init__(self, *adapters: Adapter) -> None:
        self._adapters = adapters

    def cancel(self) -> None:
        for adapter in self._adapters:
            with contextlib.suppress(DbfleetError):
                adapter.cancel()


def work(owner: Owner, *, fleet: Fleet, source: Target, sink: Target) -> None:
    """Take parts until the owner stops."""
    with ExitStack() as stack:
        # While the owner plans: a driver is 0.2 seconds to load. The sink waits, for the owner may have to make it.
        reading = stack.enter_context(ExitStack())
        reader = reading.enter_context(fleet.connect(source, near=True))
        begin: Begin = owner.receive()
        moment = begin.moment
        writer = stack.enter_context(fleet.connect(sink, create=True, near=True))
        owner.adapter = cast(Adapter, _Both(reader, writer))
        if moment is not None:
            reading.enter_context(_held(reader, moment))
        while True:
            task: Task = owner.receive()
            name = task.plan.sink.name
            match task:
                case CopyPart():
                    done = _copy_part(owner, reader, writer, task)
                    if isinstance(done, PartUnread):  # its error may have ended what was read of the moment
                        with contextlib.suppress(DbfleetError):
                            reading.close()
                        reader = reading.enter_context(fleet.connect(source, near=True))
                        owner.adapter = cast(Adapter, _Both(reader, writer))
                        if moment is not None:
                            reading.enter_context(_held(reader, moment))
                    owner.send(done)
                case CheckPart():
                    owner.send(PartChecked(name, *_read_back(owner, reader, writer, task)))
                case GiveExtras():
                    given = extras.give(writer, task.plan, task.theirs)
                    lagging = _ends.count_on(writer, name) if task.was_there else []
                    owner.send(replace(given, left=(*given.left, *lagging)))
                case TakeSteps():
                    owner.send(Taken(name, list(steps.take(writer, task))))


def _held(reader: Adapter, moment: str) -> AbstractContextManager[None]:
    """The moment of that name, which the owner holds; one of the worker's own where it has no name."""
    if moment and (sharing := able(reader, SharesSnapshots)):
        return sharing.snapshot(exported=moment)
    snapshots = able(reader, Snapshots)
    return snapshots.snapshot() if snapshots else contextlib.nullcontext()


_Copied = tuple[Written, Digest | None, Slots]
"""What was written of a part; its digest where it was asked for, and the slots of what of it ends."""


class _Reading:
    """What is read of a part. `error` is the reader's, whatever the sink makes of it while it pulls."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self.error: DbfleetError | None = None

    def __call__(self, pieces: Iterable[T]) -> Iterator[T]:
        """The pieces as they are; Stopped once the owner has said stop."""
        try:
            yield from _checked(self._owner, pieces)
        except DbfleetError as error:
            self.error = error
            if rule := next((rule for sign, rule in _RULES if sign in error.message), None):
                error.hint = f"{rule} reads it as NULL" + (f"; or {error.hint}" if error.hint else "")
            raise


_RULES: Final = (
    ("holds '0000-", "--rule 'COLUMN: zero-date=null'"),
    ("holds infinity", "--rule 'COLUMN: infinity=null'"),
    ("holds -infinity", "--rule 'COLUMN: infinity=null'"),
)
"""What helps, by what the messages of adapters say of a value that its type cannot hold."""


def _copy_part(owner: Owner, reader: Adapter, writer: Adapter, task: CopyPart) -> PartCopied | PartUnread:
    name = task.plan.sink.name
    if task.plan.outlined and task.mode == "upsert":  # it has no key yet
        if clearing := able(writer, Native):
            clearing.clear(task.plan.place, task.part)
        task = replace(task, mode="insert")
    ticker = Ticker(lambda rows: owner.send(Far(name, task.number, rows)))
    reading = _Reading(owner)
    try:
        done = _by_lines(reading, ticker, reader, writer, task) or _by_rows(reading, ticker, reader, writer, task)
    except DbfleetError:
        if not task.keep_going or reading.error is None or not _unreadable.is_of_one(reading.error):
            raise
        return PartUnread(name, task.number, reading.error.message)
    written, digest, slots = done
    some, lost = written.rejected[:MOST_REJECTED], len(written.rejected)
    return PartCopied(name, task.number, written.rows, some, lost, digest, slots)


def _by_lines(reading: _Reading, ticker: Ticker, reader: Adapter, writer: Adapter, task: CopyPart) -> _Copied | None:
    if task.plan.way != "lines":
        return None
    written = lines.move(reader, writer, task.plan, task.part, task.mode, lambda chunks: ticker.chunks(reading(chunks)))
    if written is None:
        return None
    digesting = able(reader, Digests) if task.digest else None
    return written, digesting.digest(task.plan.source, task.part) if digesting else None, {}


def _by_rows(reading: _Reading, ticker: Ticker, reader: Adapter, writer: Adapter, task: CopyPart) -> _Copied:
    plan = task.plan
    digester = EndingDigester(plan.sink.columns, writer.spec, kept_by=writer.spec) if task.digest else None
    apart = Apart(plan.place, writer.spec) if plan.may_fall else None
    # Closed here and now: a sink that fails leaves the source in the middle of a statement.
    with contextlib.closing(cast(Generator[Batch, None, None], reader.scan(plan.read, task.part))) as batches:
        passing: Iterable[Batch] = ticker.batches(reading(_converted(plan, batches, reader.spec)))
        passing = apart(passing) if apart else passing
        written = writer.write(
            plan.place, digester.over(passing) if digester else passing, mode=task.mode, alone=task.alone
        )
    refused = [entry.row for entry in written.rejected]
    written.rejected += apart.rejected if apart else []
    if digester is None:
        return written, None, {}
    undone = EndingDigester(plan.sink.columns, writer.spec, kept_by=writer.spec)
    undone.add(refused)
    return written, digester.digest - undone.digest, _ending.removed(digester.slots, undone.slots)


def _converted(plan: PlannedCollection, batches: Iterable[Batch], source: EngineSpec) -> Iterable[Batch]:
    """The source's batches as the rules read them, in the sink's types."""
    if plan.rules:
        batches = map(changes(plan.read, plan.source, plan.rules), batches)
    columns = [marked(column, source) for column in plan.source.columns]
    convert = conversion(columns, plan.sink.columns)
    return map(convert, batches) if convert else batches


def _read_back(owner: Owner, reader: Adapter, writer: Adapter, check: CheckPart) -> tuple[Digest, Slots]:
    schema = check.plan.place
    if not check.merged and _ending.place_of(schema.columns, writer.spec) is None:
        return _digests.stored(writer, schema, check.part, watched=lambda batches: _checked(owner, batches)), {}
    digester = EndingDigester(schema.columns, writer.spec, kept_by=writer.spec if check.merged else None)
    scanned = _ours(owner, reader, writer, check.plan) if check.merged else writer.scan(schema, check.part)
    for batch in _checked(owner, scanned):
        digester.add(batch)
    return digester.digest, digester.slots


def _checked(owner: Owner, pieces: Iterable[T]) -> Iterator[T]:
    """The pieces as they are; Stopped once the owner has said stop."""
    for piece in pieces:
        owner.check()
        yield piece


def _ours(owner: Owner, reader: Adapter, writer: Adapter, plan: PlannedCollection) -> Iterator[Batch]:
    """The sink's rows with the source's keys."""
    places = plan.sink.key_indexes
    for rows in _converted(plan, _checked(owner, reader.scan(plan.read)), reader.spec):
        yield list(writer.get(plan.place, [tuple(row[place] for place in places) for row in rows]))
