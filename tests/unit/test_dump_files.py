"""Dumps of real SQLite files: what is written, what is refused, and that an interrupted one is never whole."""

from __future__ import annotations

import io
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.conformance.examples import VALUES
from dbfleet.errors import NotFound, RuntimeFailure, UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _dump_files as files
from dbfleet.ops._digests import Digester
from dbfleet.ops.dump import dump, stream
from dbfleet.ops.load import Loaded, load
from dbfleet.ops.load import inputs as load_inputs
from dbfleet.values import JSON_NULL, Column, Reference, Row, Schema, Type, digest_rows

EVERYTHING = Schema(
    "every/thing",
    (Column("id", Type.INT, False), *(Column(f'c "{type_}"', type_) for type_ in Type)),
    ("id",),
)
ROW: Row = (
    1, True, 2**63 - 1, Decimal("12345678901234567890.123456789"), 0.1, 'é\n"\\', b"\0\xff", date(2024, 2, 29),
    time(13, 5, 0, 250000), datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), UUID(int=7),
    {"b": [1, Decimal("1.50"), None], "a": 2**60},
)  # fmt: skip
ROWS: list[Row] = [
    ROW,
    (2, *[None] * 12),
    (3, *ROW[1:12], JSON_NULL),
    (4, *ROW[1:4], float("nan"), "", b"", *ROW[7:12], "null"),
]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    environ = {"DBFLEET_STATE_DIR": str(tmp_path / "state"), "DBFLEET_CONFIG": ""}
    return Fleet.open(environ=environ, directory=tmp_path)


@contextmanager
def connected(fleet: Fleet, url: str) -> Iterator[Adapter]:
    with registry.connect(fleet.target(url).with_(create=True)) as adapter:
        yield adapter


def fill(fleet: Fleet, url: str, schema: Schema, rows: list[Row]) -> None:
    with connected(fleet, url) as adapter:
        adapter.create(schema)
        adapter.write(schema, [rows])


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def loaded(fleet: Fleet, url: str, source: Path, **options: object) -> list[Loaded]:
    with load_inputs.find(str(source)) as inputs:
        return list(load(fleet, fleet.target(url), inputs, **options))  # type: ignore[arg-type]


FORMATS = [(format, compress) for format in ("jsonl", "csv") for compress in (None, "gzip", "zstd")]


@pytest.mark.parametrize(("format", "compress"), [*FORMATS, ("parquet", None)])
def test_dump_then_load_keeps_every_value(fleet: Fleet, tmp_path: Path, format: str, compress: str | None) -> None:
    if format == "parquet":
        pytest.importorskip("pyarrow", reason="an extra is not installed")
    if compress == "zstd":
        pytest.importorskip("zstandard", reason="an extra is not installed")
    source, sink = url_of(tmp_path / "a.db"), url_of(tmp_path / "b.db")
    fill(fleet, source, EVERYTHING, ROWS)
    there = tmp_path / "d"
    (record,) = dump(fleet, fleet.target(source), directory=there, format=format, compress=compress)
    assert record.digest == str(digest_rows(EVERYTHING.columns, [ROWS]))
    (back,) = loaded(fleet, sink, there, verify=True)
    assert (back.rows, back.digest, back.verified) == (4, record.digest, True)
    with connected(fleet, sink) as adapter:
        assert adapter.describe(EVERYTHING.name).names == EVERYTHING.names
        values = {row[0]: row for batch in adapter.scan(EVERYTHING) for row in batch}
    assert values[3][-1] is JSON_NULL
    assert values[2][-1] is None
    assert values[4][-1] == "null"


