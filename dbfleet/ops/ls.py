"""`dbfleet ls`: the collections of a target, and with `count` how many rows each has, counted by the server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbfleet.fleet import Fleet
from dbfleet.target import Target


@dataclass(frozen=True, slots=True)
class Listed:
    """A collection; `rows` is None where nobody asked."""

    target: str
    collection: str
    rows: int | None = None


def ls(fleet: Fleet, target: Target, *, count: bool = False) -> Iterator[Listed]:
    """The collections by name. Counting is exact and may read a whole collection."""
    with fleet.connect(target) as adapter:
        for name in adapter.collections():
            yield Listed(target.name, name, adapter.count(name) if count else None)
