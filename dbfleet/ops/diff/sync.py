"""`dbfleet diff --sync`: the changes that make B like A, as statements of B's language or written into it.

All differences are found first and kept in files, so memory is flat and nothing is changed while it is compared. Then,
where B checks references, in an order that never breaks one:

1. rows that go, of collections that nothing refers to: what they held in unique columns is free then
2. new rows, parents first, then changed ones; a reference of a row to its own collection is set at the end. Where
   others refer to columns that are not the key, a change may give a new row what it refers to: there changed rows come
   before the new rows of these others
3. rows that go from collections that are referred to, children first; references among themselves are let go before

What was written is proven: both sides are compared once more, and what is not like A then is told, be it a trigger's
work or somebody else's. B that is A, however it is spelled, is refused.

What cannot be done right is refused before anything is written or printed: schemas that differ in what is compared,
collections that one side lacks, rows without a key, a choice of rows by more than their key.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import pickle
import shutil
import tempfile
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, Self

from dbfleet.adapter import Adapter, Change, Written
from dbfleet.bounds import narrow
from dbfleet.errors import DbfleetError, PartialWrite, Unsupported, UsageError
from dbfleet.fidelity import alike, coarsened, convert
from dbfleet.fleet import Fleet
from dbfleet.ops import _ends, _order
from dbfleet.ops.diff import expression, pairing
from dbfleet.ops.diff.comparison import Comparison, Watch, comparing
from dbfleet.ops.diff.differences import Difference, Unlike, told
from dbfleet.ops.diff.lenient import EXACTLY, Lenient
from dbfleet.ops.diff.pairing import Choice
from dbfleet.ops.diff.words import Pairing
from dbfleet.spec import Capability, EngineSpec
from dbfleet.target import Target
from dbfleet.values import Column, Row, Schema

Kind = Literal["insert", "update", "delete"]

_AT_ONCE: Final = 1000
_CHUNK: Final = 1 << 16
_SHOWN: Final = 100
"""Rejected rows that are kept to be told."""


@dataclass(slots=True)
class Synced:
    """What was written into one collection of B."""

    target: str
    collection: str
    added: int = 0
    removed: int = 0
    changed: int = 0
    rejected: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Collection:
    """A collection of B and its changes in files, by kind."""

    schema: Schema
    folder: Path
    counts: dict[Kind, int]

    def changes(self, kind: Kind) -> Iterator[Change]:
        if self.counts[kind]:
            with (self.folder / kind).open("rb") as file:
                for _ in range(-(-self.counts[kind] // _AT_ONCE)):
                    yield from itertools.starmap(Change, pickle.load(file))  # noqa: S301 - written by ourselves


class Sync(ExitStack):
    """The changes that make B like A. Use with `with`: the files go at its end."""

    def __init__(
        self,
        fleet: Fleet,
        a: Target,
        b: Target,
        a_collection: str | None = None,
        b_collection: str | None = None,
        *,
        columns: Sequence[str] = (),
        ignore: Sequence[str] = (),
        where: str | None = None,
        exclude: Sequence[str] = (),
        lenient: Lenient = EXACTLY,
        watch: Watch | None = None,
    ) -> None:
        super().__init__()
        self._fleet, self._a, self._b = fleet, a, b
        self._names = (a_collection or b_collection, b_collection or a_collection)
        self._choice = Choice(columns, ignore, where, whole=True, lenient=lenient, exclude=exclude)
        self._watch = watch
        self._collections: list[_Collection] = []
        self._folder = Path()
        self.unlike: dict[str, int] = {}
        """How many rows were not like A's after the write, by collection."""
        self._first: Difference | None = None

    def __enter__(self) -> Self:
        """Find the changes."""
        self._folder = Path(tempfile.mkdtemp(prefix="dbfleet-sync-"))
        self.callback(shutil.rmtree, self._folder, ignore_errors=True)
        try:
            with comparing(self._fleet, self._a, self._b, self._choice, self._watch) as comparison:
                identities = comparison.identities()
                if identities[0] == identities[1] and self._names[0] == self._names[1]:
                    raise UsageError(
                        f"{self._a.name} and {self._b.name} are the same database: there is nothing to sync",
                        hint="name two collections of it: TARGET.one TARGET.other",
                    )
                self._find(comparison)
        except BaseException:
            self.close()
            raise
        return self

    @property
    def differs(self) -> bool:
        """Whether anything is to be changed."""
        return any(sum(each.counts.values()) for each in self._collections)

    @property
    def stakes(self) -> str:
        """What is to become of B's rows, in words."""
        words: dict[Kind, str] = {"insert": "added", "update": "changed", "delete": "removed"}
        counts = {word: sum(each.counts[kind] for each in self._collections) for kind, word in words.items()}
        told = [f"{count:,} row{'' if count == 1 else 's'} to be {word}" for word, count in counts.items() if count]
        return ", ".join(told) or "nothing to change"

    def digest(self) -> str:
        """The same for the same changes, in whatever order they were found."""
        total = 0
        for each in self._collections:
            for kind in each.counts:
                for change in each.changes(kind):
                    told = repr((each.schema.name, kind, change.before, change.after)).encode()
                    total += int.from_bytes(hashlib.sha256(told).digest()[:16], "big")
        return f"{total % 2**128:032x}"

    def _find(self, comparison: Comparison) -> None:
        found: list[tuple[Schema, Schema, tuple[Pairing, Pairing]]] = []
        if self._names[0] is None:
            for name in comparison.views():
                comparison.watch.said(f"view {name} stays as it is: what it shows are rows of others")
        for a, b in comparison.pairs(*self._names):
            if a is None or b is None:
                raise self._lacking(a, b)
            sides = comparison.sides(a, b)
            self._check(a, b, sides)
            found.append((a, b, sides))
        for number, (a, b, sides) in enumerate(found):
            folder = self._folder / str(number)
            folder.mkdir()
            self._collections.append(_spooled(b, sides, comparison.rows(a, b, sides), folder))

    # --- what is refused ---

    def _lacking(self, a: Schema | None, b: Schema | None) -> Unsupported:
        if a is not None:
            return Unsupported(
                f"{self._b.name} has no collection {a.name}",
                hint=f"dbfleet copy {self._a.name}.{a.name} {self._b.name} makes it; or name the collections to sync",
            )
        assert b is not None
        return Unsupported(
            f"{self._a.name} has no collection {b.name}, and --sync drops none",
            hint=f"drop it from {self._b.name} yourself, or name the collections to sync",
        )

    def _check(self, a: Schema, b: Schema, sides: tuple[Pairing, Pairing]) -> None:
        if not b.key or not sides[0].key or sorted(a.key) != sorted(b.key):
            what = "has no key" if not b.key else "has another key than " + self._a.name
            raise Unsupported(
                f"{b.name} of {self._b.name} {what}: --sync cannot say which row is which",
                hint=f"--exclude {b.name} leaves it as it is",
            )
        for each in pairing.schema_differences(a, b):
            side = each.before or each.after or {}
            name = side.get("column")
            if name is None or name in b.key or self._choice.compares(name):
                types = [(each.before or {}).get("type"), (each.after or {}).get("type")]
                raise Unsupported(
                    f"{a.name}.{name} is {types[0] or 'missing'} in {self._a.name} and {types[1] or 'missing'} "
                    f"in {self._b.name}: --sync changes rows, not columns",
                    hint=f"--ignore {name} leaves it as it is",
                )
        if self._choice.where is not None:
            words = {word.lower() for word in expression.names(self._choice.where)}
            other = next((name for name in b.names if name not in b.key and name.lower() in words), None)
            if other is not None:
                raise UsageError(
                    f"--sync with --where {other}: a row may be chosen on one side and not on the other",
                    hint=f"with --sync rows are chosen by their key: {', '.join(b.key)}",
                )

    # --- the order ---

    def _steps(self, spec: EngineSpec) -> Iterator[tuple[_Collection, Kind, Iterator[Change]]]:
        schemas = {each.schema.name: each for each in self._collections}
        parents_first = [schemas[schema.name] for schema in _order.ordered([each.schema for each in self._collections])]
        checked = Capability.REFERENCES in spec.capabilities
        referred = {reference.collection for each in self._collections for reference in each.schema.references}
        early = _changed_early([each.schema for each in parents_first])
        for each in parents_first:
            if each.schema.name not in referred:
                yield each, "delete", each.changes("delete")
        for each in parents_first:
            own = _own_references(each.schema) if checked else ()
            yield each, "insert", (_loosed(change, own) for change in each.changes("insert"))
            if own:
                yield each, "update", _tied(each.changes("insert"), own)
            if each.schema.name in early:
                yield each, "update", each.changes("update")
        for each in parents_first:
            if each.schema.name not in early:
                yield each, "update", each.changes("update")
        for each in reversed(parents_first):
            if each.schema.name in referred:
                own = _own_references(each.schema) if checked else ()
                if own:
                    yield each, "update", _let_go(each.changes("delete"), own)
                yield each, "delete", (_without(change, own) for change in each.changes("delete"))

    # --- the two ends ---

    def statements(self) -> Iterator[str]:
        """The statements of B's language, to be run in this order."""
        if self.differs:
            with self._fleet.connect(self._b, near=True) as adapter:
                for each, _, changes in self._steps(adapter.spec):
                    yield from adapter.statements(each.schema, changes)

    def text(self) -> Iterator[bytes]:
        """The same as lines of bytes, all of them or none: what the language cannot say is found before the first."""
        path = self._folder / "statements"
        with path.open("w", encoding="utf-8", newline="") as file:
            for statement in self.statements():
                file.write(f"{statement}\n")
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def write(self) -> Iterator[Synced]:
        """Write them, by the bulk path; what was written, a record a collection. PartialWrite, at the end, where B
        refused a row."""
        done = {each.schema.name: Synced(self._b.name, each.schema.name) for each in self._collections}
        refused = Written()
        if self.differs:
            with self._fleet.connect(self._b, near=True) as adapter:
                for each, kind, changes in self._steps(adapter.spec):
                    started = time.monotonic()
                    record = done[each.schema.name]
                    try:
                        written = _apply(adapter, each.schema, kind, changes)
                    except DbfleetError as error:
                        stays = "what was written before stays, and dbfleet diff shows what still differs"
                        error.hint = f"{error.hint}; {stays}" if error.hint else stays
                        raise
                    record.rejected += len(written.rejected)
                    record.seconds = round(record.seconds + time.monotonic() - started, 3)
                    refused.rejected += written.rejected[: _SHOWN - len(refused.rejected)]
                for each in self._collections:
                    for text in _ends.count_on(adapter, each.schema.name) if each.counts["insert"] else ():
                        (self._watch or Watch()).said(f"{each.schema.name}: {text}")
            self._prove()
        for each in self._collections:
            record = done[each.schema.name]
            counts = each.counts
            record.added, record.changed, record.removed = counts["insert"], counts["update"], counts["delete"]
            yield record
        if refused.rejected:
            first = refused.rejected[0]
            raise PartialWrite(
                f"{sum(each.rejected for each in done.values())} rows were refused, the first: {first.reason}",
                written=refused,
                target=self._b.name,
                hint="dbfleet diff shows what still differs",
            )

    def _prove(self) -> None:
        """Compare once more: a trigger writes where it likes."""
        with comparing(self._fleet, self._a, self._b, self._choice, self._watch) as comparison:
            for a, b in comparison.pairs(*self._names):
                if a is None or b is None:
                    continue
                sides = pairing.pairings(a, b, comparison.specs, self._choice)
                for each in comparison.rows(a, b, sides):
                    if isinstance(each, Unlike):
                        self.unlike[b.name] = self.unlike.get(b.name, 0) + 1
                        self._first = self._first or told(b.name, sides, each)

    @property
    def complaint(self) -> str:
        """What was not like A after the write, in words; empty where all was."""
        if not self.unlike or self._first is None:
            return ""
        rows = ", ".join(f"{name} ({count:,} row{'' if count == 1 else 's'})" for name, count in self.unlike.items())
        first = asdict(self._first)
        shown = json.dumps({word: first[word] for word in ("key", "before", "after")}, default=str, ensure_ascii=False)
        return (
            f"{self._b.name} is not like {self._a.name} after the write: {rows}, the first {shown}. "
            "A trigger or somebody else has changed what was written"
        )


