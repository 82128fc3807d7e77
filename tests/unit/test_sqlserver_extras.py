"""What SQL Server's catalog says of indexes and defaults, in its own spelling, as dbfleet.extras; without a server."""

from __future__ import annotations

from typing import Any

import pytest

from dbfleet.engines.sqlserver.extras import add_statements, count_on
from dbfleet.engines.sqlserver.extras import extras as read_extras
from dbfleet.engines.sqlserver.left import of_database
from dbfleet.engines.sqlserver.tables import Table, Tables
from dbfleet.engines.sqlserver.types import read_native
from dbfleet.errors import NotFound, StatementError, Unsupported
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
USUAL = "SQL_Latin1_General_CP1_CI_AS"
PLACE = ("dbo", "t")
TABLE = Table(
    7, "t", "[dbo].[t]", "U", {name: read_native(name, *rest) for name, rest in _COLUMNS.items()}, {}
)  # fmt: skip


class Catalog:
    """Answers the catalog's questions with these rows."""

    def __init__(self, **rows: list[tuple[Any, ...]]) -> None:
        self._rows = rows

    def __call__(self, statement: str) -> list[tuple[Any, ...]]:
        if "ledger_type" in statement or "is_node" in statement:
            return []  # of later servers
        for word, rows in self._rows.items():
            if f"FROM sys.{word} " in statement.replace("\n", " "):
                return rows
        if "DATABASEPROPERTYEX" in statement:
            return [(USUAL,)]
        return [("dbo",)] if statement == "SELECT SCHEMA_NAME()" else []


def extras(catalog: Catalog, table: Table = TABLE) -> Extras:
    return read_extras(catalog, Tables(catalog), table)


def index(name: str, *columns: str, kind: str = "NONCLUSTERED", unique: bool = False, only: str | None = None,
          disabled: bool = False, ordered: bool = True, down: bool = False, ignoring: bool = False
          ) -> list[tuple[Any, ...]]:  # fmt: skip
    return [
        (hash(name), name, kind, unique, disabled, only, ignoring, place if ordered else 0, False, down, column)
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
    found = extras(Catalog(indexes=rows))
    assert found == (Extras((), (expected,)) if isinstance(expected, str) else Extras((expected,)))


def test_what_an_index_has_besides_its_columns_is_left() -> None:
    rows = [
        *index("i", "code", down=True),
        (hash("i"), "i", "NONCLUSTERED", False, False, None, False, 0, True, False, "note"),
        *index("u", "name", unique=True, ignoring=True),
    ]
    assert extras(Catalog(indexes=rows)) == Extras(
        (Index("i", ("code",)), Index("u", ("name",), True)),
        (
            "of index i, its descending order",
            "of index i, its included columns",
            "of index u, that it passes over a second row with its values",
        ),
    )


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
    found = extras(Catalog(default_constraints=[(column, "DF", definition)]))
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
    found = extras(Catalog(default_constraints=[(column, "DF", definition)]))
    assert found == Extras((Default(column, None),))


@pytest.mark.parametrize(
    ("column", "definition"),
    [("own", "(newid())"), ("id", "([dbo].[f]())"), ("code", "(N'a'+N'b')"), ("code", "(getdate())"),
     ("hash", "(0x00)"), ("then", "(dateadd(day,(1),getdate()))")],
)  # fmt: skip
def test_default_that_is_an_expression_is_left(column: str, definition: str) -> None:
    found = extras(Catalog(default_constraints=[(column, "DF", definition)]))
    assert found == Extras((), (f"default of {column}, an expression: {definition}",))


def test_no_default_and_what_counts_up() -> None:
    counted = read_native("n", "int", 4, 10, 0, False, identity=True)
    table = Table(7, "t", "[dbo].[t]", "U", {**TABLE.columns, "n": counted}, {})
    catalog = Catalog(default_constraints=[("code", "DF", "(NULL)"), ("id", "DF", "(NEXT VALUE FOR [dbo].[s])")])
    assert extras(catalog, table) == Extras((Identity("n"), Identity("id")))
    assert list(add_statements(catalog, table, PLACE, Identity("n"))) == []
    assert counted.column.remark is None  # takes the rows' values


@pytest.mark.parametrize(
    ("column", "definition"),
    [
        ("id", "(NEXT VALUE FOR [dbo].[s]*(10))"),
        ("code", "(N'A'+CONVERT([nvarchar](20),NEXT VALUE FOR [dbo].[s]))"),
        ("code", "(NEXT VALUE FOR [dbo].[s])"),
    ],
)
def test_default_by_a_sequence_that_is_no_number_of_its_own_is_left(column: str, definition: str) -> None:
    found = extras(Catalog(default_constraints=[(column, "DF", definition)]))
    assert found == Extras((), (f"default of {column}, an expression: {definition}",))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"computed_columns": [("twice", "([id]*(2))", False)]}, "generated column twice, ([id]*(2)): its values come"),
        (
            {"computed_columns": [("twice", "([id]*(2))", True)]},
            "generated column twice, ([id]*(2)) persisted: its values come",
        ),
        ({"identity_columns": [("id", "10")]}, "that id counts by 10"),
        ({"identity_columns": [("id", "1")]}, None),
        ({"masked_columns": [("code", 'partial(1,"x",0)')]}, 'mask of code: partial(1,"x",0)'),
        ({"check_constraints": [("positive", "([id]>(0))", False)]}, "check positive: ([id]>(0))"),
        ({"check_constraints": [("c", "([id]>(0))", True)]}, "check c, which is disabled: ([id]>(0))"),
        (
            {"foreign_keys": [("f", "CASCADE", "SET_NULL", False, False)]},
            "of foreign key f, on update set null and on delete cascade",
        ),
        ({"foreign_keys": [("f", "NO_ACTION", "NO_ACTION", True, True)]}, "of foreign key f, that it is disabled"),
        (
            {"foreign_keys": [("f", "NO_ACTION", "NO_ACTION", False, True)]},
            "of foreign key f, that nobody has checked it",
        ),
        ({"foreign_keys": [("f", "NO_ACTION", "NO_ACTION", False, False)]}, None),
        ({"triggers": [("after insert",)]}, "trigger after insert"),
        ({"stats": [("s",)]}, "statistics s"),
        ({"fulltext_indexes": [(7,)]}, "full-text index"),
        ({"security_predicates": [("p",)]}, "security policy p"),
        ({"change_tracking_tables": [(7,)]}, "change tracking"),
        ({"database_permissions": [(1,), (1,)]}, "privileges"),
        (
            {"tables": [(2, "dbo", "t_past", False, False, False, False)]},
            "system versioning: the rows of the past are in dbo.t_past",
        ),
        ({"tables": [(1, None, None, 0, 0, 0, 0)]}, "that it holds the rows of another table's past"),
        ({"tables": [(0, None, None, True, False, False, True)]}, "that it is in memory; change data capture"),
        ({"tables": [(0, None, None, 0, 0, 0, 0)]}, None),
    ],
)
def test_what_no_record_holds_is_left_by_name(found: dict[str, list[tuple[Any, ...]]], told: str | None) -> None:
    assert extras(Catalog(**found)) == Extras((), (told,) if told else ())


