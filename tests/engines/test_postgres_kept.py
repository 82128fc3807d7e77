"""What a table has around it when another takes its place: it is kept, or named before anything is written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.target import Target
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("postgres")


@pytest.fixture
def inside(target: Target, adapter: Any, name: str) -> Iterator[Any]:
    """A connection whose plain names are in a schema of this test alone."""
    list(adapter.query(f"CREATE SCHEMA {name}"))
    with registry.connect(target.with_(options={**target.options, "schema": name})) as connection:
        yield connection
    adapter.query(f"DROP SCHEMA {name} CASCADE")
    for role in ("owner", "reader"):
        adapter.query(f"DROP ROLE IF EXISTS {name}_{role}")


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    with closing(sqlite3.connect(tmp_path / "source.db")) as connection, connection:
        connection.execute("CREATE TABLE people (id integer PRIMARY KEY, v text)")
        connection.execute("INSERT INTO people VALUES (1, 'new')")
    return f"sqlite:///{tmp_path}/source.db"


def _ask(adapter: Any, statement: str) -> list[tuple[Any, ...]]:
    with adapter.query(statement) as result:
        return [row for batch in result for row in batch]


_AROUND = """
SELECT relacl::text, pg_get_userbyid(relowner), obj_description(oid), reloptions, relreplident::text, relrowsecurity,
       relforcerowsecurity, (SELECT attacl::text FROM pg_attribute WHERE attrelid = c.oid AND attname = 'v'),
       (SELECT col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = c.oid AND attname = 'v'),
       (SELECT jsonb_agg(to_jsonb(p) ORDER BY policyname) FROM pg_policies p WHERE tablename = 'people'
                                                                   AND schemaname = current_schema()),
       (SELECT jsonb_agg(pg_get_triggerdef(oid) || tgenabled::text ORDER BY tgname) FROM pg_trigger
        WHERE tgrelid = c.oid)
FROM pg_class c WHERE oid = 'people'::regclass
"""


def test_owner_privileges_comments_policies_and_triggers_are_those_of_before(inside: Any, rows: str, name: str) -> None:
    for statement in (
        "CREATE TABLE people (id bigint PRIMARY KEY, v text) WITH (fillfactor = 70, toast.autovacuum_enabled = false)",
        "INSERT INTO people VALUES (1, 'old')",
        f"CREATE ROLE {name}_owner; CREATE ROLE {name}_reader; GRANT USAGE, CREATE ON SCHEMA {name} TO {name}_owner",
        "COMMENT ON TABLE people IS 'who''s who'; COMMENT ON COLUMN people.v IS 'their words'",
        "ALTER TABLE people REPLICA IDENTITY FULL, ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY mine ON people AS RESTRICTIVE FOR UPDATE TO {name}_reader USING (id > 1) WITH CHECK (v <> '')",
        "CREATE POLICY all_of_it ON people USING (true)",
        "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW;END'",
        "CREATE TRIGGER stamped BEFORE UPDATE OF v ON people FOR EACH ROW WHEN (new.v <> 'x') EXECUTE FUNCTION stamp()",
        "CREATE TRIGGER still BEFORE DELETE ON people EXECUTE FUNCTION stamp()",
        "ALTER TABLE people DISABLE TRIGGER still",
        f"GRANT SELECT, INSERT ON people TO {name}_reader WITH GRANT OPTION; GRANT SELECT ON people TO PUBLIC",
        f"GRANT UPDATE (v) ON people TO {name}_reader; ALTER TABLE people OWNER TO {name}_owner",
        f"REVOKE DELETE ON people FROM {name}_owner",
    ):
        _each(inside, statement)
    before = _ask(inside, _AROUND)
    url = inside.target.url(reveal=True)
    assert run("copy", rows, url, "people", "--mode", "replace", "--yes", "--strict").code == 0
    assert _ask(inside, "SELECT v FROM people") == [("new",)]
    assert _ask(inside, _AROUND) == before


def _each(adapter: Any, text: str) -> None:
    for statement in text.split("; "):
        adapter.query(statement).close()


def test_privileges_by_default_are_not_added_to_a_table_that_had_none(inside: Any, rows: str, name: str) -> None:
    _each(inside, f"CREATE TABLE people (id bigint PRIMARY KEY, v text); CREATE ROLE {name}_reader")
    inside.query(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {name} GRANT SELECT ON TABLES TO {name}_reader")
    assert run("copy", rows, inside.target.url(reveal=True), "people", "--mode", "replace", "--yes").code == 0
    assert _ask(inside, f"SELECT has_table_privilege('{name}_reader', 'people', 'SELECT')") == [(False,)]
    assert _ask(inside, "SELECT has_table_privilege(current_user, 'people', 'DELETE')") == [(True,)]
    _each(inside, f"DROP OWNED BY {name}_reader")


def test_what_goes_with_the_table_is_named_and_refused_by_strict(
    inside: Any, rows: str, name: str, tmp_path: Path
) -> None:
    _each(
        inside,
        "CREATE TABLE people (id bigint PRIMARY KEY, v text, CONSTRAINT said CHECK (v <> ''));"
        " CREATE RULE quiet AS ON DELETE TO people DO INSTEAD NOTHING; CREATE STATISTICS pair ON id, v FROM people; "
        f"CREATE PUBLICATION {name}_p FOR TABLE people",
    )
    url = inside.target.url(reveal=True)
    lost = ("check said", "rule quiet", "statistics pair", f"publication {name}_p")
    try:
        refused = run("copy", rows, url, "people", "--mode", "replace", "--yes", "--strict")
        assert refused.code == 6, refused
        assert all(text in " ".join(refused.err.split()) for text in lost), refused
        asked = run("copy", rows, url, "people", "--mode", "replace")
        assert asked.code == 2
        done = run("copy", rows, url, "people", "--mode", "replace", "--yes", "--verify")
        assert done.code == 0, done
        left = " ".join(json.loads(done.err[done.err.index("\n{") :])["left"])
        assert all(text in left for text in lost), left
    finally:
        inside.query(f"DROP PUBLICATION {name}_p")


@pytest.mark.parametrize(
    ("statement", "holder"),
    [
        ("CREATE VIEW readers AS SELECT v FROM people", "view readers"),
        ("CREATE MATERIALIZED VIEW readers AS SELECT v FROM people", "materialized view readers"),
        ("CREATE FUNCTION first(people) RETURNS text LANGUAGE sql AS 'SELECT ''x'''", "function first(people)"),
        ("CREATE TABLE other (who people)", "column who of table other"),
        ("CREATE TABLE child () INHERITS (people)", "table child"),
    ],
)
def test_what_holds_to_the_table_is_found_before_a_row_is_written(
    inside: Any, rows: str, tmp_path: Path, statement: str, holder: str
) -> None:
    _each(inside, "CREATE TABLE people (id bigint PRIMARY KEY, v text); INSERT INTO people VALUES (7, 'old')")
    inside.query(statement).close()
    url = inside.target.url(reveal=True)
    (tmp_path / "people.jsonl").write_text('{"id": 1, "v": "new"}\n')
    for words in (
        ("copy", rows, url, "people"),
        ("copy", rows, url, "people", "--dry-run"),
        ("load", url, str(tmp_path / "people.jsonl")),
    ):
        refused = run(*words, "--mode", "replace", *(() if "--dry-run" in words else ("--yes",)))
        said = " ".join(refused.err.split())
        assert refused.code == 5, refused
        assert holder in said, refused
        assert "Nothing was written" in said, refused
    assert _ask(inside, "SELECT id FROM people") == [(7,)]
