"""Two PostgreSQL databases are compared by the server's own values, and synced by them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.zoo.databases import ZOO, Databases, ask, run_sql, told, url
from tests.zoo.postgres_kinds import KINDS
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("postgres")

TABLE = """
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE t (id int PRIMARY KEY, n numeric, j json, d date, m mood, a int[], f real, s smallint, at timestamptz,
                    g int GENERATED ALWAYS AS (s * 2) STORED, x xid, r int4range);
    INSERT INTO t VALUES (1, 1.5, '{"a": 1}', 'infinity', 'sad', '{1,2}', 0.1, 7, '2020-01-01 00:00:00+00', DEFAULT,
                          '5', '[1,5)'), (2, 2, '[]', '2020-01-02', 'ok', NULL, 1, 8, NULL, DEFAULT, NULL, NULL);
"""


def differences(*arguments: str) -> list[dict[str, Any]]:
    ran = run("diff", *arguments)
    assert ran.code in (0, 1), ran
    return [json.loads(line) for line in ran.out.splitlines()]


def test_what_the_closed_set_holds_the_same_differs(dbs: Databases) -> None:
    a, b = dbs.new(TABLE), dbs.new(TABLE)
    assert differences(url(a), url(b)) == []
    run_sql(b, """UPDATE t SET n = 1.50, j = '{"a": 1, "a": 1}', a = '[2:3]={1,2}', d = '-infinity' WHERE id = 1""")
    (changed,) = differences(url(a), url(b))
    assert changed["key"] == {"id": 1}
    assert changed["before"] == {"n": "1.5", "j": '{"a": 1}', "d": "infinity", "a": "{1,2}"}
    assert changed["after"] == {"n": "1.50", "j": '{"a": 1, "a": 1}', "d": "-infinity", "a": "[2:3]={1,2}"}


def test_values_are_shown_as_between_any_two_engines(dbs: Databases) -> None:
    a, b = dbs.new(TABLE), dbs.new(TABLE)
    run_sql(
        b,
        """UPDATE t SET n = 2.5, j = '{"b": [1]}', d = '2021-03-04', f = 2, s = 9, at = '2020-01-01 12:00+02'
                  WHERE id = 2; DELETE FROM t WHERE id = 1""",
    )
    removed, changed = differences(url(a), url(b))
    assert changed["before"] == {"n": 2, "j": [], "d": "2020-01-02", "f": 1.0, "s": 8, "at": None, "g": 16}
    assert changed["after"] == {
        "n": 2.5, "j": {"b": [1]}, "d": "2021-03-04", "f": 2.0, "s": 9, "at": "2020-01-01T10:00:00Z", "g": 18,
    }  # fmt: skip
    assert (removed["before"]["d"], removed["before"]["m"], removed["before"]["x"]) == ("infinity", "sad", "5")


MADE = """
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 3, m mood, c numeric(10,2) CHECK (c > 0), s text UNIQUE);
    CREATE INDEX by_n ON t (n); COMMENT ON TABLE t IS 'ours'; CREATE VIEW v AS SELECT 1 AS x;
    CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE);
"""
MADE_OTHERWISE = """
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'fine');
    CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 4, m mood, c numeric(12,2), s text);
    COMMENT ON TABLE t IS 'theirs'; CREATE VIEW v AS SELECT 1 AS x;
    CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t);
    CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
