"""The native lane of a copy: between two targets of one engine that carries collections as they are (the ability
Native), a collection that the copy makes is made by the source's outline (dbfleet/outline.py), and its rows go as the
engine's own texts or bytes.

Rows first: keys, indexes and references are made over rows that are there, as the engines' own tools do (ops/copy/
steps.py). A collection that needs what the sink cannot have, such as an extension that its server lacks, goes by
dbfleet's own types instead, and that is said; a step that cannot be taken there is left out, and named.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

from dbfleet.abilities import KeepsTimes, Native, able, carrying
from dbfleet.adapter import Adapter
from dbfleet.errors import StatementError, Unsupported, UsageError
from dbfleet.fidelity import Keeping
from dbfleet.ops._plan import PlannedCollection, PlannedColumn
from dbfleet.ops.copy.journal import Progressed
from dbfleet.ops.copy.messages import Ends, Mode
from dbfleet.outline import STAGES, STAYS, Outline, Stage, Step
from dbfleet.spec import EngineSpec
from dbfleet.values import Schema

_TOGETHER: Final = 500


def lane_of(ends: Ends) -> bool:
    """Whether both ends are of one engine that carries collections as they are."""
    return ends.source_spec is ends.sink_spec and Native in ends.source_spec.abilities


def lane(ends: Ends, source: Adapter, sink: Adapter | None) -> Native | None:
    """The source as one that carries collections as they are; None where the sink is of another engine, or one of the
    servers cannot."""
    if not lane_of(ends) or (sink is not None and carrying(sink) is None):
        return None
    return carrying(source)


def preload(spec: EngineSpec) -> None:
    """Load the driver before workers are forked. One that is missing is told by whoever connects."""
    with contextlib.suppress(ImportError):
        importlib.import_module(spec.driver)


def views(ends: Ends, source: Native | None, names: Sequence[str]) -> list[str]:
    """The views that go, of those that were named, or all. Unsupported where the two ends cannot."""
    if source is None:
        raise Unsupported(
            f"--views: from {ends.source_spec.title} to {ends.sink_spec.title} no view goes as a view",
            hint="without --views its rows go, as a table",
        )
    return [name for name in source.native_views() if name in names or not names]


def keep_times(ends: Ends, source: Adapter, carrying: Native | None) -> None:
    """Have the source's rows come with the moments at which values end. Unsupported where the two ends cannot."""
    keeping = able(source, KeepsTimes)
    if carrying is None or (keeping is None and ends.source_spec.ends is None):
        raise Unsupported(
            f"--keep-ttl: from {ends.source_spec.title} to {ends.sink_spec.title} no value keeps its time to live",
            hint="it goes from Cassandra to Cassandra, and from Redis to Redis",
        )
    if keeping is not None:
        keeping.keep_times()


def without_times(ends: Ends, plans: Sequence[PlannedCollection]) -> list[str]:
    """The collections that go without their values' times, in words. UsageError for those that are there: what was
    written at an earlier moment would not win over what was written or deleted there since."""
    if KeepsTimes not in ends.source_spec.abilities:
        return []
    others = [plan for plan in plans if not plan.outlined]
    for plan in others:
        if plan.action in ("fill", "merge"):
            raise UsageError(
                f"{plan.sink.name} is there already: values keep their times in collections that the copy makes",
                target=ends.sink.name, hint="--mode replace makes it anew",
            )  # fmt: skip
    return [f"{plan.source.name} does not go as it is: its times do not come along" for plan in others]