@pytest.mark.parametrize(
    ("asked", "row", "told"),
    [
        ("generated_always_type_desc", ("since", "AS_ROW_START"), "generated column since, row start: its values come"),
        ("is_sparse", ("note", 1, 0, 0, 0, 1), "that note is sparse and is hidden"),
        ("t.is_user_defined", ("code", "dbo", "Phone"), "type dbo.Phone of code"),
        ("default_object_id", ("code", "unknown"), "default of code, the object unknown"),
        ("rule_object_id", ("code", "short"), "rule short of code"),
        ("sys.partition_schemes", ("by_year", "day"), "partitions by day, scheme by_year"),
        ("ORDER BY p.minor_id", ("MS_Description", None), "comment of the table"),
        ("ORDER BY p.minor_id", ("MS_Description", "code"), "comment of code"),
        ("ORDER BY p.minor_id", ("Owner", "code"), "extended property Owner of code"),
        ("AND o.parent_object_id = 7", ("MS_Description", "CK_t"), "comment of CK_t"),
        ("p.class = 7", ("MS_Description", "by_code"), "comment of index by_code"),
    ],
)
def test_what_columns_and_properties_have_is_left_by_name(asked: str, row: tuple[Any, ...], told: str) -> None:
    nothing = Catalog()

    def catalog(statement: str) -> list[tuple[Any, ...]]:
        return [row] if asked in statement and "sys.default_constraints" not in statement else nothing(statement)

    assert read_extras(catalog, Tables(catalog), TABLE) == Extras((), (told,))


def test_collations_that_a_copy_does_not_have_are_left() -> None:
    texts = {"k": USUAL, "own": "Latin1_General_100_BIN2", "name": USUAL, "code": "German_PhoneBook_CI_AS",
             "exact": "Latin1_General_100_BIN2"}  # fmt: skip
    columns = {name: read_native(name, "nvarchar", 20, 0, 0, False, collation=each) for name, each in texts.items()}
    table = Table(7, "t", "[dbo].[t]", "U", columns, {})

    def catalog(statement: str) -> list[tuple[Any, ...]]:
        if "i.is_primary_key = 1" in statement:
            return [("k",)]
        if "FROM sys.foreign_key_columns" in statement:
            return [(9, "own", "dbo", "parents", "id")]
        return Catalog()(statement)

    assert read_extras(catalog, Tables(catalog), table).left == (
        f"collation {USUAL} of k",
        "collation German_PhoneBook_CI_AS of code",
        "collation Latin1_General_100_BIN2 of exact",
    )


