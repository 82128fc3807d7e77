"""Documents that others made, through every verb: ids, numbers and fields as they are, what stays behind by name."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.conformance.plugin import Make
from dbfleet.errors import StatementError, Unavailable
from dbfleet.target import Target
from dbfleet.values import Column, Schema, Type
from tests.zoo.walk import codes, run, walk

pytestmark = pytest.mark.engines("couchdb")

DOCUMENTS: list[dict[str, Any]] = [
    {"_id": "a", "n": 1, "big": 12345678901234567890, "deep": {"big": [2**64 + 1, 0.5, None]}, "s": "it's \U0001f600"},
    {"_id": "%5Fid", "n": 2, "b": True, "mixed": 1, "": "no name", "a.b": {}, "select": []},
    {"_id": "two words/and a slash?#", "n": 3, "mixed": "two", "f": 2.5, "null": None},
]


@pytest.fixture
def database(adapter: Adapter, name: str) -> Iterator[str]:
    _ask(adapter, f"PUT /{name}")
    yield name
    for each in (name, f"{name}_copy"):
        adapter.drop(each)


def _ask(adapter: Adapter, statement: str) -> list[Any]:
    with adapter.query(statement) as result:
        return [row[0] for batch in result for row in batch]


def _fill(adapter: Adapter, database: str, documents: list[dict[str, Any]]) -> None:
    _ask(adapter, f"POST /{database}/_bulk_docs {json.dumps({'docs': documents})}")


def _plain(adapter: Adapter, database: str) -> list[dict[str, Any]]:
    found = _ask(adapter, f"GET /{database}/_all_docs?include_docs=true")
    return [
        {word: value for word, value in each.items() if word != "_rev"}
        for each in found
        if not each["_id"].startswith("_design/")
    ]


def test_documents_are_the_same_in_another_database(
    adapter: Adapter, target: Target, database: str, tmp_path: Path
) -> None:
    """No field is added, and numbers of any size are numbers."""
    _fill(adapter, database, DOCUMENTS)
    url = target.url(reveal=True)
    ran = walk(url, database, tmp_path, statement=f"{database} {{}}")
    assert set(codes(ran).values()) == {0}, [each for each in ran.values() if each.code]
    schema = adapter.describe(database)
    copy = Schema(f"{database}_copy", schema.columns, schema.key)
    adapter.create(copy)
    assert adapter.write(copy, adapter.scan(schema)).rejected == []
    assert {each["_id"]: each for each in _plain(adapter, copy.name)} == {each["_id"]: each for each in DOCUMENTS}
    assert sorted(adapter.get(copy, [("a",), ("%5Fid",)])) == sorted(adapter.get(schema, [("a",), ("%5Fid",)]))


def test_an_empty_database_takes_the_rows_of_a_table(
    adapter: Adapter, target: Target, database: str, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "t.db")) as table:
        table.execute(f"create table {database} (id integer primary key, name text, born date)")
        table.execute(f"insert into {database} values (1, 'x', '2024-02-29'), (2, null, null)")
        table.commit()
    source, sink = f"sqlite:///{tmp_path}/t.db", target.url(reveal=True)
    assert run("dump", source, "-o", str(tmp_path / "dump")).code == 0
    for command in (("copy", source, sink, database, "--verify"), ("load", sink, str(tmp_path / "dump"), "--verify")):
        adapter.drop(database)
        _ask(adapter, f"PUT /{database}")
        ran = run(*command)
        assert ran.code == 0, ran
        assert run("diff", f"{source}#{database}", f"{sink}#{database}").code == 0


def test_ids_that_no_document_may_have_come_back(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (Column("_id", Type.TEXT, False), Column("v", Type.INT)), ("_id",)))
    rows = [("_under", 1), ("", 2), ("%", 3), ("%:", 6), ("%5Funder", 7), ("_design/x", 4), ("plain", 5)]
    assert adapter.write(schema, [rows]).rejected == []
    assert sorted(row for batch in adapter.scan(schema) for row in batch) == sorted(rows)
    assert list(adapter.get(schema, [("_under",)])) == [("_under", 1)]
    assert adapter.delete(schema, [("_under",), ("",)]) == 2
    assert [each for each in _plain(adapter, name) if each["v"] == 5] == [{"_id": "plain", "v": 5}]


def test_a_column_called_id_that_is_not_the_key(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (Column("id", Type.INT, False), Column("_id", Type.TEXT)), ("id",)))
    adapter.write(schema, [[(1, "seven"), (2, None)]])
    assert sorted(row for batch in adapter.scan(schema) for row in batch) == [(1, "seven"), (2, None)]


def test_what_a_copy_leaves_is_named(adapter: Adapter, target: Target, database: str, tmp_path: Path) -> None:
    """Attachments, design documents, conflicts, revisions; --strict refuses."""
    attached = {"_id": "a", "v": 1, "_attachments": {"x.txt": {"content_type": "text/plain", "data": "aGVsbG8="}}}
    _fill(adapter, database, [attached, {"_id": "_design/mine", "views": {}}])
    for revision in ("1-aaaa", "1-bbbb"):
        body = {"new_edits": False, "docs": [{"_id": "c", "_rev": revision, "v": 2}]}
        _ask(adapter, f"POST /{database}/_bulk_docs {json.dumps(body)}")
    reading: Any = adapter
    left = " | ".join(reading.extras(database).left)
    assert "the design document _design/mine" in left
    assert "revisions of its documents" in left
    if "stand-in" not in adapter.ping().product:  # PouchDB keeps neither where Mango or _changes shows them
        assert "attachments of 1 documents" in left
        assert "conflicting revisions of 1 documents" in left
    ran = run("copy", target.url(reveal=True), f"sqlite:///{tmp_path}/s.db", database, "--strict")
    assert ran.code == 6, ran


def test_a_field_that_one_document_in_thousands_has_is_a_column(
    adapter: Adapter, target: Target, database: str, tmp_path: Path
) -> None:
    for start in range(0, 3000, 500):
        _fill(adapter, database, [{"_id": f"{number:05}", "n": number} for number in range(start, start + 500)])
    _fill(adapter, database, [{"_id": "99999", "n": 1.5, "late": "x"}])
    assert {column.name: column.type for column in adapter.describe(database).columns} == {
        "_id": Type.TEXT, "n": Type.JSON, "late": Type.TEXT,
    }  # fmt: skip
    url, sink = f"{target.url(reveal=True)}", f"sqlite:///{tmp_path}/late.db"
    assert run("copy", url, sink, database, "--verify").code == 0
    found = run("query", sink, f'select _id, late from "{database}" where late is not null')
    assert json.loads(found.out) == {"_id": "99999", "late": "x"}


def test_databases_whose_names_are_none_of_ours(adapter: Adapter, target: Target, name: str, tmp_path: Path) -> None:
    """By the prefix's rest they begin with a slash or a digit, or hold parentheses that say nothing."""
    odd = ["/slash", "(a)", "9", "a(b)", "-"]
    for each in odd:
        _ask(adapter, f"PUT /{quote(name + each, safe='')}")
        _ask(adapter, f"PUT /{quote(name + each, safe='')}/d {json.dumps({'of': each})}")
    inside = target.with_(database=name)
    url = inside.url(reveal=True)
    try:
        with registry.connect(inside) as found:
            assert found.collections() == sorted(odd)
            for each in odd:
                schema = found.describe(each)
                assert [row for batch in found.scan(schema) for row in batch] == [("d", each)]
        sink = f"sqlite:///{tmp_path}/odd.db"
        assert run("copy", url, sink, "--verify").code == 0
        assert run("diff", url, sink).code == 0
        assert len(run("digest", url).out.splitlines()) == len(odd)
    finally:
        with registry.connect(inside) as found:
            for each in odd:
                found.drop(each)
            assert found.collections() == []


