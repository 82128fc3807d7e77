"""`dbfleet digest`: how many rows a collection has and the sum of their digests, the same on every engine that keeps
the values exactly.

The plain path is the definition: scan and hash (values.digest_rows). An adapter that computes digests on its server
is asked first, and is held to the plain path's result by the conformance suite.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from dbfleet.adapter import Adapter, Capability, Target
from dbfleet.errors import DbfleetError
from dbfleet.fleet import Fleet
from dbfleet.ops._named import schema_of
from dbfleet.values import Batch, Digest, Schema, digest_rows


@dataclass(frozen=True, slots=True)
class Digested:
    """A collection's digest, `<rows>:<sum, 16 hex digits>`. `rejected` is part of every record of this kind; reading
    rejects nothing."""

    target: str
    collection: str
    rows: int
    rejected: int
    seconds: float
    digest: str


def digest(
    fleet: Fleet,
    target: Target,
    collection: str | None = None,
    *,
    progress: Callable[[str, int], None] = lambda collection, rows: None,
) -> Iterator[Digested]:
    """The digest of a collection, or of all of them at one moment where the engine can hold one. NotFound if the
    collection is not there. `progress` is told how many rows of a collection have been read."""
    with fleet.connect(target) as adapter:
        one_moment = Capability.SNAPSHOT in fleet.spec(target).capabilities
        with getattr(adapter, "snapshot")() if one_moment else nullcontext():  # noqa: B009 - an optional method
            for name in adapter.collections() if collection is None else (collection,):
                started = time.perf_counter()
                try:
                    found = _digest(adapter, schema_of(adapter, target, name), progress)
                except DbfleetError as error:
                    error.target = error.target or target.name
                    if name not in error.message:  # which of them, where nobody named one
                        error.message = f"{name}: {error.message}"
                    raise
                seconds = round(time.perf_counter() - started, 6)
                yield Digested(target.name, name, found.rows, 0, seconds, str(found))


def _digest(adapter: Adapter, schema: Schema, progress: Callable[[str, int], None]) -> Digest:
    on_server = getattr(adapter, "digest", None)
    if on_server is not None:
        found: Digest = on_server(schema)
        return found
    return digest_rows(schema.columns, _told(schema.name, adapter.scan(schema), progress))


def _told(name: str, batches: Iterable[Batch], progress: Callable[[str, int], None]) -> Iterator[Batch]:
    rows = 0
    for batch in batches:
        yield batch
        rows += len(batch)
        progress(name, rows)
