"""SQLite to SQLite: the catalog says the same, word for word, and SQLite itself says the same of every value: its
class, its bytes, its rowid. What is not carried is named, and refused by --strict."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.engines.sqlite.native.text import tokens, with_marks, without_marks
from dbfleet.engines.sqlite.native.values import BrokenText, decoder, encoder
from dbfleet.target import Target
from tests.zoo.walk import Ran, run

pytestmark = pytest.mark.engines("sqlite")

ZOO = Path(__file__).with_name("sqlite.sql").read_text("utf-8")

Make = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> Make:
    """Makes a file by a script."""

    def make(name: str, script: str = "") -> Path:
        path = tmp_path / f"{name}.db"
        if script:
            do(path, script)
        return path

    return make


def do(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(script)


def ask(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def url(path: Path, name: str = "") -> str:
    return f"sqlite:///{path}" + (f"#{name}" if name else "")


def catalog(path: Path, *, views: bool = False) -> list[Any]:
    """The catalog's texts; views, and their triggers, only if asked for."""
    rows = ask(path, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")
    seen = {row[1] for row in rows if row[0] == "view"}
    return [row for row in rows if views or row[2] not in seen]


def held(path: Path) -> dict[str, list[Any]]:
    """Every value as SQLite tells it: class, bytes, number to the last bit; rows with their rowids, if they have."""
    found = {}
    with closing(sqlite3.connect(path)) as connection:
        quoted = [quote(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
                  if not row[0].startswith("sqlite_")]  # fmt: skip
        for table in quoted:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_xinfo({table})") if row[6] != 1]
            known = {"rowid", "_rowid_", "oid"} - {column.lower() for column in columns}
            for word in sorted(known):
                try:
                    connection.execute(f"SELECT {word} FROM {table}")
                except sqlite3.OperationalError:
                    continue
                columns.append(word)
                break
            told = ", ".join(
                f"typeof({c}), CASE typeof({c}) WHEN 'real' THEN {c} ELSE hex(CAST({c} AS BLOB)) END"
                for c in map(quote, columns)
            )
            found[table] = sorted(map(repr, connection.execute(f"SELECT {told} FROM {table}")))
    return found


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def whole(path: Path) -> list[Any]:
    """What SQLite's own checks say: of the file, of its full text and R*Tree indexes."""
    return ask(path, "PRAGMA integrity_check")


def without_shadows(values: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """What the tables hold, without those in which full text and R*Tree tables keep theirs: these may be another tree
    over the same rows."""
    ends = ("_data", "_idx", "_config", "_segments", "_segdir", "_stat", "_node", "_parent", "_rowid", "_docsize")
    return {name: rows for name, rows in values.items() if not name.strip('"').endswith(ends)}


def left(ran: Ran) -> list[str]:
    return list(json.loads(ran.err[ran.err.index('{"receipt"') :])["left"])


def same(sink: Path, source: Path, *, views: bool = False) -> None:
    assert catalog(sink, views=views) == catalog(source, views=views)
    assert without_shadows(held(sink)) == without_shadows(held(source))
    assert whole(sink) == [("ok",)]


ABOUT_VIEWS = ["view vw", "view vw2", "view broken", "trigger instead of view vw"]


def test_the_zoo_is_the_same_in_another_file(file: Make) -> None:
    source, sink = file("source", ZOO), file("sink")
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    same(sink, source)
    assert sorted(left(copied)) == sorted(f"{text}: does not come along" for text in ABOUT_VIEWS)
    assert [path.name for path in sink.parent.glob("s*.db*") if path.suffix != ".db"] == [], "all is in the file"
    assert [ask(sink, f"PRAGMA {word}") for word in ("user_version", "application_id")] == [[(41,)], [(1196444487,)]]
    assert ask(sink, "SELECT name, seq FROM sqlite_sequence ORDER BY name") == [("counted", 9), ("par", 50)]
    assert ask(sink, "SELECT rowid FROM docs WHERE docs MATCH 'dog'") == [(7,)]
    assert ask(sink, "SELECT docid FROM old_docs WHERE old_docs MATCH 'cats'") == [(12,)]
    assert ask(sink, "SELECT id FROM boxes WHERE x0 >= 1") == [(44,)]
    do(
        sink,
        "INSERT INTO docs(docs) VALUES ('integrity-check'); INSERT INTO old_docs(old_docs) VALUES ('integrity-check')",
    )
    assert ask(sink, "SELECT rtreecheck('boxes'), rtreecheck('whole_boxes')") == [("ok", "ok")]
    assert run("diff", url(source), url(sink)).code == 1, "the views"
    assert run("diff", url(source, "child"), url(sink, "child")).code == 0


def test_with_its_views_nothing_is_left(file: Make) -> None:
    source, sink = file("source", ZOO), file("sink")
    copied = run("copy", url(source), url(sink), "--views", "--strict", "--verify")
    assert copied.code == 0, copied
    same(sink, source, views=True)
    assert left(copied) == []
    assert "behind: --views" not in copied.err


def test_who_does_not_ask_for_the_views_is_told_how_to(file: Make) -> None:
    source = file("source", "CREATE TABLE t (n int); CREATE VIEW v AS SELECT n FROM t")
    told = "1 view stays behind: --views makes views, too"
    copied = run("copy", url(source), url(file("sink")))
    assert (copied.code, told in copied.err) == (0, True), copied
    assert told not in run("copy", url(source, "t"), url(file("one"))).err
    do(source, "CREATE VIEW w AS SELECT n FROM t")
    refused = run("copy", url(source), url(file("strict")), "--strict")
    assert (refused.code, "2 views stay behind" in refused.err) == (6, True), refused


def test_the_zoo_takes_the_place_of_what_is_there(file: Make) -> None:
    source, sink = file("source", ZOO), file("sink", ZOO)
    do(sink, """
        DROP TRIGGER before_par; DROP INDEX "odd ""index"; DROP INDEX uni; CREATE INDEX uni ON par(id);
        UPDATE [any "thing; it's] SET t = 'other'; DELETE FROM docs; DELETE FROM child; DELETE FROM rows_apart;
        CREATE VIEW reads AS SELECT count(*) AS rows FROM par
    """)  # fmt: skip
    copied = run("copy", url(source), url(sink), "--mode", "replace", "--yes", "--verify")
    assert copied.code == 0, copied
    assert ask(sink, "SELECT * FROM reads") == [(2,)]
    do(sink, "DROP VIEW reads")
    same(sink, source)
    assert not [name for (name,) in ask(sink, "SELECT name FROM sqlite_schema") if name.startswith("_dbfleet")]
    assert ask(sink, "SELECT rowid FROM docs WHERE docs MATCH 'dog'") == [(7,)]
    do(sink, "INSERT INTO par(t) VALUES ('next')")
    assert ask(sink, "SELECT max(id) FROM par") == [(51,)]
    assert ask(sink, "SELECT * FROM log") == [("next",)]


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_a_file_in_another_encoding_is_named(file: Make, encoding: str) -> None:
    source, sink = file("source", f"PRAGMA encoding = '{encoding}'; CREATE TABLE t(a TEXT, b); "
                        "INSERT INTO t VALUES ('é😀' || char(0) || 'x', x'00ff')"), file("sink")  # fmt: skip
    refused = run("copy", url(source), url(sink), "--strict")
    assert (refused.code, sink.exists()) == (6, False), refused
    copied = run("copy", url(source), url(sink), "--verify")
    assert left(copied) == [f"encoding {encoding}, which is UTF-8 in the sink: does not come along"]
    assert ask(sink, "SELECT a, b FROM t") == ask(source, "SELECT a, b FROM t") == [("é😀\0x", b"\x00\xff")]
    again = file("again", f"PRAGMA encoding = '{encoding}'; CREATE TABLE other(a)")
    assert left(run("copy", url(source), url(again), "--verify", "--strict")) == []


def test_what_is_not_carried_is_named_and_refused_by_strict(file: Make) -> None:
    source = file("source", """
        PRAGMA auto_vacuum = 2; PRAGMA user_version = 3;
        CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 2);
        CREATE INDEX t_v ON t(v); ANALYZE; CREATE VIEW vw AS SELECT 1;
        CREATE VIRTUAL TABLE outside USING fts5(v, content='t', content_rowid='id');
        CREATE VIRTUAL TABLE words USING fts5vocab('outside', 'row')
    """)  # fmt: skip
    sink = file("sink", "PRAGMA user_version = 7; CREATE TABLE other(x)")
    refused = run("copy", url(source), url(sink), "--strict")
    assert refused.code == 6, refused
    assert ask(sink, "SELECT name FROM sqlite_schema") == [("other",)]
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert sorted(left(copied)) == sorted((
        "auto_vacuum 2, which is 0 in the sink: does not come along",
        "user_version 3, which is 7 in the sink: does not come along", "view vw: does not come along",
        "virtual table outside (fts5): does not come along", "virtual table words (fts5vocab): does not come along",
        "statistics of ANALYZE (sqlite_stat1): they do not come along, ANALYZE makes them again",
        *(["statistics of ANALYZE (sqlite_stat4): they do not come along, ANALYZE makes them again"]
          if ask(source, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat4'") else []),
    ))  # fmt: skip
    assert ask(sink, "PRAGMA user_version") == [(7,)]


def test_what_only_its_program_can_make_goes_by_the_closed_set_and_is_named(file: Make) -> None:
    source, sink = file("source"), file("sink")
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.create_function("own", 1, lambda value: value, deterministic=True)
        connection.create_collation("odd", lambda a, b: (a > b) - (a < b))
        connection.executescript(
            "CREATE TABLE checked(id INTEGER PRIMARY KEY, v INT CHECK (own(v) > 0)); INSERT INTO checked VALUES (1, 2);"
            "CREATE TABLE sorted(id INTEGER PRIMARY KEY, v TEXT COLLATE odd); INSERT INTO sorted VALUES (1, 'x');"
            "CREATE TABLE plain(id INTEGER PRIMARY KEY, v); CREATE INDEX by_own ON plain(own(v))"
        )
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert [ask(sink, f"SELECT * FROM {name}") for name in ("checked", "sorted", "plain")] == [[(1, 2)], [(1, "x")], []]
    told = left(copied)
    for text in (
        "checked does not go as it is: it needs what its definition names (no such function: own), "
        "which cannot be made elsewhere",
        "sorted does not go as it is: it needs what its definition names (no such collation sequence: odd), "
        "which cannot be made elsewhere",
        "plain: index by_own: no such function: own: does not come along",
    ):
        assert any(line.startswith(text) for line in told), (text, told)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "1.0"), ("1", "'1'"), ("'1'", "x'31'"), ("'a'", "CAST(x'61ff' AS TEXT)"), ("''", "x''"), ("''", "NULL")],
)
def test_digest_and_diff_tell_storage_classes_apart(file: Make, one: str, other: str) -> None:
    """In a column without a type, which keeps each as it is; diff --sync makes it the same."""
    paths = [file(name, f"CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, {value}), (2, 'same')")
             for name, value in (("a", one), ("b", other))]  # fmt: skip
    digests = [json.loads(run("digest", "--native", url(path)).out)["digest"] for path in paths]
    assert digests[0] != digests[1]
    found = run("diff", url(paths[0], "t"), url(paths[1], "t"))
    assert found.code == 1
    record = json.loads(found.out)
    assert (record["key"], record["change"]) == ({"id": 1}, "changed")
    assert record["before"] != record["after"]
    synced = run("diff", url(paths[0], "t"), url(paths[1], "t"), "--sync", "--yes")
    assert synced.code == 0, synced
    assert held(paths[0]) == held(paths[1])


def test_sync_as_statements_makes_it_the_same(file: Make) -> None:
    a, b = file("a", ZOO), file("b", ZOO)
    do(
        b,
        "DELETE FROM textkey WHERE k = 'a'; UPDATE textkey SET v = '1' WHERE k = '1';"
        "INSERT INTO textkey VALUES ('new', 1)",
    )
    do(a, "UPDATE textkey SET v = CAST(x'ff' AS TEXT) WHERE k = ''")
    printed = run("diff", url(a, "textkey"), url(b, "textkey"), "--sync")
    do(b, printed.out.decode())
    assert held(a)['"textkey"'] != held(b)['"textkey"'], "what was added gets the rowids that come next"
    assert ask(a, "SELECT k, typeof(v), hex(v) FROM textkey ORDER BY k") == ask(
        b, "SELECT k, typeof(v), hex(v) FROM textkey ORDER BY k"
    )


def test_a_dump_holds_it_too(file: Make, tmp_path: Path) -> None:
    source, sink = file("source", ZOO), file("sink")
    dumped = run("dump", "--native", url(source), "-o", str(tmp_path / "dump"))
    assert dumped.code == 0, dumped
    loaded = run("load", url(sink), str(tmp_path / "dump"), "--verify")
    assert loaded.code == 0, loaded
    assert catalog(sink) == catalog(source)
    numbered = {'"rows_apart"', '"hides_one"', '"desckey"', '"any ""thing; it\'s"'}
    theirs, ours = (
        {name: rows for name, rows in without_shadows(held(path)).items() if name not in numbered}
        for path in (source, sink)
    )
    assert ours == theirs
    for table in numbered:
        columns = ", ".join(f"typeof({c}), hex(CAST({c} AS BLOB))" for c in columns_of(source, table))
        statement = f"SELECT {columns} FROM {table}"
        assert sorted(map(repr, ask(source, statement))) == sorted(map(repr, ask(sink, statement)))
    replaced = run("load", url(sink), str(tmp_path / "dump"), "--verify", "--mode", "replace", "--yes")
    assert replaced.code == 0, replaced
    assert catalog(sink) == catalog(source)


def columns_of(path: Path, table: str) -> list[str]:
    return [quote(row[1]) for row in ask(path, f"PRAGMA table_xinfo({table})")]


def test_a_native_dump_is_read_elsewhere_by_the_closed_set(file: Make, tmp_path: Path) -> None:
    columns = "id INTEGER PRIMARY KEY, n NUMERIC, t TEXT, b BLOB, d DATE"
    source = file("source", f"CREATE TABLE t({columns}, o); INSERT INTO t VALUES "
                  "(1, 1.5, '1', x'00ff', '2024-02-29', 7), (2, 2, 'x', NULL, NULL, 8)")  # fmt: skip
    sink = file("sink", f"CREATE TABLE t({columns}, o INT)")
    assert run("dump", "--native", url(source), "-o", str(tmp_path / "dump")).code == 0
    loaded = run("load", url(sink), str(tmp_path / "dump"), "--mode", "upsert")
    assert loaded.code == 0, loaded
    assert ask(sink, "SELECT * FROM t") == [(1, 1.5, "1", b"\x00\xff", "2024-02-29", 7), (2, 2, "x", None, None, 8)]


def test_fill_and_merge_keep_the_classes(file: Make) -> None:
    made = "CREATE TABLE t(k TEXT PRIMARY KEY, v, g AS (v || 'x'))"
    source = file(
        "source", f"{made}; INSERT INTO t(k, v) VALUES ('a', 1), ('b', '1'), ('c', 1.0), ('d', CAST(x'ff' AS TEXT))"
    )
    empty, full = file("empty", made), file("full", f"{made}; INSERT INTO t(k, v) VALUES ('a', x'00'), ('z', 5)")
    for sink, options, more in ((empty, (), []), (full, ("--mode", "upsert"), [("z", "integer", "35")])):
        copied = run("copy", url(source), url(sink), "--verify", *options)
        assert copied.code == 0, copied
        assert json.loads(copied.err[copied.err.index('{"receipt"') :])["collections"][0]["native"] is True
        statement = "SELECT k, typeof(v), hex(v) FROM t ORDER BY k"
        assert ask(sink, statement) == ask(source, statement) + more


def test_under_another_name(file: Make) -> None:
    source, sink = file("source", ZOO), file("sink", ZOO)
    for old, new in (("par", "par two"), ("child", "kinder"), ("any \"thing; it's", "plain_name"), ("docs", "docs2")):
        copied = run("copy", url(source, old), url(sink, new), "--verify")
        assert copied.code == 0, copied
        assert without_shadows(held(sink))[quote(new)] == without_shadows(held(source))[quote(old)]
    texts = {name: text for _, name, table, text in catalog(sink) if table in ("par two", "kinder")}
    assert texts["kinder"].startswith('CREATE TABLE "kinder"(\n')
    assert 'up INT CONSTRAINT upwards REFERENCES "kinder"(id)' in texts["kinder"]
    assert 'CHECK ("kinder".p <> 13)' in texts["kinder"]
    assert "REFERENCES Par ON DELETE CASCADE" in texts["kinder"]
    (partial,) = (text for text in texts.values() if text and "partial" in text)
    assert partial.endswith('ON "kinder"(p) WHERE "kinder".up IS NOT NULL AND p > 0')
    do(sink, "INSERT INTO \"par two\"(t) VALUES ('new one')")
    assert ask(sink, "SELECT * FROM log") == [("new one",)]
    assert ask(sink, 'SELECT max(id) FROM "par two"') == [(51,)]
    assert whole(sink) == [("ok",)]


def test_a_reference_to_what_is_not_there_is_kept_and_told(file: Make) -> None:
    source = file("source", "CREATE TABLE par(id INTEGER PRIMARY KEY);"
                  "CREATE TABLE child(p INT REFERENCES par ON DELETE CASCADE);"
                  "INSERT INTO par VALUES (1), (2); INSERT INTO child VALUES (1), (2)")  # fmt: skip
    alone, beside = (
        file("alone"),
        file("beside", "CREATE TABLE par(id INTEGER PRIMARY KEY); INSERT INTO par VALUES (1)"),
    )
    copied = run("copy", url(source, "child"), url(alone), "--verify")
    assert left(copied) == ["child: check of the reference to par: par is not in the sink: does not come along"]
    assert catalog(alone) == [row for row in catalog(source) if row[1] == "child"]
    refused = run("copy", url(source, "child"), url(beside))
    assert refused.code == 5, refused
    assert "a row of child refers to one that par does not have" in refused.err
    assert ask(beside, "SELECT name FROM sqlite_schema") == [("par",)]


def test_rows_that_break_a_reference_in_the_source_come_as_they_are(file: Make) -> None:
    source = file("source", "CREATE TABLE par(id INTEGER PRIMARY KEY); CREATE TABLE child(p INT REFERENCES par);"
                  "INSERT INTO child VALUES (77)"), file("sink")  # fmt: skip
    copied = run("copy", url(source[0]), url(source[1]), "--verify")
    assert copied.code == 0, copied
    same(source[1], source[0])


def test_the_sinks_own_view_is_kept_and_another_one_told(file: Make) -> None:
    source = file("source", "CREATE TABLE t(a); CREATE VIEW v AS SELECT a FROM t")
    sink = file("sink", "CREATE VIEW v AS SELECT 2 AS b")
    copied = run("copy", url(source), url(sink), "--views", "--verify")
    assert copied.code == 0, copied
    assert left(copied) == ["view v: view v is there already and is another one: does not come along"]
    assert ask(sink, "SELECT * FROM v") == [(2,)]


def test_a_large_table_goes_in_parts_each_row_once(file: Make) -> None:
    """By ranges of a text key, one of whose parts has a text that is no UTF-8 in its middle."""
    source = file("source", """
        CREATE TABLE t(k TEXT PRIMARY KEY COLLATE NOCASE, v) WITHOUT ROWID;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 520000)
        INSERT INTO t SELECT 'Key' || (i * 7919 % 520009),
                             CASE WHEN i % 100000 = 5 THEN CAST(x'ff' AS TEXT) ELSE i END FROM n
    """)  # fmt: skip
    sink = file("sink")
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    total = "SELECT count(*), sum(CAST(v AS INT)), sum(typeof(v) = 'text'), count(DISTINCT k) FROM t"
    assert ask(sink, total) == ask(source, total)


def test_rows_are_those_of_one_moment(file: Make) -> None:
    """A writer beside a scan of rows as they are stored is not seen, nor held back."""
    path = file(
        "a", "PRAGMA journal_mode = WAL; CREATE TABLE t(a); INSERT INTO t VALUES (1), (CAST(x'ff' AS TEXT)), (3)"
    )
    with registry.connect(Target("s", "sqlite", "sqlite", database=str(path))) as adapter:
        native: Any = adapter
        with native.snapshot():
            batches = adapter.scan(native.native("t"), batch_size=1)
            rows = [*next(batches)]
            do(path, "DELETE FROM t; INSERT INTO t VALUES ('other')")
            rows += [row for batch in batches for row in batch]
    assert rows == [("1",), ("broken:ff",), ("3",)]


VALUES = [
    0, -1, 2**63 - 1, 0.0, 1.0, -1.5, 1e300, 5e-324, 0.1, float("inf"), float("-inf"), "", "1", "-1", "1.0", "1e5",
    ".5", "x", "Infinity", "text:", "text:1", "number:1", "broken:ff", "\\x", "\\x31", "NaN", "a\0b", "é", b"", b"1",
    b"\xff", BrokenText(b"\xff"), BrokenText(b"1\xff"),
]  # fmt: skip


@pytest.mark.parametrize("texts", [True, False])
def test_a_text_of_a_value_is_its_own_and_reads_back(texts: bool) -> None:
    encode, decode = encoder(texts), decoder(texts)
    made = [encode(value) for value in VALUES]
    assert len(set(made)) == len(VALUES)
    assert [(type(each), each) for each in map(decode, made)] == [(type(value), value) for value in VALUES]


STATEMENTS = [
    ("table", "t", "CREATE TABLE {t}(a CHECK ({t.} > .5), b REFERENCES {[T]}(\"t\"), \"t.x\" DEFAULT 't.a') -- t.a"),
    ("table", "a'b", "CREATE TABLE {'a''b'} (x)"),
    ("table", "u", "CREATE TABLE {u}(x REFERENCES {t}, t INT, y CHECK (t OR t IS NULL), UNIQUE (t))"),
    ("index", "i", "CREATE UNIQUE INDEX {i} ON {t}(t, x'31' || {t.}a) WHERE {t.}a /* t.a */"),
    ("trigger", "t", "CREATE TRIGGER {trigger} AFTER UPDATE OF t ON {t} BEGIN UPDATE OR IGNORE {t} SET t = 1;"
                     "SELECT t FROM {u}, {t} AS z WHERE {u.}t AND x.u.t; REPLACE INTO {`t`} SELECT t, t; END"),
    ("table", "v", "CREATE VIRTUAL TABLE {v} USING fts5(t, 'x y')"),
]  # fmt: skip
"""Between braces what is renamed; a point there is behind it."""


@pytest.mark.parametrize(("kind", "name", "marked"), STATEMENTS)
def test_a_statement_is_itself_again_or_names_what_is_renamed(kind: str, name: str, marked: str) -> None:
    called = {"t": "n n", "a'b": "m", "u": "u2", "i": "i2", "v": "v2", "trigger.t": "trigger.g"}
    news = {"t": "n n", "[T]": "n n", "`t`": "n n", "'a''b'": "m", "u": "u2", "i": "i2", "v": "v2", "trigger": "g"}
    text = re.sub(r"{([^}]*)}", lambda found: "t" if found[1] == "trigger" else found[1], marked)
    renamed = re.sub(r"{([^}.]*)(\.?)}", lambda found: f'"{news[found[1]]}"{found[2]}', marked)
    marks = with_marks(kind, name, text, {each.lower(): each for each in ("t", "a'b", "u", "v")})
    assert "".join(token.text for token in tokens(text)) == text
    assert without_marks(marks, {}) == text
    assert without_marks(marks, called) == renamed
