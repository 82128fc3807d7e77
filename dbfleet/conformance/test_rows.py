"""Rows: `scan` and `get` give back what `write` was given, each row once, in flat memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dbfleet.abilities import Digests, able
from dbfleet.adapter import BATCH_BYTES, WHOLE, Adapter, WriteMode
from dbfleet.conformance.examples import examples, wide_rows, wide_schema
from dbfleet.conformance.held import needed
from dbfleet.conformance.plugin import Connect, Make
from dbfleet.errors import ConstraintViolated, DbfleetError, StatementError, Unavailable
from dbfleet.fidelity import coarsened
from dbfleet.spec import Capability
from dbfleet.values import TEXT_OF, Batch, Column, Reference, Row, Schema, Type, digest_rows, row_bytes

ID = Column("id", Type.INT, nullable=False)
PAIR = (ID, Column("v", Type.TEXT))


def rows_of(adapter: Adapter, schema: Schema) -> list[Row]:
    return [row for batch in adapter.scan(schema) for row in batch]


def kept(adapter: Adapter, schema: Schema, rows: list[Row]) -> list[Row]:
    """The rows as the engine declares that it keeps them."""
    coarsen = coarsened(schema.columns, adapter.spec)
    return [coarsen(row) for row in rows] if coarsen else rows


def encoded(schema: Schema, rows: list[Row]) -> list[bytes]:
    encode = row_bytes(schema.columns)
    return sorted(encode(row) for row in rows)


@pytest.mark.parametrize("type_", list(Type), ids=[type_.value for type_ in Type])
def test_values_come_back_as_they_went_in(adapter: Adapter, made: Make, name: str, type_: Type) -> None:
    values = [None, *examples(type_, adapter.spec)]
    if len(values) == 1:
        pytest.skip("refused by the spec")  # test_refused_types_are_refused
    schema = made(Schema(name, (ID, Column("v", type_)), ("id",)))
    rows = list(enumerate(values))
    assert adapter.write(schema, [rows]).rows == len(rows)
    found: dict[int, object] = dict(rows_of(adapter, schema))
    expected: dict[int, object] = dict(kept(adapter, schema, rows))
    assert len(found) == len(expected)
    for number, value in expected.items():
        got = found[number]
        if value is None:
            assert got is None, f"NULL came back as {got!r}"
        else:
            assert got is not None, f"{value!r} came back as NULL"
            assert TEXT_OF[type_](got) == TEXT_OF[type_](value), f"{value!r} came back as {got!r}"
            if type_ is not Type.JSON:
                assert type(got) is type(value)
    assert digest_rows(schema.columns, [list(found.items())]) == digest_rows(schema.columns, [list(expected.items())])


@pytest.mark.parametrize("type_", [Type.INT, Type.TEXT, Type.DECIMAL, Type.DATE, Type.UUID, Type.INSTANT],
                         ids=lambda type_: type_.value)  # fmt: skip
def test_any_of_the_usual_types_may_be_the_key(adapter: Adapter, made: Make, name: str, type_: Type) -> None:
    values = [value for value in examples(type_, adapter.spec) if value != "" and "\0" not in str(value)]
    limit = adapter.spec.limits.key_length or 1000
    values = [value for value in values if len(str(value).encode()) <= min(limit, 200)]
    length = 200 if type_ is Type.TEXT else None
    column = Column("k", type_, False, length=length)
    if type_ is Type.DECIMAL:
        column = Column("k", type_, False, precision=28, scale=8)
        values = [value for value in values if -value.as_tuple().exponent <= 8 and abs(value) < 10**20]
    schema = made(Schema(name, (column, Column("v", Type.INT)), ("k",)))
    rows = kept(adapter, schema, [(value, number) for number, value in enumerate(values)])
    assert adapter.write(schema, [rows]).rows == len(rows)
    assert encoded(schema, rows_of(adapter, schema)) == encoded(schema, rows)
    for row in rows:
        assert encoded(schema, list(adapter.get(schema, [row[:1]]))) == encoded(schema, [row])


def test_keys_that_look_alike_are_different(adapter: Adapter, made: Make, name: str) -> None:
    values = ["a", "A", "é", "e", "e\u0301", "a ", " a", "ß", "ss", "1", "01", "ａ"]
    schema = made(Schema(name, (Column("k", Type.TEXT, False, length=20), Column("v", Type.INT)), ("k",)))
    if not adapter.spec.limits.trailing_blanks_in_key:
        with pytest.raises(ConstraintViolated):
            adapter.write(schema, [[("a", 1), ("a ", 2)]])
        values.remove("a ")
    rows = [(value, number) for number, value in enumerate(values)]
    assert adapter.write(schema, [rows]).rows == len(rows)
    assert sorted(rows_of(adapter, schema)) == sorted(rows)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_scan_yields_each_row_once_in_batches(adapter: Adapter, made: Make, name: str, batch_size: int) -> None:
    schema = made(wide_schema(name, adapter.spec))
    rows = wide_rows(adapter.spec, 60 if batch_size == 1 else 2500)
    adapter.write(schema, [rows[:1000], [], rows[1000:]])
    batches = list(adapter.scan(schema, batch_size=batch_size))
    assert all(0 < len(batch) <= batch_size for batch in batches)
    found = [row for batch in batches for row in batch]
    assert encoded(schema, found) == encoded(schema, kept(adapter, schema, rows))
    assert adapter.count(name) == len(rows)


def test_scan_takes_columns_in_the_order_of_the_schema_it_is_given(adapter: Adapter, made: Make, name: str) -> None:
    made(Schema(name, PAIR, ("id",)))
    turned = Schema(name, PAIR[::-1], ("id",))
    adapter.write(turned, [[("x", 1)]])
    assert rows_of(adapter, turned) == [("x", 1)]
    assert rows_of(adapter, Schema(name, (ID,), ("id",))) == [(1,)]


@pytest.mark.parametrize("native", ["text", "JSON_TEXT", "uniqueidentifier"])
def test_native_types_of_another_engine_change_nothing(adapter: Adapter, made: Make, name: str, native: str) -> None:
    """A schema that came with a dump, or was described elsewhere, names that engine's types."""
    wide = wide_schema(name, adapter.spec)
    schema = made(replace(wide, columns=tuple(replace(column, native=native) for column in wide.columns)))
    rows = wide_rows(adapter.spec, 60)
    adapter.write(schema, [rows])
    adapter.write(schema, [rows[30:]], mode="upsert")
    stored = kept(adapter, schema, rows)
    assert encoded(schema, rows_of(adapter, schema)) == encoded(schema, stored)
    assert encoded(schema, list(adapter.get(schema, [(7,), (8,)]))) == encoded(schema, stored[7:9])
    digesting = able(adapter, Digests)
    assert digesting is None or digesting.digest(schema) == digest_rows(schema.columns, [stored])
    assert adapter.delete(schema, [(9,)]) == 1


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_digits_of_a_second_beyond_the_columns_own_are_cut(
    adapter: Adapter, made: Make, name: str, mode: WriteMode
) -> None:
    kinds = (Type.TIME, Type.DATETIME, Type.INSTANT)
    columns = [Column(f"{type_}_{digits}", type_, fraction_digits=digits) for type_ in kinds for digits in (0, 2)]
    schema = made(Schema(name, (ID, *columns), ("id",)))
    fine = datetime(2024, 2, 29, 23, 59, 59, 987654)
    values = [value for value in (fine.time(), fine, fine.replace(tzinfo=UTC)) for _ in range(2)]
    rows: list[Row] = [(1, *values), (2, *([None] * len(values)))]
    assert adapter.write(schema, [rows], mode=mode).rows == 2
    assert encoded(schema, rows_of(adapter, schema)) == encoded(schema, kept(adapter, schema, rows))


