"""The types that MySQL and MariaDB share, by their documentation's "Data Types", with the values at their ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbfleet.adapter import Adapter
from tests.zoo.zoos import Kind, Value, Zoo, kinds, run

_LISTED = {
    "tinyint": ("-128", "127"),
    "tinyint unsigned": ("0", "255"),
    "tinyint(1)": ("1", "0"),
    "smallint": ("-32768", "32767"),
    "mediumint": ("-8388608", "8388607"),
    "int": ("-2147483648", "2147483647"),
    "int unsigned": ("4294967295",),
    "bigint": ("-9223372036854775808", "9223372036854775807"),
    "bigint unsigned": ("0", "18446744073709551615"),
    "decimal(65,30)": (f"{'9' * 35}.{'9' * 30}", f"-0.{'0' * 29}1"),
    "decimal(10,2)": ("-99999999.99", "7.50"),
    "float": ("-0.1", "3.402823466e38", "16777217"),
    "double": ("-1.7976931348623157e308", "2.2250738585072014e-308", "0.1"),
    "year": ("1901", "2155", "0"),
    "bit(1)": ("b'1'", "b'0'"),
    "bit(7)": ("b'1111111'",),
    "bit(64)": (f"b'{'1' * 64}'",),
    "char(5)": ("'ab'", "''"),
    "varchar(20)": ("''", "' '", "'é😀'", "'a\\tb\\n\\\\'"),
    "varchar(20) character set latin1": ("'Grüße €'",),
    "tinytext": ("'x'",),
    "text": ("''", "'x\\0y'"),
    "longtext": ("'x'",),
    "enum('a','b''c')": ("'a'", "'b''c'"),
    "set('x','y')": ("''", "'x,y'"),
    "binary(4)": ("x'00ff'", "'abcd'"),
    "varbinary(10)": ("x''", "x'00ff0a'"),
    "blob": ("x''", "x'00'"),
    "date": ("'1000-01-01'", "'9999-12-31'"),
    "time(6)": ("'00:00:00'", "'23:59:59.999999'"),
    "datetime": ("'1000-01-01 00:00:00'",),
    "datetime(6)": ("'1000-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'"),
    "timestamp(6)": ("'1970-01-02 00:00:01'", "'2038-01-18 03:14:07.5'"),
    "json": ('\'{"a": [1, 2.5, null, "é"]}\'', "'null'", "'\"text\"'"),
    "geometry": ("st_geomfromtext('POLYGON((0 0,1 0,1 1,0 0))')",),
    "point": ("point(0.1, 1e300)",),
    "linestring": ("st_geomfromtext('LINESTRING(0 0,1 0.1)')",),
}
_BEYOND = {
    "date": ("'0000-00-00'", "'2024-02-30'"),
    "time(6)": ("'-838:59:59'", "'838:59:59'"),
    "tinyint(1)": ("2",),
    "datetime(6)": ("'2024-00-00 00:00:00'",),
}


def of(engine: str, more: Mapping[str, Sequence[str]]) -> Zoo:
    """The zoo of one of the two, with its own types."""
    return Zoo(engine, kinds({**_LISTED, **more}, _BEYOND), _make, _fill, _said)


def _make(adapter: Adapter, name: str, made: Mapping[str, Kind]) -> None:
    columns = ", ".join(f"{column} {kind.words} null" for column, kind in made.items())
    run(adapter, f"create table {name} (id int primary key, {columns}) character set utf8mb4")


def _fill(adapter: Adapter, name: str, values: Sequence[Value]) -> None:
    run(adapter, "set session sql_mode = ''")
    for value in values:
        run(adapter, f"insert into {name} (id, {value.column}) values ({value.id}, {value.words})")


def _said(adapter: Adapter, name: str, columns: Sequence[str]) -> dict[int, str]:
    found: dict[int, str] = {}
    for column in columns:
        value = f"{column} + 0e0" if column == "v_float" else column  # its own text has six digits
        if column == "v_json" and adapter.spec.name == "mariadb":  # a text there: blanks are no part of what json says
            value = f"json_compact({column})"
        found.update(run(adapter, f"select id, hex(concat({value})) from {name} where {column} is not null"))
    return found
