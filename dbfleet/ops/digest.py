"""`dbfleet digest`: how many rows a collection has and the sum of their digests, the same on every engine that keeps
the values exactly.

values.digest_rows defines it. A server that computes digests is asked first, and is held to that result by the
conformance suite.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial

from dbfleet.abilities import Snapshots, able, carrying
from dbfleet.adapter import Adapter
from dbfleet.errors import DbfleetError, StatementError, Unavailable, Unsupported
from dbfleet.fleet import Fleet
from dbfleet.ops._digests import stored
from dbfleet.ops._named import schema_of
from dbfleet.ops._progress import Ticker
from dbfleet.target import Target
from dbfleet.values import Schema


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
    native: bool = False,
    progress: Callable[[str, int], None] = lambda collection, rows: None,
) -> Iterator[Digested]:
    """The digest of a collection, or of all of them at one moment where the engine can hold one. NotFound if the
    collection is not there. `native`: over the engine's own values, as the receipt of a native copy has it; Unsupported
    for an engine that cannot. `progress` is told how many rows of a collection have been read.

    Of a whole target, a collection that cannot be digested does not hide the others: its error is raised when the last
    has been given, several as the first of the worst kind, with all their messages. What comes after it is read at
    another moment where the error has ended the first. A server that is gone ends it at once.
    """
    with fleet.connect(target, near=True) as adapter, ExitStack() as moment:
        snapshots = able(adapter, Snapshots)
        failed: list[DbfleetError] = []

        def begin() -> None:
            moment.enter_context(snapshots.snapshot() if snapshots else nullcontext())

        begin()
        for name in adapter.collections() if collection is None else (collection,):
            started = time.perf_counter()
            try:
                ticker = Ticker(partial(progress, name))
                found = stored(adapter, _schema(adapter, target, name, native=native), watched=ticker.batches)
            except DbfleetError as error:
                error.target = error.target or target.name
                if name not in error.message:  # which of them, where nobody named one
                    error.message = f"{name}: {error.message}"
                if collection is not None or isinstance(error, Unavailable):
                    raise
                failed.append(error)
                try:
                    adapter.ping()
                except StatementError:  # the error has ended the transaction that held the moment
                    moment.close()
                    begin()
                continue
            seconds = round(time.perf_counter() - started, 6)
            yield Digested(target.name, name, found.rows, 0, seconds, str(found))
        moment.close()
    if failed:
        raise _worst(failed)


def _schema(adapter: Adapter, target: Target, name: str, *, native: bool) -> Schema:
    schema = schema_of(adapter, target, name)
    if not native:
        return schema
    known = carrying(adapter)
    if known is None:
        raise Unsupported(f"{adapter.spec.title} gives no native digest", hint="leave --native out")
    return known.native(name)


def _worst(failed: Sequence[DbfleetError]) -> DbfleetError:
    """What the server refused counts for more than what nobody could expect of it."""
    error = next((each for each in failed if not isinstance(each, Unsupported)), failed[0])
    if len(failed) > 1:
        error.message = f"{len(failed)} collections have no digest. " + " ".join(
            each.message if each.message.endswith(".") else f"{each.message}." for each in failed
        )
    return error
