"""mongosh text: what is read, as what, and what is refused, where. No server."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from bson.binary import Binary
from bson.code import Code
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from dbfleet.engines.mongodb import query_changes, query_reads
from dbfleet.engines.mongodb import text as mongosh
from dbfleet.engines.mongodb.text import Operation, parse
from dbfleet.errors import StatementError, UsageError


def one(text: str, **params: object) -> Operation:
    (operation,) = parse(text, params)
    return operation


def value(expression: str, **params: object) -> Any:
    return one(f"db.c.insertOne({{v: {expression}}})", **params).call.argument(0)["v"]


def refusal(text: str, **params: object) -> str:
    with pytest.raises(StatementError) as caught:
        parse(text, params)
    return str(caught.value)


# --- statements ---


def test_find_with_cursor_methods() -> None:
    operation = one('db.orders.find({"status": "paid"}, {_id: 0}).sort({total: -1}).limit(3).pretty()')
    assert (operation.kind, operation.collection, operation.call.name) == ("collection", "orders", "find")
    assert operation.call.arguments == ({"status": "paid"}, {"_id": 0})
    assert [(call.name, call.arguments) for call in operation.cursor] == [
        ("sort", ({"total": -1},)),
        ("limit", (3,)),
        ("pretty", ()),
    ]


@pytest.mark.parametrize(
    ("text", "collection"),
    [
        ('db.getCollection("odd name").find()', "odd name"),
        ('db["odd name"].find()', "odd name"),
        ("db['it\\'s'].find()", "it's"),
        ("db.fs.files.find()", "fs.files"),
        ('db.a["b"].find()', "a.b"),
        ("db.stats.find()", "stats"),
        ("(db.orders).find()", "orders"),
        ("db . orders\n  .find()", "orders"),
    ],
)
def test_ways_to_name_a_collection(text: str, collection: str) -> None:
    assert one(text).collection == collection


def test_other_database() -> None:
    operation = one('db.getSiblingDB("logs").hits.countDocuments()')
    assert (operation.database, operation.collection) == ("logs", "hits")


def test_statements_end_with_semicolons_and_lines() -> None:
    text = "use shop; db.a.find()\nshow collections\ndb.b.find({\n  x: 1\n})\n.limit(1) // the last\n;;/* end */ db"
    found = [(each.kind, each.call.name, each.collection) for each in parse(text, {})]
    assert found == [
        ("shell", "use", None),
        ("collection", "find", "a"),
        ("shell", "show", None),
        ("collection", "find", "b"),
        ("shell", "name", None),
    ]


def test_use_and_show_are_names_where_javascript_has_them() -> None:
    assert one("db.use.find({show: 1})").collection == "use"


def test_explain_before_and_behind() -> None:
    assert one('db.c.explain("executionStats").find({a: 1})').explain == "executionStats"
    assert one("db.c.find().explain()").cursor[0].name == "explain"


def test_database_methods() -> None:
    operation = one("db.runCommand({ping: 1})")
    assert (operation.kind, operation.collection, operation.call.arguments) == ("database", None, ({"ping": 1},))


def test_comments_alone_are_no_statement() -> None:
    assert parse("// nothing\n/* here */", {}) == []


def test_every_method_on_the_list_can_be_run() -> None:
    """The parser's closed list and the functions that run it are the same."""
    assert set(mongosh.COLLECTION) == {*query_reads.COLLECTION, *query_changes.CHANGES, "explain"} | {"find"}
    assert set(mongosh.DATABASE) == set(query_reads.DATABASE)
    assert set(mongosh.CURSOR) >= set(query_reads.FIND) | query_reads.AGGREGATE


