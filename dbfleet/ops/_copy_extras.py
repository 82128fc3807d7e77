"""What comes along with a copied collection besides its rows: its indexes, defaults and identities (dbfleet.extras).

Only a collection that the copy makes gets them, after its rows: an index over rows that are there is made in one go.
One that the sink refuses does not end the copy; it is said, and stands in the receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from dbfleet.adapter import Adapter, EngineSpec
from dbfleet.errors import AlreadyExists, StatementError, Unsupported
from dbfleet.extras import Extra, Extras, Index, same
from dbfleet.ops._plan import PlannedCollection


def planned(source: Adapter, sink: EngineSpec, plan: PlannedCollection) -> tuple[PlannedCollection, list[str]]:
    """The plan with what comes along, and what does not, in words."""
    read: Callable[[str], Extras] | None = getattr(source, "extras", None)
    if read is None:
        return plan, []
    found = read(plan.source.name)
    left = [f"{plan.sink.name}: {text}: does not come along" for text in found.left]
    came = tuple(extra for extra in found.has if type(extra) in sink.extras)
    left += [f"{plan.sink.name}: {extra}: not into {sink.title}" for extra in found.has if extra not in came]
    return replace(plan, extras=came), left


def give(writer: Adapter, plan: PlannedCollection) -> tuple[list[str], list[str]]:
    """Add what is not there yet; what is there now, and what is not and why, in words."""
    adapter: Any = writer
    there = adapter.extras(plan.sink.name).has
    came, left = [], []
    for extra in plan.extras:
        if not any(same(extra, other) for other in there):
            try:
                _add(adapter, plan, extra)
            except (StatementError, Unsupported) as error:
                left.append(f"{extra}: {error.message}")
                continue
        came.append(str(extra))
    return came, left


def _add(adapter: Any, plan: PlannedCollection, extra: Extra) -> None:
    if not isinstance(extra, Index):
        adapter.add_extra(plan.sink, extra)
        return
    names = list(_names(plan.sink.name, extra.name, adapter.spec.limits.name_length))
    for name in names:
        try:
            adapter.add_extra(plan.sink, replace(extra, name=name))
            return
        except AlreadyExists:  # some engines have one index of a name a database
            if name == names[-1]:
                raise


def _names(collection: str, name: str, longest: int | None) -> Iterator[str]:
    for wanted in (name, f"{collection}_{name}"):
        yield wanted.encode()[:longest].decode(errors="ignore") if longest else wanted
