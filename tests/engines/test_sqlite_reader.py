"""SQLite for reading only: a file that the library opened so, and no way to another file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.adapter import Adapter
from dbfleet.fleet import Fleet
from dbfleet.target import Target
from tests.engines.hostile import passed, same_to_both, shop

pytestmark = pytest.mark.engines("sqlite")

STATEMENTS = {
    "insert": "insert into notes values (3, 'x')",
    "replace": "replace into notes values (1, 'x')",
    "insert or ignore": "insert or ignore into notes values (1, 'x')",
    "upsert": "insert into notes values (1, 'x') on conflict (id) do update set v = 'x'",
    "insert of a select": "insert into notes select id + 10, v from notes",
    "update": "update orders set status = 'x'",
    "update returning": "update orders set status = 'x' returning id",
    "delete": "delete from orders",
    "delete of nothing": "delete from orders where 0",
    "delete behind a CTE": "with x as (select 1) delete from orders",
    "delete behind comments": "-- select 1\n/* select 2; */ delete from orders",
    "delete in a comment that is not closed": "delete from orders /* ",
    "two statements": "select 1; delete from orders",
    "two statements in a trigger": "create trigger t after insert on notes begin delete from orders; end; select 1",
    "insert into a view": "insert into seen values (9, 'x')",
    "begin immediate": "begin immediate; delete from orders; commit",
    "begin exclusive": "begin exclusive; delete from orders; commit",
    "commit, then delete": "begin; select 1; commit; delete from orders",
    "savepoint": "savepoint a; delete from orders; release a",
    "query_only off": "pragma query_only = off; delete from orders",
    "query_only off by another name": "PRAGMA main.query_only(0); delete from orders",
    "query_only off by a function": "select * from pragma_query_only(0); delete from orders",
    "writable schema": "pragma writable_schema = on; delete from sqlite_schema",
    "writable schema, query_only off": "pragma query_only = 0; pragma writable_schema = on; "
    "update sqlite_master set sql = 'create table notes (x)' where name = 'notes'",
    "schema version": "pragma query_only = 0; pragma schema_version = 99",
    "user version": "pragma query_only = 0; pragma user_version = 99",
    "application id": "pragma query_only = 0; pragma application_id = 99",
    "journal mode": "pragma query_only = 0; pragma journal_mode = delete",
    "journal off": "pragma query_only = 0; pragma journal_mode = off; delete from orders",
    "wal checkpoint": "pragma query_only = 0; pragma wal_checkpoint(truncate)",
    "page size": "pragma query_only = 0; pragma page_size = 8192; vacuum",
    "auto vacuum": "pragma query_only = 0; pragma auto_vacuum = full; vacuum",
    "incremental vacuum": "pragma query_only = 0; pragma incremental_vacuum",
    "encoding": "pragma query_only = 0; pragma encoding = 'UTF-16'",
    "foreign keys": "pragma foreign_keys = off; delete from orders",
    "defer foreign keys": "pragma defer_foreign_keys = on",
    "ignore checks": "pragma ignore_check_constraints = on; insert into notes values (9, 'x')",
    "optimize": "pragma query_only = 0; pragma optimize",
    "integrity": "pragma integrity_check",
    "locking mode": "pragma locking_mode = exclusive; select count(*) from notes",
    "locking mode, written": "pragma locking_mode = exclusive; pragma query_only = 0; delete from orders",
    "heap limit of the process": "pragma hard_heap_limit = 1",
    "heap limit by a function": "select * from pragma_hard_heap_limit(1)",
    "soft heap limit": "pragma soft_heap_limit = 1",
    "folder of temporary files": "pragma temp_store_directory = '/tmp'",
    "temp store": "pragma temp_store = memory",
    "create table": "create table hostile (a int)",
    "create table as": "create table hostile as select * from orders",
    "create index": "create index hostile on notes (v)",
    "create view": "create view hostile as select 1",
    "create trigger": "create trigger hostile after insert on notes begin delete from orders; end",
    "create virtual table": "create virtual table hostile using fts5(a)",
    "create temporary table": "create temp table hostile (a int)",
    "temporary table, query_only off": "pragma query_only = 0; create temp table hostile (a int); drop table hostile",
    "temporary trigger": "pragma query_only = 0; "
    "create temp trigger hostile after insert on main.notes begin delete from orders; end",
    "temporary trigger, fired": "pragma query_only = 0; create temp table f (a); create temp trigger hostile_2 "
    "after insert on f begin delete from orders; end; insert into f values (1)",
    "temporary virtual table": "pragma query_only = 0; create virtual table temp.hostile_f using fts5(a)",
    "alter": "alter table notes rename to hostile",
    "alter column": "alter table notes add column x",
    "drop table": "drop table notes",
    "drop view": "drop view seen",
    "reindex": "reindex",
    "analyze": "analyze",
    "vacuum": "vacuum",
    "vacuum into": "vacuum into '{folder}/hostile.db'",
    "vacuum into, query_only off": "pragma query_only = 0; vacuum into '{folder}/hostile.db'",
    "attach": "attach '{folder}/hostile.db' as h; create table h.t (a int)",
    "attach, query_only off": "pragma query_only = 0; attach '{folder}/hostile.db' as h; create table h.t (a int)",
    "attach the file itself": "attach '{file}' as h; delete from h.orders",
    "attach the file by a URL": "attach 'file:{file}?mode=rw' as h; delete from h.orders",
    "attach memory": "attach ':memory:' as h",
    "detach": "detach main",
    "load an extension": "select load_extension('{folder}/hostile.so')",
    "a tokenizer by its address": "select fts3_tokenizer('x', x'0000000000000000')",
    "write a file": "select writefile('{folder}/hostile', 'x')",
    "edit": "select edit('x')",
    "read a file": "select readfile('/etc/passwd')",
    "random": "select randomblob(8) is not null",
    "explain": "explain delete from orders",
    "explain query plan": "explain query plan delete from orders",
    "counters": "update sqlite_sequence set seq = 1",
    "statistics": "select * from sqlite_schema",
    "pragma table_info": "pragma table_info(notes)",
}

HARMLESS = {
    "defer foreign keys": "of one's own connection",
    "encoding": "that of a file with data stays",
    "explain": "shows the steps, and takes none",
    "explain query plan": "shows the plan",
    "integrity": "reads",
    "locking mode": "holds the lock of a reader as long as the connection is open",
    "optimize": "finds nothing to do",
    "pragma table_info": "reads",
    "random": "reads",
    "statistics": "reads",
    "temp store": "of one's own connection",
    "temporary trigger": "of one's own connection, and nothing fires it",
    "temporary virtual table": "of one's own connection, not in the file",
    "temporary table, query_only off": "of one's own connection, not in the file",
}


@pytest.fixture
def world(fleet: Fleet, target: Target) -> Iterator[dict[str, str]]:
    """The file with data, and what the statements are filled with."""
    file = Path(target.database or "")
    with shop(fleet, target), fleet.connect(target) as owner:
        owner.query("create table notes (id integer primary key, v text)")
        owner.query("insert into notes values (1, 'one'), (2, 'two')")
        owner.query("create view seen as select * from notes")
        try:
            yield {"file": str(file), "folder": str(file.parent)}
        finally:
            owner.query("drop view seen")
            owner.query("drop table notes")


def state(owner: Adapter) -> object:
    """The schema of the file, word for word, its settings and the files beside it."""
    found = []
    for text in (
        "select * from sqlite_schema",
        "pragma user_version",
        "pragma application_id",
        "pragma journal_mode",
        "pragma page_count",
    ):
        with owner.query(text) as result:
            found.append([row for batch in result for row in batch])
    folder = Path(owner.target.database or "").parent
    return found, sorted(file.name for file in folder.iterdir())


def test_no_statement_of_a_reader_changes_anything(fleet: Fleet, target: Target, world: dict[str, str]) -> None:
    statements = {name: text.replace("{folder}", world["folder"]).replace("{file}", world["file"])
                  for name, text in STATEMENTS.items()}  # fmt: skip
    found = passed(fleet, target, statements, state)
    assert {name: ways for name, ways in found.items() if name not in HARMLESS} == {}
    assert {*HARMLESS} - {*found} == set(), "what is refused needs no excuse"


def test_the_reader_sees_what_the_owner_sees(fleet: Fleet, target: Target, world: dict[str, str]) -> None:
    same_to_both(fleet, target)


def test_a_result_has_the_same_types_as_the_owners(fleet: Fleet, target: Target, world: dict[str, str]) -> None:
    found = []
    for each in (target, fleet.reader(target)):
        with fleet.connect(each) as adapter, adapter.query("select * from orders order by 1") as result:
            found.append((list(result.columns), [row for batch in result for row in batch]))
    assert found[0] == found[1]
    assert {column.native for column in found[0][0]} != {None}


def test_a_file_that_nobody_has_open_stays_byte_for_byte(tmp_path: Path, fleet: Fleet) -> None:
    """Beside one in WAL mode the library leaves its log, empty, and the log's index: it may not remove them."""
    target = fleet.target(f"sqlite:///{tmp_path}/a.db")
    with fleet.connect(target, create=True) as owner:
        owner.query("create table t (id integer primary key)")
    before = (tmp_path / "a.db").read_bytes()
    with fleet.connect(fleet.reader(target)) as reader:
        assert reader.count("t") == 0
    assert (tmp_path / "a.db").read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} <= {"a.db", "a.db-wal", "a.db-shm"}
    assert not (tmp_path / "a.db-wal").exists() or not (tmp_path / "a.db-wal").read_bytes()
