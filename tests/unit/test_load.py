"""Loads into real SQLite files: plans, modes, foreign files, rejected rows; and dump and load of arbitrary rows."""

from __future__ import annotations

import io
import json
import string
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.errors import ConstraintViolated, PartialWrite, RuntimeFailure, UsageError, VerifyFailed
from dbfleet.fleet import Fleet
from dbfleet.ops import _dump_files as files
from dbfleet.ops.dump import dump
from dbfleet.ops.load import Loaded, Planned, load
from dbfleet.ops.load import inputs as load_inputs
from dbfleet.rules import parsed
from dbfleet.values import JSON_NULL, Column, Row, Schema, Type, digest_rows

PEOPLE = Schema("people", (Column("id", Type.INT, False), Column("name", Type.TEXT)), ("id",))


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return fleet_in(tmp_path)


def fleet_in(folder: Path) -> Fleet:
    return Fleet.open(environ={"DBFLEET_STATE_DIR": str(folder / "state"), "DBFLEET_CONFIG": ""}, directory=folder)


@contextmanager
def connected(fleet: Fleet, name: str = "sqlite") -> Iterator[Adapter]:
    fleet.made_state()
    with registry.connect(fleet.target(name).with_(create=True)) as adapter:
        yield adapter


def rows_of(fleet: Fleet, name: str) -> list[Row]:
    with connected(fleet) as adapter:
        return [row for batch in adapter.scan(adapter.describe(name)) for row in batch]


def schema_of(fleet: Fleet, name: str) -> Schema:
    with connected(fleet) as adapter:
        return adapter.describe(name)


def run(fleet: Fleet, source: Path | str, *, stdin: bytes | None = None, collection: str | None = None,
        format: str | None = None, key: list[str] | None = None, **options: Any) -> list[Loaded]:  # fmt: skip
    fleet.made_state()
    stream = None if stdin is None else io.BytesIO(stdin)
    with load_inputs.find(str(source), collection=collection, format=format, key=key, stdin=stream) as inputs:
        return list(load(fleet, fleet.target("sqlite"), inputs, **options))


def dumped(fleet: Fleet, folder: Path, schema: Schema, rows: list[Row]) -> Path:
    """A dump of one collection, which is dropped again."""
    with connected(fleet) as adapter:
        adapter.create(schema)
        adapter.write(schema, [rows])
        list(dump(fleet, fleet.target("sqlite"), [schema.name], directory=folder))
        adapter.drop(schema.name)
    return folder


# --- dumps ---------------------------------------------------------------------------------------------------------


def test_a_dump_that_was_loaded_already_is_left_alone(fleet: Fleet, tmp_path: Path) -> None:
    there = dumped(fleet, tmp_path / "d", PEOPLE, [(1, "Ann"), (2, None)])
    assert [record.rows for record in run(fleet, there)] == [2]
    assert [record.rows for record in run(fleet, there)] == [0]
    assert rows_of(fleet, "people") == [(1, "Ann"), (2, None)]


def test_a_half_filled_collection_is_refused_by_insert_and_finished_by_upsert(fleet: Fleet, tmp_path: Path) -> None:
    there = dumped(fleet, tmp_path / "d", PEOPLE, [(1, "Ann"), (2, "Bob")])
    with connected(fleet) as adapter:
        adapter.create(PEOPLE)
        adapter.write(PEOPLE, [[(2, "old"), (3, "Cy")]])
    with pytest.raises(UsageError, match="2 rows already"):
        run(fleet, there)
    run(fleet, there, mode="upsert")
    assert sorted(rows_of(fleet, "people")) == [(1, "Ann"), (2, "Bob"), (3, "Cy")]
    run(fleet, there, mode="replace", verify=True)
    assert sorted(rows_of(fleet, "people")) == [(1, "Ann"), (2, "Bob")]


def test_another_schema_is_refused_with_every_difference(fleet: Fleet, tmp_path: Path) -> None:
    there = dumped(fleet, tmp_path / "d", PEOPLE, [(1, "Ann")])
    with connected(fleet) as adapter:
        adapter.create(Schema("people", (Column("id", Type.TEXT, False), Column("nick", Type.TEXT)), ("id",)))
    with pytest.raises(UsageError) as error:
        run(fleet, there)
    assert "id is text, not int; no column name; a column nick" in str(error.value)


