"""PostgreSQL to PostgreSQL: what the server's own pg_dump says of the copy is what it says of the source. What is not
carried is named, and refused by --strict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.engines.postgres.adapter import PostgresAdapter
from dbfleet.engines.postgres.native import catalog
from dbfleet.outline import Step
from dbfleet.target import Target
from tests.zoo import databases
from tests.zoo.databases import ZOO, Databases, ask, differing, run_sql, url
from tests.zoo.postgres_kinds import KINDS
from tests.zoo.walk import Ran, run

pytestmark = pytest.mark.engines("postgres")


def left(ran: Ran) -> list[str]:
    return list(json.loads(ran.err[ran.err.index('{"receipt"') :])["left"])


def test_the_zoo_is_the_same_in_another_database(dbs: Databases) -> None:
    source, sink = dbs.new(ZOO.read_text("utf-8")), dbs.new()
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert not (wrong := differing(sink, source)), wrong
    said = [databases.by_catalogue(each) for each in (source, sink)]
    assert said[0]["data"] == said[1]["data"]
    assert [line for line in said[0]["schema"] if not line.startswith("vw")] == said[1]["schema"]


def test_the_zoo_takes_the_place_of_what_is_there(dbs: Databases) -> None:
    source, sink = dbs.new(ZOO.read_text("utf-8")), dbs.new(ZOO.read_text("utf-8"))
    run_sql(sink, "DROP VIEW vw; UPDATE zoo SET t = 'other', m = NULL; INSERT INTO par VALUES (9, 'other'); "
                  "DROP INDEX zoo_expr; ALTER TABLE pr DROP v; SELECT setval('free', 4)")  # fmt: skip
    copied = run("copy", url(source), url(sink), "--mode", "replace", "--yes", "--verify")
    assert copied.code == 0, copied
    assert not (wrong := differing(sink, source)), wrong


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_the_same_in_another_database(dbs: Databases, kind: str) -> None:
    source, sink = dbs.new(KINDS[kind]), dbs.new()
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    wrong = differing(sink, source)
    assert not wrong, wrong
    assert left(copied) == []


AROUND = """
    CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE parent (a int); CREATE TABLE heir () INHERITS (parent);
    CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER stamped BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION stamp();
    CREATE RULE quiet AS ON DELETE TO t DO INSTEAD NOTHING;
    GRANT SELECT ON t TO PUBLIC; GRANT SELECT (v) ON t TO PUBLIC;
    CREATE VIEW vw AS SELECT 1; CREATE MATERIALIZED VIEW mvw AS SELECT 2;
    CREATE TABLE pt (id int) PARTITION BY LIST (id); CREATE TABLE pt_1 PARTITION OF pt FOR VALUES IN (1);
    CREATE TRIGGER each_row AFTER INSERT ON pt FOR EACH ROW EXECUTE FUNCTION stamp();
    CREATE TRIGGER own AFTER INSERT ON pt_1 FOR EACH ROW EXECUTE FUNCTION stamp(); GRANT SELECT ON pt_1 TO PUBLIC;
    CREATE TYPE unused AS ENUM ('a'); CREATE PUBLICATION pub FOR TABLE t; CREATE TABLE bare ();
    INSERT INTO t VALUES (1, 'x'); INSERT INTO heir VALUES (1);