ROWS_OF_TEXT = b"".join(b"%07d,%023d\n" % (number, number * 7919) for number in range(20_000))


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("size", [-1, 100, 1 << 16])
def test_zstd_is_read_whole_or_refused(frames: int, size: int) -> None:
    """The package's own stream ends where a file was cut off, as if that was its end."""
    zstandard = pytest.importorskip("zstandard", reason="an extra is not installed")
    third = len(ROWS_OF_TEXT) // frames
    pieces = [ROWS_OF_TEXT[start : start + third] for start in range(0, len(ROWS_OF_TEXT), third)]
    packed = [zstandard.ZstdCompressor().compress(piece) for piece in pieces]

    def read(data: bytes) -> bytes:
        stream = files.decompressed(io.BytesIO(data), "x.zst", ".zst")
        return b"".join(iter(lambda: stream.read(size), b""))

    assert read(b"".join(packed)) == ROWS_OF_TEXT
    assert read(b"") == b""
    whole = b"".join(packed)
    ends = {sum(map(len, packed[:count])) for count in range(len(packed) + 1)}
    for cut in {1, 3, 5, 9, len(whole) // 3, len(whole) // 2, len(whole) - 1, len(packed[0]) + 2} - ends:
        if cut < len(whole):
            with pytest.raises(UsageError, match="damaged or cut off"):
                read(whole[:cut])
    with pytest.raises(UsageError, match="damaged"):
        read(whole + b"more")


def test_json_lines_are_what_jq_reads(fleet: Fleet, tmp_path: Path) -> None:
    source = url_of(tmp_path / "a.db")
    fill(fleet, source, EVERYTHING, [ROW])
    with stream(fleet, fleet.target(source), EVERYTHING.name) as chunks:
        found = json.loads(b"".join(chunks))
    assert found['c "int"'] == 2**63 - 1
    assert found['c "instant"'] == "2024-01-01T00:00:00Z"
    assert found['c "json"'] == {"b": [1, 1.5, None], "a": 2**60}


def test_the_manifest_tells_of_every_file(fleet: Fleet, tmp_path: Path) -> None:
    source, there = url_of(tmp_path / "a.db"), tmp_path / "d"
    people = Schema("people", (Column("id", Type.INT, False),), ("id",))
    aged = Schema(
        "ages",
        (Column("id", Type.INT, False), Column("person", Type.INT)),
        ("id",),
        (Reference(("person",), "people", ("id",)),),
    )
    fill(fleet, source, people, [(1,), (2,)])
    fill(fleet, source, aged, [(1, 2)])
    told: list[str] = []
    list(dump(fleet, fleet.target(source), directory=there, tell=told.append))
    manifest = files.read_manifest(there)
    assert [each.collection for each in manifest.collections] == ["people", "ages"]  # not by name: by reference
    assert [each.rows for each in manifest.collections] == [2, 1]
    for each in manifest.collections:
        data = (there / each.file).read_bytes()
        assert (len(data), files.sha256_of([data])) == (each.bytes, each.sha256)
    assert manifest.consistent
    assert not any("moment" in line for line in told)
    assert list(files.read_schemas(there, manifest)) == ["people", "ages"]
    assert sorted(path.name for path in there.iterdir()) == [
        "ages.jsonl",
        "manifest.json",
        "people.jsonl",
        "schema.json",
    ]


def test_a_dump_that_ends_early_leaves_nothing(fleet: Fleet, tmp_path: Path) -> None:
    source, there = url_of(tmp_path / "a.db"), tmp_path / "d"
    fill(fleet, source, Schema("one", (Column("id", Type.INT, False),), ("id",)), [(1,)])
    fill(fleet, source, Schema("two", (Column("id", Type.INT, False),), ("id",)), [(1,)])
    running = dump(fleet, fleet.target(source), directory=there)
    next(running)
    assert not (there / files.MANIFEST).exists()
    running.close()  # type: ignore[attr-defined]
    assert not there.exists()


def test_a_directory_that_holds_something_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    source, there = url_of(tmp_path / "a.db"), tmp_path / "d"
    fill(fleet, source, Schema("one", (Column("id", Type.INT, False),), ("id",)), [(1,)])
    list(dump(fleet, fleet.target(source), directory=there, format="csv"))
    (there / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        list(dump(fleet, fleet.target(source), directory=there))
    list(dump(fleet, fleet.target(source), directory=there, agree=lambda text: None))
    assert sorted(path.name for path in there.iterdir()) == ["manifest.json", "mine.txt", "one.jsonl", "schema.json"]


@pytest.fixture
def dumped(fleet: Fleet, tmp_path: Path) -> tuple[str, Path, dict[str, bytes]]:
    """A database of two collections, a directory with a dump of it and a file of somebody else's, what that holds."""
    source, there = url_of(tmp_path / "a.db"), tmp_path / "d"
    for name in ("one", "two"):
        fill(fleet, source, Schema(name, (Column("id", Type.INT, False),), ("id",)), [(1,), (2,)])
    list(dump(fleet, fleet.target(source), directory=there))
    (there / "mine.txt").write_text("mine")
    return source, there, contents(there)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_the_old_dump_stands_until_the_new_one_is_whole(
    fleet: Fleet, dumped: tuple[str, Path, dict[str, bytes]]
) -> None:
    source, there, before = dumped
    running = dump(fleet, fleet.target(source), ["two"], directory=there, format="csv", agree=lambda text: None)
    next(running)
    now = {path.name: path.read_bytes() for path in there.iterdir() if path.is_file()}
    assert now == before
    assert list(running) == []
    assert sorted(contents(there)) == ["manifest.json", "mine.txt", "schema.json", "two.csv"]
    assert [each.file for each in files.read_manifest(there).collections] == ["two.csv"]


def test_a_dump_that_fails_leaves_the_old_one_as_it_was(
    fleet: Fleet, dumped: tuple[str, Path, dict[str, bytes]]
) -> None:
    source, there, before = dumped
    running = dump(fleet, fleet.target(source), directory=there, agree=lambda text: None)
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert contents(there) == before
    with pytest.raises(NotFound):
        list(dump(fleet, fleet.target(source), ["three"], directory=there, agree=lambda text: None))
    assert contents(there) == before


def test_a_file_of_somebody_elses_is_never_overwritten(
    fleet: Fleet, dumped: tuple[str, Path, dict[str, bytes]]
) -> None:
    source, there, before = dumped
    (there / "one.csv").write_text("mine, too")
    with pytest.raises(UsageError, match=r"one\.csv is in the way"):
        list(dump(fleet, fleet.target(source), directory=there, format="csv", agree=lambda text: None))
    assert contents(there) == before | {"one.csv": b"mine, too"}


def test_a_swap_that_was_cut_off_is_no_dump_and_tells_where_the_whole_one_is(
    fleet: Fleet, dumped: tuple[str, Path, dict[str, bytes]]
) -> None:
    source, there, _ = dumped
    place = files.staging(there)
    for path in (there / "manifest.json", there / "schema.json", there / "one.jsonl", there / "two.jsonl"):
        path.replace(place / path.name)
    with pytest.raises(UsageError, match="no dump") as error:
        files.read_manifest(there)
    assert str(place) in str(error.value.hint)
    assert len(files.read_manifest(place).collections) == 2
    list(dump(fleet, fleet.target(source), directory=there, agree=lambda text: None))
    assert sorted(contents(there)) == ["manifest.json", "mine.txt", "one.jsonl", "schema.json", "two.jsonl"]


def test_a_disk_that_takes_no_more_is_told_with_the_file(fleet: Fleet, tmp_path: Path) -> None:
    source, there = url_of(tmp_path / "a.db"), tmp_path / "d"
    fill(fleet, source, Schema("one", (Column("id", Type.INT, False),), ("id",)), [(n,) for n in range(30_000)])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(RuntimeFailure, match=r"one\.jsonl: File too large"):
            list(dump(fleet, fleet.target(source), directory=there))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not there.exists()


def test_a_collection_that_is_not_there_is_told_with_the_nearest(fleet: Fleet, tmp_path: Path) -> None:
    source = url_of(tmp_path / "a.db")
    fill(fleet, source, Schema("orders", (Column("id", Type.INT, False),), ("id",)), [])
    with pytest.raises(NotFound) as error:
        list(dump(fleet, fleet.target(source), ["order"], directory=tmp_path / "d"))
    assert "orders" in str(error.value.hint)


def test_names_of_collections_never_leave_the_directory() -> None:
    taken: set[str] = set()
    names = [files.file_name(name, ".csv", taken) for name in ("../a", "a/b", "A/b", "", ".x", "é", "con:x", "a" * 300)]
    assert len({name.lower() for name in names}) == len(names)
    assert all(name[0] not in ".-" for name in names)
    assert not any(set(name) & set('/\\:*?"<>|') for name in names)
    assert all(len(name) < 200 for name in names)


def test_digests_on_the_way_are_the_plain_ones() -> None:
    columns = tuple(Column(f"c_{type_}", type_) for type_ in Type)
    for shift in range(5):
        rows = [
            tuple([None, *VALUES[type_]][(number + shift * place) % (len(VALUES[type_]) + 1)]
                  for place, type_ in enumerate(Type))
            for number in range(200)
        ]  # fmt: skip
        digester = Digester(columns)
        for start in range(0, len(rows), 64):
            digester.add(rows[start : start + 64])
        assert digester.digest == digest_rows(columns, [rows])