def test_replace_asks_before_it_drops(fleet: Fleet, tmp_path: Path) -> None:
    there = dumped(fleet, tmp_path / "d", PEOPLE, [(1, "Ann")])
    run(fleet, there)

    def no(text: str) -> None:
        raise UsageError(text)

    with pytest.raises(UsageError, match=r"people \(1 row\) of sqlite will be replaced"):
        run(fleet, there, mode="replace", agree=no)
    assert rows_of(fleet, "people") == [(1, "Ann")]


@pytest.mark.parametrize("harm", ["cut", "changed", "gone", "no manifest", "newer", "schema"])
def test_a_damaged_dump_is_refused_before_anything_is_written(fleet: Fleet, tmp_path: Path, harm: str) -> None:
    there = dumped(fleet, tmp_path / "d", PEOPLE, [(1, "Ann"), (2, "Bob")])
    file, manifest = there / "people.jsonl", there / files.MANIFEST
    if harm == "cut":
        file.write_bytes(file.read_bytes()[:-5])
    elif harm == "changed":
        file.write_bytes(file.read_bytes().replace(b"Ann", b"Eve"))
    elif harm == "gone":
        file.unlink()
    elif harm == "no manifest":
        manifest.unlink()
    elif harm == "newer":
        manifest.write_text(manifest.read_text().replace('"dbfleet_dump": 1', '"dbfleet_dump": 99'))
    else:
        (there / files.SCHEMA).write_text("{}")
    with pytest.raises(UsageError):
        run(fleet, there)
    with connected(fleet) as adapter:
        assert adapter.collections() == []


def test_rows_that_are_not_those_of_the_dump_are_not_verified(fleet: Fleet, tmp_path: Path) -> None:
    """The file is whole by its checksum, and is read as something else than what was dumped."""
    folder = dumped(fleet, tmp_path / "d", PEOPLE, [(1, "Ann"), (2, "Bob")])
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["collections"][0]["digest"] = "2:0123456789abcdef"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(VerifyFailed):
        run(fleet, folder, verify=True)


def test_one_file_of_a_dump_is_read_by_the_dumps_schema(fleet: Fleet, tmp_path: Path) -> None:
    schema = Schema("docs", (Column("id", Type.INT, False), Column("d", Type.DECIMAL), Column("j", Type.JSON)), ("id",))
    there = dumped(fleet, tmp_path / "d", schema, [(1, Decimal("1.5"), JSON_NULL), (2, None, None)])
    run(fleet, there / "docs.jsonl", verify=True)
    assert schema_of(fleet, "docs").column("d").type is Type.DECIMAL
    assert rows_of(fleet, "docs")[0][2] is JSON_NULL


# --- foreign files -------------------------------------------------------------------------------------------------


def test_csv_types_hold_for_every_value(fleet: Fleet, tmp_path: Path) -> None:
    lines = [f"{n},{n * 10},00{n},2024-01-01,1.{n},true,\n" for n in range(3000)]
    lines.append('3000,none,x,2024-02-30,1e3,yes,""\n')
    (tmp_path / "t.csv").write_text("id,late,zip,day,price,flag,empty\n" + "".join(lines))
    shown: list[Planned] = []
    (record,) = run(fleet, tmp_path / "t.csv", show=shown.extend, verify=True)
    assert record.rows == 3001
    assert record.verified
    assert [line[:2] for line in shown[0].columns] == [
        ("id", "int"), ("late", "text"), ("zip", "text"), ("day", "text"), ("price", "float"), ("flag", "text"),
        ("empty", "text"),
    ]  # fmt: skip
    assert shown[0].key == ("id",)
    rows = rows_of(fleet, "t")
    assert rows[0] == (0, "0", "000", "2024-01-01", 1.0, "true", None)
    assert rows[-1] == (3000, "none", "x", "2024-02-30", 1000.0, "yes", "")