def _spooled(schema: Schema, sides: tuple[Pairing, Pairing], found: Iterable[Any], folder: Path) -> _Collection:
    """The differences as changes of B's rows, in files."""
    change_of = _changes(schema, sides)
    waiting: dict[Kind, list[tuple[Row | None, Row | None]]] = {"insert": [], "update": [], "delete": []}
    counts: dict[Kind, int] = dict.fromkeys(waiting, 0)
    with ExitStack() as stack:
        files: dict[Kind, Any] = {}

        def flush(kind: Kind) -> None:
            if kind not in files:
                files[kind] = stack.enter_context((folder / kind).open("wb"))
            pickle.dump(waiting[kind], files[kind], pickle.HIGHEST_PROTOCOL)
            waiting[kind] = []

        for unlike in found:
            if isinstance(unlike, Unlike):
                before, after = change_of(unlike)
                kind: Kind = "insert" if before is None else "delete" if after is None else "update"
                counts[kind] += 1
                waiting[kind].append((before, after))
                if len(waiting[kind]) >= _AT_ONCE:
                    flush(kind)
        for kind in waiting:
            if waiting[kind]:
                flush(kind)
    return _Collection(schema, folder, counts)


def _changes(schema: Schema, sides: tuple[Pairing, Pairing]) -> Callable[[Unlike], tuple[Row | None, Row | None]]:
    """A function from what differs to B's row as it is and as it shall be, in the schema's order and as B keeps it."""
    places = [[column.name for column in side.columns] for side in sides]
    compared = {column.name for column in sides[0].columns[: sides[0].compared]}
    ours = {name: place for place, name in enumerate(places[0])}
    theirs = {name: place for place, name in enumerate(places[1])}
    fitting = [
        _fitting(sides[0].columns[ours[name]], schema.column(name)) if name in ours else None for name in schema.names
    ]
    kept = [replace(column, coarse=narrow(column, sides[0].specs[1]).coarse) for column in schema.columns]
    coarsen = coarsened(kept, sides[0].specs[1]) or (lambda row: row)

    def taken_of(row: Row, names: Container[str]) -> Row:
        fits = zip(schema.names, fitting, strict=True)
        return tuple([fit(row[ours[name]]) if fit and name in names else None for name, fit in fits])

    def change_of(unlike: Unlike) -> tuple[Row | None, Row | None]:
        a, b = unlike.a, unlike.b
        before = None if b is None else tuple([b[theirs[name]] for name in schema.names])
        if a is None:
            return before, None
        if before is None:
            # What A has, and what is not compared with it: a new row is made whole.
            return None, coarsen(taken_of(a, ours))
        taken = coarsen(taken_of(a, compared))
        row = tuple(
            [
                new if name in compared and name not in schema.key else old
                for name, old, new in zip(schema.names, before, taken, strict=True)
            ]
        )
        return before, row

    return change_of


