"""For arbitrary schemas and rows, over every pair of engines of this run: what is copied, or dumped and loaded, does
not differ; what is changed is found, exactly; and the digest depends on nothing but the rows.

A pair's examples are few and rich, as each moves a database of three collections around between real servers: one way
by copy, the other way by dump and load, in turns. They are the same in every run, so that a failure is of the change
that is tested; `DBFLEET_EXAMPLES=20` tries as many others, new ones each time.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from anything import Table, changes, databases
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from targets import engines

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.fleet import Fleet
from dbfleet.ops.copy import copy
from dbfleet.ops.diff import Difference, diff
from dbfleet.ops.dump import dump
from dbfleet.ops.load import inputs as load_inputs
from dbfleet.ops.load import load
from dbfleet.target import Target
from dbfleet.values import TEXT_OF, Digest, Row, Schema, Type, digest_rows

EXPLORING = "DBFLEET_EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("DBFLEET_EXAMPLES", "1" if os.environ.get("DBFLEET_RUNTIME") == "docker" else "2"))
NAMES = ("prop_a", "prop_b", "prop_c")
# No shrinking: against servers it takes minutes, and a difference names its columns.
FEW = settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "pair" in metafunc.fixturenames:
        pairs = list(itertools.combinations(engines(metafunc.config), 2))
        metafunc.parametrize("pair", pairs, ids=["-".join(pair) for pair in pairs])


@pytest.fixture
def two(pair: tuple[str, str], ends: dict[str, Target]) -> Iterator[tuple[Target, Target]]:
    found = ends[pair[0]], ends[pair[1]]
    try:
        yield found
    finally:
        for target in found:
            with registry.connect(target) as adapter:
                emptied(adapter)


def test_what_moves_between_two_engines_stays_the_same(
    fleet: Fleet, pair: tuple[str, str], two: tuple[Target, Target]
) -> None:
    @FEW
    @given(data=st.data())
    def moves(data: st.DataObject) -> None:
        check_moves(fleet, two, data)

    # A pair's own: one seed for all would give every pair the same database.
    (moves if EXPLORING else seed(zlib.crc32("-".join(pair).encode()))(moves))()


def check_moves(fleet: Fleet, two: tuple[Target, Target], data: st.DataObject) -> None:
    a, b = data.draw(st.permutations(two), label="from and to")
    specs = registry.spec(a.engine), registry.spec(b.engine)
    tables = data.draw(databases(specs, NAMES), label="database")
    assume(len(tables[0].rows) > 2)  # the simplest example, which always comes first, would be the only one
    schemas = [table.schema for table in tables]
    with registry.connect(a) as adapter:
        emptied(adapter)
        for table in tables:
            adapter.create(table.schema)
            written = adapter.write(table.schema, [table.rows])
            assert (written.rows, written.rejected) == (len(table.rows), [])
            check_digest(adapter, table, data)
    with registry.connect(b) as adapter:
        emptied(adapter)

    copied = {each.collection: each for each in copy(fleet, a, b, NAMES, verify=True)}
    for table in tables:
        there = copied[table.schema.name]
        expected = digest_rows(table.schema.columns, [table.kept(*specs)])
        assert (there.rows, there.same, there.digest) == (len(table.rows), True, str(expected))
    assert differences(fleet, a, b) == []

    expected_changes = []
    narrow = all(fits_parquet(table.schema, table.rows) for table in tables)
    with registry.connect(b) as adapter:
        for table in tables:
            found, rows = data.draw(changes(table, specs), label=f"changes of {table.schema.name}")
            expected_changes += [(table.schema.name, change, texts(table.schema, key)) for change, key in found]
            assert not rows or adapter.write(table.schema, [rows], mode="upsert").rejected == []
            narrow = narrow and fits_parquet(table.schema, rows)
    by_name = {schema.name: schema for schema in schemas}
    assert sorted(
        (each.collection, each.change, texts(by_name[each.collection], tuple((each.key or {}).values())))
        for each in differences(fleet, a, b)
    ) == sorted(expected_changes)

    ways = [("jsonl", None), ("jsonl", "gzip"), ("csv", "zstd"), ("parquet", None)]
    way = data.draw(st.sampled_from(ways if narrow else ways[:-1]))
    move_by_files(fleet, b, a, *way)
    assert differences(fleet, b, a) == []


def check_digest(adapter: Adapter, table: Table, data: st.DataObject) -> None:
    """By order, by parts, by size of a batch: it is always that of the rows."""
    schema, spec = table.schema, adapter.spec
    expected = digest_rows(schema.columns, [data.draw(st.permutations(table.kept(spec)))])
    size = data.draw(st.integers(1, 20), label="batch size")
    assert digest_rows(schema.columns, adapter.scan(schema, batch_size=size)) == expected
    total = Digest()
    for part in adapter.split(schema, 3):
        total += digest_rows(schema.columns, adapter.scan(schema, part, batch_size=size))
    assert total == expected
    on_server = getattr(adapter, "digest", None)
    assert on_server is None or on_server(schema) == expected


def move_by_files(fleet: Fleet, source: Target, sink: Target, format: str, compress: str | None) -> None:
    """Dump the source, load it into an emptied sink."""
    folder = Path(tempfile.mkdtemp(prefix="dbfleet-property-"))
    try:
        dumped = {
            each.collection: each
            for each in dump(fleet, source, NAMES, directory=folder / "d", format=format, compress=compress)
        }
        with registry.connect(sink) as adapter:
            emptied(adapter)
        with load_inputs.find(str(folder / "d"), collection=None, format=None, key=None, stdin=None) as inputs:
            for each in load(fleet, sink, inputs, verify=True):
                assert (each.rows, each.rejected, each.verified) == (dumped[each.collection].rows, 0, True)
    finally:
        shutil.rmtree(folder)


def fits_parquet(schema: Schema, rows: list[Row]) -> bool:
    """Whether the integers have 64 bits: the dump refuses others, by the column's name."""
    places = [place for place, column in enumerate(schema.columns) if column.type is Type.INT]
    return all(row[place] is None or -(2**63) <= row[place] < 2**63 for row in rows for place in places)


def differences(fleet: Fleet, a: Target, b: Target) -> list[Difference]:
    """Of our collections: what other tests of this run have left behind is not compared."""
    return [each for each in diff(fleet, a, b) if isinstance(each, Difference) and each.collection in NAMES]


def emptied(adapter: Adapter) -> None:
    for name in reversed(NAMES):
        adapter.drop(name)


def texts(schema: Schema, key: Row) -> tuple[str, ...]:
    return tuple(TEXT_OF[schema.column(name).type](value) for name, value in zip(schema.key, key, strict=True))
