"""Rows that are not the same on both sides: what is told of them, and the two ways in which they are found.

Of rows in memory (the rows of some buckets) by their comparable tuples, of lines by the cells whose bytes differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from dbfleet.lines import value_of, value_of_text
from dbfleet.ops.diff.compare import comparable
from dbfleet.ops.diff.lenient import all_near, places
from dbfleet.ops.diff.words import Pairing
from dbfleet.spec import Unfold
from dbfleet.values import Batch, Column, Row


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
        """Whether anything is not the same."""
        return bool(self.added or self.removed or self.changed or self.schema)


@dataclass(frozen=True, slots=True)
class Unlike:
    """A row of A and a row of B with one key (None: there is none), and the places at which they differ. Rows are in
    the order of their side's pairing; of rows found by their lines other places may hold None."""

    a: Row | None
    b: Row | None
    places: tuple[int, ...] = ()


def told(collection: str, sides: tuple[Pairing, Pairing], unlike: Unlike) -> Difference:
    """What the user sees of it."""
    if unlike.a is None or unlike.b is None:
        change: Literal["added", "removed"] = "added" if unlike.a is None else "removed"
        row, side = (unlike.b, sides[1]) if unlike.a is None else (unlike.a, sides[0])
        assert row is not None
        whole = _whole(side, row)
        before, after = (whole, None) if change == "removed" else (None, whole)
        return Difference(collection, _key(side, row), change, before, after)
    before, after = {}, {}
    for place in unlike.places:
        column, mine, yours = sides[0].columns[place], unlike.a[place], unlike.b[place]
        if (unfold := _unfolding(sides[0])) is not None:
            for whole, part in zip((before, after), unfold(column, mine, yours), strict=True):
                whole |= part
            continue
        values = shown(column, mine), shown(column, yours)
        before[column.name], after[column.name] = (mine, yours) if values[0] == values[1] else values
    return Difference(collection, _key(sides[0], unlike.a), "changed", before, after)


def _unfolding(side: Pairing) -> Unfold | None:
    return side.specs[0].unfold if side.native else None


def _whole(side: Pairing, row: Row) -> dict[str, Any]:
    unfold = _unfolding(side)
    if unfold is None:
        return {column.name: shown(column, value) for column, value in zip(side.columns, row, strict=True)}
    whole: dict[str, Any] = {}
    for column, value in zip(side.columns, row, strict=True):
        whole |= unfold(column, value, None)[0]
    return whole


def _key(side: Pairing, row: Row) -> dict[str, Any] | None:
    if (unfold := _unfolding(side)) is not None:
        return {name: each for place in side.key
                for name, each in unfold(side.columns[place], row[place], None)[0].items()} or None  # fmt: skip
    return {side.columns[place].name: shown(side.columns[place], row[place]) for place in side.key} or None


def shown(column: Column, value: Any) -> Any:
    """The value as it is shown: the engine's own text as a value of the closed set, where it is one."""
    if column.shown is None or not isinstance(value, str):
        return value
    return value_of_text(replace(column, type=column.shown), value, value)


def counted(differences: Iterable[Difference | Counted]) -> Counted:
    """A collection's differences, which end with its count, in numbers."""
    counts: dict[str, int] = defaultdict(int)
    for each in differences:
        if isinstance(each, Counted):
            return Counted(
                each.collection, each.same, counts["added"], counts["removed"], counts["changed"], counts["schema"]
            )
        counts[each.change] += 1
    raise AssertionError("a collection ends with its count")


# --- rows against rows ---------------------------------------------------------------------------------------------