def test_json_lines_from_stdin_are_named_by_the_target(fleet: Fleet) -> None:
    data = b'{"id":1,"n":12345678901234567890,"x":{"a":[1.10]}}\n\n{"id":2,"m":"2024-01-01T00:00:00Z","x":null}\n'
    run(fleet, "-", stdin=data, collection="things")
    found = schema_of(fleet, "things")
    assert [column.type for column in found.columns] == [Type.INT, Type.DECIMAL, Type.JSON, Type.INSTANT]
    assert rows_of(fleet, "things")[0][:3] == (1, Decimal("12345678901234567890"), {"a": [Decimal("1.1")]})
    assert rows_of(fleet, "things")[1][2] is None
    with pytest.raises(UsageError, match="no name"):
        run(fleet, "-", stdin=data)


def test_a_foreign_file_goes_into_what_is_there_by_the_columns_names(fleet: Fleet, tmp_path: Path) -> None:
    run(fleet, "-", stdin=b"id,name\n1,Ann\n", collection="people", format="csv")
    (tmp_path / "people.csv").write_text("name,id\r\n00501,2\r\n")
    run(fleet, tmp_path / "people.csv")
    assert rows_of(fleet, "people") == [(1, "Ann"), (2, "00501")]
    (tmp_path / "people.csv").write_text("name,ident\nx,3\n")
    with pytest.raises(UsageError, match="no column 'ident'"):
        run(fleet, tmp_path / "people.csv")
    with pytest.raises(UsageError, match="there is no column nme"), load_inputs.find(
        "-", collection="people", format="csv", stdin=io.BytesIO(b"id\n3\n"), rules=[parsed("nme: type=text")]
    ) as inputs:  # fmt: skip
        list(load(fleet, fleet.target("sqlite"), inputs))