"""


def test_what_is_not_carried_is_named_and_refused_by_strict(dbs: Databases) -> None:
    source, sink = dbs.new(AROUND), dbs.new()
    refused = run("copy", url(source), url(sink), "--strict")
    assert refused.code == 6, refused
    assert ask(sink, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    missing = "does not come along"
    assert sorted(left(copied)) == sorted(
        f"{text}: {missing}"
        for text in (
            "t: trigger stamped", "t: rule quiet", "t: privileges", "t: its place in publication pub",
            "pt: trigger each_row", "pt: partition pt_1: trigger own", "pt: partition pt_1: privileges",
            "view vw", "materialized view mvw", "enum unused", "publication pub", "function stamp()",
            "table bare, which has no columns",
        )
    )  # fmt: skip
    assert ask(sink, "SELECT tableoid::regclass::text, * FROM parent") == [("heir", 1)]


def test_the_receipt_says_how_it_went(dbs: Databases) -> None:
    source, sink = dbs.new("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE INDEX t_v ON t (v)"), dbs.new()
    copied = run("copy", url(source), url(sink), "--verify")
    (entry,) = json.loads(copied.err[copied.err.index('{"receipt"') :])["collections"]
    assert (entry["native"], entry["same"], entry["extras"]) == (True, True, ["index t_v", "primary key t_pkey"])


def test_what_else_a_database_has_is_named(dbs: Databases) -> None:
    source = dbs.new("""
        CREATE TABLE t (id int PRIMARY KEY); CREATE COLLATION unused FROM "C"; CREATE EXTENSION postgres_fdw;
        CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw; CREATE FOREIGN TABLE ft (a int) SERVER far;
        CREATE TEXT SEARCH CONFIGURATION cfg (COPY = simple); CREATE TYPE pair AS (a int, b int);
        CREATE FUNCTION as_text(pair) RETURNS text LANGUAGE sql RETURN 'x';
        CREATE CAST (pair AS text) WITH FUNCTION as_text;
        CREATE FUNCTION alike(pair, pair) RETURNS bool LANGUAGE sql RETURN true;
        CREATE OPERATOR === (LEFTARG = pair, RIGHTARG = pair, FUNCTION = alike);
        ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
    """)
    run_sql(source, f"ALTER DATABASE {source.database} SET work_mem = '5MB'")
    told = left(run("copy", url(source), url(dbs.new()), "--verify"))
    for text in (
        "collation unused", "foreign server far", "foreign table ft", "text search configuration cfg",
        "cast of pair to text", "operator ===", "default privileges", "settings of the database",
        "extension postgres_fdw", "composite type pair", "function as_text(pair)",
    ):  # fmt: skip
        assert f"{text}: does not come along" in told


def test_a_policy_for_an_account_that_the_sink_lacks_is_named(dbs: Databases, name: str) -> None:
    role = f"{name}_role"
    source, sink = (
        dbs.new(f"CREATE ROLE {role}; CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
                 f"CREATE POLICY own ON t TO {role} USING (id = 1); CREATE POLICY \"all\" ON t USING (id = 2)"),
        dbs.new(),
    )  # fmt: skip
    with postgres_of(sink) as adapter:  # as another server would say it
        steps = [replace(step, accounts=("nobody here",)) if step.accounts else step for step in outline_of(source)]
        lacking = adapter.lacking(steps)
    (own,) = [step.mark for step in steps if step.accounts]
    assert lacking == {own: "there is no account nobody here"}
    assert run("copy", url(source), url(sink), "--strict").code == 0
    assert not (wrong := differing(sink, source)), wrong
    run_sql(sink, "DROP TABLE t")
    run_sql(source, f"DROP POLICY own ON t; DROP ROLE {role}")


def outline_of(target: Target) -> tuple[Step, ...]:
    with postgres_of(target) as adapter:
        return tuple(adapter.outline(adapter.native_collections(), everything=True).steps)


def postgres_of(target: Target) -> PostgresAdapter:
    adapter = registry.connect(target)
    assert isinstance(adapter, PostgresAdapter)
    return adapter


def test_a_schema_that_the_sink_lacks_is_made_and_goes_again_with_a_copy_that_fails(dbs: Databases) -> None:
    source = dbs.new("CREATE SCHEMA s2; CREATE TYPE s2.mood AS ENUM ('a', 'b'); CREATE SEQUENCE s2.free;"
                      "CREATE TABLE s2.t (m s2.mood, n int DEFAULT nextval('s2.free'))")  # fmt: skip
    sink = dbs.new("CREATE TYPE mood AS ENUM ('b')")
    assert run("copy", url(source), url(sink), "--verify").code == 0
    assert ask(sink, "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname !~ '^pg_|^inf'") == [
        ("s2.t",)
    ]
    other = dbs.new("CREATE SCHEMA kept")
    run_sql(source, "CREATE SCHEMA kept; CREATE TYPE kept.odd AS ENUM ('x'); ALTER TABLE s2.t ADD o kept.odd")
    run_sql(other, "CREATE TYPE kept.odd AS ENUM ('y')")
    before = databases.told(other)
    refused = run("copy", url(source), url(other))
    assert refused.code == 6, refused
    assert "enum kept.odd is there already and is another one" in refused.err
    assert databases.told(other) == before


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("CREATE TYPE m AS ENUM ('a', 'b')", "CREATE TYPE m AS ENUM ('a', 'b')", 0),
        ("CREATE TYPE m AS ENUM ('a', 'b')", "CREATE TYPE m AS ENUM ('b', 'a')", 6),
        ("CREATE DOMAIN m AS int CHECK (value > 0)", "CREATE DOMAIN m AS int CHECK (value > 0)", 0),
        ("CREATE DOMAIN m AS int CHECK (value > 0)", "CREATE DOMAIN m AS int", 6),
        ("CREATE TYPE m AS (a int)", "CREATE TYPE m AS (a int, b int)", 6),
        ("CREATE TYPE m AS (a int)", "CREATE DOMAIN m AS int", 6),
        ("CREATE EXTENSION citext; CREATE DOMAIN m AS citext", "CREATE EXTENSION citext", 0),
        ("CREATE EXTENSION citext; CREATE DOMAIN m AS citext", "CREATE SCHEMA y; CREATE EXTENSION citext SCHEMA y", 6),
        ('CREATE COLLATION c FROM "C"; CREATE DOMAIN m AS text COLLATE c', 'CREATE COLLATION c FROM "C"', 0),
    ],
)
def test_what_is_there_of_the_same_name_must_be_the_same(dbs: Databases, first: str, second: str, code: int) -> None:
    source, sink = dbs.new(first, "CREATE TABLE t (id int PRIMARY KEY, m m)"), dbs.new(second)
    before = databases.told(sink)
    copied = run("copy", url(source), url(sink))
    assert copied.code == code, copied
    assert code == 0 or databases.told(sink) == before
    assert code or databases.told(sink) == databases.told(source)


def test_a_reference_to_what_is_not_in_the_sink_is_named(dbs: Databases) -> None:
    script = "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a int REFERENCES a); INSERT INTO a VALUES (1);"
    source = dbs.new(script, "INSERT INTO b VALUES (1)")
    alone, beside = dbs.new(), dbs.new("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
    copied = run("copy", url(source), url(alone), "b", "--verify")
    assert left(copied) == ["b: foreign key b_a_fkey: a is not in the sink: does not come along"]
    assert run("copy", url(source), url(alone), "a", "--strict").code == 0
    assert left(run("copy", url(source), url(beside), "b", "--strict", "--verify")) == []
    assert not (wrong := differing(beside, source)), wrong


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_takes_the_place_of_what_is_there(dbs: Databases, kind: str) -> None:
    source, sink = dbs.new(KINDS[kind]), dbs.new(KINDS[kind])
    copied = run("copy", url(source), url(sink), "--mode", "replace", "--yes", "--verify", "--strict")
    assert copied.code == 0, copied
    wrong = differing(sink, source)
    assert not wrong, wrong


def test_what_goes_with_what_is_replaced_is_named(dbs: Databases) -> None:
    """Row-level security that goes unsaid would show every row to everybody."""
    both = (
        "CREATE TABLE p (id int PRIMARY KEY, n text); INSERT INTO p VALUES (1, 'a'); CREATE INDEX shared ON p (id, n)"
    )
    source = dbs.new(both)
    sink = dbs.new(both, """
        ALTER TABLE p ENABLE ROW LEVEL SECURITY; CREATE POLICY pl ON p USING (n = 'x'); CREATE INDEX mine ON p (n);
        COMMENT ON TABLE p IS 'theirs'; ALTER TABLE p ADD CONSTRAINT one UNIQUE (n);
        CREATE TABLE far (id int PRIMARY KEY); ALTER TABLE p ADD CONSTRAINT to_far FOREIGN KEY (id) REFERENCES far
        NOT VALID
    """)  # fmt: skip
    refused = run("copy", url(source), url(sink), "p", "--mode", "replace", "--yes", "--strict")
    assert refused.code == 6, refused
    assert ask(sink, "SELECT relrowsecurity FROM pg_class WHERE oid = 'p'::regclass") == [(True,)]
    copied = run("copy", url(source), url(sink), "p", "--mode", "replace", "--yes", "--verify")
    assert copied.code == 0, copied
    names = ("foreign key to_far", "index mine", "its comment", "policy pl", "row-level security",
             "unique constraint one")  # fmt: skip
    assert sorted(left(copied)) == [f"p: {name}: goes with what is replaced" for name in names]
    again = run("copy", url(source), url(sink), "p", "--mode", "replace", "--yes", "--verify", "--strict")
    assert again.code == 0, again


def test_a_copy_under_another_name_beside_its_source(dbs: Databases) -> None:
    script = """
        CREATE TABLE {0} (id serial PRIMARY KEY, v text UNIQUE, n int GENERATED ALWAYS AS IDENTITY);
        CREATE INDEX other ON {0} (v); CREATE STATISTICS st ON id, v FROM {0}; INSERT INTO {0} VALUES (1, 'x')"""
    database, expected = dbs.new(script.format("t")), dbs.new(script.format("t2"))
    for mode in ("insert", "replace"):
        assert run("copy", f"{url(database)}#t", f"{url(database)}#t2", "--mode", mode, "--yes", "--verify").code == 0
        found = [line for line in databases.told(database)["schema"] if "t2" in line]
        wanted = [
            line.replace("INDEX other ", "INDEX other_1 ").replace("public.st ", "public.st_1 ")
            for line in databases.told(expected)["schema"]
            if "t2" in line
        ]
        assert found == wanted


THINGS = """
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE par (id int PRIMARY KEY);
    CREATE TABLE t (id serial PRIMARY KEY, p int REFERENCES par, m mood, j json, d date, a int[] UNIQUE,
                    g int GENERATED ALWAYS AS (id * 2) STORED, n numeric);
