"""Statements through the real web: the answer, who may ask, and that reading is all that a reader can do."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from asked_web import AskFleet, Person, Web, entries, error_of
from django.contrib.auth.models import User

from dbfleet import formats, registry
from dbfleet.console import chain
from dbfleet.console.models import Entry
from dbfleet.console.statements.allowed import role_for

Make = Callable[..., Person]

READS = {
    "p": "SELECT * FROM orders ORDER BY id",
    "s": "SELECT * FROM orders ORDER BY id; SELECT 1 AS one",
    "r": "HGETALL customers:1",
}


def test_an_answer_is_records_of_columns_rows_and_an_end(person: Make) -> None:
    begun, columns, rows, told, end = person("reader").frames(
        "p", "SELECT 1 AS n, 'a' || chr(10) AS t, NULL AS nothing, '' AS empty, 1.50 AS d, true AS b"
    )
    assert begun["seconds"] == 60
    assert [each["name"] for each in columns["columns"]] == ["n", "t", "nothing", "empty", "d", "b"]
    assert rows["rows"] == [[["1"], "a\n", None, "", ["1.5"], "true"]]
    assert told["told"]["rows"] == 1
    assert end["end"]["rows"] == 1


def test_several_statements_give_several_results(person: Make) -> None:
    found = person("reader").frames("p", "SELECT 1 AS a; SELECT 2 AS b")
    assert [each["columns"][0]["name"] for each in found if "columns" in each] == ["a", "b"]
    assert [each["rows"] for each in found if "rows" in each] == [[[["1"]]], [[["2"]]]]


def test_parameters_are_bound_and_only_their_hash_is_on_record(person: Make) -> None:
    asked = {"text": "SELECT :name AS n, :count + 1 AS c", "params": ["name='; DROP TABLE orders", "count:int=41"]}
    found = person("reader").frames("p", **asked)
    assert [each["rows"] for each in found if "rows" in each] == [[["'; DROP TABLE orders", ["42"]]]]
    body = Entry.objects.filter(kind="statement").order_by("seq")[0].body
    assert "DROP" not in body
    assert len(json.loads(body)["params"]) == 64


@pytest.mark.parametrize("target", sorted(READS))
@pytest.mark.parametrize("format", formats.names())
def test_an_export_has_the_bytes_of_the_command_line(
    person: Make, web: Web, ask_fleet: AskFleet, target: str, format: str
) -> None:
    fields = {"target": target, "text": READS[target], "format": format}
    found = person("reader").post(f"{web.address}/query/export", data=fields)
    assert found.headers["Content-Disposition"].startswith("attachment")
    assert found.content == ask_fleet.query(target, READS[target], "--format", format)
    by_api = person("reader").post(f"{web.address}/api/query", json=fields)
    assert by_api.content == found.content
    assert len(found.content) > 20


ODD = """SELECT NULL AS n, 'NaN'::float8 AS f, '-Infinity'::float8 AS g, 'NaN'::numeric AS h, -0.0::float8 AS z,
'' AS e, E'a\\r\\nb\\tc|d"e\\\\f' AS t, ' 日本語 😀 \u202e ' AS u, '{"a": [1, null, "ä"]}'::jsonb AS j,
'\\xdeadbeef'::bytea AS b, interval '1 day' AS i, date '0044-03-15 BC' AS old,
1e-30::numeric AS d, ARRAY[1, NULL] AS a, 2 AS n, true AS yes,
timestamptz '2026-01-01 12:00:00.120+02' AS at, repeat('x', 1000000) AS wide, 9007199254740993 AS big"""
WIDE = f"SELECT {', '.join(f'{n} AS c{n}' for n in range(1, 1200))}"
EXPORTED = {
    "odd values": (ODD, formats.names()),
    "nothing": ("SELECT * FROM orders WHERE false", formats.names()),
    "many columns": (WIDE, ("csv", "jsonl", "tsv")),
    "several answers": (
        f"{ODD.replace('1000000', '9')}; SELECT 1 AS one WHERE false; SELECT 2 AS two",
        formats.names(),
    ),
}


@pytest.mark.parametrize("what", EXPORTED)
def test_an_export_of_odd_answers_has_the_bytes_of_the_command_line(
    person: Make, web: Web, ask_fleet: AskFleet, what: str
) -> None:
    text, words = EXPORTED[what]
    reader = person("reader")
    for format in words:
        found = reader.post(f"{web.address}/query/export", data={"target": "p", "text": text, "format": format})
        assert found.content == ask_fleet.query("p", text, "--format", format), format


def test_every_format_of_the_command_line_is_offered(person: Make, web: Web) -> None:
    page = person("reader").get(f"{web.address}/query").text
    assert [each for each in formats.names() if f"<option>{each}</option>" not in page] == []


HOSTILE = {
    "p": [
        "INSERT INTO orders (id) VALUES (-1)",
        "UPDATE orders SET total = 0",
        "DELETE FROM orders; COMMIT",
        "DROP TABLE orders CASCADE",
        "TRUNCATE orders CASCADE",
        "CREATE TABLE mine (id int)",
        "COMMIT; DELETE FROM orders",
        "ROLLBACK; BEGIN READ WRITE; DELETE FROM orders; COMMIT",
        "SET TRANSACTION READ WRITE; DELETE FROM orders",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; DELETE FROM orders",
        "SET default_transaction_read_only = off; COMMIT; DELETE FROM orders",
        "SET ROLE dbfleet; DELETE FROM orders",
        "RESET SESSION AUTHORIZATION; DELETE FROM orders",
        "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone",
        "DO $$ BEGIN DELETE FROM orders; END $$",
        "EXPLAIN ANALYZE DELETE FROM orders",
        "PREPARE x AS DELETE FROM orders; EXECUTE x",
        "COPY orders FROM PROGRAM 'echo 1'",
        "COPY (SELECT 1) TO '/tmp/reader'",
        "SELECT lo_create(0)",
        "CREATE TEMP TABLE t (id int)",
        "ALTER ROLE dbfleet_ro SUPERUSER",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'dbfleet'",
        "GRANT ALL ON orders TO dbfleet_ro",
        "VACUUM orders",
        "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE",
    ],
    "s": [
        "DELETE FROM orders",
        "DROP TABLE orders",
        "INSERT INTO orders (id) VALUES (-1)",
        "PRAGMA query_only = 0; DELETE FROM orders",
        "PRAGMA writable_schema = 1; DELETE FROM sqlite_master",
        "ATTACH 'new.db' AS other; CREATE TABLE other.t (a)",
        "VACUUM INTO '/tmp/reader.db'",
        "BEGIN IMMEDIATE; DELETE FROM orders; COMMIT",
        "CREATE TEMP TRIGGER t AFTER INSERT ON orders BEGIN DELETE FROM orders; END",
        "SELECT load_extension('x')",
    ],
    "r": [
        "SET mine 1",
        "DEL customers:1",
        "FLUSHALL",
        "FLUSHDB",
        "EVAL \"return redis.call('DEL', 'customers:1')\" 0",
        "HSET customers:1 name x",
        "RENAME customers:1 x",
        "EXPIRE customers:1 1",
        "CONFIG SET maxmemory 1",
        "ACL SETUSER dbfleet_ro on +@all",
        "SHUTDOWN NOSAVE",
        "MULTI\nDEL customers:1\nEXEC",
        "SORT customers:1 STORE x",
        "SAVE",
    ],
}


@pytest.mark.parametrize("target", sorted(HOSTILE))
def test_no_statement_of_a_reader_changes_anything(person: Make, ask_fleet: AskFleet, target: str) -> None:
    before = ask_fleet.digests()
    reader = person("reader")
    passed = []
    for text in HOSTILE[target]:
        found = reader.frames(target, text)
        if "error" not in found[-1]:
            passed.append(text)
    assert ask_fleet.digests() == before
    assert passed == [] or target == "s", passed  # SQLite takes a PRAGMA that changes nothing
    assert reader.frames(target, READS[target])[-1]["end"]


def test_a_writer_who_asks_is_a_reader_too(person: Make) -> None:
    assert "read-only" in error_of(person("admin").frames("p", "DELETE FROM orders"))


# --- who may ---------------------------------------------------------------------------------------------------------


URLS = [
    ("POST", "/query/run"),
    ("POST", "/query/export"),
    ("POST", "/query/heard"),
    ("POST", "/query/cancel"),
    ("POST", "/query/saved"),
    ("POST", "/query/write"),
    ("POST", "/query/saved/1/remove"),
    ("GET", "/query"),
    ("GET", "/query/history"),
    ("GET", "/query/value/11111111-1111-4111-8111-111111111111/1"),
    ("POST", "/api/query"),
    ("POST", "/api/query/write"),
    ("POST", "/api/query/saved"),
    ("DELETE", "/api/query/saved/1"),
    ("POST", "/api/query/11111111-1111-4111-8111-111111111111/cancel"),
]


@pytest.mark.parametrize(("method", "url"), URLS)
def test_a_viewer_may_ask_nothing(person: Make, web: Web, method: str, url: str) -> None:
    body = {"target": "p", "text": "SELECT 1", "typed": "p", "name": "x"}
    assert person("viewer").request(method, web.address + url, json=body).status_code == 403


def test_a_reader_of_one_target_is_refused_on_others_and_may_not_write(person: Make, web: Web) -> None:
    reader = person("reader", pattern="p")
    assert reader.frames("p", "SELECT 1")[-1]["end"]
    for body in ({"target": "s"}, {"target": "redis"}, {"target": "nowhere"}):
        status = reader.post(f"{web.address}/query/run", json={**body, "text": "SELECT 1"}).status_code
        assert status in (403, 404), body
    write = {"target": "p", "typed": "p", "text": "DELETE FROM orders"}
    assert reader.post(f"{web.address}/query/write", json=write).status_code == 403
    page = reader.get(f"{web.address}/query").text
    assert 'value="p"' in page
    assert 'value="s"' not in page


def test_no_url_is_taken_for_a_target(person: Make, web: Web) -> None:
    for target in ("postgresql://127.0.0.1:1/x", "sqlite:////etc/passwd", "${env:HOME}", "", None, ["p"]):
        found = person("admin").post(f"{web.address}/query/run", json={"target": target, "text": "SELECT 1"})
        assert found.status_code in (400, 404), target


def test_where_no_server_refuses_writes_only_a_writer_may_ask() -> None:
    roles = {spec.guard: role_for(spec) for spec in registry.every()}
    assert {guard: role for guard, role in roles.items() if guard in ("client", "none")}
    assert {role for guard, role in roles.items() if guard in ("client", "none")} == {"writer"}
    assert {role for guard, role in roles.items() if guard in ("account", "session")} == {"reader"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"target": "p"}', b'{"target": "p", "text": 1}', b"\xff"])
def test_a_body_that_is_none_is_refused(person: Make, web: Web, body: bytes) -> None:
    found = person("reader").post(f"{web.address}/query/run", data=body, headers={"Content-Type": "application/json"})
    assert found.status_code == 400


# --- on record --------------------------------------------------------------------------------------------------------


def test_every_statement_is_on_record_with_its_outcome(person: Make, web: Web) -> None:
    anna = person("reader", "anna")
    anna.frames("p", "SELECT * FROM orders")
    anna.frames("p", "SELEC 1")
    anna.post(f"{web.address}/query/export", data={"target": "s", "text": "SELECT 1 AS a", "format": "csv"})
    found = entries()
    assert [(each["did"], each.get("outcome"), each.get("rows")) for each in found] == [
        ("begin", None, None), ("end", "done", 200), ("begin", None, None), ("end", "failed", 0),
        ("begin", None, None), ("end", "done", 1),
    ]  # fmt: skip
    assert {(each["who"], each["role"]) for each in found} == {("web:anna", "reader")}
    assert [each["target"] for each in found] == ["p", "p", "p", "p", "s", "s"]
    assert found[0]["text"] == "SELECT * FROM orders"
    assert "syntax error" in found[3]["error"]
    assert chain.verify().wrong is None


def test_history_shows_what_one_asked_oneself(person: Make, web: Web) -> None:
    anna, bert = person("reader", "anna"), person("reader", "bert")
    anna.frames("p", "SELECT '<b>mine</b>'")
    bert.frames("p", "SELECT 'theirs'")
    page = anna.get(f"{web.address}/query/history").text
    assert "&lt;b&gt;mine&lt;/b&gt;" in page
    assert "<b>mine" not in page
    assert "theirs" not in page
    assert [each["text"] for each in anna.get(f"{web.address}/api/query/history").json()] == ["SELECT '<b>mine</b>'"]


# --- beside it --------------------------------------------------------------------------------------------------------


def test_a_plan_runs_nothing(person: Make) -> None:
    reader = person("reader")
    found = reader.frames("p", "SELECT pg_sleep(3600);", plan=True)
    assert any("Result" in str(each.get("rows")) for each in found)
    assert (
        "one statement"
        in reader.post(
            f"{reader.web.address}/query/run", json={"target": "p", "text": "SELECT 1; SELECT 2", "plan": True}
        ).text
    )
    refused = reader.post(f"{reader.web.address}/query/run", json={"target": "r", "text": "GET x", "plan": True})
    assert refused.status_code == 422
    api = reader.post(f"{reader.web.address}/api/query", json={"target": "r", "text": "GET x", "plan": True})
    assert (api.status_code, api.json()["kind"]) == (422, "Unsupported")
    assert "Redis has no plans" in api.json()["error"]


def test_a_saved_query_is_ones_own_unless_it_is_shared(person: Make, web: Web) -> None:
    anna, bert = person("reader", "anna"), person("reader", "bert")
    url = f"{web.address}/api/query/saved"
    mine = anna.post(url, json={"name": "mine", "text": "SELECT 1", "targets": ["p"]}).json()
    ours = anna.post(url, json={"name": "<i>ours</i>", "text": "SELECT 2", "shared": True}).json()
    assert [each["name"] for each in bert.get(url).json()] == ["<i>ours</i>"]
    assert bert.delete(f"{url}/{ours['query']}").status_code == 400
    assert bert.delete(f"{url}/{mine['query']}").status_code == 404
    assert "&lt;i&gt;ours" in bert.get(f"{web.address}/query").text
    assert bert.get(f"{web.address}/query?saved={mine['query']}").status_code == 404
    assert anna.post(url, json={"name": "mine", "text": "SELECT 3"}).json()["query"] == mine["query"]
    assert anna.patch(f"{url}/{mine['query']}", json={"name": "<i>ours</i>"}).status_code == 409
    assert anna.patch(f"{url}/{mine['query']}", json={"name": " "}).status_code == 400
    assert anna.patch(f"{url}/{mine['query']}", json={"name": "yours"}).json()["name"] == "yours"
    assert bert.patch(f"{url}/{ours['query']}", json={"name": "mine"}).status_code == 400
    assert bert.patch(f"{url}/{mine['query']}", json={"name": "mine"}).status_code == 404
    assert anna.delete(f"{url}/{mine['query']}").status_code == 200
    assert User.objects.count() == 2