def test_half_a_pair_of_surrogates_is_told_by_document_and_field(
    adapter: Adapter, target: Target, database: str, tmp_path: Path
) -> None:
    refused = 0
    values: tuple[object, ...] = ("\ud83d", ["\ud83d"], {"\ud83d": 1})
    for value in values:
        try:
            _ask(adapter, f"PUT /{database}/d {json.dumps({'half': value})}")
        except StatementError:  # Apache CouchDB takes none
            refused += 1
            continue
        sink = f"sqlite:///{tmp_path}/s.db"
        url = target.url(reveal=True)
        for verb in (
            ("digest", f"{url}#{database}"),
            ("copy", url, sink, database),
            ("dump", url, database, "-o", str(tmp_path / "d")),
        ):
            ran = run(*verb)
            assert ran.code == 5, ran
            assert "document 'd': half" in ran.err
        (document,) = _ask(adapter, f"GET /{database}/d")
        _ask(adapter, f"DELETE /{database}/d?rev={document['_rev']}")
    assert refused in (0, len(values))


def test_what_dbfleet_made_leaves_nothing(adapter: Adapter, made: Make, name: str) -> None:
    made(Schema(name, (Column("id", Type.INT, False),), ("id",)))
    reading: Any = adapter
    assert reading.extras(name).left == ()