@pytest.mark.parametrize(
    ("data", "format", "said"),
    [
        (b"a,b\n1,2\n3\n", "csv", "line 3: 1 cells"),
        (b'a,b\n1,2\n1,"x\ny"z\n', "csv", "line 3, column 3: a quote inside"),
        (b'a\n"open\nfor ever\n', "csv", "line 2: a quote opens"),
        (b"a,a\n1,2\n", "csv", "two columns"),
        (b"", "csv", "empty"),
        (b'{"a":1}\n{"a":\n', "jsonl", "line 2, column 6"),
        (b'{"a":1}\n[1]\n', "jsonl", "line 2: not a JSON object"),
        (b'{"a":1}{"a":2}\n', "jsonl", "line 1, column 8"),
        (b'{"a":1}\n{"a":"\xff"}\n', "jsonl", "line 2, column 7: not UTF-8"),
        ("a\né\n".encode() + b"\xe9\n", "csv", "line 3, column 1: not UTF-8"),
    ],
)
def test_malformed_input_is_told_with_its_line_and_nothing_stays(
    fleet: Fleet, data: bytes, format: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        run(fleet, "-", stdin=data, collection="x", format=format)
    with connected(fleet) as adapter:
        assert adapter.collections() == []


def test_a_value_that_the_column_is_not_is_told_and_nothing_is_written(fleet: Fleet) -> None:
    run(fleet, "-", stdin=b"id,n\n1,1\n", collection="x", format="csv")
    lines = "".join(f"{n},{n}\n" for n in range(2, 5000))
    with pytest.raises(UsageError, match="line 5000, column n: '1_000' is not of type int"):
        run(fleet, "-", stdin=f"id,n\n{lines}5000,1_000\n".encode(), collection="x", format="csv")
    assert rows_of(fleet, "x") == [(1, 1)]


def test_an_existing_key_refuses_all_or_is_set_apart(fleet: Fleet, tmp_path: Path) -> None:
    run(fleet, "-", stdin=b"id,name\n7,old\n", collection="x", format="csv")
    data = b"id,name\n" + b"".join(b"%d,n\n" % n for n in range(3000))
    with pytest.raises(ConstraintViolated) as error:
        run(fleet, "-", stdin=data, collection="x", format="csv")
    assert "--rejected" in str(error.value.hint)
    assert rows_of(fleet, "x") == [(7, "old")]
    with pytest.raises(PartialWrite) as partial:
        run(fleet, "-", stdin=data, collection="x", format="csv", rejected=tmp_path / "r.jsonl")
    assert "1 rows were refused" in str(partial.value)
    assert len(rows_of(fleet, "x")) == 3000
    (refused,) = map(json.loads, (tmp_path / "r.jsonl").read_text().splitlines())
    assert refused["collection"] == "x"
    assert refused["row"] == {"id": 7, "name": "n"}
    assert "UNIQUE" in refused["reason"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="not on this machine")
def test_a_list_of_refused_rows_that_cannot_be_written_is_an_error(fleet: Fleet) -> None:
    run(fleet, "-", stdin=b"id\n7\n", collection="x", format="csv")
    with pytest.raises(RuntimeFailure, match="cannot write /dev/full"):
        run(fleet, "-", stdin=b"id\n7\n8\n", collection="x", format="csv", rejected=Path("/dev/full"))


def test_a_dry_run_writes_nothing(fleet: Fleet, tmp_path: Path) -> None:
    with connected(fleet):
        pass
    shown: list[Planned] = []
    assert run(fleet, "-", stdin=b'{"id":1}\n', collection="x", dry_run=True, show=shown.extend) == []
    assert shown[0].action == "create"
    with connected(fleet) as adapter:
        assert adapter.collections() == []


def test_a_load_that_fails_drops_what_it_made(fleet: Fleet) -> None:
    with pytest.raises(ConstraintViolated):
        run(fleet, "-", stdin=b'{"a":1}\n{"a":1}\n', collection="x", key=["a"])
    with connected(fleet) as adapter:
        assert adapter.collections() == []


# --- arbitrary schemas and rows ------------------------------------------------------------------------------------

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS | st.decimals(allow_nan=False, allow_infinity=False, places=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_VALUES: dict[Type, st.SearchStrategy[Any]] = {
    Type.BOOL: st.booleans(),
    Type.INT: st.integers(-(2**63), 2**63 - 1),
    Type.DECIMAL: st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=8),
    Type.FLOAT: st.floats(),
    Type.TEXT: _TEXTS,
    Type.BYTES: st.binary(max_size=20),
    Type.DATE: st.dates(),
    Type.TIME: st.times(),
    Type.DATETIME: st.datetimes(),
    Type.INSTANT: st.datetimes(timezones=st.just(UTC)),
    Type.UUID: st.uuids(),
    Type.JSON: _JSON.map(lambda value: JSON_NULL if value is None else value),
}


@st.composite
def collections(draw: st.DrawFn) -> tuple[Schema, list[Row]]:
    types = draw(st.lists(st.sampled_from(list(Type)), min_size=1, max_size=6))
    alphabet = string.ascii_letters + " _-.,\"'%{}é"
    names = draw(st.lists(st.text(alphabet, min_size=1, max_size=12), min_size=len(types), max_size=len(types),
                          unique_by=str.lower))  # fmt: skip
    keyed = draw(st.booleans())
    columns = [Column(f"{name}_{place}", type_) for place, (name, type_) in enumerate(zip(names, types, strict=True))]
    rows = draw(st.lists(st.tuples(*(st.none() | _VALUES[type_] for type_ in types)), max_size=8))
    if keyed:
        place = draw(st.integers(0, len(columns)))
        columns.insert(place, Column("the key", Type.INT, False))
        rows = [(*row[:place], number, *row[place:]) for number, row in enumerate(rows)]
    return Schema("any", tuple(columns), ("the key",) if keyed else ()), rows


@given(collections(), st.sampled_from(["jsonl", "csv"]), st.sampled_from([None, "gzip"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_dump_then_load_gives_the_same_digest(
    made: tuple[Schema, list[Row]], format: str, compress: str | None
) -> None:
    schema, rows = made
    with tempfile.TemporaryDirectory() as folder:
        fleet = fleet_in(Path(folder))
        with connected(fleet) as adapter:
            adapter.create(schema)
            adapter.write(schema, [rows])
        (record,) = dump(fleet, fleet.target("sqlite"), directory=Path(folder) / "d", format=format, compress=compress)
        assert record.digest == str(digest_rows(schema.columns, [rows]))
        (back,) = run(fleet, Path(folder) / "d", mode="replace", verify=True)
        assert (back.rows, back.digest, back.verified) == (len(rows), record.digest, True)
