"""What the tests of copy and diff share: two SQLite files of a fleet's own, and rows of any schema."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.fleet import Fleet
from dbfleet.target import Target
from dbfleet.values import Batch, Column, Row, Schema, Type


def fleet_in(folder: Path) -> Fleet:
    return Fleet.open("t", environ={"DBFLEET_STATE_DIR": str(folder / "state"), "DBFLEET_CONFIG": ""}, directory=folder)


@dataclass
class Pair:
    """Two files, `a` and `b`."""

    fleet: Fleet
    a: Target
    b: Target

    @classmethod
    def made(cls, folder: Path) -> Pair:
        fleet = fleet_in(folder)
        return cls(fleet, *(fleet.target(f"sqlite:///{folder / name}.db").with_(create=True) for name in "ab"))

    def open(self, target: Target) -> Adapter:
        return registry.connect(target)

    def fill(self, target: Target, schema: Schema, rows: Iterable[Row]) -> None:
        with self.open(target) as adapter:
            adapter.drop(schema.name)
            adapter.create(schema)
            adapter.write(schema, [list(rows)])

    def rows(self, target: Target, schema: Schema) -> Batch:
        with self.open(target) as adapter:
            return [row for batch in adapter.scan(schema) for row in batch]


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
).filter(lambda value: value is not None)
VALUES: dict[Type, st.SearchStrategy[Any]] = {
    Type.BOOL: st.booleans(),
    Type.INT: st.integers(-(2**63), 2**63 - 1),
    Type.DECIMAL: st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9),
    Type.FLOAT: st.floats(),
    Type.TEXT: _TEXT,
    Type.BYTES: st.binary(max_size=12),
    Type.DATE: st.dates(),
    Type.TIME: st.times(),
    Type.DATETIME: st.datetimes(),
    Type.INSTANT: st.datetimes(timezones=st.just(UTC)),
    Type.UUID: st.uuids(),
    Type.JSON: _JSON,
}
KEYS = (Type.INT, Type.TEXT, Type.UUID, Type.DATE)


@st.composite
def tables(draw: st.DrawFn, *, keyed: bool | None = None) -> tuple[Schema, list[Row]]:
    """A schema with odd names, a key of one or two columns or none, and up to 30 rows of it, keys unique."""
    names = draw(st.lists(st.sampled_from(["id", "Order No", "select", "ünï", 'quo"te', "a.b", "z"]), min_size=2,
                          max_size=6, unique=True))  # fmt: skip
    width = draw(st.integers(1 if keyed else 0, min(2, len(names) - 1)))
    if keyed is False:
        width = 0
    columns = [Column(name, draw(st.sampled_from(KEYS)), False) for name in names[:width]]
    columns += [Column(name, draw(st.sampled_from(list(Type)))) for name in names[width:]]
    schema = Schema("t", tuple(columns), tuple(names[:width]))
    row = st.tuples(
        *(VALUES[column.type] if column.name in schema.key else st.none() | VALUES[column.type] for column in columns)
    )
    unique = (lambda found: found[:width]) if width else None
    return schema, draw(st.lists(row, max_size=30, unique_by=unique) if unique else st.lists(row, max_size=30))