@dataclass(slots=True)
class Making:
    """What a copy makes by the outline: `names` are the collections, as the source calls them. `called` are the sink's
    names, for the time being, of what has another one there; `left` is what is not carried, in words; `shared` are the
    steps that have made something which others may use too; `parents` as the outline says; `final` is what each thing
    that belongs to a collection is called at the end; `by` has the steps by their collections, `places` are the
    sink's names of the collections at the end."""

    names: frozenset[str]
    steps: tuple[Step, ...]
    left: list[str]
    parents: frozenset[str]
    called: dict[str, str] = field(default_factory=dict)
    shared: list[Step] = field(default_factory=list)
    final: dict[tuple[str, str], str] = field(default_factory=dict)
    by: dict[str, list[Step]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for step in self.steps:
            self.by.setdefault(step.collection, []).append(step)

    @property
    def fixed(self) -> frozenset[str]:
        """The collections that cannot change their names once they are made."""
        return frozenset(step.collection for step in self.steps if step.fixed)

    def of(self, plan: PlannedCollection, *stages: Stage) -> tuple[Step, ...]:
        """The steps of a collection in these stages."""
        return tuple(step for step in self.by.get(plan.source.name, ()) if step.stage in stages)

    def waiting(self, plan: PlannedCollection) -> dict[str, str]:
        """What each thing that belongs to a collection is called at the end, by the name that it has for the time being
        where the collection is staged, else by the one that it has in the source."""
        makes = self._makes(plan)
        return {name: self.final[each] for name, each in zip(_waiting(plan, makes), makes, strict=True)}

    def _makes(self, plan: PlannedCollection) -> list[tuple[str, str]]:
        return list(dict.fromkeys(each for step in self.of(plan, *STAGES) for each in step.makes))

    def settle(
        self,
        sink: Adapter | None,
        plans: Sequence[PlannedCollection],
        there: Collection[str],
        states: Mapping[str, Progressed],
    ) -> None:
        """Now that the plans are known: what is called how in the sink, and which references lead nowhere there. Names
        that were chosen before (`states`) stay."""
        self.called = {plan.source.name: plan.place.name for plan in plans if plan.source.name != plan.place.name}
        self.places = {plan.source.name: plan.sink.name for plan in plans}
        going = [plan.sink.name for plan in plans if plan.outlined and plan.action != "create"]
        for plan in plans:
            if plan.outlined:
                makes = self._makes(plan)
                self.final |= {(space, name): _joined(space, name) for space, name in makes}
                if sink is not None:
                    self.final |= _native(sink).names(makes, plan.source.name, plan.sink.name, going)
                state = states.get(plan.sink.name)
                for name, each in zip(_waiting(plan, makes), makes, strict=True):
                    self.final[each] = state.indexes.get(name, self.final[each]) if state else self.final[each]
                self._call(plan, makes)
        known = {plan.source.name for plan in plans} | set(there)
        for name, steps in self.by.items():
            for step in [step for step in steps if step.kind == "reference" and not known.issuperset(step.locks)]:
                far = next(lock for lock in step.locks if lock not in known)
                self.left.append(f"{name}: {step.words}: {far} is not in the sink{STAYS}")
                steps.remove(step)
        self.steps = tuple(step for step in self.steps if not step.collection or step in self.by[step.collection])

    def _call(self, plan: PlannedCollection, makes: Sequence[tuple[str, str]]) -> None:
        for waiting, (space, name) in zip(_waiting(plan, makes), makes, strict=True):
            final = self.final[space, name]
            if plan.source.name == plan.sink.name and final != _joined(space, name):
                told = f"{plan.source.name}: the name {name} is taken in the sink, where it is called {final} now"
                self.left.append(told)
            self.called[_joined(space, name)] = waiting if plan.staged else final

    def remove(self, sink: Adapter, plans: Sequence[PlannedCollection]) -> None:
        """Drop these collections, which this copy has made before, and what was to be theirs and is not yet."""
        native = _native(sink)
        native.remove([plan.place.name for plan in plans])
        names = {plan.source.name for plan in plans}
        for step in self.steps:
            if step.stage == "collections" and step.undo and step.collection in names:
                native.undo(step, self.called)

    def take_first(self, sink: Adapter, plans: Sequence[PlannedCollection]) -> None:
        """What comes before all collections, and the collections of these plans: together, but for so many that a
        server would not hold them."""
        with _native(sink).together() if len(self.names) < _TOGETHER else contextlib.nullcontext():
            self._take_first(sink, {plan.source.name for plan in plans})

    def _take_first(self, sink: Adapter, names: Collection[str]) -> None:
        theirs: set[tuple[tuple[str, str], ...]] = set()
        for step in self.steps:
            if step.stage == "before":
                if step.kind == "comment" and step.makes in theirs:
                    continue  # what was there has its own
                if not self._take(sink, step):
                    theirs.add(step.makes)
            elif step.stage == "collections" and step.collection in names:
                self._take(sink, step)

    def take_last(self, sink: Adapter, name: str, taken: list[str], *, again: bool) -> None:
        """What comes after all collections: of the one that the source calls so, or what is none's where it is empty,
        but for what was `taken` before."""
        for step in self.by.get(name, ()):
            if step.stage == "after" and step.mark not in taken:
                self._take(sink, step, again=again)
                taken.append(step.mark)

    def take(self, sink: Adapter, *stages: Stage) -> None:
        """All steps of these stages, in their order."""
        for step in self.steps:
            if step.stage in stages:
                self._take(sink, step)

    def take_views(self, sink: Adapter) -> list[str]:
        """The views, and what else waits for the swap. Those that cannot be made, in words."""
        failed: list[str] = []
        self.called = self.places | {_joined(*each): name for each, name in self.final.items()}
        for step in self.steps:
            if step.stage == "views":
                try:
                    self._take(sink, step, again=True)
                except StatementError as error:
                    if step.kind == "comment" and failed:
                        continue
                    failed.append(f"{step.words}: {error.message}{STAYS}")
        return failed

    def _take(self, sink: Adapter, step: Step, *, again: bool = False) -> bool:
        changed = _native(sink).take(step, self.called, again=again)
        if changed and step.shared:
            self.shared.append(step)
        return changed


def make_room(sink: Adapter, names: Sequence[str]) -> None:
    """Drop what outlines make anew, and what cannot exchange names with it: the collections may refer to each other,
    and their outlines say nothing of an order."""
    if names:
        _native(sink).remove(names)


def _native(adapter: Adapter) -> Native:
    native = able(adapter, Native)
    assert native is not None
    return native


def _joined(space: str, name: str) -> str:
    return f"{space}.{name}" if space else name


def _waiting(plan: PlannedCollection, makes: Sequence[tuple[str, str]]) -> list[str]:
    if plan.staged is None:
        return [_joined(space, name) for space, name in makes]
    return [f"{plan.staged.name}_{number}" for number, _ in enumerate(makes)]


def making(
    ends: Ends,
    source: Native,
    sink: Adapter | None,
    names: Mapping[str, str],
    there: Collection[str],
    mode: Mode,
    *,
    everything: bool,
    views: Sequence[str] = (),
) -> Making | None:
    """What of these collections (the sink's names by the source's) this copy makes by their outline, or has begun to
    make so before; None where there is none."""
    own, states = set(source.native_collections()), ends.journal.collections
    going = [
        name
        for name, called in names.items()
        if name in own and (states[called].native if called in states else called not in there or mode == "replace")
    ]
    if not going and not views:
        return None
    outline = source.outline(going, everything=everything, views=views)
    return possible(ends.sink.name, sink, going, outline)


def possible(name: str, sink: Adapter | None, going: Sequence[str], outline: Outline) -> Making:
    """What is left of the outline of these collections without what the sink, of this name, lacks."""
    lacking = _native(sink).lacking(outline.steps) if sink else _nowhere(outline.steps)
    out: dict[str, str] = {}
    left = list(outline.left)
    for step in outline.steps:
        if step.mark in lacking and step.shared:
            why = f"it needs {step.words}, which {lacking[step.mark]}"
            out |= {one: why for one in step.needed_by if one not in out}
            if not step.needed_by:
                left.append(f"{step.words}, which {lacking[step.mark]}{STAYS}")
        elif step.mark in lacking and step.collection not in out:
            left.append(f"{step.collection}: {step.words}: {lacking[step.mark]}{STAYS}")
    left += [f"{one} does not go as it is: {why} ({name})" for one, why in out.items()]
    stays = frozenset(going) - out.keys()
    steps = tuple(
        step
        for step in outline.steps
        if step.mark not in lacking and (step.collection in stays or (not step.collection and _needed(step, stays)))
    )
    return Making(stays, steps, left, outline.parents)


def _nowhere(steps: Sequence[Step]) -> dict[str, str]:
    """The steps that no sink can take, for one that is not there yet."""
    return {step.mark: "cannot be made elsewhere" for step in steps if step.shared and not step.text}


def _needed(step: Step, names: frozenset[str]) -> bool:
    return not step.needed_by or not names.isdisjoint(step.needed_by)


def remade(sink: Adapter, plans: Sequence[PlannedCollection], making: Making) -> tuple[set[str], list[str]]:
    """The collections of the sink that are replaced by others which are made of the same: nothing goes with them. And
    of those which are made otherwise, what they have and those in their places will not have, in words."""
    going = [
        plan for plan in plans if plan.outlined and plan.action == "replace" and plan.source.name == plan.sink.name
    ]
    there = _native(sink).outline([plan.sink.name for plan in going]) if going else Outline()
    theirs: dict[str, list[Step]] = {}
    for step in there.steps:
        if step.kind != "counter":
            theirs.setdefault(step.collection, []).append(step)
    stay = {text.partition(": ")[0] for text in there.left}
    same: set[str] = set()
    goes: list[str] = []
    for plan in going:
        name = plan.sink.name
        mine, ours = theirs.get(name, []), making.of(plan, *STAGES)
        texts, words = {step.text for step in ours}, {step.words for step in ours}
        if name not in stay and {step.text for step in mine} <= texts:
            same.add(name)
        goes += [f"{name}: {step.words}" for step in mine if step.stage != "collections" and step.words not in words]
    return same, goes


def planned(
    ends: Ends, source: Native, sink: Adapter | None, plans: Sequence[PlannedCollection], making: Making | None
) -> list[PlannedCollection]:
    """The plans, with those that go natively planned so: what is made by its outline, and what is there with the same
    columns."""
    own = set(source.native_collections())
    there = able(sink, Native) if sink else None
    found = []
    for plan in plans:
        if plan.source.name in own and not plan.rules:
            schema = source.native(plan.source.name, plan.source)
            if making and plan.source.name in making.names:
                schema = replace(schema, heirs=schema.name in making.parents)
                plan = _as_it_is(ends, plan, schema, replace(schema, name=plan.sink.name, references=(), heirs=False))
                plan = replace(plan, outlined=True)
            elif plan.action in ("fill", "merge", "resume") and plan.staged is None and there is not None:
                into = _into(there, plan, schema)
                plan = _as_it_is(ends, plan, schema, into) if into else plan
        found.append(plan)
    return found


def instead(
    source: Native | None, sink: Adapter | None, but: Collection[str]
) -> Callable[[Schema, str], tuple[Schema, Schema] | None]:
    """For engines whose native columns are others than those that `describe` tells: the native schemas of a collection
    of the source, `but` for these, and of one of the sink, where this takes the rows as they are."""
    there = able(sink, Native) if source and sink else None
    own = cache(lambda: set(source.native_collections()) if source else set())
    views = cache(lambda: set(there.native_views()) if there else set())

    def found(schema: Schema, name: str) -> tuple[Schema, Schema] | None:
        if source is None or there is None or schema.name in but or schema.name not in own():
            return None
        mine = source.native(schema.name, schema)
        if set(mine.names) <= set(schema.names) or name in views():
            return None
        yours = there.native(name)
        pairs = [[(each.name, each.type, each.native) for each in side.columns] for side in (mine, yours)]
        return (mine, yours) if pairs[0] == pairs[1] and mine.key == yours.key else None

    return found


def _into(there: Native, plan: PlannedCollection, schema: Schema) -> Schema | None:
    """The collection that is there, where it takes the values as they are: the same columns, with the same key."""
    found = there.native(plan.sink.name)
    columns = {column.name: column for column in found.columns}
    alike = all(
        column.name in columns
        and (column.type, column.native, column.generated)
        == (columns[column.name].type, columns[column.name].native, columns[column.name].generated)
        for column in schema.columns
    )
    if not alike or found.key != schema.key:
        return None
    names = set(schema.names)  # which need not be those that `describe` tells
    references = tuple(each for each in plan.sink.references if set(each.columns) <= names)
    return replace(
        plan.sink, columns=tuple(columns[name] for name in schema.names), key=found.key, references=references,
        partition=found.partition, native=True,
    )  # fmt: skip


def _as_it_is(ends: Ends, plan: PlannedCollection, schema: Schema, sink: Schema) -> PlannedCollection:
    lines = tuple(
        PlannedColumn(ends.sink.name, sink.name, column.name, word, word, Keeping.EXACT)
        for column in schema.columns
        for word in [column.native or str(column.type)]
    )
    staged = replace(sink, name=plan.staged.name) if plan.staged else None
    return replace(plan, source=schema, sink=sink, columns=lines, extras=(), staged=staged)
