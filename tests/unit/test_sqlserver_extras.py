"""What SQL Server's catalog says of indexes and defaults, in its own spelling, as dbfleet.extras; without a server."""

from __future__ import annotations

from typing import Any

import pytest

from dbfleet.engines._sqlserver_extras import add_statements, extras
from dbfleet.engines._sqlserver_tables import Table
from dbfleet.engines._sqlserver_types import read_native
from dbfleet.errors import Unsupported
from dbfleet.extras import Default, Extra, Extras, Identity, Index

_COLUMNS = {
    "id": ("bigint", 8, 19, 0, False),
    "code": ("nvarchar", 40, 0, 0, True),
    "a]b": ("int", 4, 10, 0, True),
    "name": ("nvarchar", 100, 0, 0, False),
    "note": ("nvarchar", -1, 0, 0, True),
    "wide": ("nvarchar", 2000, 0, 0, True),
    "price": ("decimal", 9, 12, 2, True),
    "rate": ("float", 8, 53, 0, True),
    "good": ("bit", 1, 1, 0, True),
    "day": ("date", 3, 10, 0, True),
    "at": ("datetimeoffset", 10, 33, 6, True),
    "then": ("datetime2", 8, 26, 6, True),
    "own": ("uniqueidentifier", 16, 0, 0, True),
    "hash": ("varbinary", 16, 0, 0, True),
}
PLACE = ("dbo", "t")
TABLE = Table(
    7, "t", "[dbo].[t]", "U", {name: read_native(name, *rest) for name, rest in _COLUMNS.items()}, {}
)  # fmt: skip


class Catalog:
    """Answers the catalog's questions with these rows."""

    def __init__(self, **rows: list[tuple[Any, ...]]) -> None:
        self._rows = rows

    def __call__(self, statement: str) -> list[tuple[Any, ...]]:
        for word, rows in self._rows.items():
            if f"FROM sys.{word} " in statement.replace("\n", " "):
                return rows
        return []


def index(name: str, *columns: str, kind: str = "NONCLUSTERED", unique: bool = False, only: str | None = None,
          disabled: bool = False, ordered: bool = True) -> list[tuple[Any, ...]]:  # fmt: skip
    return [
        (hash(name), name, kind, unique, disabled, only, place if ordered else 0, column)
        for place, column in enumerate(columns, 1)
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (index("i", "code", "id"), Index("i", ("code", "id"))),
        (index("u", "name", "id", unique=True), Index("u", ("name", "id"), True)),
        (index("c", "name", kind="CLUSTERED", unique=True), Index("c", ("name",), True)),
        (index("f", "code", unique=True, only="([code] IS NOT NULL)"), Index("f", ("code",), True)),
        (
            index("f", "code", "a]b", "id", unique=True, only="([code] IS NOT NULL AND [a]]b] IS NOT NULL)"),
            Index("f", ("code", "a]b", "id"), True),
        ),
        (index("n", "code", unique=True), "index n, in which NULLs are the same"),
        (index("p", "code", "a]b", unique=True, only="([code] IS NOT NULL)"), "index p, of some rows only"),
        (index("p", "name", unique=True, only="([code] IS NOT NULL)"), "index p, of some rows only"),
        (index("p", "code", unique=True, only="([code] IS NOT NULL AND [id]>(5))"), "index p, of some rows only"),
        (index("p", "code", only="([code] IS NOT NULL)"), "index p, of some rows only"),
        (index("x", "code", kind="CLUSTERED COLUMNSTORE", ordered=False), "index x, of kind clustered columnstore"),
        (index("d", "code", disabled=True), "index d, which is disabled"),
    ],
)  # fmt: skip
def test_index_is_read(rows: list[tuple[Any, ...]], expected: Extra | str) -> None:
    found = extras(Catalog(indexes=rows), TABLE)
    assert found == (Extras((), (expected,)) if isinstance(expected, str) else Extras((expected,)))


def test_included_columns_are_no_part_of_an_index() -> None:
    rows = [*index("i", "code"), (hash("i"), "i", "NONCLUSTERED", False, False, None, 0, "note")]
    assert extras(Catalog(indexes=rows), TABLE).has == (Index("i", ("code",)),)


