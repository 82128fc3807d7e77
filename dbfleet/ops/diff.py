"""`dbfleet diff`: which rows of two collections differ, row by row, between any two engines.

Rows are paired by key; without one, whole rows are a multiset. Values are the same where their canonical texts are,
after both have been cut to what the coarser side declares to keep (ops/_compare.py). Each side is read in a process of
its own (ops/_sides.py): once into a sum for each of a million buckets of keys, and once more for the rows of the
buckets that differ, which are compared exactly. So memory is flat, order does not matter, and where nothing differs
nothing is read twice.

Schemas that differ are told first, and what can be compared still is.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from dbfleet.adapter import EngineSpec, Target, coarsened
from dbfleet.errors import DbfleetError, NotFound, UsageError, nearest
from dbfleet.fleet import Fleet
from dbfleet.ops import _merge, _sides, _where, _workers
from dbfleet.ops._compare import comparable
from dbfleet.ops._merge import value_of
from dbfleet.ops._plan import fraction_digits
from dbfleet.ops._sides import BUCKETS, FEW_BUCKETS, CanOrder, Order, Pairing, Spill, Sum, Summed
from dbfleet.ops._workers import Worker
from dbfleet.values import Batch, Column, Row, Schema, Type

_ROWS_AT_ONCE: Final = 40_000
"""Of both sides together, compared in memory: some 40 MB of wide rows."""
_MOST_FILES: Final = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """`changed` has the changed columns in `before` (A) and `after` (B), `added` the row in `after`, `removed` in
    `before`. `schema`: what a side lacks is None; a column is `{"column", "type"}`, a key `{"key"}`, a collection
    `{"collection"}`."""

    collection: str
    key: Mapping[str, Any] | None
    change: Literal["added", "removed", "changed", "schema"]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Counted:
    """A collection in numbers, with `stats`: rows by what they are; `schema` counts differences between the schemas."""

    collection: str
    same: int
    added: int
    removed: int
    changed: int
    schema: int = 0

    @property
    def differs(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.schema)


class Watch:
    """What `diff` tells on its way; every method may be overridden."""

    def progress(self, side: str, collection: str, rows: int) -> None:
        """How many rows of a side have been read."""

    def said(self, text: str) -> None:
        """What the user should know: at which fidelity is compared."""


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
    watch: Watch | None = None,
) -> Iterator[Difference | Counted]:
    """What differs, seen from A to B; nothing for what is the same. With `stats` one Counted a collection instead.

    One collection where one is named (of both sides: they may have two names), else all of both. `columns` are the only
    ones that are compared, `ignore` are not; the key always is. `where` chooses rows by an expression (ops/_where.py).
    `limit` ends after so many differences. NotFound for a collection that was named and is not there.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"--limit is {limit}", hint="it is how many differences are shown")
    if columns and ignore:
        raise UsageError("--columns and --ignore: only one can choose")
    if where is not None:
        _where.names(where)  # what cannot be read is told before anybody connects
    job = _Job(fleet, a, b, columns, ignore, where, watch or Watch())
    # Forked before a connection is open: a driver's sockets are not for two processes.
    workers = _workers.start(
        [(name, partial(_sides.read, fleet=fleet, target=target)) for name, target in (("A", a), ("B", b))]
    )
    folder = Path(tempfile.mkdtemp(prefix="dbfleet-diff-"))
    try:
        found = job.run(workers, folder, a_collection or b_collection, b_collection or a_collection, stats)
        left = limit
        for each in found:
            yield each
            if left is not None and isinstance(each, Difference):
                left -= 1
                if left == 0:
                    return
    finally:
        _stop(workers)
        shutil.rmtree(folder, ignore_errors=True)


def _stop(workers: Sequence[Worker]) -> None:
    """Tell both sides, and read what they are about to say: one that waits for a reader cannot stop."""
    for worker in workers:
        worker.tell_to_stop()
    for worker in workers:
        while not worker.ended:
            with contextlib.suppress(Exception):
                worker.receive()
    _workers.stop(workers)


