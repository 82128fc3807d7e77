"""A native copy that was killed, in each of its stages, goes on with --resume and ends as if it had not been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dbfleet.target import Target
from tests.zoo.databases import Databases, ask, differing, run_sql, url
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("postgres")

SOURCE = """
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE small (id serial PRIMARY KEY, m mood DEFAULT 'ok', v text UNIQUE);
    CREATE TABLE large (id int PRIMARY KEY, small int REFERENCES small ON DELETE CASCADE, v text, up int);
    ALTER TABLE large ADD FOREIGN KEY (up) REFERENCES large DEFERRABLE; CREATE INDEX large_v ON large (v);
    CREATE TABLE keyless (a int, m mood); CREATE INDEX ON keyless (a);
    CREATE SEQUENCE free; SELECT setval('free', 77);
    COMMENT ON TABLE small IS 'said'; COMMENT ON COLUMN large.v IS 'said, too';
    INSERT INTO small (v) SELECT n::text FROM generate_series(1, 100) n;
    INSERT INTO large SELECT n, n % 100 + 1, n::text, n FROM generate_series(1, 21000) n;
    INSERT INTO keyless SELECT n, 'sad' FROM generate_series(1, 50) n; SELECT setval('small_id_seq', 500);
"""

GATE = """
    CREATE FUNCTION gate() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN IF current_query() ~ '{query}' THEN PERFORM pg_sleep(600); END IF; END $$;
    CREATE EVENT TRIGGER gate ON ddl_command_start EXECUTE FUNCTION gate()
"""
"""A statement of this form hangs in the sink."""

ROWS = """
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF new.id = 2500 THEN PERFORM pg_sleep(600); END IF; RETURN new; END $$;
    CREATE FUNCTION gate() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN IF tg_tag = 'CREATE TABLE' AND current_query()
             ~ '^CREATE TABLE "?public"?."?(large|_dbfleet_new.*small integer)' THEN
        EXECUTE format('CREATE TRIGGER slow BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION slow()',
            (SELECT objid::regclass FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table'));
    END IF; END $$;
    CREATE EVENT TRIGGER gate ON ddl_command_end EXECUTE FUNCTION gate()
"""
"""Row 2500 of the large table hangs in the sink."""

STAGES = {
    "rows": ROWS,
    "key": GATE.format(query="ADD CONSTRAINT .* PRIMARY KEY"),
    "index": GATE.format(query="^CREATE INDEX"),
    "reference": GATE.format(query="FOREIGN KEY"),
    "comment": GATE.format(query="^COMMENT ON COLUMN"),
    "table": GATE.format(query="^CREATE TABLE .*large|^CREATE TABLE .*small integer"),
    "type": GATE.format(query="^CREATE TYPE"),
}


def killed(source: Target, sink: Target, *options: str) -> None:
    """Start a copy, wait until it hangs in the sink, and kill it with its workers, and its statements."""
    command = [sys.executable, "-m", "dbfleet", "copy", url(source), url(sink), *options]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 60
        while not ask(
            sink, "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        ):
            assert process.poll() is None, process.stderr and process.stderr.read()
            if time.monotonic() > deadline:
                pytest.fail(f"it does not hang: {ask(sink, 'SELECT query FROM pg_stat_activity')}")
            time.sleep(0.05)
        time.sleep(0.2)  # the other worker does what it can
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
    for target in (source, sink):
        ask(target, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()")  # fmt: skip
    run_sql(sink, "DROP EVENT TRIGGER gate; DROP FUNCTION gate; DROP FUNCTION IF EXISTS slow CASCADE")


@pytest.mark.parametrize(
    ("stage", "verify"), [*((stage, ()) for stage in STAGES), *((stage, ("--verify",)) for stage in ("rows", "index"))]
)
def test_a_copy_that_was_killed_goes_on(dbs: Databases, stage: str, verify: tuple[str, ...]) -> None:
    source, sink = dbs.new(SOURCE), dbs.new(STAGES[stage])
    killed(source, sink, *verify)
    resumed = run("copy", url(source), url(sink), "--resume", *verify)
    assert resumed.code == 0, resumed
    assert not (wrong := differing(sink, source)), wrong
    assert run("copy", url(source), url(sink), "--resume").code == 2, "the journal is gone, and the rows are there"


def test_what_was_copied_without_a_digest_is_made_again_to_be_verified(dbs: Databases) -> None:
    source, sink = dbs.new(SOURCE), dbs.new(STAGES["reference"])
    killed(source, sink)
    resumed = run("copy", url(source), url(sink), "--resume", "--verify")
    assert resumed.code == 0, resumed
    assert not (wrong := differing(sink, source)), wrong


@pytest.mark.parametrize("stage", ["rows", "key", "reference"])
def test_a_replacement_that_was_killed_goes_on(dbs: Databases, stage: str) -> None:
    source, sink = dbs.new(SOURCE), dbs.new(SOURCE, STAGES[stage])
    run_sql(sink, "UPDATE small SET v = 'old' WHERE id = 1; DELETE FROM large WHERE id > 10; DROP INDEX large_v")
    before = ask(sink, "SELECT count(*) FROM large")
    killed(source, sink, "--mode", "replace", "--yes")
    assert ask(sink, "SELECT count(*) FROM large") == before
    resumed = run("copy", url(source), url(sink), "--resume")
    assert resumed.code == 0, resumed
    assert not (wrong := differing(sink, source)), wrong


def test_rows_that_are_whole_are_not_copied_again(dbs: Databases) -> None:
    source, sink = dbs.new(SOURCE), dbs.new(STAGES["reference"])
    killed(source, sink)
    made_before = ask(sink, "SELECT relname, oid FROM pg_class WHERE relname IN ('small', 'large', 'large_v')")
    assert run("copy", url(source), url(sink), "--resume").code == 0
    assert ask(sink, "SELECT relname, oid FROM pg_class WHERE relname IN ('small', 'large', 'large_v')") == made_before


def test_what_was_cut_off_is_not_taken_for_whole(dbs: Databases, tmp_path: Path) -> None:
    """Its tables have no keys yet: rows that went into them would never get any."""
    source, sink = dbs.new(SOURCE), dbs.new(STAGES["rows"])
    killed(source, sink)
    run_sql(sink, "TRUNCATE small, large, keyless")
    again = run("copy", url(source), url(sink))
    assert again.code == 2, again
    assert "--resume" in again.err
    (journal,) = tmp_path.glob("state/**/copies/*.json")
    assert all(each["native"] for each in json.loads(journal.read_text("utf-8"))["collections"].values())
    assert run("copy", url(source), url(sink), "--mode", "replace", "--yes").code == 0
    assert not (wrong := differing(sink, source)), wrong