# --- values ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("-1", -1),
        ("1.0", 1),
        ("1e3", 1000),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1_000", 1000),
        ("0xff", 255),
        ("0b101", 5),
        ("9007199254740993", 9007199254740993),
        ("-9223372036854775808", -(2**63)),
        ("5n", Int64(5)),
        ("1e300", 1e300),
        ("60*60*24", 86400),
        ("2 ** 10 - 24", 1000),
        ("7 / 2", 3.5),
        ("-7 % 4", -3),
        ("(1 + 2) * 3", 9),
        ("Infinity", float("inf")),
        ("-Infinity", float("-inf")),
        ("true", True),
        ("null", None),
        ("undefined", None),
        ('"a" + "b"', "ab"),
        ("'it\\'s'", "it's"),
        ('"\\u00e9 \\x41 \\u{1F600} \\ud83d\\ude00 \\n\\t\\\\"', "é A 😀 😀 \n\t\\"),
        ('"a\\\nb"', "ab"),
        ("`plain\ntext`", "plain\ntext"),
        ("[1, [2,], {}, ]", [1, [2], {}]),
        ("{a: 1, 'b c': 2, \"$d\": 3, 4: 5, ['e' + 'f']: 6,}", {"a": 1, "b c": 2, "$d": 3, "4": 5, "ef": 6}),
    ],
)
def test_literals(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_nan_and_negative_zero() -> None:
    assert value("NaN") != value("NaN")
    assert str(value("-0")) == "-0.0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ObjectId("507f1f77bcf86cd799439011")', ObjectId("507f1f77bcf86cd799439011")),
        ('ISODate("2024-02-29T13:05:00.123456Z")', datetime(2024, 2, 29, 13, 5, 0, 123000, tzinfo=UTC)),
        ('ISODate("2024-02-29T13:05:00+02:00")', datetime(2024, 2, 29, 11, 5, tzinfo=UTC)),
        ('new Date("2024-02-29")', datetime(2024, 2, 29, tzinfo=UTC)),
        ('new Date("2024-02")', datetime(2024, 2, 1, tzinfo=UTC)),
        ('ISODate("2024")', datetime(2024, 1, 1, tzinfo=UTC)),
        ("new Date(86400000)", datetime(1970, 1, 2, tzinfo=UTC)),
        ("new Date(2024, 1, 29, 13, 5)", datetime(2024, 2, 29, 13, 5, tzinfo=UTC)),
        ("new Date(2024, 12)", datetime(2025, 1, 1, tzinfo=UTC)),
        ('new Date(ISODate("2024"))', datetime(2024, 1, 1, tzinfo=UTC)),
        ('NumberLong("9223372036854775807")', Int64(2**63 - 1)),
        ("Long.fromString('5')", Int64(5)),
        ("NumberInt(5)", 5),
        ('NumberDecimal("1.50")', Decimal128("1.50")),
        ("Decimal128('1E+3')", Decimal128("1E+3")),
        ("Double(5)", 5.0),
        ('UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")', UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")),
        ('BinData(0, "AQID")', Binary(b"\1\2\3", 0)),
        ('HexData(5, "ff")', Binary(b"\xff", 5)),
        ("MinKey", MinKey()),
        ("new MaxKey()", MaxKey()),
        ("Timestamp(5, 1)", Timestamp(5, 1)),
        ("Timestamp({t: 5, i: 1})", Timestamp(5, 1)),
        ("/ab+[/]\\/c/i", Regex("ab+[/]\\/c", "i")),
        ("new RegExp('^a', 'im')", Regex("^a", "im")),
        ('DBRef("c", 1)', DBRef("c", 1)),
        ("function(x) { return x }", Code("function(x) { return x }")),
    ],
)
def test_constructors(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_now() -> None:
    ago = value("new Date(Date.now() - 24*60*60*1000)")
    assert abs(datetime.now(UTC) - timedelta(days=1) - ago) < timedelta(seconds=10)
    assert abs(datetime.now(UTC) - value("ISODate()")) < timedelta(seconds=10)
    assert value("ObjectId()") != value("ObjectId()")


# --- parameters ---


def test_parameters_stand_where_values_may() -> None:
    operation = one("db.c.find({a: :n, b::n, [:k]: [:n, -:n], 'x:n': ':n'}).limit(:n) // :gone", n=5, k="key")
    assert operation.call.arguments == ({"a": 5, "b": 5, "key": [5, -5], "x:n": ":n"},)
    assert operation.cursor[0].arguments == (5,)
    assert one("db[:c].find()", c="odd").collection == "odd"


def test_parameters_are_never_spliced() -> None:
    hostile = '"}).drop(); // \\ :n'
    assert one("db.c.find({a: :n})", n=hostile).call.arguments == ({"a": hostile},)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Decimal("1.5"), Decimal128("1.5")),
        (date(2024, 2, 29), datetime(2024, 2, 29, tzinfo=UTC)),
        ({"a": [Decimal("0.5")]}, {"a": [0.5]}),
        (b"x", b"x"),
        (None, None),
    ],
)
def test_parameters_become_bson(given: object, expected: object) -> None:
    found = value(":p", p=given)
    assert getattr(found, "bid", found) == getattr(expected, "bid", expected)


def test_parameter_without_a_value_and_value_without_a_parameter() -> None:
    with pytest.raises(UsageError, match="has :n and no value"):
        parse("db.c.find({a: :n})", {})
    with pytest.raises(UsageError, match="no :m in the statement"):
        parse("db.c.find({a: :n})", {"n": 1, "m": 2})


# --- Extended JSON ---


def test_command_as_extended_json() -> None:
    operation = one(
        '\n {"find": "c", "filter": {"_id": {"$oid": "507f1f77bcf86cd799439011"}, "x": 1.0, "n": :n}} \n', n=2
    )
    assert operation.kind == "command"
    found = operation.call.argument(0)
    assert list(found) == ["find", "filter"]
    assert found["filter"] == {"_id": ObjectId("507f1f77bcf86cd799439011"), "x": 1.0, "n": 2}
    assert type(found["filter"]["x"]) is float


def test_command_is_read_as_people_write_it() -> None:
    found = one("{ping: 1, comment: 'x', n: {$numberLong: '5'}}").call.argument(0)
    assert found == {"ping": 1, "comment": "x", "n": Int64(5)}


@pytest.mark.parametrize("text", ["{}", '{"a": {"$oid": "nope"}}', '{"a": 1} {"b": 1}', '{"a": }'])
def test_what_is_no_command(text: str) -> None:
    assert refusal(text)