def _fitting(column: Column, new: Column) -> Callable[[Any], Any] | None:
    """What makes a value of A's column one of B's; None where none is."""
    if not alike(column, new):
        return None
    change = convert(column, new)
    return (lambda value: None if value is None else change(value)) if change else lambda value: value


def _apply(adapter: Adapter, schema: Schema, kind: Kind, changes: Iterator[Change]) -> Written:
    if kind == "delete":
        places = schema.key_indexes
        keys = (tuple([change.before[place] for place in places]) for change in changes if change.before is not None)
        for some in _batches(keys):
            adapter.delete(schema, some)
        return Written()
    rows: Iterator[Row] = (change.after for change in changes if change.after is not None)
    first = next(rows, None)
    if first is None:
        return Written()
    rows = itertools.chain([first], rows)
    kept = [place for place, column in enumerate(schema.columns) if not column.generated]
    if len(kept) < len(schema.columns):  # the server computes the others
        rows = (tuple([row[place] for place in kept]) for row in rows)
        schema = replace(schema, columns=tuple(schema.columns[place] for place in kept))
    return adapter.write(schema, _batches(rows), mode="upsert")


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rest = iter(rows)
    while batch := list(itertools.islice(rest, _AT_ONCE)):
        yield batch


def _changed_early(parents_first: Sequence[Schema]) -> set[str]:
    """The collections to which others refer by columns that are not the key, and so may change. Not those that refer to
    what comes after them, in a circle."""
    turns = {schema.name: (turn, set(schema.key)) for turn, schema in enumerate(parents_first)}
    found = {
        each.collection
        for schema in parents_first
        for each in schema.references
        if each.collection in turns and each.collection != schema.name and set(each.keys) != turns[each.collection][1]
    }
    return {
        schema.name
        for schema in parents_first
        if schema.name in found
        and all(
            turns[each.collection][0] <= turns[schema.name][0] for each in schema.references if each.collection in turns
        )
    }