"""
ROWS = """
    INSERT INTO par VALUES (1), (2);
    INSERT INTO t (id, p, m, j, d, a, n) VALUES (1, 1, 'sad', '{"a":1,"a":2}', 'infinity', '{{1},{2}}', 1.50),
        (2, 2, 'ok', NULL, '0044-03-15 BC', '[0:1]={1,2}', 'NaN'), (40, NULL, NULL, '[ ]', NULL, NULL, NULL);
"""


def test_rows_go_as_they_are_into_tables_that_are_there(dbs: Databases) -> None:
    source, sink = dbs.new(THINGS, ROWS, "SELECT setval('t_id_seq', 40)"), dbs.new(THINGS)
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert not (wrong := differing(sink, source)), wrong
    assert run("copy", url(source), url(sink)).code == 2
    run_sql(sink, "UPDATE t SET j = '0', d = NULL, a = NULL; DELETE FROM t WHERE id = 2; INSERT INTO par VALUES (3)")
    run_sql(source, "UPDATE t SET n = 2.50 WHERE id = 1")
    merged = run("copy", url(source), url(sink), "--mode", "upsert", "--verify")
    assert merged.code == 0, merged
    assert ask(sink, "SELECT t::text FROM t ORDER BY id") == ask(source, "SELECT t::text FROM t ORDER BY id")
    assert ask(sink, "SELECT id FROM par ORDER BY 1") == [(1,), (2,), (3,)]
    assert ask(sink, "SELECT nextval('t_id_seq')") == [(41,)]


def test_what_is_there_keeps_its_references(dbs: Databases) -> None:
    tables = """
        CREATE TABLE par (id int PRIMARY KEY, name text UNIQUE);
        CREATE TABLE chi (id int PRIMARY KEY, par_name text REFERENCES par (name));
    """
    source, sink = dbs.new(tables, "INSERT INTO par VALUES (1, 'x'); INSERT INTO chi VALUES (1, 'x')"), dbs.new(tables)
    for mode in ("insert", "upsert"):
        copied = run("copy", url(source), url(sink), "--mode", mode, "--verify", "--strict")
        assert copied.code == 0, copied
        assert left(copied) == []


def test_rows_go_by_the_closed_set_into_a_table_of_other_types(dbs: Databases) -> None:
    source = dbs.new("CREATE TABLE t (id int PRIMARY KEY, v varchar(5), n int); INSERT INTO t VALUES (1, 'x', 2)")
    sink = dbs.new("CREATE TABLE t (id bigint PRIMARY KEY, v text, n numeric, more int DEFAULT 7)")
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert ask(sink, "SELECT * FROM t") == [(1, "x", 2, 7)]


def in_schema(target: Target, schema: str) -> str:
    return replace(target, options={**target.options, "schema": schema}).url(reveal=True)


def test_the_sink_s_schema_is_the_one_that_its_url_names(dbs: Databases) -> None:
    script = """
        CREATE TABLE t (id serial PRIMARY KEY, p int, CHECK (p > 0)); CREATE INDEX ix ON t (p);
        CREATE TABLE c (t int REFERENCES t, k int GENERATED ALWAYS AS IDENTITY); CREATE STATISTICS st ON t, k FROM c;
        CREATE TABLE pt (id int) PARTITION BY LIST (id); CREATE TABLE pt_1 PARTITION OF pt FOR VALUES IN (1);
        INSERT INTO t VALUES (1, 2); INSERT INTO c VALUES (1); INSERT INTO pt VALUES (1); COMMENT ON TABLE t IS 'x';
    """
    source, sink = dbs.new(script), dbs.new("CREATE SCHEMA app")
    expected = dbs.new("CREATE SCHEMA app", "SET search_path = app;" + script)
    for mode in ("insert", "replace"):
        copied = run("copy", url(source), in_schema(sink, "app"), "--verify", "--mode", mode, "--yes")
        assert copied.code == 0, copied
        assert not (wrong := differing(sink, expected)), wrong
    back = dbs.new()
    copied = run("copy", in_schema(sink, "app"), url(back), "--verify", "c", "t", "pt")
    assert copied.code == 0, copied
    assert not (wrong := differing(back, source)), wrong


def test_a_table_goes_into_another_schema_by_its_name(dbs: Databases) -> None:
    source = dbs.new("CREATE TABLE t (id serial PRIMARY KEY, v text UNIQUE); INSERT INTO t VALUES (1, 'x')")
    before = "CREATE SCHEMA app; CREATE TABLE t (id int);"
    after = "CREATE TABLE app.u (id serial PRIMARY KEY, v text UNIQUE); INSERT INTO app.u VALUES (1, 'x')"
    sink, expected = dbs.new(before), dbs.new(before, after)
    for mode in ("insert", "replace"):
        copied = run("copy", f"{url(source)}#t", f"{url(sink)}#app.u", "--verify", "--mode", mode, "--yes")
        assert copied.code == 0, copied
        said = databases.told(sink)
        said["schema"] = [line.replace(" CONSTRAINT t_id_not_null", "") for line in said["schema"]]
        assert said == databases.told(expected)


VIEWS = """
    CREATE SCHEMA other; CREATE TYPE mood AS ENUM ('sad'); CREATE EXTENSION citext;
    CREATE TABLE t (id int PRIMARY KEY, m mood, v text); INSERT INTO t VALUES (1, 'sad', 'x');
    CREATE FUNCTION twice(i int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';
    CREATE VIEW z_first AS SELECT id, twice(id) AS twice, m, v::citext FROM t;
    CREATE VIEW a_second WITH (security_barrier, check_option = local) AS SELECT * FROM z_first WHERE id > 0;
    CREATE MATERIALIZED VIEW other."m'at" AS SELECT a.id, count(*) AS n FROM a_second a GROUP BY 1;
    CREATE MATERIALIZED VIEW bare AS SELECT 1 AS one WITH NO DATA;
    CREATE UNIQUE INDEX mat_id ON other."m'at" (id);
    CREATE RECURSIVE VIEW up (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM up WHERE n < 3;
    COMMENT ON VIEW z_first IS 'the first'; COMMENT ON COLUMN a_second.id IS 'its id';
"""


def test_views_go_as_views(dbs: Databases) -> None:
    source, sink = dbs.new(VIEWS), dbs.new()
    copied = run("copy", url(source), url(sink), "--views", "--strict", "--verify")
    assert copied.code == 0, copied
    assert not (wrong := differing(sink, source, views=True)), wrong
    one = dbs.new("CREATE TABLE t (id int PRIMARY KEY, m text, v text)")
    copied = run("copy", url(source), url(one), "a_second", "z_first", "--views", "--verify")
    assert copied.code == 0, copied
    assert left(copied) == []
    names = "SELECT viewname FROM pg_views WHERE schemaname = 'public' ORDER BY 1"
    assert ask(one, names) == [("a_second",), ("z_first",)]


def test_a_view_that_cannot_be_made_is_named(dbs: Databases) -> None:
    source, sink = dbs.new(VIEWS), dbs.new()
    copied = run("copy", url(source), url(sink), "z_first", "--views", "--verify")
    assert copied.code == 0, copied
    assert left(copied) == ['view z_first: relation "t" does not exist: does not come along']


def test_a_view_means_the_tables_of_the_sink_s_schema(dbs: Databases) -> None:
    source, sink = dbs.new(VIEWS), dbs.new("CREATE SCHEMA app; CREATE TABLE t (id int, m text, v text)")
    copied = run("copy", url(source), in_schema(sink, "app"), "t", "z_first", "--views", "--verify")
    assert copied.code == 0, copied
    assert ask(sink, "SELECT id, twice FROM app.z_first") == [(1, 2)]


def test_views_go_to_no_other_engine(dbs: Databases, tmp_path: Path) -> None:
    refused = run("copy", url(dbs.new(VIEWS)), f"sqlite:///{tmp_path}/x.db", "--views")
    assert refused.code == 6, refused


def test_what_the_sink_cannot_have_lets_a_table_go_by_the_closed_set(dbs: Databases) -> None:
    source = dbs.new("""
        CREATE TEXT SEARCH CONFIGURATION cfg (COPY = simple); CREATE TYPE mood AS ENUM ('sad');
        CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1);
        CREATE TABLE t (id int PRIMARY KEY, p int REFERENCES p, m mood, v text);
        INSERT INTO t VALUES (1, 1, 'sad', 'x');
        CREATE INDEX ON t USING gin (to_tsvector('cfg', v));
        CREATE TABLE u (id smallint PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE); INSERT INTO u VALUES (1, 1);
    """)
    sink = dbs.new()
    why = "it needs text search configuration cfg, which is none that is carried"
    refused = run("copy", url(source), url(sink), "--strict")
    assert refused.code == 6, refused
    assert why in " ".join(refused.err.split())
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert any(text.startswith(f"t does not go as it is: {why}") for text in left(copied)), left(copied)
    assert ask(sink, "SELECT t.*, pg_typeof(m)::text FROM t") == [(1, 1, "sad", "x", "text")]
    assert ask(sink, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'") == [
        ("FOREIGN KEY (t) REFERENCES t(id) ON DELETE CASCADE",)
    ]
    assert "t (p) refers to p" in " ".join(left(copied))


def test_another_product_or_an_old_version_goes_by_the_closed_set(
    dbs: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, sink = dbs.new("CREATE TABLE t (id smallint PRIMARY KEY); INSERT INTO t VALUES (1)"), dbs.new()
    monkeypatch.setattr(catalog, "FIRST_VERSION", 990000)
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert "native" not in copied.err.partition("{")[0]
    assert run("diff", url(source), url(sink)).code == 0
    assert run("dump", url(source), "--native", "-o", "nowhere").code == 6


def test_an_extension_that_the_server_has_not_is_lacking(dbs: Databases) -> None:
    steps = [Step("before", "extension", "", f"extension {name}", f"CREATE EXTENSION {name}", makes=(("public", name),),
                  shared=True) for name in ("plpgsql", "no_such_extension")]  # fmt: skip
    with postgres_of(dbs.new()) as adapter:
        assert adapter.lacking(steps) == {steps[1].mark: "is not on the server"}


def test_rows_that_a_policy_hides_are_not_left_out_in_silence(dbs: Databases, name: str) -> None:
    role = f"{name}_role"
    source = dbs.new(
        f"""
        CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2);
        ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY certain ON t USING (id = 1);
        CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT ON t TO {role};
    """.replace("some", "certain")
    )
    sink = dbs.new()
    try:
        by_role = replace(source, user=role, password="x").url(reveal=True)
        refused = run("copy", by_role, url(sink), "t")
        assert refused.code == 5, refused
        assert "row-level security" in refused.err
        assert ask(sink, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    finally:
        run_sql(source, f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_money_is_the_same_where_it_is_written_otherwise(dbs: Databases) -> None:
    source = dbs.new("CREATE TABLE t (id int PRIMARY KEY, m money); INSERT INTO t VALUES (1, 1234.5)")
    sink = dbs.new()
    locales = ask(source, "SELECT collname FROM pg_collation WHERE collname LIKE 'de_DE%' OR collname LIKE 'en_US%'")
    for (locale,) in locales[:1]:  # where the machine has none, all write it alike
        run_sql(sink, f"ALTER DATABASE {sink.database} SET lc_monetary = '{locale}'")
    assert run("copy", url(source), url(sink), "--verify").code == 0
    assert ask(sink, "SELECT m::numeric FROM t") == ask(source, "SELECT m::numeric FROM t")
    assert run("diff", url(source), url(sink)).code == 0


def test_an_account_that_may_only_make_tables(dbs: Databases, name: str) -> None:
    role = f"{name}_role"
    source = dbs.new(THINGS, ROWS)
    sink = dbs.new(f"CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT USAGE, CREATE ON SCHEMA public TO {role}")
    by_role = replace(sink, user=role, password="x").url(reveal=True)
    try:
        for mode in ("insert", "replace"):
            copied = run("copy", url(source), by_role, "--verify", "--mode", mode, "--yes")
            assert copied.code == 0, copied
            rows = "SELECT t::text FROM t ORDER BY id"
            assert ask(sink, rows) == ask(source, rows)
    finally:
        run_sql(sink, f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")