# --- refusals ---


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("db.c.find().forEach(x => print(x))", "line 1, column 13: not supported: forEach()"),
        ("db.c.find({a: x => 1})", "line 1, column 15: not supported: arrow functions"),
        ("let a = 1", "line 1, column 1: not supported: variables"),
        ("\n\nfor (;;) {}", "line 3, column 1: not supported: loops"),
        ("x = 1", "line 1, column 1: not supported: assignments"),
        ("db.c.find({a: b ? 1 : 2})", "line 1, column 15: not supported: the conditional operator"),
        ("db.c.find({...a})", "line 1, column 12: not supported: the spread operator"),
        ("db.c.find({a})", "line 1, column 12: not supported: shorthand properties"),
        ("db.c.find({a() {}})", "line 1, column 12: not supported: methods in an object"),
        ("db.c.find({a: `${1}`})", "line 1, column 16: not supported: substitutions in a template string"),
        ("await db.c.find()", "line 1, column 1: not supported: await"),
        ("db?.c.find()", "line 1, column 1: not supported: optional chaining"),
        ("db.c.find({a: paid})", "line 1, column 15: not supported: the name paid"),
        ("db.c.find({a: eval('1')})", "line 1, column 15: not supported: eval()"),
        ("print(1)", "line 1, column 1: not supported: print"),
        ("rs.status()", "line 1, column 1: not supported: rs"),
        ("show users", "line 1, column 1: not supported: show users"),
        ("db.c.fnid()", "line 1, column 6: not supported: fnid()"),
        ("db.fsyncLock()", "line 1, column 4: not supported: fsyncLock()"),
        ("db.c.findOne().limit(1)", "line 1, column 16: not supported: limit() behind findOne()"),
        ("db.c.find()[0]", "line 1, column 13: not supported: a part of a result"),
        ("db.c.findOne().name", "line 1, column 16: not supported: a part of a result"),
        ("db.c.find().limit()", "line 1, column 18: limit() takes 1 argument, not 0"),
        ("db.c.updateOne({})", "line 1, column 15: updateOne() takes 2 to 3 arguments, not 1"),
        ("db.c", "db.c is a collection, no statement"),
        ("db.c.insertMany([1,,2])", "line 1, column 17: not supported: holes in an array"),
        ("db.c.find({a: 99999999999999999999})", "line 1, column 15: 99999999999999999999 has more than 64 bits"),
        ("db.c.find({a: 9223372036854775808})", "line 1, column 15: 9223372036854775808 has more than 64 bits"),
        ("db.c.find({a: 010})", "line 1, column 15: not supported: numbers that begin with 0"),
        ("db.c.find({a: /x/g})", "line 1, column 15: not supported: the regular expression flag g"),
        ('db.c.find({a: "\\ud83d"})', "line 1, column 15: half of a surrogate pair is no text"),
        ('db.c.find({a: ISODate("soon")})', "line 1, column 15: ISODate:"),
        ('db.c.find({a: ObjectId("5")})', "line 1, column 15: ObjectId:"),
        ('db.c.find({a: Date("2024")})', "line 1, column 15: Date() without new"),
        ('db.c.find({a: NumberInt("3000000000")})', "line 1, column 15: NumberInt:"),
        ("db.c.find({a: 1 / 0})", "line 1, column 15: "),
        ("db.c.find({:n: 1})", "line 1, column 12: a parameter cannot be the name of a field"),
    ],
)
def test_what_is_not_on_the_list_is_refused_by_name(text: str, message: str) -> None:
    found = refusal(text, **({"n": 1} if ":n" in text else {}))
    assert found.startswith(message), found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("db.c.find({a: 1)", "line 1, column 16: } is missing before this )"),
        ("db.c.find({a: 1}", "line 1, column 10: this ( is never closed"),
        ("db.c.find())", "line 1, column 12: this ) closes nothing"),
        ("db.c.find({a: 'x})", "line 1, column 15: this ' is never closed"),
        ("db.c.find({a: /x})", "line 1, column 15: this / is never closed"),
        ("/* db.c.find()", "line 1, column 1: this / is never closed"),
        ("db.c.find(\n  {a: 1,\n   b: @}\n)", "line 3, column 4: syntax error at b: @"),
        ("db.é.find() db.c.find()", "line 1, column 13: syntax error at db"),
        ("db.c.find({a: })", "line 1, column 1"),
        ('{"a": 1]', "line 1, column 8: } is missing before this ]"),
        ('{"a": 1})', "line 1, column 9: this ) closes nothing"),
    ],
)
def test_a_syntax_error_says_where(text: str, message: str) -> None:
    assert refusal(text).startswith(message)


def test_columns_count_characters() -> None:
    assert refusal("db.c.find({a: '😀é'}).foo()").startswith("line 1, column 22: not supported: foo()")


def test_hints_name_the_nearest_method() -> None:
    with pytest.raises(StatementError) as caught:
        parse("db.c.fnid()", {})
    assert caught.value.hint == "did you mean find?"
    with pytest.raises(StatementError) as caught:
        parse("db.orders", {})
    assert caught.value.hint == "did you mean db.orders.find()?"