def test_empty_collection(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    assert rows_of(adapter, schema) == []
    assert adapter.count(name) == 0
    assert [row for part in adapter.split(schema, 4) for batch in adapter.scan(schema, part) for row in batch] == []
    nothing: list[list[Batch]] = [[], [[]], [[], []]]
    for batches in nothing:
        assert adapter.write(schema, batches).rows == 0
    assert list(adapter.get(schema, [(1,)])) == []


def test_get_gives_the_keys_that_are_there(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(wide_schema(name, adapter.spec))
    rows = wide_rows(adapter.spec, 300)
    adapter.write(schema, [rows])
    wanted = [*range(0, 300, 7), 999, -5]
    found = list(adapter.get(schema, [(number,) for number in wanted]))
    expected = kept(adapter, schema, [rows[number] for number in wanted if 0 <= number < 300])
    assert encoded(schema, found) == encoded(schema, expected)
    assert list(adapter.get(schema, [])) == []


def test_get_by_a_compound_key(adapter: Adapter, made: Make, name: str) -> None:
    columns = (Column("a", Type.INT, False), Column("v", Type.TEXT), Column("b", Type.TEXT, False, length=40))
    schema = made(Schema(name, columns, ("b", "a")))
    rows = [(a, f"{a}{b}", b) for a in range(5) for b in ("", "x", "x:1", "x\\", "1:x")][1:]
    if adapter.spec.limits.empty_text_is_null or not adapter.spec.limits.empty_text_in_key:
        rows = [row for row in rows if row[2]]
    assert adapter.write(schema, [rows]).rows == len(rows)
    assert sorted(adapter.get(schema, [("x:1", 3), ("x", 0), ("nope", 1)])) == [(0, "0x", "x"), (3, "3x:1", "x:1")]
    assert sorted(rows_of(adapter, schema)) == sorted(rows)


@pytest.mark.parametrize("parts", [1, 2, 5])
@pytest.mark.parametrize("kind", ["dense", "gaps", "text", "compound"])
def test_parts_scan_to_the_whole(
    adapter: Adapter, connect: Connect, made: Make, name: str, parts: int, kind: str
) -> None:
    numbers = list(range(600)) if kind != "gaps" else [*range(300), *range(10**12, 10**12 + 300)]
    if kind == "text":
        columns, key = (Column("k", Type.TEXT, False, length=40), Column("v", Type.INT)), ("k",)
        rows: list[Row] = [(f"k{number:05}", number) for number in numbers]
    elif kind == "compound":
        columns, key = (ID, Column("line", Type.INT, False), Column("v", Type.INT)), ("id", "line")  # type: ignore[assignment]
        rows = [(number // 5, number % 5, number) for number in numbers]
    else:
        columns, key = (ID, Column("v", Type.INT)), ("id",)
        rows = [(number, number) for number in numbers]
    schema = made(Schema(name, columns, key))
    adapter.write(schema, [rows])
    split = adapter.split(schema, parts)
    assert 1 <= len(split) <= parts
    if Capability.SPLIT not in adapter.spec.capabilities:
        assert list(split) == [WHOLE]
    elif parts > 1:
        assert len(split) > 1, "600 rows can be split"
    other = connect()
    found: list[Row] = []
    for part in split:
        survived = json.loads(json.dumps(dict(part)))
        found += [row for batch in other.scan(schema, survived) for row in batch]
    assert sorted(found) == sorted(rows)


def test_upsert_twice_is_upsert_once(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(wide_schema(name, adapter.spec))
    rows = wide_rows(adapter.spec, 200)
    first = adapter.write(schema, [rows], mode="upsert")
    once = digest_rows(schema.columns, adapter.scan(schema))
    again = adapter.write(schema, [rows[:100], rows[100:]], mode="upsert")
    assert (first.rejected, again.rejected) == ([], [])
    assert digest_rows(schema.columns, adapter.scan(schema)) == once
    assert once == digest_rows(schema.columns, [kept(adapter, schema, rows)])


def test_upsert_replaces_the_whole_row(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (*PAIR, Column("w", Type.INT)), ("id",)))
    adapter.write(schema, [[(1, "old", 1), (2, "stays", 2)]])
    written = adapter.write(schema, [[(1, None, 5), (3, "new", None)]], mode="upsert")
    assert (written.rows, written.rejected) == (2, [])
    assert sorted(rows_of(adapter, schema)) == [(1, None, 5), (2, "stays", 2), (3, "new", None)]


def test_upsert_of_a_collection_that_is_all_key(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("b", Type.INT, False)), ("id", "b")))
    adapter.write(schema, [[(1, 1)]])
    adapter.write(schema, [[(1, 1), (1, 2)]], mode="upsert")
    assert sorted(rows_of(adapter, schema)) == [(1, 1), (1, 2)]


def test_upsert_takes_the_last_of_two_rows_with_one_key(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    adapter.write(schema, [[(1, "first"), (1, "last")], [(2, "first")], [(2, "last")]], mode="upsert")
    assert sorted(rows_of(adapter, schema)) == [(1, "last"), (2, "last")]


@pytest.mark.parametrize("twice", ["stored", "in one batch", "in two batches"])
def test_insert_of_an_existing_key_is_refused(adapter: Adapter, made: Make, name: str, twice: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    if twice == "stored":
        adapter.write(schema, [[(7, "old")]])
    batches = [[(5, "a"), (7, "new" if twice == "stored" else "old"), (8, "b")]]
    if twice != "stored":
        again = (7, "new")
        batches = [[*batches[0], again]] if twice == "in one batch" else [*batches, [again]]
    if Capability.ATOMIC_WRITE in adapter.spec.capabilities:
        with pytest.raises(ConstraintViolated):
            adapter.write(schema, batches)
        assert rows_of(adapter, schema) == ([(7, "old")] if twice == "stored" else [])
    else:
        written = adapter.write(schema, batches)
        assert [entry.row for entry in written.rejected] == [(7, "new")]
        assert written.rejected[0].reason
        assert written.rows == sum(map(len, batches)) - 1
        assert sorted(rows_of(adapter, schema)) == [(5, "a"), (7, "old"), (8, "b")]


def test_row_that_refers_to_nothing(adapter: Adapter, made: Make, name: str) -> None:
    parent = made(Schema(name, (ID,), ("id",)))
    columns = (ID, Column("parent_id", Type.INT))
    child = made(Schema(f"{name}_c", columns, ("id",), (Reference(("parent_id",), parent.name, ("id",)),)))
    adapter.write(parent, [[(1,), (2,)]])
    assert adapter.write(child, [[(1, 1), (2, 2), (3, 1), (4, None)]]).rows == 4
    orphan = [[(5, 999)]]
    if Capability.REFERENCES not in adapter.spec.capabilities:
        assert adapter.write(child, orphan).rows == 1
    elif Capability.ATOMIC_WRITE in adapter.spec.capabilities:
        with pytest.raises(ConstraintViolated):
            adapter.write(child, orphan)
    else:
        assert len(adapter.write(child, orphan).rejected) == 1
    if Capability.REFERENCES in adapter.spec.capabilities:
        assert sorted(rows_of(adapter, child)) == [(1, 1), (2, 2), (3, 1), (4, None)]


def test_edge_rows_come_back_as_columns(adapter: Adapter, made: Make, name: str) -> None:
    parent = made(Schema(name, (ID,), ("id",)))
    columns = (Column("src", Type.INT, False), Column("dst", Type.INT, False), Column("since", Type.DATE))
    references = (Reference(("src",), parent.name, ("id",)), Reference(("dst",), parent.name, ("id",)))
    edge = made(Schema(f"{name}_e", columns, ("src", "dst"), references, edge=True))
    adapter.write(parent, [[(number,) for number in range(20)]])
    rows: list[Row] = [(a, (a * 7 + 1) % 20, None) for a in range(20)]
    assert adapter.write(edge, [rows]).rows == 20
    assert sorted(rows_of(adapter, edge)) == sorted(rows)
    assert adapter.count(edge.name) == 20
    assert list(adapter.get(edge, [(3, 2)])) == [(3, 2, None)]


def test_write_pulls_from_a_scan_of_another_connection(
    adapter: Adapter, connect: Connect, made: Make, name: str
) -> None:
    source = made(wide_schema(name, adapter.spec))
    sink = made(wide_schema(f"{name}_2", adapter.spec))
    adapter.write(source, [wide_rows(adapter.spec, 1500)])
    other = connect()
    assert adapter.write(sink, other.scan(source, batch_size=100)).rows == 1500
    assert digest_rows(sink.columns, adapter.scan(sink)) == digest_rows(source.columns, adapter.scan(source))


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_error_of_the_source_is_not_blamed_on_the_sink(adapter: Adapter, made: Make, name: str, mode: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    died = Unavailable("the source died", engine="elsewhere")

    def source() -> Iterator[Batch]:
        yield [(number, "x") for number in range(1500)]
        yield [(number, "x") for number in range(1500, 3000)]
        raise died

    with pytest.raises(Unavailable) as caught:
        adapter.write(schema, source(), mode=mode)  # type: ignore[arg-type]
    assert caught.value is died
    assert caught.value.engine == "elsewhere"
    if Capability.ATOMIC_WRITE in adapter.spec.capabilities:
        assert adapter.count(name) == 0
    assert adapter.write(schema, [[(9000, "usable")]]).rows == 1


def test_interrupt_in_the_source_leaves_the_sink_usable(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))

    def source() -> Iterator[Batch]:
        yield [(1, "x")]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapter.write(schema, source())
    assert adapter.write(schema, [[(2, "y")]]).rows == 1


def test_write_into_nothing_is_not_found(adapter: Adapter, name: str) -> None:
    with pytest.raises(StatementError):
        adapter.write(Schema(name, PAIR, ("id",)), [[(1, "x")]])


def test_half_read_scan_can_be_closed(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    adapter.write(schema, [[(number, "x" * 100) for number in range(5000)]])
    scan = adapter.scan(schema, batch_size=10)
    next(scan)
    scan.close()  # type: ignore[attr-defined]
    assert adapter.count(name) == 5000
    assert adapter.ping().version


def test_scan_and_write_hold_one_batch(adapter: Adapter, made: Make, name: str) -> None:
    """64 MB are written and scanned, and the memory that is held does not grow with them."""
    written, scanned = held(adapter, made(Schema(name, PAIR, ("id",))))
    assert written < 24e6, f"write held {written / 1e6:.1f} of 64 MB"
    assert scanned < 6e6, f"scan held {scanned / 1e6:.1f} of 64 MB"


def test_batches_are_bounded_in_bytes(adapter: Adapter, made: Make, name: str) -> None:
    """Rows of 1 MB: a batch ends by its bytes, long before it has a thousand rows. A write takes any batch."""
    schema = made(Schema(name, PAIR, ("id",)))
    rows: Batch = [(number, f"{number:08}" * 131_072) for number in range(40)]
    assert adapter.write(schema, [rows]).rows == 40
    sizes: list[int] = []
    found: dict[int, str] = {}
    for batch in adapter.scan(schema):
        sizes.append(sum(len(text) for _, text in batch))
        found.update(batch)
    assert found == dict(rows)
    assert max(sizes) <= BATCH_BYTES + (1 << 20)


def held(adapter: Adapter, schema: Schema) -> tuple[int, int]:
    """The most memory, in bytes, that a write and a scan of 4000 rows of 16 kB hold. An engine has a part of them in
    flight, however many rows there are: Cassandra 128 statements, Redis three calls of 4 MB."""

    def source() -> Iterator[Batch]:
        for start in range(0, 4000, 40):
            yield [(number, f"{number:08}" * 2000) for number in range(start, start + 40)]

    def peak(work: Callable[[], int]) -> int:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        assert work() == 4000
        return tracemalloc.get_traced_memory()[1] - before

    tracemalloc.start()
    try:
        return (
            peak(lambda: adapter.write(schema, source()).rows),
            peak(lambda: sum(len(batch) for batch in adapter.scan(schema, batch_size=40))),
        )
    finally:
        tracemalloc.stop()


def test_value_beyond_the_declared_limits_is_refused_or_kept(adapter: Adapter, made: Make, name: str) -> None:
    """A value that an engine cannot hold is refused, by an error or in `rejected`; never stored as another value."""
    spec = adapter.spec
    beyond: list[tuple[Type, object]] = [(Type.INT, 2**63), (Type.INT, -(2**63) - 1), (Type.INT, 10**30)]
    if spec.limits.finite_floats:
        beyond += [(Type.FLOAT, float("nan")), (Type.FLOAT, float("inf"))]
    if not spec.limits.nul_in_text:
        beyond += [(Type.TEXT, "a\0b")]
    for number, (type_, value) in enumerate(beyond):
        schema = made(Schema(f"{name}_{number}", (ID, Column("v", type_)), ("id",)))
        try:
            written = adapter.write(schema, [[(1, value)]])
        except DbfleetError:
            assert rows_of(adapter, schema) == []
            continue
        if not written.rejected:
            assert rows_of(adapter, schema) == [(1, value)]


def test_server_digest_is_the_plain_one(adapter: Adapter, made: Make, name: str) -> None:
    digest = needed(adapter, Digests).digest
    schema = made(wide_schema(name, adapter.spec))
    adapter.write(schema, [wide_rows(adapter.spec, 500)])
    assert digest(schema) == digest_rows(schema.columns, adapter.scan(schema))