@pytest.mark.parametrize(
    ("column", "definition", "expected"),
    [
        ("code", "('x')", "x"),
        ("code", "(N'it''s ()')", "it's ()"),
        ("note", "(N'')", ""),
        ("note", "(CONVERT([nvarchar](max),0x6100))", "a"),
        ("id", "((1))", "1"),
        ("price", "((-0.25))", "-0.25"),
        ("rate", "((1.5000000000000000e+000))", "1.5"),
        ("good", "((1))", "true"),
        ("good", "((0))", "false"),
        ("day", "('2024-02-29')", "2024-02-29"),
        ("at", "(N'2024-02-29T13:05:00+00:00')", "2024-02-29T13:05:00Z"),
        ("own", "('6F9619FF-8B86-D011-B42D-00C04FC964FF')", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
    ],
)
def test_default_that_is_a_value_is_read(column: str, definition: str, expected: str) -> None:
    found = extras(Catalog(default_constraints=[(column, "DF", definition)]), TABLE)
    assert found == Extras((Default(column, expected),))


@pytest.mark.parametrize(
    ("column", "definition"),
    [
        ("at", "(sysdatetimeoffset())"), ("at", "(sysutcdatetime())"), ("then", "(getdate())"),
        ("then", "(sysdatetime())"), ("day", "(CONVERT([date],getdate()))"),
        ("day", "(CONVERT([date],sysdatetime(),(0)))"),
    ],
)  # fmt: skip
def test_default_that_is_the_moment_is_read(column: str, definition: str) -> None:
    found = extras(Catalog(default_constraints=[(column, "DF", definition)]), TABLE)
    assert found == Extras((Default(column, None),))


@pytest.mark.parametrize(
    ("column", "definition"),
    [("own", "(newid())"), ("id", "([dbo].[f]())"), ("code", "(N'a'+N'b')"), ("code", "(getdate())"),
     ("hash", "(0x00)"), ("then", "(dateadd(day,(1),getdate()))")],
)  # fmt: skip
def test_default_that_is_an_expression_is_left(column: str, definition: str) -> None:
    found = extras(Catalog(default_constraints=[(column, "DF", definition)]), TABLE)
    assert found == Extras((), (f"default of {column}, an expression: {definition}",))


def test_no_default_checks_triggers_and_what_counts_up() -> None:
    counted = read_native("n", "int", 4, 10, 0, False, identity=True)
    table = Table(7, "t", "[dbo].[t]", "U", {**TABLE.columns, "n": counted}, {})
    catalog = Catalog(
        default_constraints=[("code", "DF", "(NULL)"), ("id", "DF", "(NEXT VALUE FOR [dbo].[s])")],
        check_constraints=[("positive",)],
        triggers=[("after insert",)],
    )
    assert extras(catalog, table) == Extras(
        (Identity("n"), Identity("id")), ("check positive", "trigger after insert")
    )  # fmt: skip
    assert list(add_statements(catalog, table, PLACE, Identity("n"))) == []


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        (Index("i", ("note",)), "note is nvarchar(max)"),
        (Index("i", ("id", "wide")), "wide is nvarchar(1000)"),
        (Identity("price"), "price is decimal(12,2)"),
        (Identity("code"), "code is nvarchar(20)"),
    ],
)
def test_what_the_server_cannot_is_refused_in_words(extra: Extra, why: str) -> None:
    with pytest.raises(Unsupported) as caught:
        list(add_statements(Catalog(), TABLE, PLACE, extra))
    assert why in caught.value.message


@pytest.mark.parametrize(("greatest", "first"), [(None, 1), (-5, 1), (0, 1), (41, 42)])
def test_sequence_starts_behind_the_greatest_value(greatest: int | None, first: int) -> None:
    statements = list(
        add_statements(lambda asked: [(greatest,)] if "MAX" in asked else [], TABLE, PLACE, Identity("id"))
    )
    assert statements[-2] == f"CREATE SEQUENCE [dbo].[dbfleet:t:id] AS bigint START WITH {first}"


def test_sequence_of_long_names_has_a_name_that_fits() -> None:
    long = "t" * 125
    *_, create, _ = add_statements(lambda asked: [(1,)] if "MAX" in asked else [], TABLE, ("dbo", long), Identity("id"))
    assert len(create.partition("].[")[2].partition("]")[0]) <= 128