def of_rows(sides: tuple[Pairing, Pairing], a: Iterator[Batch], b: Iterator[Batch]) -> Iterator[Unlike]:
    """What differs between two sets of rows that fit into memory, by key."""
    theirs: dict[tuple[Any, ...], list[tuple[tuple[Any, ...], Row]]] = {}
    for key, made, row in _keyed(sides[1], b):
        theirs.setdefault(key, []).append((made, row))
    nears = sides[0].nears()
    same = all_near(nears)
    unmatched: list[tuple[tuple[Any, ...], tuple[Any, ...], Row]] = []
    for key, made, row in _keyed(sides[0], a):
        same_key = theirs.get(key)
        if same_key:
            place = next((place for place, (other, _) in enumerate(same_key) if same(made, other)), None)
            if place is not None:
                del same_key[place]
                if not same_key:
                    del theirs[key]
                continue
        unmatched.append((key, made, row))
    found: list[Unlike] = []
    for key, made, row in unmatched:
        same_key = theirs.get(key)
        if same_key:
            other, their_row = same_key.pop(0)
            if not same_key:
                del theirs[key]
            found.append(Unlike(row, their_row, places(nears, made, other)))
        else:
            found.append(Unlike(row, None))
    found += [Unlike(None, row) for rows in theirs.values() for _, row in rows]
    found.sort(key=lambda unlike: _sortable(sides, unlike))
    yield from found


def _keyed(pairing: Pairing, batches: Iterator[Batch]) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...], Row]]:
    tuples, keys_of = pairing.tuples(), pairing.keys()
    for batch in batches:
        made = tuples(batch)
        yield from zip(keys_of(made), made, batch, strict=True)


def _sortable(sides: tuple[Pairing, Pairing], unlike: Unlike) -> tuple[Any, ...]:
    """By key, numbers as numbers, whatever the types of the two sides."""
    row, side = (unlike.a, sides[0]) if unlike.a is not None else (unlike.b, sides[1])
    assert row is not None
    values = [row[place] for place in side.key] if side.key else row
    if side.key and _unfolding(side) is not None:
        values = list((_key(side, row) or {}).values())
    return tuple(
        (0, value, "") if isinstance(value, int | float) and value == value else (1, 0, str(value)) for value in values
    )


# --- lines against lines --------------------------------------------------------------------------------------------


class Cells:
    """Two lines of one key as what differs between them, if anything does: only cells whose bytes differ become values,
    or all of a row that is not the same where `whole`."""

    def __init__(self, sides: tuple[Pairing, Pairing], *, whole: bool = False) -> None:
        self._columns, self._their_columns = sides[0].columns, sides[1].columns
        self._key = sides[0].key
        self._whole = whole
        lenient = sides[0].lenient
        self._values = [
            comparable([each], sides[0].specs, lenient=lenient) for each in self._columns[: sides[0].compared]
        ]
        self._nears = sides[0].nears()

    def __call__(self, line: bytes | None, other: bytes | None) -> Unlike | None:
        if line is None or other is None:
            if line is None:
                return Unlike(None, self._row(self._their_columns, (other or b"").split(b"\t")))
            return Unlike(self._row(self._columns, line.split(b"\t")), None)
        mine, yours = line.split(b"\t"), other.split(b"\t")
        found = []
        for place, values in enumerate(self._values):
            cell, their_cell = mine[place], yours[place]
            if cell != their_cell:
                column = self._columns[place]
                ((one,),), ((two,),) = values([(value_of(column, cell),)]), values([(value_of(column, their_cell),)])
                near = self._nears[place]
                if one != two and not (near and near(one, two)):
                    found.append(place)
        if not found:
            return None
        if self._whole:
            return Unlike(self._row(self._columns, mine), self._row(self._their_columns, yours), tuple(found))
        ours = self._row(self._columns, mine, {*self._key, *found})
        return Unlike(ours, self._row(self._their_columns, yours, set(found)), tuple(found))

    def _row(self, columns: Sequence[Column], cells: list[bytes], places: set[int] | None = None) -> Row:
        return tuple(
            [
                value_of(column, cell) if places is None or place in places else None
                for place, (column, cell) in enumerate(zip(columns, cells, strict=True))
            ]
        )
