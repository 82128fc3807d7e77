"""A native dump (dbfleet/outline.py) on its way into a target of its engine: what is made is made by the outline, rows
first. Into any other engine, and into what is there with other columns, its rows go by the closed set."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from dbfleet.abilities import carrying
from dbfleet.adapter import Adapter, Swap
from dbfleet.ops import _identity
from dbfleet.ops._plan import PlannedCollection
from dbfleet.ops.copy.native import Making, possible
from dbfleet.ops.load.inputs import Input
from dbfleet.outline import Outline
from dbfleet.spec import EngineSpec
from dbfleet.values import Schema


def settled(
    adapter: Adapter, spec: EngineSpec, inputs: Sequence[Input], mode: str, there: Collection[str]
) -> tuple[list[Input], Making | None]:
    """The inputs, those by the closed set that cannot go natively; and what is made by the outline of the others."""
    native = carrying(adapter)
    outlines = [each.outline for each in inputs if each.outline and each.spec is spec]
    if native is None or not outlines:
        return [each.closed() for each in inputs], None
    called = _identity.listed(adapter, [each.collection for each in inputs], set(there))
    kept, going = [], []
    for each in inputs:
        name = called.get(each.collection, each.collection)
        if each.schema is None or not each.schema.native or each.spec is not spec:
            kept.append(each.closed())
        elif name not in there or mode == "replace":
            kept.append(each)
            going.append(_source_name(each))
        else:
            kept.append(each if _alike(each.schema, spec.filed(native.native(name))) else each.closed())
    if not going:
        return kept, None
    making = possible(adapter.target.name, adapter, going, _of(outlines[0], going))
    return [each if _stays(each, making, going) else each.closed() for each in kept], making


def _source_name(each: Input) -> str:
    return each.source or each.collection


def _of(outline: Outline, names: Sequence[str]) -> Outline:
    """The outline of these alone: a dump may be loaded in part."""
    wanted = set(names)
    steps = [
        step
        for step in outline.steps
        if step.collection in wanted
        or (not step.collection and (not step.needed_by or not wanted.isdisjoint(step.needed_by)))
    ]
    return replace(outline, steps=tuple(steps), left=())


def _stays(each: Input, making: Making, going: Sequence[str]) -> bool:
    return _source_name(each) not in going or _source_name(each) in making.names


def _alike(ours: Schema, there: Schema) -> bool:
    if set(ours.names) != set(there.names) or ours.key != there.key:
        return False
    pairs = [(column, there.column(column.name)) for column in ours.columns]
    return all((a.type, a.native) == (b.type, b.native) for a, b in pairs)


def planned(making: Making, adapter: Adapter, places: Mapping[str, tuple[Schema, Schema, Schema | None, str]],
            there: Collection[str]) -> list[PlannedCollection]:  # fmt: skip
    """The plans of what is made by the outline. `places` are, by the source's names, the schema there and here, the
    staged one, and the action."""
    plans = [
        PlannedCollection(source, sink, action, 0, (), staged=staged, outlined=name in making.names)
        for name, (source, sink, staged, action) in places.items()
    ]
    making.settle(adapter, plans, there, {})
    return plans


def swap(making: Making, plan: PlannedCollection) -> Swap:
    """How a staged collection takes its place."""
    assert plan.staged is not None
    return Swap(plan.staged, plan.sink.name, making.waiting(plan), outlined=True)
