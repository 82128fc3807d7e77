"""Arbitrary databases within the limits that some engines have in common: what the property tests draw.

A database is some collections, each with a schema and rows: odd names of columns, keys of one or two columns or none,
every type that all of the engines keep, sizes on some columns, a reference to the first collection, an edge between its
rows. Every limit is data of the engines' specs.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from hypothesis import strategies as st

from dbfleet.fidelity import coarsened
from dbfleet.spec import Capability, EngineSpec, Fidelity, Limits
from dbfleet.values import JSON_NULL, TEXT_OF, Batch, Column, Reference, Row, Schema, Type

_COLUMNS: Final = ("id", "Order No", "select", "ünï", "a.b", "x`y", "$z", "_key", "%s", "it's", "Type", "v1")
_KEYS: Final = (Type.INT, Type.TEXT, Type.UUID, Type.DATE)
_MOST_ROWS: Final = 12
_MOST_BITS: Final = 100  # where no engine sets a limit
_MOST_DIGITS: Final = 34
_PLAIN: Final = 15
"""Digits of a number in a json document: more are refused by engines whose json numbers are doubles."""


@dataclass(frozen=True, slots=True)
class Table:
    """One collection."""

    schema: Schema
    rows: Batch

    def kept(self, *specs: EngineSpec) -> Batch:
        """The rows as all of these engines keep them."""
        coarsen = coarsened(self.schema.columns, *specs)
        return [coarsen(row) for row in self.rows] if coarsen else self.rows


def common(specs: Sequence[EngineSpec]) -> Limits:
    """What all of them keep."""
    found: dict[str, Any] = {}
    for each in fields(Limits):
        values = [getattr(spec.limits, each.name) for spec in specs]
        if each.name in ("finite_floats", "empty_text_is_null", "json_null_is_null"):
            found[each.name] = any(values)
        elif isinstance(values[0], bool):
            found[each.name] = all(values)
        elif each.name == "first_year":
            found[each.name] = max(values)
        else:
            found[each.name] = min((value for value in values if value is not None), default=None)
    return Limits(**found)


@st.composite
def databases(draw: st.DrawFn, specs: Sequence[EngineSpec], names: Sequence[str]) -> list[Table]:
    """A table a name. The second refers to the first; the third is an edge between two rows of the first."""
    first = draw(_tables(names[0], specs, keyed=True))
    second = draw(_tables(names[1], specs, keyed=None, refers_to=first))
    return [first, second, draw(_edges(names[2], specs, first))]


@st.composite
def changes(draw: st.DrawFn, table: Table, specs: Sequence[EngineSpec]) -> tuple[list[tuple[str, Row]], Batch]:
    """What becomes of a table with a key: (change, key) for each row that differs from then on at the common fidelity,
    and the changed rows. A key or a reference is never changed."""
    schema, limits = table.schema, common(specs)
    fixed = {*schema.key, *(name for reference in schema.references for name in reference.columns)}
    places = [place for place, column in enumerate(schema.columns) if column.name not in fixed]
    expected: list[tuple[str, Row]] = []
    changed: Batch = []
    if not places or not schema.key:
        return expected, changed
    coarsen = coarsened(schema.columns, *specs) or tuple
    for row in draw(st.lists(st.sampled_from(table.rows), max_size=4, unique_by=id)) if table.rows else ():
        place = draw(st.sampled_from(places))
        fresh = draw(_nullable(schema.columns[place], limits))
        other = (*row[:place], fresh, *row[place + 1 :])
        if _text(schema.columns[place], coarsen(other)[place]) != _text(schema.columns[place], coarsen(row)[place]):
            expected.append(("changed", tuple(row[each] for each in schema.key_indexes)))
            changed.append(other)
    return expected, changed


def _text(column: Column, value: Any) -> str | None:
    return None if value is None else TEXT_OF[column.type](value)


# --- tables --------------------------------------------------------------------------------------------------------


@st.composite
def _tables(
    draw: st.DrawFn, name: str, specs: Sequence[EngineSpec], *, keyed: bool | None, refers_to: Table | None = None
) -> Table:
    limits = common(specs)
    if any(Capability.KEYLESS not in spec.capabilities for spec in specs):
        keyed = True
    columns = draw(st.lists(st.sampled_from(_COLUMNS), min_size=3, max_size=8, unique=True))
    width = draw(st.integers(1 if keyed else 0, 2))
    kept = [type_ for type_ in Type if all(spec.fidelity(type_) is not Fidelity.REFUSED for spec in specs)]
    made = [Column(each, draw(st.sampled_from(_KEYS)), False) for each in columns[:width]]
    made += [draw(_columns(each, kept, limits)) for each in columns[width:]]
    values = [
        _of(column, limits, key=True) if place < width else _nullable(column, limits)
        for place, column in enumerate(made)
    ]
    key = tuple(columns[:width])
    rows = draw(
        st.lists(
            st.tuples(*values), min_size=0, max_size=_MOST_ROWS, unique_by=(lambda row: row[:width]) if width else id
        )
    )
    schema = Schema(name, tuple(made), key)
    if refers_to is not None and refers_to.rows:
        schema, rows = _referring(schema, rows, refers_to, draw)
    return Table(schema, rows)


def _referring(schema: Schema, rows: Batch, to: Table, draw: st.DrawFn) -> tuple[Schema, Batch]:
    """With columns more that hold the key of a row of `to`, or NULL."""
    names = tuple(f"ref {place}" for place in range(len(to.schema.key)))
    ends = [tuple(row[place] for place in to.schema.key_indexes) for row in to.rows]
    columns = [replace(to.schema.column(key), name=name, nullable=True) for key, name in zip(to.schema.key, names)]  # noqa: B905
    nothing = (None,) * len(names)
    return (
        replace(
            schema,
            columns=(*schema.columns, *columns),
            references=(Reference(names, to.schema.name, to.schema.key),),
        ),
        [(*row, *draw(st.sampled_from([nothing, *ends]))) for row in rows],
    )


@st.composite
def _edges(draw: st.DrawFn, name: str, specs: Sequence[EngineSpec], ends: Table) -> Table:
    """Relationships between rows of `ends`, the pair of them being the key."""
    limits = common(specs)
    there = [tuple(row[place] for place in ends.schema.key_indexes) for row in ends.rows]
    columns, references = [], []
    for word in ("from", "to"):
        names = tuple(f"{word} {key}" for key in ends.schema.key)
        columns += [replace(ends.schema.column(key), name=each) for key, each in zip(ends.schema.key, names)]  # noqa: B905
        references.append(Reference(names, ends.schema.name, ends.schema.key))
    since = Column("since", draw(st.sampled_from((Type.INT, Type.DATE, Type.TEXT))))
    schema = Schema(
        name, (*columns, since), tuple(column.name for column in columns), tuple(references), edge=True
    )  # fmt: skip
    pairs = (
        draw(st.lists(st.tuples(st.sampled_from(there), st.sampled_from(there)), max_size=6, unique=True))
        if there
        else []
    )
    return Table(schema, [(*a, *b, draw(_nullable(since, limits))) for a, b in pairs])


@st.composite
def _columns(draw: st.DrawFn, name: str, kept: Sequence[Type], limits: Limits) -> Column:
    """A column of one of these types, some with a size."""
    column = Column(name, draw(st.sampled_from(kept)))
    if not draw(st.booleans()):
        return column
    if column.type is Type.DECIMAL:
        return replace(column, precision=12, scale=3)
    if column.type is Type.TEXT:
        return replace(column, length=40)  # some count UTF-16 units
    if column.type in (Type.TIME, Type.DATETIME, Type.INSTANT):
        return replace(column, fraction_digits=3)
    return column


# --- values --------------------------------------------------------------------------------------------------------


def _nullable(column: Column, limits: Limits) -> st.SearchStrategy[Any]:
    return st.none() | _of(column, limits) | _of(column, limits)


def _of(column: Column, limits: Limits, *, key: bool = False) -> st.SearchStrategy[Any]:
    """Values of the column's type within the limits."""
    match column.type:
        case Type.BOOL:
            return st.booleans()
        case Type.INT:
            most = 2 ** ((limits.int_bits or _MOST_BITS) - 1) - 1
            return st.integers(-most - 1, most) | st.integers(-3, 3)
        case Type.DECIMAL:
            return _decimals(column, limits)
        case Type.FLOAT:
            return _floats(limits)
        case Type.TEXT:
            return _texts(limits, key=key)
        case Type.BYTES:
            return st.binary(max_size=12)
        case Type.DATE:
            return st.dates(date(limits.first_year, 1, 1), date(limits.last_year, 12, 31))
        case Type.TIME:
            return _cut(st.times(), column)
        case Type.DATETIME:
            return _cut(st.datetimes(*_years(limits)), column)
        case Type.INSTANT:
            return _cut(st.datetimes(*_years(limits), timezones=st.just(UTC)), column)
        case Type.UUID:
            return st.sampled_from((1, 3, 4, 5)).flatmap(lambda version: st.uuids(version=version))
        case Type.JSON:
            return _documents(limits)


