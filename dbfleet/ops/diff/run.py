"""`dbfleet diff` from its beginning to its end: see the package for the rules."""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from dbfleet.errors import UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _again, _unreadable
from dbfleet.ops.diff import pairing
from dbfleet.ops.diff.comparison import Comparison, InTrouble, Schemas, Troubles, Watch, comparing, known_by_rows
from dbfleet.ops.diff.differences import Counted, Difference, Unlike, counted, told
from dbfleet.ops.diff.lenient import EXACTLY, Lenient
from dbfleet.ops.diff.pairing import Choice
from dbfleet.target import Target

__all__ = ["Counted", "Difference", "Watch", "diff"]

_IN_MEMORY: Final = 8 << 20
"""The bytes of a collection's differences that are kept in memory, where it may have to be compared again."""
_AT_ONCE: Final = 500

Found = Iterator[Difference | Counted]


@dataclass(slots=True)
class _Far:
    """How far a diff is: the collections that have been told, those that both sides have, and how many differences are
    still wanted."""

    left: int | None
    troubles: Troubles | None
    done: set[str] = field(default_factory=set)
    both: list[str] = field(default_factory=list)


def diff(
    fleet: Fleet,
    a: Target,
    b: Target,
    a_collection: str | None = None,
    b_collection: str | None = None,
    *,
    columns: Sequence[str] = (),
    ignore: Sequence[str] = (),
    where: str | None = None,
    limit: int | None = None,
    stats: bool = False,
    exclude: Sequence[str] = (),
    lenient: Lenient = EXACTLY,
    keep_going: bool = False,
    retries: int = 0,
    watch: Watch | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Difference | Counted]:
    """What differs, seen from A to B; nothing for what is the same. With `stats` one Counted a collection instead.

    One collection where one is named (of both sides: they may have two names), else all of both. `columns` are the only
    ones that are compared, `ignore` are not; the key always is. `where` chooses rows by an expression (`expression`).
    `limit` ends after so many differences. NotFound for a collection that was named and is not there. `exclude` are
    patterns of collections that are not compared, `lenient` is what is overlooked. With `keep_going` a collection that
    cannot be read is passed over, and FleetPartlyFailed names it at the end. Where the connection is lost, what has not
    been told of is compared again, `retries` times. Where all of two targets of one engine is compared, `watch` is told
    what they are made of otherwise (definitions.py), last.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit is {limit}", hint="it is how many differences are shown")
    watch = watch or Watch()
    choice = Choice(columns, ignore, where, lenient=lenient, exclude=exclude)
    far = _Far(limit, {} if keep_going else None)

    def compared(number: int) -> Found:
        with comparing(fleet, a, b, choice, watch, troubles=far.troubles) as comparison:
            for schemas in comparison.pairs(a_collection or b_collection, b_collection or a_collection):
                if (name := next(each.name for each in schemas if each)) in far.done:
                    continue
                found = _told(comparison, schemas)
                try:
                    yield from _wanted(_whole(found) if retries else found, far, stats=stats)
                    far.done.add(name)
                    far.both += [name] if all(each is not None and each.name == name for each in schemas) else ()
                except InTrouble as error:
                    comparison.passed_over(name, error)
                if far.left == 0:
                    return
            if lenient == EXACTLY and not (columns or ignore or where is not None):  # all of it was asked for
                for text in comparison.made_otherwise(far.both, everything=not (a_collection or b_collection)):
                    watch.said(text)

    yield from _again.gone_on(compared, retries, watch.said, sleep)
    if far.troubles:
        count = len(far.done) + len(far.troubles)
        raise _unreadable.told(far.troubles, count, "not compared", f"{a.name} and {b.name}")


def _wanted(found: Found, far: _Far, *, stats: bool) -> Found:
    """What is told of a collection: its count, or its differences, as many as are still wanted."""
    if stats:
        yield counted(found)
        return
    for each in found:
        if isinstance(each, Difference):
            yield each
            if far.left is not None:
                far.left -= 1
                if far.left == 0:
                    return


def _whole(found: Found) -> Found:
    """What was found in a collection, once all of it was: what has been told is not taken back."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        while batch := list(islice(found, _AT_ONCE)):
            pickle.dump(batch, spool, pickle.HIGHEST_PROTOCOL)
        end = spool.tell()
        spool.seek(0)
        while spool.tell() < end:
            yield from pickle.load(spool)  # noqa: S301 - we wrote it


def _told(comparison: Comparison, schemas: Schemas) -> Iterator[Difference | Counted]:
    a, b = schemas
    if a is None or b is None:
        one = a or b
        assert one is not None
        there = {"collection": one.name}
        yield Difference(one.name, None, "schema", there if a else None, there if b else None)
        yield Counted(one.name, 0, 0, 0, 0)
        return
    differences = list(pairing.schema_differences(a, b))
    if differences and not (known_by_rows(comparison.specs) and not any(comparison.counts(a.name, b.name))):
        yield from differences
    sides = comparison.sides(a, b)
    for each in comparison.rows(a, b, sides):
        yield told(a.name, sides, each) if isinstance(each, Unlike) else each