def test_a_value_that_is_not_of_its_column_is_refused_by_name(
    adapter: Adapter, target: Target, made: Make, name: str
) -> None:
    schema = made(Schema(name, (Column("id", Type.INT, False), Column("v", Type.INT)), ("id",)))
    adapter.write(schema, [[(1, 1)]])
    for wrong in ("2.5", '"two"', "true", "{}"):
        _ask(adapter, f'POST /{name}/_bulk_docs {{"docs": [{{"_id": "x{wrong[1]}", "id": 2, "v": {wrong}}}]}}')
        ran = run("digest", f"{target.url(reveal=True)}#{name}")
        assert ran.code == 5, ran
        assert f"{name}, document" in ran.err
        assert "is no int" in ran.err


def test_a_document_that_is_too_large_is_refused_by_name(adapter: Adapter, made: Make, name: str) -> None:
    """100 MB before they are sent; what is a little too large by the server. The others are stored."""
    schema = made(Schema(name, (Column("id", Type.INT, False), Column("v", Type.TEXT)), ("id",)))
    written = adapter.write(schema, [[(1, "x"), (2, "x" * 100_000_000), (3, "x" * 7_000_000), (4, "y")]])
    assert written.rows == 3
    ((reason),) = [each.reason for each in written.rejected]
    assert f"{name}.v of key (2,)" in reason
    assert "max_document_size" in reason
    assert sorted(len(row[1]) for batch in adapter.scan(schema) for row in batch) == [1, 1, 7_000_000]


def test_half_a_pair_of_surrogates(target: Target, database: str, tmp_path: Path) -> None:
    for line in ('{"id": 1, "v": "\\ud83d"}', '{"id": 1, "\\ud83d": 2}'):
        path = tmp_path / "half.jsonl"
        path.write_text(line + "\n")
        assert run("load", f"{target.url(reveal=True)}#{database}_copy", str(path), "--key", "id").code == 2


@pytest.fixture(params=["page", "json", "moved"])
def somebody(request: pytest.FixtureRequest) -> Iterator[int]:
    """Somebody's HTTP server, which is not CouchDB; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = {"page": (404, b"<html>"), "json": (200, b"{}"), "moved": (302, b"")}[request.param]
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_GET  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_somebodys_http_server_is_not_couchdb(adapter: Adapter, somebody: int, tmp_path: Path) -> None:
    url = f"couchdb://u:p@127.0.0.1:{somebody}"
    path = tmp_path / "x.csv"
    path.write_text("id\n1\n")
    assert run("load", f"sqlite:///{tmp_path}/c.db#x", str(path)).code == 0
    verbs = [
        ("ls", url), ("describe", f"{url}#x"), ("digest", url), ("query", url, "GET /"),
        ("dump", url, "-o", str(tmp_path / "d")), ("copy", url, f"sqlite:///{tmp_path}/c.db"),
        ("diff", url, f"sqlite:///{tmp_path}/c.db"), ("load", f"{url}#x", str(path)), ("seed", url, "--rows", "10"),
    ]  # fmt: skip
    for verb in verbs:
        ran = run(*verb)
        assert ran.code == 3, ran
        assert "not CouchDB" in ran.err


def test_a_server_that_answers_byte_by_byte_has_a_deadline(target: Target) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        ended = threading.Event()

        def drip() -> None:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                while not ended.wait(0.2):
                    connection.sendall(b"H")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        try:
            with pytest.raises(Unavailable, match="in time"):
                registry.connect(target.with_(host="127.0.0.1", port=listening.getsockname()[1]), timeout_s=1)
        finally:
            ended.set()
            thread.join(10)