class _Job:
    """One diff."""

    def __init__(
        self,
        fleet: Fleet,
        a: Target,
        b: Target,
        columns: Sequence[str],
        ignore: Sequence[str],
        where: str | None,
        watch: Watch,
    ) -> None:
        self._targets = (a, b)
        self._specs: tuple[EngineSpec, EngineSpec] = (fleet.spec(a), fleet.spec(b))
        self._columns, self._ignore, self._where = columns, ignore, where
        self._watch = watch
        self._workers: Sequence[Worker] = ()

    def run(
        self, workers: Sequence[Worker], folder: Path, a_name: str | None, b_name: str | None, stats: bool
    ) -> Iterator[Difference | Counted]:
        self._workers = workers
        for worker in workers:
            worker.send(_Connect())
        for schemas in self._pairs(a_name, b_name):
            differences: Iterator[Difference | Counted] = self._collection(*schemas, folder)
            if stats:
                yield _counted(differences)
            else:
                yield from (each for each in differences if isinstance(each, Difference))

    # --- talking with the sides ---

    def _ask(self, *words: object) -> list[Any]:
        """A word to each side (None: no word), and their answers."""
        asked = [worker for worker, word in zip(self._workers, words, strict=True) if word is not None]
        for worker, word in zip(self._workers, words, strict=True):
            if word is not None:
                worker.send(word)
        answers: dict[str, Any] = {}
        for worker in _workers.listen(asked):
            message = worker.receive()
            if isinstance(message, tuple) and message and message[0] == "rows":
                self._watch.progress(worker.name, message[1], message[2])
                continue
            answers[worker.name] = message
            if len(answers) == len(asked):
                break
        return [answers.get(worker.name) for worker in self._workers]

    def _pairs(self, a_name: str | None, b_name: str | None) -> Iterator[tuple[Schema | None, Schema | None]]:
        if a_name is not None:
            a, b = self._ask(_Describe(a_name), _Describe(b_name or a_name))
            yield a, b
            return
        names = self._ask(_List(), _List())
        for name in sorted({*names[0], *names[1]}):
            a, b = self._ask(*(_Describe(name) if name in there else None for there in names))
            yield a, b

    # --- one collection ---

    def _collection(self, a: Schema | None, b: Schema | None, folder: Path) -> Iterator[Difference | Counted]:
        if a is None or b is None:
            one = a or b
            assert one is not None
            there = {"collection": one.name}
            yield Difference(one.name, None, "schema", there if a else None, there if b else None)
            yield Counted(one.name, 0, 0, 0, 0)
            return
        yield from _schema_differences(a, b)
        pairings = self._pairings(a, b)
        if _may_merge(a, b, pairings) and all(self._ask(*(CanOrder(pairing) for pairing in pairings))):
            yield from self._merged(a.name, pairings)
        else:
            yield from self._summed(a.name, pairings, folder)

    def _merged(self, name: str, pairings: tuple[Pairing, Pairing]) -> Iterator[Difference | Counted]:
        """The fast path: both sides' lines in the order of the key, once."""
        for worker, pairing in zip(self._workers, pairings, strict=True):
            worker.send(Order(pairing))
        sides = [_merge.Counting(self._lines(worker, name)) for worker in self._workers]
        key = [pairings[0].columns[place] for place in pairings[0].key]
        compare = _Cells(name, pairings)
        found = 0
        for line, other in _merge.pairs(sides[0], sides[1], _merge.order_of(key)):
            each = compare(line, other)
            if each is not None:
                found += each.change != "added"
                yield each
        yield Counted(name, sides[0].rows - found, 0, 0, 0)

    def _lines(self, worker: Worker, name: str) -> Iterator[bytes]:
        rows, told = 0, time.monotonic()
        while (chunk := worker.receive()) is not None:
            yield chunk
            rows += chunk.count(b"\n")
            if time.monotonic() - told > 0.1:
                told = time.monotonic()
                self._watch.progress(worker.name, name, rows)

    def _summed(self, name: str, pairings: tuple[Pairing, Pairing], folder: Path) -> Iterator[Difference | Counted]:
        """The plain path: sums of buckets first, then the rows of those that differ."""
        summed: list[Summed] = self._ask(*(Sum(pairing) for pairing in pairings))
        few = all(each.few is not None for each in summed)
        buckets = FEW_BUCKETS if few else BUCKETS
        sums = [each.buckets(buckets) for each in summed]
        same_sums = sums[0] == sums[1]
        rows = [each.rows for each in summed]
        del summed
        found = 0
        if not same_sums:
            marked = bytes(map(int.__ne__, *sums))
            del sums
            expected = sum(rows) * sum(marked) // buckets
            parts = min(max(1, -(-expected // _ROWS_AT_ONCE)), _MOST_FILES)
            files = [tuple(folder / f"{side}.{part}" for part in range(parts)) for side in "ab"]
            self._ask(*(Spill(pairing, marked, each) for pairing, each in zip(pairings, files, strict=True)))
            for a_file, b_file in zip(*files, strict=True):
                for each in _compared(name, pairings, _sides.spilled(a_file), _sides.spilled(b_file)):
                    found += each.change != "added"
                    yield each
        yield Counted(name, rows[0] - found, 0, 0, 0)

    def _pairings(self, a: Schema, b: Schema) -> tuple[Pairing, Pairing]:
        key = _shared_key(a, b)
        common = [column.name for column in a.columns if column.name in b.names]
        for name in (*self._columns, *self._ignore):
            if name not in common:
                if name in a.names or name in b.names:
                    continue  # told as a difference of the schemas
                close = nearest(name, common)
                raise UsageError(f"{a.name} has no column {name}", hint=f"did you mean {close}?" if close else None)
        same = [name for name in common if a.column(name).type is b.column(name).type]
        wanted = [
            name
            for name in same
            if name not in key and (name in self._columns if self._columns else name not in self._ignore)
        ]
        for name in (*key, *wanted):
            self._say_fidelity(a.name, a.column(name), b.column(name))
        as_text = tuple(name for name in key if name not in same)
        tested: list[str] = []
        if self._where is not None:
            # Read, and seen by the expression, but not compared.
            words = {word.lower() for word in _where.names(self._where)}
            tested = [name for name in same if name.lower() in words and name not in key and name not in wanted]
            _where.parse(self._where, [a.column(name) for name in (*same,)])
        chosen = bool(self._columns or self._ignore)
        sides = []
        for schema, other in ((a, b), (b, a)):
            compared = [*key, *wanted]
            partition = schema.partition or schema.key[:1]
            more = [
                name for name in (partition if chosen else schema.names) if name not in compared and name not in tested
            ]
            read = [*compared, *tested, *more]
            sides.append(
                Pairing(
                    schema.name,
                    tuple(_alike(schema.column(name), other) for name in read),
                    len(compared),
                    len(compared) + len(tested),
                    tuple(range(len(key))),
                    self._specs,
                    as_text,
                    self._where,
                    schema.edge,
                    partition,
                )
            )
        return sides[0], sides[1]

    def _say_fidelity(self, collection: str, a: Column, b: Column) -> None:
        if a.type in (Type.TIME, Type.DATETIME, Type.INSTANT):
            digits = [fraction_digits(column, spec) for column, spec in zip((a, b), self._specs, strict=True)]
            if digits[0] != digits[1]:
                self._coarser(collection, a.name, f"{min(digits)} digits of a second", digits[0] < digits[1])
            return
        limits = [spec.limits for spec in self._specs]
        if a.type is Type.TEXT and limits[0].empty_text_is_null != limits[1].empty_text_is_null:
            self._coarser(collection, a.name, "empty text is NULL", limits[0].empty_text_is_null)
        if a.type is Type.JSON and limits[0].json_null_is_null != limits[1].json_null_is_null:
            self._coarser(collection, a.name, "the JSON null is NULL", limits[0].json_null_is_null)
        rounded = [spec.fidelity(a.type) == "rounded" and spec.limits.decimal_digits for spec in self._specs]
        if a.type is Type.DECIMAL and rounded[0] != rounded[1]:
            digits_kept = min(each for each in rounded if each)
            self._coarser(collection, a.name, f"{digits_kept} digits", rounded[0] == digits_kept)

    def _coarser(self, collection: str, column: str, how: str, a_is: bool) -> None:
        target = self._targets[0 if a_is else 1].name
        self._watch.said(f"{collection}.{column} is compared as {target} keeps it: {how}")


def _alike(column: Column, other: Schema) -> Column:
    """The column with the digits of a second that both sides have."""
    if column.name not in other.names or column.fraction_digits == (
        digits := other.column(column.name).fraction_digits
    ):
        return column
    known = [each for each in (column.fraction_digits, digits) if each is not None]
    return replace(column, fraction_digits=min(known))


def _shared_key(a: Schema, b: Schema) -> tuple[str, ...]:
    """The key by which rows are paired: A's where B has its columns, else B's, else none."""
    for schema, other in ((a, b), (b, a)):
        if schema.key and set(schema.key) <= set(other.names):
            return schema.key
    return ()


def _schema_differences(a: Schema, b: Schema) -> Iterator[Difference]:
    for name in dict.fromkeys((*a.names, *b.names)):
        sides = [
            {"column": name, "type": str(schema.column(name).type)} if name in schema.names else None
            for schema in (a, b)
        ]
        if sides[0] != sides[1]:
            yield Difference(a.name, None, "schema", sides[0], sides[1])
    if a.key != b.key and sorted(a.key) != sorted(b.key):
        yield Difference(a.name, None, "schema", {"key": list(a.key)}, {"key": list(b.key)})


def _counted(differences: Iterator[Difference | Counted]) -> Counted:
    counts: dict[str, int] = defaultdict(int)
    for each in differences:
        if isinstance(each, Counted):
            return Counted(
                each.collection, each.same, counts["added"], counts["removed"], counts["changed"], counts["schema"]
            )
        counts[each.change] += 1
    raise AssertionError("a collection ends with its count")


# --- rows against rows ---------------------------------------------------------------------------------------------


def _compared(
    collection: str, pairings: tuple[Pairing, Pairing], a: Iterator[Batch], b: Iterator[Batch]
) -> Iterator[Difference]:
    """The differences of two sets of rows that fit into memory, by key."""
    theirs: dict[tuple[Any, ...], list[tuple[tuple[Any, ...], Row]]] = {}
    for key, made, row in _keyed(pairings[1], b):
        theirs.setdefault(key, []).append((made, row))
    unmatched: list[tuple[tuple[Any, ...], tuple[Any, ...], Row]] = []
    for key, made, row in _keyed(pairings[0], a):
        same_key = theirs.get(key)
        if same_key:
            place = next((place for place, (other, _) in enumerate(same_key) if other == made), None)
            if place is not None:
                del same_key[place]
                if not same_key:
                    del theirs[key]
                continue
        unmatched.append((key, made, row))
    found: list[tuple[tuple[Any, ...], Difference]] = []
    for key, made, row in unmatched:
        same_key = theirs.get(key)
        if same_key:
            other, their_row = same_key.pop(0)
            if not same_key:
                del theirs[key]
            found.append((key, _changed(collection, pairings, made, other, row, their_row)))
        else:
            found.append((key, _one_sided(collection, pairings[0], row, "removed")))
    for key, rows in theirs.items():
        found += [(key, _one_sided(collection, pairings[1], row, "added")) for _, row in rows]
    found.sort(key=lambda pair: _sortable(pair[1]))
    for _, difference in found:
        yield difference


def _keyed(pairing: Pairing, batches: Iterator[Batch]) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...], Row]]:
    tuples, keys_of = pairing.tuples(), pairing.keys()
    for batch in batches:
        made = tuples(batch)
        yield from zip(keys_of(made), made, batch, strict=True)


