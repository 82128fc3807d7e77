"""Every type of MySQL and MariaDB, by their own words and at their ends, through every verb."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.target import Target
from dbfleet.values import Row
from tests.zoo.walk import codes, run, walk

pytestmark = pytest.mark.engines("mysql", "mariadb")

NUMBERS = """id bigint unsigned primary key, t tinyint, tu tinyint unsigned, b1 tinyint(1), s smallint, m mediumint,
    i int, iu int unsigned zerofill, b bigint, bu bigint unsigned, d decimal(65,30), du decimal(10,2) unsigned zerofill,
    f float, fu float unsigned, x double, y year, bit1 bit(1), bit7 bit(7), bit64 bit(64)"""
NUMBER_ROWS = f"""(18446744073709551615, -128, 255, 1, -32768, -8388608, -2147483648, 4294967295,
    -9223372036854775808, 18446744073709551615, {"9" * 35}.{"9" * 30}, 7.5, -0.1, 3.402823466e38,
    -1.7976931348623157e308, 2155, b'1', b'1111111', b'{"1" * 64}'),
    (0, 127, 0, 0, 32767, 8388607, 2147483647, 0, 9223372036854775807, 0, -0.{"0" * 29}1, 0, 1e-45,
    0, 2.2250738585072014e-308, 0, b'0', b'0', b'0'),
    (1{", null" * 18})"""
TEXTS = """`id "x``y.z` varchar(20) character set utf8mb4 collate utf8mb4_bin primary key, c char(5), l varchar(20)
    character set latin1, u3 varchar(20) character set utf8mb3, u16 text character set utf16,
    asc1 tinytext character set ascii, mt mediumtext, lt longtext, e enum('a', 'b''c', 'ä!'), s set('x', 'y', 'ü'),
    b binary(16), vb varbinary(10), tb tinyblob, mb mediumblob, j json, g geometry, p point"""
TEXT_ROWS = f"""('key\\t\\n\\\\"''é', 'ab', 'Grüße €', 'ü', 'x😀', 'a', 'm\\0m', '', 'b''c', 'x,ü',
    'short', x'00ff', '', x'', '{{"a": [1, 2.50, null, "\\\\ud83d\\\\ude00"]}}',
    st_geomfromtext('POLYGON((0 0,1 0,1 1,0 0))'), point(1, 2)),
    ('', '', '', '', '', '', '', '', 'a', '', 'x', '', 'x', 'x', 'null', null, null),
    ('n'{", null" * 16})"""
TIMES = """id int primary key, d date, t time(6), t0 time, dt datetime(6), dt0 datetime, ts timestamp(6) null,
    ts0 timestamp null default current_timestamp on update current_timestamp"""
TIME_ROWS = """(1, '1000-01-01', '00:00:00', '23:59:59', '1000-01-01 00:00:00.000001', '9999-12-31 23:59:59',
    '1970-01-01 00:00:01', '2038-01-19 03:14:07'), (2, '9999-12-31', '23:59:59.999999', null, null, null, null, null)"""


@pytest.fixture
def table(adapter: Adapter, target: Target, name: str) -> Iterator[Any]:
    made: list[str] = []

    def make(columns: str, rows: str, suffix: str = "") -> str:
        made.append(name + suffix)
        quoted = (name + suffix).replace("`", "``")
        _run(adapter, f"create table `{quoted}` ({columns})")
        _run(adapter, f"set session sql_mode = ''; insert into `{quoted}` values {rows}; "
                      "set session sql_mode = default")  # fmt: skip
        return name + suffix

    yield make
    with registry.connect(target) as cleaner:
        for each in reversed(made):
            cleaner.drop(each)


def _run(adapter: Adapter, text: str) -> list[Row]:
    rows: list[Row] = []
    result: Any = adapter.query(text)
    while result is not None:
        rows += [row for batch in result for row in batch]
        result = result.following()
    return rows


@pytest.mark.parametrize(
    ("columns", "rows"),
    [(NUMBERS, NUMBER_ROWS), (TEXTS, TEXT_ROWS), (TIMES, TIME_ROWS)],
    ids=["numbers", "texts", "times"],
)
def test_every_type_goes_through_every_verb(
    target: Target, table: Any, tmp_path: Path, columns: str, rows: str
) -> None:
    name = table(columns, rows)
    ran = walk(target.url(reveal=True), name, tmp_path, statement=f"select * from `{name}`")
    assert set(codes(ran).values()) == {0}, {verb: (each.code, each.err) for verb, each in ran.items() if each.code}


@pytest.mark.parametrize("kind", ["inet4", "inet6", "uuid", "vector(3)", "point"])
def test_types_of_one_of_the_two_go_through_every_verb(
    adapter: Adapter, target: Target, table: Any, tmp_path: Path, kind: str
) -> None:
    value = {
        "inet4": "'10.0.0.1'", "inet6": "'2001:db8::ff00:42:8329'", "uuid": "'123e4567-e89b-12d3-a456-426655440000'",
        "vector(3)": "vec_fromtext('[1,0.1,-3.5]')", "point": "point(0.1, 1e300)",
    }[kind]  # fmt: skip
    if adapter.ping().product != "MariaDB":
        if kind in ("inet4", "inet6", "uuid"):
            pytest.skip("not of this engine")
        value = value.replace("vec_fromtext", "string_to_vector")
    name = table(f"id int primary key, v {kind}", f"(1, {value}), (2, null)")
    ran = walk(target.url(reveal=True), name, tmp_path, statement=f"select * from `{name}`")
    assert set(codes(ran).values()) == {0}, {verb: (each.code, each.err) for verb, each in ran.items() if each.code}


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ("id int primary key, d date", "(1, '0000-00-00'), (2, '2024-02-30')"),
        ("id int primary key, t time", "(1, '-838:59:59'), (2, '838:59:59')"),
        ("id int primary key, b tinyint(1)", "(1, 2), (2, -128)"),
        ("id int primary key, d datetime(6)", "(1, '2024-00-00 00:00:00')"),
    ],
    ids=["zero date", "span", "no bool", "no month"],
)
def test_what_has_no_value_is_refused_by_its_column_and_shown_by_a_query(
    target: Target, table: Any, tmp_path: Path, columns: str, rows: str
) -> None:
    name = table(columns, rows)
    ran = walk(target.url(reveal=True), name, tmp_path, statement=f"select * from `{name}`")
    column = columns.split(", ")[1].split()[0]
    for verb, each in ran.items():
        if verb in ("ls", "describe") or verb.startswith("query"):
            assert each.code == 0, (verb, each)
        else:
            assert each.code == 6, (verb, each)
            assert f"{name}.{column}" in each.err


@pytest.mark.parametrize("suffix", [".with.dots", "`quoted'\"", " blank in it", "UPPER", "ünïcödé", "%", "#x", "/../y"])
def test_names_go_through_every_verb(target: Target, table: Any, tmp_path: Path, suffix: str) -> None:
    name = table("id int primary key, `select` int, `a b.c` text", "(1, 2, 'x')", suffix)
    quoted = name.replace("`", "``")
    from urllib.parse import quote

    url = target.url(reveal=True)
    ran = {"digest": run("digest", f"{url}#{quote(name)}"), "query": run("query", url, f"select * from `{quoted}`")}
    ran["copy"] = run("copy", url, f"sqlite:///{tmp_path}/c.db", name, "--verify", "--yes")
    ran["dump"] = run("dump", url, name, "-o", str(tmp_path / "dump"))
    assert set(codes(ran).values()) <= {0}, {verb: (each.code, each.err) for verb, each in ran.items() if each.code}


@pytest.mark.parametrize(
    "ddl",
    [
        "create table `{t}` (id int) engine=MyISAM",
        "create table `{t}` (id int) engine=MEMORY",
        "create table `{t}` (" + ", ".join(f"c{number} int" for number in range(1000)) + ")",
        "create table `{t}` (id int primary key, v int as (id + 1) virtual invisible)",
        "create table `{t}` (at datetime, id int, primary key (id, at)) partition by range (year(at)) "
        "(partition p values less than maxvalue)",
    ],
    ids=["myisam", "memory", "1000 columns", "invisible", "partitioned"],
)
def test_kinds_of_tables_go_through_every_verb(
    adapter: Adapter, target: Target, name: str, tmp_path: Path, ddl: str
) -> None:
    _run(adapter, ddl.format(t=name))
    try:
        ran = walk(target.url(reveal=True), name, tmp_path, statement=f"select * from `{name}`")
        assert set(codes(ran).values()) == {0}, {verb: (each.code, each.err) for verb, each in ran.items() if each.code}
    finally:
        adapter.drop(name)