def _cut(times: st.SearchStrategy[Any], column: Column) -> st.SearchStrategy[Any]:
    """With the column's digits of a second, some with none; `fold` is Python's alone."""
    unit = 10 ** (6 - (6 if column.fraction_digits is None else column.fraction_digits))
    return st.builds(
        lambda value, whole: value.replace(microsecond=0 if whole else value.microsecond // unit * unit, fold=0),
        times,
        st.booleans(),
    )


def _years(limits: Limits) -> tuple[datetime, datetime]:
    return datetime(limits.first_year, 1, 1), datetime(limits.last_year, 12, 31, 23, 59, 59, 999999)


def _decimals(column: Column, limits: Limits) -> st.SearchStrategy[Any]:
    scale = column.scale if column.scale is not None else min(limits.decimal_scale or 8, 8)
    digits = column.precision or min(limits.decimal_digits or _MOST_DIGITS, _MOST_DIGITS)
    most = 10 ** (digits - scale) - 1
    return st.decimals(-most, most, places=scale) | st.decimals(-9, 9, places=1)


def _floats(limits: Limits) -> st.SearchStrategy[Any]:
    smallest = 0.0 if limits.subnormal_floats else sys.float_info.min
    found = st.floats(allow_nan=not limits.finite_floats, allow_infinity=not limits.finite_floats)
    return found.filter(lambda value: value == 0 or not math.isfinite(value) or abs(value) >= smallest)


def _texts(limits: Limits, *, key: bool = False) -> st.SearchStrategy[Any]:
    most = min(limits.text_length or 14, 14)
    odd = st.sampled_from(["[/nope]", "NULL", "\\N", "é", "e\u0301", "😀👩‍👩‍👧", "\t\n\r\\", "a b ", "'\"`", "null"])
    found = st.text(_characters(limits), max_size=most) | odd
    if key and not limits.empty_text_in_key:
        found = found.filter(bool)
    if key and not limits.trailing_blanks_in_key:
        found = found.map(lambda text: text.rstrip() or "x")
    return found


def _characters(limits: Limits) -> st.SearchStrategy[str]:
    return st.characters(exclude_categories=["Cs"], exclude_characters="" if limits.nul_in_text else "\0")


def _documents(limits: Limits) -> st.SearchStrategy[Any]:
    """A document; its numbers are those that every engine's json has."""
    most = 10**_PLAIN
    text = st.text(_characters(limits), max_size=8)
    name = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
    leaf = st.none() | st.booleans() | st.integers(-most, most) | st.decimals(-999, 999, places=2) | text
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(name, inner, max_size=3),
        max_leaves=6,
    ).map(lambda value: JSON_NULL if value is None else value)
