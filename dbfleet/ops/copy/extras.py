"""What comes along with a copied collection besides its rows: its indexes, defaults and identities (dbfleet.extras).

Only a collection that the copy makes gets them, after its rows: an index over rows that are there is made in one go.
One that the sink refuses does not end the copy; it is said, and stands in the receipt.

Where an engine has one index of a name a database, and the collection is staged, the name that an index is to have may
still be that of one which goes: it is made under a name of its own then, and gets its name with the swap.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from dbfleet.abilities import CarriesExtras, able
from dbfleet.adapter import Adapter
from dbfleet.errors import AlreadyExists, StatementError, Unsupported
from dbfleet.extras import AnyExtra, Index, Native, same
from dbfleet.ops import _left
from dbfleet.ops._plan import PlannedCollection
from dbfleet.ops.copy.messages import Given
from dbfleet.outline import STAYS
from dbfleet.spec import EngineSpec


def planned(source: Adapter, sink: EngineSpec, plan: PlannedCollection) -> tuple[PlannedCollection, list[str]]:
    """The plan with the extras that come along; and what does not, in words."""
    found = _left.of_collection(source, plan.source.name)
    left = [f"{plan.sink.name}: {text}{STAYS}" for text in found.left]
    came = tuple(extra for extra in found.has if type(extra) in sink.extras and _of(extra, sink))
    left += [f"{plan.sink.name}: {extra}: not into {sink.title}" for extra in found.has if extra not in came]
    return replace(plan, extras=came), left


def _of(extra: AnyExtra, sink: EngineSpec) -> bool:
    return not isinstance(extra, Native) or extra.engine == sink.name


def give(writer: Adapter, plan: PlannedCollection, theirs: frozenset[str] = frozenset()) -> Given:
    """Give the collection the extras that it does not have yet. `theirs` are the names of indexes that it may take over
    with its place."""
    adapter: Any = writer
    if not plan.extras:
        return Given(plan.sink.name)
    there = adapter.extras(plan.place.name).has
    came, left, indexes = [], [], {}
    for number, extra in enumerate(plan.extras):
        found = next((other for other in there if same(extra, other)), None)
        try:
            if isinstance(extra, Index):
                names = index_names(plan, extra, adapter.spec)
                own = f"{plan.place.name.rpartition('.')[2]}_i{number}" if plan.staged else None
                name = found.name if found else _add_index(adapter, plan, extra, names, own, theirs)
                if own is not None and name == own:
                    indexes[own] = next((each for each in names if each in theirs), names[-1])
            elif found is None:
                adapter.add_extra(plan.place, extra)
        except (StatementError, Unsupported) as error:
            left.append(f"{extra}: {error.message}")
            continue
        came.append(str(extra))
    return Given(plan.sink.name, tuple(came), tuple(left), indexes)


def _add_index(
    adapter: Any,
    plan: PlannedCollection,
    index: Index,
    names: Sequence[str],
    own: str | None,
    theirs: frozenset[str],
) -> str:
    """Add an index by the first name that is free. Where that name becomes free with the swap, the index gets a name of
    its own first. The name that it has now."""
    for name in names:
        try:
            adapter.add_extra(plan.place, replace(index, name=name))
            return name
        except AlreadyExists:  # some engines have one index of a name a database
            if own and name in theirs:
                break
            if name == names[-1]:
                raise
    assert own is not None
    adapter.add_extra(plan.place, replace(index, name=own))
    return own


def going(sink: Adapter, names: Iterable[str]) -> frozenset[str]:
    """The names of the indexes of these collections, as far as the engine tells."""
    carrying = able(sink, CarriesExtras)
    found: set[str] = set()
    if carrying is None:
        return frozenset()
    for name in names:
        with contextlib.suppress(StatementError):
            found.update(extra.name for extra in carrying.extras(name).has if isinstance(extra, Index))
    return frozenset(found)


def shared_out(plans: Sequence[PlannedCollection], free: frozenset[str], spec: EngineSpec) -> dict[str, frozenset[str]]:
    """Which of the names that become free each collection's indexes may take, each name once."""
    taken: set[str] = set()
    found: dict[str, frozenset[str]] = {}
    for plan in plans:
        mine: set[str] = set()
        for extra in plan.extras:
            if isinstance(extra, Index):
                name = next((name for name in index_names(plan, extra, spec) if name not in taken), None)
                if name in free:
                    mine.add(name)
                    taken.add(name)
        found[plan.sink.name] = frozenset(mine)
    return found


def index_names(plan: PlannedCollection, index: Index, spec: EngineSpec) -> list[str]:
    """The names that an index may have in the sink: its own, else one with the collection's name before it."""
    return list(_names(plan.sink.name, index.name, spec.limits.name_length))


def _names(collection: str, name: str, longest: int | None) -> Iterator[str]:
    for wanted in (name, f"{collection}_{name}"):
        yield wanted.encode()[:longest].decode(errors="ignore") if longest else wanted