def _key(pairing: Pairing, row: Row) -> dict[str, Any] | None:
    return {pairing.columns[place].name: row[place] for place in pairing.key} or None


def _changed(
    collection: str,
    pairings: tuple[Pairing, Pairing],
    made: tuple[Any, ...],
    other: tuple[Any, ...],
    row: Row,
    their_row: Row,
) -> Difference:
    names = [column.name for column in pairings[0].columns]
    places = [place for place, (mine, theirs) in enumerate(zip(made, other, strict=True)) if mine != theirs]
    return Difference(
        collection,
        _key(pairings[0], row),
        "changed",
        {names[place]: row[place] for place in places},
        {names[place]: their_row[place] for place in places},
    )


def _one_sided(collection: str, pairing: Pairing, row: Row, change: Literal["added", "removed"]) -> Difference:
    whole = {column.name: value for column, value in zip(pairing.columns, row, strict=True)}
    before, after = (whole, None) if change == "removed" else (None, whole)
    return Difference(collection, _key(pairing, row), change, before, after)


def _sortable(difference: Difference) -> tuple[Any, ...]:
    """By key, numbers as numbers, whatever the types of the two sides."""
    values = (difference.key or difference.before or difference.after or {}).values()
    return tuple(
        (0, value, "") if isinstance(value, int | float) and value == value else (1, 0, str(value)) for value in values
    )