def test_view_is_told_as_one() -> None:
    table = Table(7, "v", "[dbo].[v]", "V", TABLE.columns, {})
    assert extras(Catalog(), table).left == ("that it is a view: its rows come as a table",)


@pytest.mark.parametrize(
    "computed",
    [{"computed": True}, {"computed": True, "beside": "json"}, {"word": "timestamp", "length": 8}],
    ids=["an expression", "with what is kept beside", "a row's version"],
)
def test_what_the_server_computes_has_the_projects_note_for_it(computed: dict[str, Any]) -> None:
    given = {"word": "nvarchar", "length": -1, **computed}
    native = read_native("c", given.pop("word"), given.pop("length"), 0, 0, True, **given)
    assert native.computed
    assert native.column.generated


def test_what_the_database_has_besides_its_tables_is_told_by_name() -> None:
    objects = [
        ("V", "dbo", "seen"), ("V", "dbo", "broken"), ("P", "sales", "close_year"), ("FN", "dbo", "twice"),
        ("SO", "dbo", "numbers"), ("SO", "dbo", "dbfleet:t:id"), ("SN", "dbo", "elsewhere"),
    ]  # fmt: skip
    catalog = Catalog(
        objects=objects, types=[("dbo", "Phone")], assemblies=[("clr",)], partition_functions=[("by_year",)]
    )
    assert of_database(catalog, Tables(catalog), {"broken": "Invalid object name 'gone'."}) == [
        "view broken, which cannot be read: Invalid object name 'gone'.",
        "view seen: its rows come as a table",
        "procedure sales.close_year",
        "function twice",
        "sequence numbers",
        "synonym elsewhere",
        "type Phone",
        "assembly clr",
        "partition function by_year",
    ]


def test_a_catalog_view_that_this_server_lacks_tells_of_nothing() -> None:
    catalog = Catalog(assemblies=[("clr",)])

    def ask(statement: str) -> list[tuple[Any, ...]]:
        if "sys.security_policies" in statement:
            raise NotFound("Invalid object name 'sys.security_policies'.")
        return catalog(statement)

    assert of_database(ask, Tables(catalog), {}) == ["assembly clr"]


@pytest.mark.parametrize(
    ("sequence", "last", "expected"),
    [
        (("1", "1", "1", "99"), 41, 42),
        (("41", "1", "1", "99"), 41, 42),
        (("42", "1", "1", "99"), 41, None),
        (("1", "1", "1", "99"), None, None),
        (("1", "10", "1", "99"), 41, 51),
        (("-1", "-1", "-99", "-1"), -41, -42),
        (("-42", "-1", "-99", "-1"), -41, None),
        (("1", "1", "1", "41"), 41, "the counter of id ends before its last value: s]1 has none behind 41"),
    ],
)
def test_sequence_goes_on_behind_the_rows(sequence: tuple[str, ...], last: int | None, expected: object) -> None:
    done: list[str] = []

    def catalog(statement: str) -> list[tuple[Any, ...]]:
        if "FROM sys.default_constraints" in statement:
            return [("id", "DF", "(NEXT VALUE FOR [sales].[s]]1])"), ("code", "DF", "(N'x')")]
        if "FROM sys.sequences" in statement:
            assert "s.name = N'sales' AND q.name = N's]1'" in statement
            return [sequence]
        assert statement == f"SELECT {'MAX' if int(sequence[1]) > 0 else 'MIN'}([id]) FROM [dbo].[t]"
        return [(last,)]

    told = list(count_on(catalog, done.append, TABLE, "dbo"))
    assert told == ([expected] if isinstance(expected, str) else [])
    assert done == ([f"ALTER SEQUENCE [sales].[s]]1] RESTART WITH {expected}"] if isinstance(expected, int) else [])


def test_counter_that_cannot_be_set_is_told() -> None:
    def refuse(statement: str) -> None:
        raise StatementError("no permission")

    def catalog(statement: str) -> list[tuple[Any, ...]]:
        if "FROM sys.default_constraints" in statement:
            return [("id", "DF", "(NEXT VALUE FOR [s])")]
        return [("1", "1", "1", "99")] if "FROM sys.sequences" in statement else [(5,)]

    assert list(count_on(catalog, refuse, TABLE, "dbo")) == [
        "the counter of id is behind its last value: no permission"
    ]


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