# --- references of a collection to itself ---------------------------------------------------------------------------


def _own_references(schema: Schema) -> tuple[int, ...]:
    """The places of the columns that refer to the collection itself and may be NULL."""
    own = [reference for reference in schema.references if reference.collection == schema.name]
    names = {name for reference in own for name in reference.columns}
    return tuple(
        place
        for place, column in enumerate(schema.columns)
        if column.name in names and column.nullable and column.name not in schema.key
    )


def _null(row: Row, places: Sequence[int]) -> Row:
    return tuple([None if place in places else value for place, value in enumerate(row)])


def _loosed(change: Change, own: Sequence[int]) -> Change:
    return Change(None, _null(change.after, own)) if own and change.after is not None else change


def _tied(changes: Iterator[Change], own: Sequence[int]) -> Iterator[Change]:
    for change in changes:
        if change.after is not None and any(change.after[place] is not None for place in own):
            yield Change(_null(change.after, own), change.after)


def _let_go(changes: Iterator[Change], own: Sequence[int]) -> Iterator[Change]:
    for change in changes:
        if change.before is not None and any(change.before[place] is not None for place in own):
            yield Change(change.before, _null(change.before, own))


def _without(change: Change, own: Sequence[int]) -> Change:
    return Change(_null(change.before, own), None) if own and change.before is not None else change