class _Cells:
    """Two lines of one key as a difference, if they are one: only the cells whose bytes differ become values."""

    def __init__(self, collection: str, pairings: tuple[Pairing, Pairing]) -> None:
        self._collection = collection
        self._columns = pairings[0].columns
        self._key = pairings[0].key
        self._same = [comparable([column], pairings[0].specs) for column in self._columns]

    def __call__(self, line: bytes | None, other: bytes | None) -> Difference | None:
        if line is None or other is None:
            cells = (line or other or b"").split(b"\t")
            whole = {column.name: value_of(column, cell) for column, cell in zip(self._columns, cells, strict=True)}
            key = {self._columns[place].name: whole[self._columns[place].name] for place in self._key}
            if line is None:
                return Difference(self._collection, key, "added", None, whole)
            return Difference(self._collection, key, "removed", whole, None)
        mine, yours = line.split(b"\t"), other.split(b"\t")
        before, after = {}, {}
        for place, (cell, their_cell) in enumerate(zip(mine, yours, strict=True)):
            if cell != their_cell:
                column = self._columns[place]
                value, their_value = value_of(column, cell), value_of(column, their_cell)
                same = self._same[place]
                if same([(value,)]) != same([(their_value,)]):
                    before[column.name], after[column.name] = value, their_value
        if not before:
            return None
        key = {self._columns[place].name: value_of(self._columns[place], mine[place]) for place in self._key}
        return Difference(self._collection, key, "changed", before, after)


def _may_merge(a: Schema, b: Schema, pairings: tuple[Pairing, Pairing]) -> bool:
    """Whether lines say all: every column is compared as it is, and one key orders both sides."""
    mine, yours = pairings
    return (
        bool(mine.key)
        and sorted(a.key) == sorted(b.key)
        and mine.where is None
        and not mine.as_text
        and all(len(each.columns) == each.compared for each in pairings)
        and all(mine.columns[place].type in _merge.ORDERED for place in mine.key)
        and all(coarsened(each.columns, *each.specs) is None for each in (mine, yours))
    )


# --- words for the sides -------------------------------------------------------------------------------------------


class _Connect:
    """The word to connect."""


class _List:
    """The word to list the collections."""

    def __call__(self, adapter: Any) -> Any:
        return list(adapter.collections())


@dataclass(frozen=True)
class _Describe:
    """The word to describe one; NotFound, with the nearest name, where it is not there."""

    name: str

    def __call__(self, adapter: Any) -> Any:
        try:
            return adapter.describe(self.name)
        except NotFound as error:
            if error.hint is None:
                with contextlib.suppress(DbfleetError):
                    close = nearest(self.name, adapter.collections())
                    error.hint = f"did you mean {close}?" if close else None
            raise
