"""Copy by lines: between any two chosen engines it leaves what the plain way leaves, or is not taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dbfleet.abilities import ReadsLines, WritesLines
from dbfleet.adapter import WHOLE, Adapter
from dbfleet.conformance.examples import wide_rows, wide_schema
from dbfleet.conformance.held import needed
from dbfleet.conformance.plugin import Connect, Make
from dbfleet.errors import DbfleetError
from dbfleet.fidelity import arrives_whole
from dbfleet.ops import _plan
from dbfleet.ops.copy import lines as copy_lines
from dbfleet.registry import spec, specs
from dbfleet.spec import EngineSpec, Fidelity, Limits
from dbfleet.values import Column, Schema, Type, digest_rows


def way(column: Column, new: Column | None = None, source: str = "postgres", sink: str = "postgres") -> bool:
    schema, there = Schema("t", (column,)), Schema("t", (new,)) if new else None
    plan = _plan.planned("b", schema, there, spec(source), spec(sink), action="create", rows=0)
    return copy_lines.fit(plan, spec(source), spec(sink))


@pytest.mark.parametrize("type_", list(Type))
def test_lines_move_what_both_ends_keep(type_: Type) -> None:
    assert way(Column("x", type_))
    assert way(Column("x", type_), sink="mariadb")


def test_lines_do_not_move_what_the_sink_would_round() -> None:
    assert not way(Column("x", Type.DECIMAL), Column("x", Type.DECIMAL, precision=12, scale=2))
    assert not way(Column("x", Type.DECIMAL, precision=9, scale=3), Column("x", Type.DECIMAL, precision=12, scale=2))
    assert way(Column("x", Type.DECIMAL, precision=9, scale=1), Column("x", Type.DECIMAL, precision=12, scale=2))
    assert not way(Column("x", Type.INSTANT), Column("x", Type.INSTANT, fraction_digits=3))
    assert way(Column("x", Type.TIME, fraction_digits=0), Column("x", Type.TIME, fraction_digits=3))
    assert not way(Column("x", Type.INT), Column("x", Type.TEXT))


def test_engines_without_the_type_are_not_given_lines() -> None:
    for each in specs():
        for type_ in Type:
            if each.fidelity(type_) is not Fidelity.EXACT:
                column = Column("x", type_)
                assert not arrives_whole(column, column, spec("postgres"), each)


def test_with_a_digest_lines_go_only_where_the_server_gives_it_of_the_same_moment() -> None:
    for type_, one_moment, way in ((Type.TEXT, True, "lines"), (Type.TEXT, False, "rows"), (Type.JSON, True, "rows")):
        column, postgres = Column("x", type_), spec("postgres")
        plan = _plan.planned("b", Schema("t", (column,)), None, postgres, postgres, action="create", rows=0)
        assert copy_lines.way(plan, postgres, postgres, digest=True, one_moment=one_moment) == way
        assert copy_lines.way(plan, postgres, postgres, digest=False, one_moment=one_moment) == "lines"
        assert copy_lines.way(plan, postgres, spec("sqlite"), digest=False, one_moment=one_moment) == "rows"


def _spec_without_empty_text() -> EngineSpec:
    from dataclasses import replace

    return replace(spec("postgres"), limits=Limits(empty_text_is_null=True))


def test_an_empty_text_is_not_made_null_by_lines() -> None:
    assert not arrives_whole(
        Column("x", Type.TEXT), Column("x", Type.TEXT), spec("postgres"), _spec_without_empty_text()
    )


# --- on the engines of the run ---------------------------------------------------------------------------------------


def _moved(reader: Adapter, writer: Adapter, schema: Schema, to: Schema, seen: list[int]) -> bool:
    def watched(chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            seen.append(chunk.count(b"\n"))
            yield chunk

    plan = _plan.planned("b", schema, to, reader.spec, writer.spec, action="fill", rows=0)
    way = copy_lines.way(plan, reader.spec, writer.spec, digest=False, one_moment=False)
    return way == "lines" and copy_lines.move(reader, writer, plan, WHOLE, "insert", watched) is not None


def test_every_type_goes_by_lines_into_another_collection(
    adapter: Adapter, connect: Connect, made: Make, name: str
) -> None:
    wide = wide_schema(name, adapter.spec)
    schema, to = made(wide), made(Schema(f"{name}_to", wide.columns, wide.key))
    adapter.write(schema, [wide_rows(adapter.spec, 2500)])
    seen: list[int] = []
    with connect() as writer:
        if not _moved(adapter, writer, adapter.describe(schema.name), writer.describe(to.name), seen):
            assert (seen, writer.count(to.name)) == ([], 0), "nothing came this way"
            needed(adapter, ReadsLines)
            needed(adapter, WritesLines)
            pytest.skip("declined for this schema")
        assert sum(seen) == 2500
        assert digest_rows(to.columns, writer.scan(to)) == digest_rows(schema.columns, adapter.scan(schema))


@pytest.mark.engines("postgres")
@pytest.mark.parametrize("value", ["'infinity'::date", "'-infinity'::timestamptz", "'0044-03-15 BC'::timestamp",
                                   "'10000-01-01'::date", "'24:00'::time"])  # fmt: skip
def test_dates_that_are_none_of_ours_are_texts_or_left_to_the_scan_which_refuses_them(
    adapter: Adapter, name: str, value: str
) -> None:
    adapter.query(f"create table {name} as select 1 as id, {value} as v").close()
    reading: Any = adapter
    try:
        schema = adapter.describe(name)
        assert schema.column("v").type is Type.TEXT
        ((_, text),) = next(adapter.scan(schema))
        assert b"".join(reading.lines(schema)) == f"1\t{text}\n".encode()
        kind = {"date": Type.DATE, "time": Type.TIME, "timestamp": Type.DATETIME, "timestamptz": Type.INSTANT}
        declared = Column("v", kind[value.split("::")[1]])
        schema = replace(schema, columns=(schema.columns[0], declared))  # as where it is too rare to be known of
        assert reading.lines(schema) is None
        with pytest.raises(DbfleetError, match="column v"):
            list(adapter.scan(schema))
    finally:
        adapter.drop(name)


@pytest.mark.engines("mariadb", "mysql")
@pytest.mark.parametrize(("kind", "value"), [("date", "'0000-00-00'"), ("datetime", "'2024-00-10'"),
                                             ("time", "'25:00:00'"), ("tinyint(1)", "5")])  # fmt: skip
def test_values_that_are_none_of_ours_are_refused_by_name(adapter: Adapter, name: str, kind: str, value: str) -> None:
    adapter.query("set session sql_mode = ''").close()
    adapter.query(f"create table {name} (id int primary key, v {kind})").close()
    try:
        adapter.query(f"insert into {name} values (1, null), (2, {value})").close()
        reading: Any = adapter
        chunks = reading.lines(adapter.describe(name))
        with pytest.raises(DbfleetError, match=f"{name}.v"):
            list(chunks)
        assert adapter.ping().version
    finally:
        adapter.drop(name)