"""


def test_what_the_two_are_made_of_otherwise_is_told(dbs: Databases) -> None:
    rows = "INSERT INTO t VALUES (1, 2, 'sad', 3, 'x'); INSERT INTO u VALUES (1, 1)"
    one, same, other = dbs.new(MADE, rows), dbs.new(MADE, rows), dbs.new(MADE_OTHERWISE, rows)
    quiet = run("diff", url(one), url(same))
    assert (quiet.code, quiet.out, quiet.err) == (0, b"", "")
    found = run("diff", url(one), url(other))
    assert (found.code, found.out) == (0, b"")
    a, b = "db1", "db3"
    assert sorted(re.sub(r"postgres://\S+_(\d)", r"db\1", found.err).splitlines()) == sorted([
        f"enum mood: 'fine' is only in {b}",
        f"function f() is only in {b}",
        f"t: index by_n is only in {a}",
        f"t: its comment: COMMENT ON TABLE t IS 'ours' is COMMENT ON TABLE t IS 'theirs' in {b}",
        f"t: unique constraint t_s_key is only in {a}",
        f"table t: CONSTRAINT t_c_check CHECK ((c > (0)::numeric)) is only in {a}",
        f"table t: c numeric(10,2) is c numeric(12,2) in {b}",
        f"table t: n integer DEFAULT 3 is n integer DEFAULT 4 in {b}",
        f"u: foreign key u_t_fkey: ON DELETE CASCADE is only in {a}",
    ])  # fmt: skip
    assert "by_n" in run("diff", f"{url(one)}#t", f"{url(other)}#t", "--stats").err
    assert run("diff", f"{url(one)}#t", f"{url(other)}#t", "--ignore", "c").err == ""
    run_sql(other, "CREATE TABLE more0 (id int)")
    run_sql(one, "CREATE TABLE more0 (id bigint, " + ", ".join(f"c{n} int" for n in range(5)) + ")")
    assert "table more0: it is another one in " in run("diff", url(one), url(other)).err


def test_rows_are_chosen_by_values_of_the_closed_set(dbs: Databases) -> None:
    a, b = dbs.new(TABLE), dbs.new(TABLE)
    run_sql(b, "UPDATE t SET r = '[1,6)' WHERE id = 1; UPDATE t SET r = '[1,6)' WHERE id = 2")
    found = differences(f"{url(a)}#t", f"{url(b)}#t", "--where", "n > 1.7")
    assert [each["key"] for each in found] == [{"id": 2}]
    assert differences(f"{url(a)}#t", f"{url(b)}#t", "--columns", "n,j") == []


@pytest.mark.parametrize("way", ["written", "statements"])
def test_sync_keeps_every_value(dbs: Databases, tmp_path: Path, way: str) -> None:
    script = KINDS["values at the ends"]
    a, b = dbs.new(TABLE.replace(" t ", " u "), script), dbs.new(TABLE.replace(" t ", " u "), script)
    run_sql(b, "UPDATE u SET j = '{}', d = NULL, n = 1.50, r = 'empty' WHERE id = 1; DELETE FROM u WHERE id = 2")
    run_sql(b, "UPDATE t SET (d, ts, tz, ti, n, f, f4, j, a, iv, b, te)"
        " = (SELECT d, ts, tz, ti, n, f, f4, j, a, iv, b, te"
               " FROM t AS x WHERE x.id = 3) WHERE id = 1; DELETE FROM t WHERE id = 2")  # fmt: skip
    assert told(b)["data"] != told(a)["data"]
    if way == "written":
        assert run("diff", url(a), url(b), "--sync", "--yes").code == 0
    else:
        printed = run("diff", url(a), url(b), "--sync")
        run_sql(b, printed.out.decode())
    assert told(b) == told(a)


def test_the_zoo_is_synced(dbs: Databases) -> None:
    a, b = dbs.new(ZOO.read_text("utf-8")), dbs.new(ZOO.read_text("utf-8"))
    run_sql(b, "UPDATE zoo SET m = NULL, fr = '[1,3)', t = 'z', arr = '{}' WHERE id = 1; DELETE FROM s2.t;"
               "UPDATE pr SET v = 'other'; DELETE FROM zoo WHERE id = 2")  # fmt: skip
    names = ["zoo", "s2.t", "pr", "par"]
    for name in names:
        synced = run("diff", f"{url(a)}#{name}", f"{url(b)}#{name}", "--sync", "--yes")
        assert synced.code == 0, synced
    for name in ("zoo", "s2.t", "pr", "par"):
        rows = f"SELECT x::text FROM {name} x ORDER BY 1"
        assert ask(a, rows) == ask(b, rows)


def test_a_native_digest_is_that_of_the_copy_s_receipt(dbs: Databases) -> None:
    a, b = dbs.new(TABLE), dbs.new()
    copied = run("copy", url(a), url(b), "--verify")
    receipt = json.loads(copied.err[copied.err.index('{"receipt"') :])
    for target in (a, b):
        (record,) = [json.loads(line) for line in run("digest", url(target), "--native").out.splitlines()]
        assert record["digest"] == receipt["collections"][0]["digest"]
    run_sql(b, "UPDATE t SET n = 1.50 WHERE id = 1")
    (record,) = [json.loads(line) for line in run("digest", url(b), "--native").out.splitlines()]
    assert record["digest"] != receipt["collections"][0]["digest"]


def test_drift_reads_again_what_inherits(dbs: Databases) -> None:
    """A parent is compared with the rows of its heirs, and so it is when what differs is read again."""
    tables = "CREATE TABLE p (id int PRIMARY KEY, at timestamptz); CREATE TABLE c (PRIMARY KEY (id)) INHERITS (p)"
    a, b = dbs.new(tables), dbs.new(tables)
    for dsn, day in ((a, 1), (b, 2)):
        run_sql(dsn, f"INSERT INTO p VALUES (1, '2024-01-01'); INSERT INTO c VALUES (2, '2024-01-0{day}')")
    done = run("drift", url(a), url(b), "--confirm", "10ms")
    assert done.code == 1, done
    found = {each["collection"]: each for each in map(json.loads, done.out.splitlines())}
    assert {name: (each["state"], each["changed"]) for name, each in found.items()} == {
        "p": ("drift", 1),
        "c": ("drift", 1),
    }
