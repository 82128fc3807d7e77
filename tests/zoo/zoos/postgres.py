"""PostgreSQL's types, by its documentation's chapter 8, with the least, the largest and the oddest values of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbfleet.adapter import Adapter
from tests.zoo.zoos import Kind, Things, Value, Zoo, kinds, run

_LISTED = {
    "smallint": ("-32768", "32767"),
    "integer": ("-2147483648", "2147483647"),
    "bigint": ("-9223372036854775808", "9223372036854775807"),
    "numeric": ("0.1", "-1e-40", "12345678901234567890123456789012345678901234567890.5", "NaN", "Infinity"),
    "numeric(12,4)": ("99999999.9999", "-0.0001"),
    "real": ("0.1", "16777217", "3.4028235e38", "1e-45", "NaN", "-Infinity"),
    "double precision": ("0.1", "1.7976931348623157e308", "5e-324", "NaN", "Infinity", "0.30000000000000004"),
    "boolean": ("true", "false"),
    "money": ("-92233720368547758.08", "12.5"),
    "text": ("", " ", "é😀", "a\tb\n\\\"'", "NULL", "\\N"),
    "character varying(7)": ("", "éäöü ß"),
    "character(5)": ("ab", ""),
    "name": ("n",),
    '"char"': ("z",),
    "bytea": ("\\x", "\\x00ff0a"),
    "date": ("0001-01-01", "9999-12-31"),
    "time without time zone": ("00:00:00", "23:59:59.999999"),
    "time with time zone": ("13:30:54.123456+05:30",),
    "timestamp without time zone": ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2024-02-29 13:05:00.123"),
    "timestamp(3) without time zone": ("2024-02-29 13:05:00.123",),
    "timestamp with time zone": ("0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00", "2024-02-29 13:05+05"),
    "interval": ("-1 year 2 mons -3 days 04:05:06.789", "00:00:00.000001"),
    "uuid": ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"),
    "json": ('{"a": 1}', '[1.10, null, "é", 12345678901234567890]', "null"),
    "jsonb": ('{"a": 1, "b": [1.5, null, true]}', "12345678901234567890.5", "null", '"text"', "{}"),
    "xml": (),  # the embedded server is built without it
    "inet": ("10.0.0.1", "2001:db8::/32"),
    "cidr": ("10.0.0.0/8",),
    "macaddr": ("08:00:2b:01:02:03",),
    "macaddr8": ("08:00:2b:01:02:03:04:05",),
    "bit(5)": ("10101",),
    "bit varying(9)": ("1", ""),
    "point": ("(1e300,-0.5)",),
    "line": ("{1,2,3}",),
    "lseg": ("[(0,0),(1,1)]",),
    "box": ("(1,1),(0,0)",),
    "path": ("((0,0),(1,1))",),
    "polygon": ("((0,0),(1,1))",),
    "circle": ("<(0,0),5>",),
    "tsvector": ("'a':1 'fat':2,4",),
    "tsquery": ("'fat' & 'rat':*",),
    "int4range": ("[1,5)", "empty"),
    "tstzrange": ('["2020-01-01 00:00:00+00",infinity)',),
    "nummultirange": ("{[1,3),[5,7]}",),
    "integer[]": ("{1,2,NULL}", "{{1,2},{3,4}}", "{}"),
    "text[]": ('{a,NULL,"NULL","a\\"b"}',),
    "oid": ("4294967295",),
    "pg_lsn": ("16/B374D848",),
    "jsonpath": ('$."a"[*]?(@ > 1)',),
}
_BEYOND = {
    "date": ("infinity", "4713-01-01 BC", "5874897-12-31"),
    "time without time zone": ("24:00:00",),
    "timestamp without time zone": ("-infinity", "294276-12-31 23:59:59.999999"),
    "timestamp with time zone": ("infinity", "0044-03-15 00:00:00+00 BC"),
    "json": ('{"a": "\\ud800"}',),
}


def _make(adapter: Adapter, name: str, made: Mapping[str, Kind]) -> None:
    columns = ", ".join(f"{column} {kind.words}" for column, kind in made.items())
    run(adapter, f"CREATE TABLE {name} (id integer PRIMARY KEY, {columns})")


def _fill(adapter: Adapter, name: str, values: Sequence[Value]) -> None:
    for value in values:
        run(adapter, f"INSERT INTO {name} (id, {value.column}) VALUES ({value.id}, {_quoted(value.words)})")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _said(adapter: Adapter, name: str, columns: Sequence[str]) -> dict[int, str]:
    """A numeric is the same number with fewer zeros at its end, to the server too."""
    numbers = {column: f"trim_scale({column})" for column in columns if ZOO.kinds[column].words.startswith("numeric")}
    words = ", ".join(f"{numbers.get(column, column)}::text" for column in columns)
    return dict(run(adapter, f"SELECT id, coalesce({words}, '(NULL)') FROM {name}"))


_THINGS = Things(
    (
        "CREATE TABLE {par} (id integer PRIMARY KEY, a integer, b integer, UNIQUE (a, b))",
        """CREATE TABLE {name} (
            id integer GENERATED ALWAYS AS IDENTITY (INCREMENT 5 CYCLE) PRIMARY KEY,
            p integer CONSTRAINT {name}_ref REFERENCES {par} ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE,
            q integer, r integer, n integer NOT NULL DEFAULT 7, m timestamp DEFAULT now(), t text COLLATE "C",
            e text DEFAULT lower('X'), g integer GENERATED ALWAYS AS (n * 2) STORED, j jsonb, v int4range,
            CONSTRAINT {name}_check CHECK (n > 0), CONSTRAINT {name}_unique UNIQUE (t),
            CONSTRAINT {name}_nulls UNIQUE NULLS NOT DISTINCT (q, r),
            CONSTRAINT {name}_two FOREIGN KEY (q, r) REFERENCES {par} (a, b) MATCH FULL,
            CONSTRAINT {name}_excl EXCLUDE USING gist (v WITH &&))""",
        "CREATE INDEX {name}_plain ON {name} (n, t)",
        "CREATE INDEX {name}_desc ON {name} (n DESC NULLS LAST)",
        "CREATE INDEX {name}_expression ON {name} (lower(t))",
        "CREATE INDEX {name}_partial ON {name} (n) WHERE n > 5",
        "CREATE INDEX {name}_include ON {name} (n) INCLUDE (t)",
        "CREATE INDEX {name}_gin ON {name} USING gin (j)",
        "CREATE INDEX {name}_hash ON {name} USING hash (n)",
        "CREATE INDEX {name}_brin ON {name} USING brin (n)",
        "CREATE UNIQUE INDEX {name}_two_columns ON {name} (n, m)",
        "COMMENT ON TABLE {name} IS 'hello'",
        "COMMENT ON COLUMN {name}.n IS 'number'",
        "ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY {name}_policy ON {name} USING (true)",
        "CREATE STATISTICS {name}_statistics ON n, p FROM {name}",
        "CREATE FUNCTION {name}_function() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER {name}_trigger BEFORE INSERT ON {name} FOR EACH ROW EXECUTE FUNCTION {name}_function()",
        "CREATE RULE {name}_rule AS ON DELETE TO {name} DO ALSO NOTHING",
        "INSERT INTO {par} VALUES (1, 1, 1)",
        "INSERT INTO {name} (p, n, t) VALUES (1, 1, 'x')",
    ),
    (
        "DROP TABLE IF EXISTS {name} CASCADE",
        "DROP TABLE IF EXISTS {par} CASCADE",
        "DROP FUNCTION IF EXISTS {name}_function",
    ),
    (
        "{name}_ref, on update set null, on delete cascade, deferrable", "{name}_check", "{name}_unique",
        "{name}_nulls", "{name}_two, match full", "{name}_excl", "{name}_plain", "{name}_desc, its descending order",
        "{name}_desc, its order of NULLs", "{name}_expression", "{name}_partial", "{name}_include, its included",
        "{name}_gin", "{name}_hash, that it is a hash", "{name}_brin", "{name}_two_columns", "comment of the table",
        "comment of n", "row-level security", "{name}_policy", "{name}_statistics", "{name}_trigger", "{name}_rule",
        "identity", "increment 5, cycle", "default of n", "default of m", "default of e", "generated column g",
        'collation "C"',
    ),
)  # fmt: skip
ZOO = Zoo("postgres", kinds(_LISTED, _BEYOND), _make, _fill, _said, things=_THINGS)
