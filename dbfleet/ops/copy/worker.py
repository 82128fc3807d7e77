"""A worker's side of a copy: it holds a connection to each end, and copies parts or reads collections back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Final, cast

from dbfleet.abilities import Digests, SharesSnapshots, Snapshots, able
from dbfleet.adapter import Adapter, Written
from dbfleet.errors import DbfleetError
from dbfleet.fidelity import conversion
from dbfleet.fleet import Fleet
from dbfleet.lines import rows_in
from dbfleet.ops import _ends
from dbfleet.ops._digests import Digester
from dbfleet.ops._plan import PlannedCollection
from dbfleet.ops._workers import Owner
from dbfleet.ops.copy import extras, lines
from dbfleet.ops.copy.messages import Check, Give, Task
from dbfleet.target import Target
from dbfleet.values import Batch, Digest, Schema

_MOST_REJECTED: Final = 100
_TELL_EVERY_S: Final = 0.1


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
        reader = stack.enter_context(fleet.connect(source))
        moment = owner.receive().moment
        writer = stack.enter_context(fleet.connect(sink, create=True))
        owner.adapter = cast(Adapter, _Both(reader, writer))
        if moment is not None:
            stack.enter_context(_held(reader, moment))
        while True:
            task = owner.receive()
            if isinstance(task, Task):
                _copy_part(owner, reader, writer, task, one_moment=moment is not None)
            elif isinstance(task, Give):
                given = extras.give(writer, task.plan, task.theirs)
                if task.was_there:
                    given = replace(given, left=(*given.left, *_ends.count_on(writer, task.plan.sink.name)))
                owner.send(("given", task.plan.sink.name, 0, given))
            else:
                found = _read_back(owner, reader, writer, task)
                owner.send(("check", task.plan.sink.name, 0, found))


def _held(reader: Adapter, moment: str) -> AbstractContextManager[None]:
    """The moment of that name, which the owner holds; one of the worker's own where it has no name."""
    if moment and (sharing := able(reader, SharesSnapshots)):
        return sharing.snapshot(exported=moment)
    snapshots = able(reader, Snapshots)
    return snapshots.snapshot() if snapshots else contextlib.nullcontext()


def _copy_part(owner: Owner, reader: Adapter, writer: Adapter, task: Task, *, one_moment: bool) -> None:
    plan = task.plan
    telling = _Telling(owner, task)
    done = _by_lines(telling, reader, writer, task, one_moment) or _by_rows(telling, reader, writer, task)
    written, digest = done
    telling.say()
    content = (written.rows, written.rejected[:_MOST_REJECTED], len(written.rejected), digest)
    owner.send(("part", plan.sink.name, task.number, content))


def _by_lines(
    telling: _Telling, reader: Adapter, writer: Adapter, task: Task, one_moment: bool
) -> tuple[Written, Digest | None] | None:
    digest = lines.source_digest(reader, task.plan.source, one_moment=one_moment) if task.digest else None
    if task.digest and digest is None:
        return None
    written = lines.move(reader, writer, task.plan, task.part, task.mode, telling.chunks)
    if written is None:
        return None
    return written, digest(task.plan.source, task.part) if digest else None


def _by_rows(telling: _Telling, reader: Adapter, writer: Adapter, task: Task) -> tuple[Written, Digest | None]:
    plan = task.plan
    digester = Digester(plan.sink.columns, kept_by=writer.spec) if task.digest else None
    # Closed here and now: a sink that fails leaves the source in the middle of a statement.
    with contextlib.closing(_pulled(telling, reader, task)) as batches:
        passing = digester.over(batches) if digester else batches
        written = writer.write(plan.place, passing, mode=task.mode, alone=task.alone)
    if digester is None:
        return written, None
    refused = Digester(plan.sink.columns, kept_by=writer.spec)
    refused.add([entry.row for entry in written.rejected])
    return written, digester.digest - refused.digest


def _pulled(telling: _Telling, reader: Adapter, task: Task) -> Generator[Batch, None, None]:
    """The part's batches in the sink's types."""
    plan = task.plan
    convert = conversion(plan.source.columns, plan.sink.columns)
    with contextlib.closing(cast(Generator[Batch, None, None], reader.scan(plan.source, task.part))) as batches:
        for batch in batches:
            telling.before()
            yield convert(batch) if convert else batch
            telling.passed(len(batch))


class _Telling:
    """Word to the owner about a part, ten times a second; and the owner's word to stop."""

    def __init__(self, owner: Owner, task: Task) -> None:
        self._owner = owner
        self._name, self._number = task.plan.sink.name, task.number
        self._done, self._next_word = 0, time.monotonic() + _TELL_EVERY_S

    def before(self) -> None:
        self._owner.check()

    def passed(self, rows: int) -> None:
        self._done += rows
        if (now := time.monotonic()) >= self._next_word:
            self.say()
            self._next_word = now + _TELL_EVERY_S

    def say(self) -> None:
        self._owner.send(("rows", self._name, self._number, self._done))

    def chunks(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The lines as they are, counted."""
        for chunk in chunks:
            self.before()
            yield chunk
            self.passed(rows_in(chunk))


def _read_back(owner: Owner, reader: Adapter, writer: Adapter, check: Check) -> Digest:
    schema = check.plan.place
    if check.merged:
        return _digest(schema, _ours(owner, reader, writer, check.plan))
    digesting = able(writer, Digests)
    if digesting is not None:
        return digesting.digest(schema, check.part)
    return _digest(schema, _checked(owner, writer.scan(schema, check.part)))


def _digest(schema: Schema, batches: Iterable[Batch]) -> Digest:
    digester = Digester(schema.columns)
    for batch in batches:
        digester.add(batch)
    return digester.digest


def _checked(owner: Owner, batches: Iterable[Batch]) -> Iterator[Batch]:
    for batch in batches:
        owner.check()
        yield batch


def _ours(owner: Owner, reader: Adapter, writer: Adapter, plan: PlannedCollection) -> Iterator[Batch]:
    """The sink's rows with the source's keys."""
    places = plan.sink.key_indexes
    convert = conversion(plan.source.columns, plan.sink.columns)
    for batch in _checked(owner, reader.scan(plan.source)):
        rows = convert(batch) if convert else batch
        yield list(writer.get(plan.place, [tuple(row[place] for place in places) for row in rows]))
