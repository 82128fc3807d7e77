"""SQL text: what is a statement, what is a parameter. Tables without a server: the DDL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.engines.postgres.types import LEXIS as PG
from dbfleet.engines.postgres.types import RELATIONAL
from dbfleet.errors import UsageError
from dbfleet.sql.relational import create_statements, type_comment, typed_by_comment
from dbfleet.sql.text import Lexis, bind, check_parameters, line_of, statements, tokens
from dbfleet.values import Column, Reference, Schema, Type

MY = Lexis(
    name_quotes=("`", "`"),
    double_quotes_text=True,
    backslash_escapes=True,
    backticks=True,
    hash_comments=True,
    dashes_need_space=True,
    compound=frozenset({"FUNCTION", "PROCEDURE", "TRIGGER", "EVENT"}),
)
MS = Lexis(name_quotes=("[", "]"), brackets=True, nested_comments=True)
ORACLE = Lexis(alternative_quotes=True, not_parameters=frozenset({"new", "old"}))


def names(text: str, lexis: Lexis = PG) -> list[str]:
    return [name for statement in statements(text, lexis) for name in statement.parameters]


def texts(text: str, lexis: Lexis = PG) -> list[str]:
    return [statement.text for statement in statements(text, lexis)]


@pytest.mark.parametrize(
    ("lexis", "text"),
    [
        (PG, "select ':a', E'it\\':a', \":a\", $$ :a $$, $x$ :a $$ :a $x$"),
        (PG, "select x::int, a[1:n], a[f(1):n] -- :a\n/* :a /* :a */ :a */"),
        (PG, "select 'it''s :a'"),
        (MY, "select 'it\\':a', \"\\\":a\", `:a`, 5 # :a\n -- :a\n , @x := 1"),
        (MS, "select [:a], [x]]:a]"),
        (ORACLE, "select q'[it's :a]', q'!:a!', nq'(:a)', :new.total, :OLD.total from dual"),
        (PG, "select ':a"),
        (PG, "select $$ :a"),
        (PG, "select 1 /* :a"),
    ],
)
def test_what_only_looks_like_a_parameter_is_none(lexis: Lexis, text: str) -> None:
    assert names(text, lexis) == []


@pytest.mark.parametrize(
    ("lexis", "text"),
    [
        (PG, "select :a"),
        (PG, "select :a::int"),
        (PG, "select x from t where y=:a"),
        (PG, "select items[:a]"),
        (PG, "select items[1: :a]"),
        (PG, "select array[:a]"),
        (PG, "select '\\', :a, '\\'"),  # a backslash escapes nothing here
        (MY, "select 5--:a"),  # no comment: there is no space
        (MY, "select [:a]"),
        (MY, "select '''', :a"),
    ],
)
def test_a_parameter_is_found(lexis: Lexis, text: str) -> None:
    assert names(text, lexis) == ["a"]


@pytest.mark.parametrize("lexis", [PG, MY, MS, ORACLE])
@given(text=st.text(alphabet="ab1 \n:;'\"`[]$#-/*\\()éE_q{}", max_size=60))
def test_tokens_put_together_are_the_text(lexis: Lexis, text: str) -> None:
    found = list(tokens(text, lexis))
    assert "".join(token.text for token in found) == text
    assert [token.start for token in found] == [sum(len(t.text) for t in found[:n]) for n in range(len(found))]


@pytest.mark.parametrize(
    ("lexis", "text", "expected"),
    [
        (PG, "a;b", ["a", "b"]),
        (PG, " ; ;a; -- b;\n;", ["a"]),
        (PG, "select ';' ; select $$;$$;", ["select ';'", "select $$;$$"]),
        (PG, "create rule r as on insert to t do also (select 1; select 2); b", None),
        (PG, "select 1 -- one\n; select 2", ["select 1", "select 2"]),
        (
            PG,
            "create function f() returns int begin atomic select 1; select case when true then 1 end; end; b",
            ["create function f() returns int begin atomic select 1; select case when true then 1 end; end", "b"],
        ),
        (
            MY,
            "create procedure p() begin if 1 then select 1; end if; case x when 1 then select 2; end case; end; b",
            ["create procedure p() begin if 1 then select 1; end if; case x when 1 then select 2; end case; end", "b"],
        ),
        (MY, "create trigger t before insert on x for each row set new.a = 1; b",
         ["create trigger t before insert on x for each row set new.a = 1", "b"]),
        (PG, "begin; insert into t values (1); end; b", ["begin", "insert into t values (1)", "end", "b"]),
        (PG, "select ((1; select 2", ["select ((1; select 2"]),
    ],
)  # fmt: skip
def test_statements_end_where_the_engine_ends_them(lexis: Lexis, text: str, expected: list[str] | None) -> None:
    if expected is None:
        expected = [text.rpartition(";")[0], "b"]
    assert texts(text, lexis) == expected


@pytest.mark.parametrize("text", ["", "  ", ";;", "-- nothing", "/* a; */ ;"])
def test_no_statement_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        statements(text, PG)


def test_first_words_skip_comments_and_parentheses() -> None:
    assert statements("/* x */ (SELECT 1)", PG)[0].words == ("SELECT",)
    assert statements('with "select" as (values (1)) table "t"', PG)[0].words[0] == "WITH"


def test_missing_and_unused_parameters_are_usage_errors() -> None:
    found = statements("select :customer; select :total", PG)
    check_parameters(found, {"customer": 1, "total": 2})
    with pytest.raises(UsageError, match=":total") as missing:
        check_parameters(found, {"customer": 1, "totl": 2})
    assert missing.value.hint == "did you mean :totl?"
    with pytest.raises(UsageError, match="no parameter :x") as unused:
        check_parameters(found, {"customer": 1, "total": 2, "x": 3})
    assert ":customer, :total" in (unused.value.hint or "")
    with pytest.raises(UsageError, match=":customer") as none:
        check_parameters(found, None)
    assert "--param customer" in (none.value.hint or "")


def test_placeholders_are_the_drivers() -> None:
    text = "select :a, ':a', :b::int, :a, 5 % 2"
    params = {"a": 1, "b": 2}
    assert bind(text, params, PG, lambda n, _: f"${n}", numbered=True) == (
        "select $1, ':a', $2::int, $1, 5 % 2",
        (1, 2),
    )
    assert bind(text, params, PG, lambda n, _: "?") == ("select ?, ':a', ?::int, ?, 5 % 2", (1, 2, 1))
    assert bind(text, params, PG, lambda n, _: "%s", double_percent=True) == (
        "select %s, ':a', %s::int, %s, 5 %% 2",
        (1, 2, 1),
    )
    assert bind("select '%'", {}, PG, lambda n, _: "%s", double_percent=True) == ("select '%'", ())


def test_line_of_a_position() -> None:
    assert line_of("a\n  bc\nd", 5) == (2, "bc")
    assert line_of("a", 99) == (1, "a")


@pytest.mark.parametrize(
    ("column", "comment"),
    [
        (Column("x", Type.UUID), "dbfleet:uuid"),
        (Column("x", Type.DECIMAL, precision=12, scale=2), "dbfleet:decimal(12,2)"),
        (Column("x", Type.TEXT, length=20), "dbfleet:text(20)"),
        (Column("x", Type.INSTANT, fraction_digits=3), "dbfleet:instant(3)"),
        (Column("x", Type.DECIMAL), "dbfleet:decimal"),
    ],
)
def test_type_comments_are_read_back(column: Column, comment: str) -> None:
    assert type_comment(column) == comment
    assert typed_by_comment(Column("x", Type.TEXT, length=255, precision=7), comment) == column
    assert typed_by_comment(column, "a comment of the user's") == column
    assert typed_by_comment(column, "dbfleet:nonsense") == column


def test_ddl_quotes_every_name_and_needs_no_server() -> None:
    schema = Schema(
        'or"der%s',
        (
            Column("a.b", Type.INT, False),
            Column("Sélect", Type.TEXT, length=20),
            Column("parent", Type.INT),
            Column("other", Type.INT),
        ),
        ("a.b",),
        (Reference(("parent",), 'or"der%s', ("a.b",)), Reference(("other",), "sales.x", ("k.1",))),
        edge=True,
    )
    made = create_statements(
        schema, RELATIONAL, split_name=lambda name: ("sales", "x") if name == "sales.x" else (None, name)
    )
    assert 'CREATE TABLE "or""der%s"' in made[0]
    assert '"Sélect" VARCHAR(20)' in made[0]
    assert 'REFERENCES "or""der%s" ("a.b")' in made[0]
    assert 'REFERENCES "sales"."x" ("k.1")' in made[0]
    assert made[1:] == ["""COMMENT ON TABLE "or""der%s" IS 'dbfleet:{"edge":true}'"""]


def test_only_what_would_not_read_back_gets_a_comment() -> None:
    columns = [Column(type_.value, type_) for type_ in Type]
    odd = [Column("d", Type.DATETIME, fraction_digits=9), Column("b", Type.BYTES, length=16)]
    made = create_statements(Schema("t", (*columns, *odd)), RELATIONAL)
    assert made[1:] == [
        'COMMENT ON COLUMN "t"."d" IS \'dbfleet:datetime(9)\'',
        'COMMENT ON COLUMN "t"."b" IS \'dbfleet:bytes(16)\'',
    ]


def test_a_colon_right_behind_a_word_or_a_text_is_no_parameter_where_the_engine_says_so() -> None:
    own = Lexis(colons_behind_words=True)
    assert statements("select {'a':b, \"c\":d}, e:f, :g, x[1:2], {'h': :i}", own)[0].parameters == ("g", "i")
