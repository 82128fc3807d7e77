"""The owner's side of a copy: what is missing is made, and parts are handed to the workers, a collection after those
that it refers to; what they answer goes into the journal. What replaces something is made under another name, and takes
its place when all of it is whole (ops/_staging.py)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from dbfleet.adapter import WHOLE, Adapter, Part, Rejected, Swap
from dbfleet.errors import AlreadyExists, ConstraintViolated, UsageError
from dbfleet.ops import _ending, _ends, _staging, _workers
from dbfleet.ops._order import ordered
from dbfleet.ops._plan import PlannedCollection
from dbfleet.ops._workers import Worker
from dbfleet.ops.copy import extras as copy_extras
from dbfleet.ops.copy.journal import Progressed
from dbfleet.ops.copy.messages import (
    MOST_REJECTED,
    CheckPart,
    Copied,
    CopyPart,
    Done,
    Ends,
    Far,
    GiveExtras,
    Given,
    PartChecked,
    PartCopied,
    PartUnread,
    Taken,
    Task,
    Watch,
)
from dbfleet.ops.copy.moving import Moving
from dbfleet.ops.copy.native import Making, make_room
from dbfleet.ops.copy.steps import Steps
from dbfleet.spec import Capability
from dbfleet.values import Digest, Schema

PART_ROWS: Final = 250_000
"""A part is some seconds of work: what a copy that was cut off has to do again."""
_NATIVE_PART_ROWS: Final = 1_000_000
_MOST_PARTS: Final = 64
_SAVED_EVERY_S: Final = 1.0
"""How often the journal is saved for parts and steps of an outline, of which there may be many."""
_SHARED_ROWS: Final = 20_000
"""From here on every worker gets a share of a collection: it is a second of work where rows become objects."""


class Owner:
    """One copy, part by part. `rejected` are the first rows that were refused."""

    def __init__(
        self, ends: Ends, watch: Watch, *, verify: bool, making: Making | None = None, keep_going: bool = False
    ) -> None:
        self._ends = ends
        self._keep_going = keep_going
        self._watch = watch
        self._verify = verify
        self.making = making
        self._steps: Steps | None = None
        self._saved = 0.0
        self._others = False
        self._gone_on: frozenset[str] = frozenset()
        self._sink: Adapter | None = None
        self._jobs = 1
        self._theirs: dict[str, frozenset[str]] = {}
        self.made_now: list[str] = []
        """What is in the sink because of this run, by the names that it has there."""
        self.moving: list[Moving] = []
        self.rejected: list[Rejected] = []
        self.unread: dict[str, str] = {}
        """Collections that could not be read, by their names in the sink, and why."""

    def made(self, source: Adapter, sink: Adapter, plans: Sequence[PlannedCollection], jobs: int) -> list[Moving]:
        """Make all missing collections, before the first row is copied. What is to be done of each collection.

        The journal has all collections or none of them: `--resume` takes those that it has for the whole copy.
        """
        self._sink, self._jobs = sink, jobs
        before = self._ends.journal.collections
        going = [plan.sink.name for plan in plans if plan.action == "replace"]
        make_room(
            sink, [plan.sink.name for plan in plans if plan.outlined and plan.sink.name in going and not plan.staged]
        )
        for plan in reversed(plans):
            if plan.action == "replace" and plan.staged is None:
                sink.drop(plan.sink.name)
        kept = {state.staged for state in before.values()}
        for name in _staging.staged_by(sink, self._ends.journal.word):
            if name not in kept:  # of a copy with which nobody goes on
                sink.drop(name)
        natively = [plan for plan in plans if plan.outlined]
        self._others = len(natively) >= jobs > 1
        counted: dict[str, int] = {}
        settled: dict[str, Progressed] = {}
        for plan in plans:
            name = plan.sink.name
            if name in before:
                settled[name], counted[name] = before[name], plan.rows
                self._refuse_others(plan, before[name])
            else:
                settled[name], counted[name] = self._fresh(source, plan)
        self._ends.journal.collections = settled
        if self.making:
            self._begin_natively(sink, natively, before)
        for plan in plans:
            if plan.adopted:
                _ends.adopt(sink, plan.sink)
            if plan.action in ("create", "replace") and not plan.outlined:
                self.made_now.append(plan.place.name)
                try:
                    sink.create(plan.place)
                except AlreadyExists:
                    self.made_now.pop()
                    raise
        staged = [plan for plan in plans if plan.staged]
        if staged:
            free = copy_extras.going(sink, going or [plan.sink.name for plan in staged])
            self._theirs = copy_extras.shared_out(staged, free, self._ends.sink_spec)
        for plan in plans:
            state = settled[plan.sink.name]
            keyless = not plan.sink.key and not plan.outlined  # what goes by its outline is made again, or whole
            if plan.sink.name in before and keyless and (self._verify or not state.complete):
                self._begin_keyless_again(sink, plan, state)
            self.moving.append(self._moving(replace(plan, rows=counted[plan.sink.name]), state))
        if self.making:
            self._steps = Steps(self.making, self._gone_on, self.moving)
        # What is there may refer in a circle, in which nobody could be first.
        sinks = {each.name: self._connecting(each.plan) for each in self.moving}
        turn = {schema.name: number for number, schema in enumerate(ordered(list(sinks.values())))}
        for each in self.moving:
            each.steps = self._steps if each.plan.outlined else None
            schema = sinks[each.name]
            referred = {reference.collection for reference in schema.references}
            if schema.edge and not referred:
                referred = {name for name, other in sinks.items() if not other.edge}
            each.after = {name for name in referred if turn.get(name, len(turn)) < turn[each.name]}
        return self.moving

    def _connecting(self, plan: PlannedCollection) -> Schema:
        """The sink's schema. Where rows become relationships as they are written, what an outline makes has the
        references of its source too: no step makes them later."""
        if not plan.outlined or Capability.EDGES not in self._ends.sink_spec.capabilities:
            return plan.sink
        names = self.making.places if self.making else {}
        return replace(plan.sink, references=_staging.under(plan.source, names).references)

    def _refuse_others(self, plan: PlannedCollection, state: Progressed) -> None:
        if state.schema != plan.source.to_dict():
            raise UsageError(
                f"{plan.source.name} has other columns than when the copy began",
                target=self._ends.source.name,
                hint="--mode replace copies it from the beginning",
            )

    def _fresh(self, source: Adapter, plan: PlannedCollection) -> tuple[Progressed, int]:
        """A collection of which nothing is done, and how many rows it has."""
        rows = source.count(plan.source.name)
        waiting = self.making.waiting(plan) if self.making and plan.outlined else {}
        state = Progressed(
            plan.source.to_dict(), self._parts(source, plan, rows, self._jobs), plan.action in ("create", "replace"),
            plan.action == "merge", staged=plan.staged.name if plan.staged else "", native=plan.outlined,
            indexes=waiting,
        )  # fmt: skip
        return state, rows

    def _begin_natively(
        self, sink: Adapter, plans: Sequence[PlannedCollection], before: Mapping[str, Progressed]
    ) -> None:
        """Make the collections, and again those with which an earlier copy's rows cannot be gone on. The journal knows
        it first."""
        assert self.making is not None
        # Not every engine makes all collections or none: a copy may have been killed between two of them.
        there = {*sink.collections(), *_staging.leftovers(sink)} if before else set()
        kept = {
            plan.sink.name
            for plan in plans
            if (state := before.get(plan.sink.name)) and plan.place.name in there and self._goes_on(plan, state)
        }
        missing = [plan for plan in plans if plan.sink.name not in kept]
        try:
            self.making.remove(sink, [plan for plan in missing if plan.sink.name in before])
        except ConstraintViolated:  # others refer to them already
            missing = list(plans)
            self.making.remove(sink, [plan for plan in missing if plan.sink.name in before])
        for plan in missing:
            state = self._ends.journal.collections[plan.sink.name]
            state.begun, state.done, state.taken = [], {}, []
        self._ends.journal.save()
        self.made_now += [plan.place.name for plan in missing]
        self.making.take_first(sink, missing)
        self._gone_on = frozenset({plan.sink.name for plan in plans} - {plan.sink.name for plan in missing})

    def _goes_on(self, plan: PlannedCollection, state: Progressed) -> bool:
        """Whether what is missing of the rows can be added: a part that was begun is cleared first, by its keys. What
        has all its rows may have keys and references, and then no part of it is copied again."""
        if state.complete:
            return not (self._verify and any(found[2] is None for found in state.done.values()))
        return bool(plan.sink.key) or state.parts == [WHOLE]

    def _begin_keyless_again(self, sink: Adapter, plan: PlannedCollection, state: Progressed) -> None:
        if state.begun and state.made:
            sink.drop(plan.place.name)
            sink.create(plan.place)
        elif state.begun and sink.count(plan.sink.name):
            raise UsageError(
                f"{plan.sink.name} has no key, so its rows of the copy that was cut off cannot be told from others",
                target=self._ends.sink.name,
                hint="--mode replace copies it from the beginning",
            )
        state.begun, state.done = [], {}

    def _parts(self, source: Adapter, plan: PlannedCollection, rows: int, jobs: int) -> list[Part]:
        parts = min(max(-(-rows // PART_ROWS), jobs if rows >= _SHARED_ROWS else 1), _MOST_PARTS)
        if plan.outlined and self._others:  # whole tables side by side: 0.9 of the time that ranges of keys take
            parts = min(-(-rows // _NATIVE_PART_ROWS), _MOST_PARTS)
        refers_to_itself = any(each.collection == plan.sink.name for each in plan.sink.references)
        if plan.may_fall or parts < 2 or Capability.SPLIT not in self._ends.source_spec.capabilities or (
            refers_to_itself and Capability.REFERENCES in self._ends.sink_spec.capabilities
        ):  # fmt: skip
            return [WHOLE]  # a row may refer to one of another part
        return list(source.split(plan.read, parts))

    def _moving(self, plan: PlannedCollection, state: Progressed) -> Moving:
        if self._verify:  # a part that was copied without a digest is copied again with one
            state.done = {number: found for number, found in state.done.items() if found[2] is not None}
        # Of a part that a copy that was cut off has begun the sink may hold some rows.
        begun = set(state.begun if plan.sink.key else ())
        if plan.outlined:  # cleared first: nobody has noted what was begun
            begun = set(range(len(state.parts))) if plan.sink.name in self._gone_on else set()
        each = Moving(
            plan, state,
            [
                CopyPart(
                    plan, number, part, "upsert" if state.merging or number in begun else "insert", self._verify,
                    state.made, self._keep_going,
                )
                for number, part in enumerate(state.parts)
                if str(number) not in state.done
            ],
        )  # fmt: skip
        for rows, rejected, digest in state.done.values():
            each.rows += rows
            each.rejected += rejected
            each.done_before += rows
            if digest is not None:
                each.digest = (each.digest or Digest()) + Digest(*digest[:2])
                slots = {slot: Digest(*found) for slot, *found in digest[2:]}
                each.slots = _ending.added(each.slots, slots)
        return each

    # --- the work, handed out ---

    def move(self, workers: Sequence[Worker], moving: Sequence[Moving]) -> Iterator[Copied]:
        """Hand out the parts until all collections are whole; a record for each when it is."""
        left = {each.name: each for each in moving}
        for each in moving:
            if not each.waiting:  # done by the copy that was cut off
                self._at_last(each)
                if each.done:
                    yield self._record(left.pop(each.name))
        idle = list(workers)
        self._hand_out(idle, left)
        for worker in _workers.listen(workers) if left else ():
            message: Far | Done = worker.receive()
            each = left[message.collection]
            if isinstance(message, Far):
                each.far[message.part] = message.rows
                self._watch.progress(each.name, each.done_before + sum(each.far.values()), each.plan.rows)
                continue
            idle.append(worker)
            each.running -= 1
            match message:
                case PartCopied():
                    self._part_copied(each, message)
                    if each.state.complete and each.name not in self.unread:
                        self._at_last(each)
                case PartUnread():
                    self._unread(each, message.why, left)
                    yield from self._waited_for(left)
                case Given():
                    self._given(each, message)
                case PartChecked():
                    each.held = (each.held or Digest()) + message.digest
                    each.held_slots = _ending.added(each.held_slots, message.slots)
                case Taken():
                    self._taken(each, message)
            if each.name in self.unread:
                if not each.running:
                    left.pop(each.name, None)
            elif each.done:
                yield self._ended(left.pop(each.name))
            self._hand_out(idle, left)
            if not left:
                return

    def _ended(self, each: Moving) -> Copied:
        each.state.seconds += time.perf_counter() - (each.started or 0)
        return self._record(each)

    def _waited_for(self, left: dict[str, Moving]) -> Iterator[Copied]:
        """The collections that have waited for nothing else than to refer to what could not be read."""
        for each in list(left.values()):
            if each.steps and each.state.complete and each.name not in self.unread and not each.running:
                self._at_last(each)
                if each.done:
                    yield self._ended(left.pop(each.name))

    def _unread(self, each: Moving, why: str, left: dict[str, Moving]) -> None:
        """Nothing more of a collection is copied, nor of those that refer to it, where the sink would refuse them."""
        self.unread[each.name] = why
        each.waiting = []
        if each.steps:
            for text in each.steps.without(each):
                self._watch.said(text)
        if Capability.REFERENCES in self._ends.sink_spec.capabilities:
            for other in list(left.values()):
                if each.name in other.after and other.name not in self.unread:
                    self._unread(other, f"it refers to {each.name}, which cannot be read", left)
                    if not other.running:
                        left.pop(other.name, None)

    def drop_unread(self) -> None:
        """What of a collection that could not be read is in the sink goes, where this copy has made it."""
        for each in reversed(self.moving):
            if each.name in self.unread:
                self._ends.journal.collections.pop(each.name, None)
                if self.making and each.plan.outlined and self._sink is not None:
                    self.making.remove(self._sink, [each.plan])
                elif each.state.made and self._sink is not None:
                    self._sink.drop(each.plan.place.name)
                elif each.state.begun:
                    self._watch.said(f"{each.name}: what was written into it stays")
        self.moving = [each for each in self.moving if each.name not in self.unread]

    def _given(self, each: Moving, given: Given) -> None:
        each.giving = False
        each.extras, each.left = given.came, given.left
        for text in given.left:
            self._watch.said(f"{each.name}: {text}")
        if each.state.staged and given.indexes:
            each.state.indexes = dict(given.indexes)
            self._ends.journal.save()

    def _at_last(self, each: Moving) -> None:
        """Add the tasks of a collection that has its rows: its extras, and to read it back."""
        if each.steps and not each.steps.whole(each):
            return  # it is read back with its keys
        if each.steps is None and (each.plan.extras or not each.state.made):
            theirs = self._theirs.get(each.name, frozenset())
            each.waiting.append(GiveExtras(each.plan, theirs, not each.state.made))
        if self._verify and not each.checking:
            each.checking = True
            each.waiting += [CheckPart(each.plan, part, each.state.merging) for part in self._read_back(each)]

    def _taken(self, each: Moving, message: Taken) -> None:
        assert each.steps is not None
        each.steps.taken(each, message.taken)
        self._save_now_and_then()
        self._at_last(each)

    def _save_now_and_then(self) -> None:
        if time.monotonic() - self._saved > _SAVED_EVERY_S:
            self._ends.journal.save()
            self._saved = time.monotonic()

    def _read_back(self, each: Moving) -> list[Part]:
        """The sink's parts: reading back takes as long as copying, so all workers share it."""
        whole = each.state.merging or each.rows < _SHARED_ROWS or self._jobs < 2
        if whole or self._sink is None or Capability.SPLIT not in self._ends.sink_spec.capabilities:
            return [WHOLE]
        return list(self._sink.split(each.plan.place, self._jobs))

    def _hand_out(self, idle: list[Worker], left: dict[str, Moving]) -> None:
        """Give each idle worker a part whose collection may be filled by now."""
        # Where rows become relationships, two transactions would lock the same nodes: one part at a time.
        one = Capability.EDGES in self._ends.sink_spec.capabilities
        for each in left.values():
            while idle and each.steps and each.state.complete and not each.waiting:
                task = each.steps.next(each)
                if task is None:
                    break
                each.started = each.started or time.perf_counter()
                each.running += 1
                self._send(idle.pop(0), each, task)
            while idle and each.waiting:
                blocked = any(name in left and not left[name].state.complete for name in each.after)
                # It is not read back while the server makes its indexes: a small one has no room for large rows twice.
                if blocked or each.giving or (one and any(other.running for other in left.values())):
                    break
                each.started = each.started or time.perf_counter()
                each.running += 1
                self._send(idle.pop(0), each, each.waiting.pop(0))

    def _send(self, worker: Worker, each: Moving, task: Task) -> None:
        if isinstance(task, GiveExtras):
            each.giving = True
        if isinstance(task, CopyPart) and task.number not in each.state.begun:
            each.state.begun.append(task.number)
            if not each.plan.outlined:
                self._ends.journal.save()
        worker.send(task)

    def _part_copied(self, each: Moving, part: PartCopied) -> None:
        each.rows += part.rows
        each.rejected += part.lost
        self.rejected += part.rejected[: MOST_REJECTED - len(self.rejected)]
        digest = part.digest
        if digest is not None:
            each.digest = (each.digest or Digest()) + digest
            each.slots = _ending.added(each.slots, part.slots)
        slots = [[slot, found.rows, found.sum] for slot, found in part.slots.items()]
        kept = None if digest is None else [digest.rows, digest.sum, *slots]
        each.state.done[str(part.number)] = [part.rows, part.lost, kept]
        if each.plan.outlined and not all(one.state.complete for one in self.moving):
            self._save_now_and_then()  # what is not noted is cleared and copied again, as long as nothing refers to it
        else:
            self._ends.journal.save()

    # --- the end ---

    def take_last(self, sink: Adapter) -> None:
        """The steps that come after all others: they are quick, and lock much."""
        if self.making is None or self._steps is None:
            return
        self._ends.journal.save()
        for each in self.moving:
            if each.plan.outlined:
                self.making.take_last(sink, each.plan.source.name, each.state.taken, again=self._steps.again(each))
        self.making.take_last(sink, "", [], again=bool(self._gone_on))

    def swap(self) -> None:
        """Let all staged collections take their places in one step."""
        swaps = [
            Swap(each.plan.staged, each.name, each.state.indexes, outlined=each.plan.outlined)
            for each in self.moving
            if each.plan.staged is not None
        ]
        if not swaps or self._sink is None:
            return
        self._ends.journal.swapping = True
        self._ends.journal.save()
        _staging.swap(self._sink, swaps)

    def _record(self, each: Moving) -> Copied:
        self._watch.finished(each.name, each.rows, round(each.state.seconds, 3))
        held, expected = each.held, each.digest or Digest()
        same = None
        if held is not None:
            lasting, to_last = _ending.lasting((held, each.held_slots), (expected, each.slots))
            same = lasting == to_last
            if same and (over := expected.rows - to_last.rows):
                self._watch.said(f"{each.name}: {over:,} rows end by themselves about now: they are not proven")
        if same is False:
            self._watch.said(f"{each.name} is not what was read: its digest is {held}, not {expected}")
        return Copied(
            self._ends.sink.name,
            each.name,
            each.rows,
            each.rejected,
            round(each.state.seconds, 3),
            None if held is None else str(held),
            same,
            each.extras if each.steps is None else each.steps.came(each),
            each.left,
            each.plan.sink.native,
        )
