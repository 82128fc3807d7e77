"""PostgreSQL's reader: what its account and its READ ONLY transaction refuse, on the real server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from dbfleet.adapter import Adapter
from dbfleet.engines.postgres import reader as reader_room
from dbfleet.engines.postgres.session import Session
from dbfleet.errors import AuthFailed, StatementError
from dbfleet.fleet import READER, Fleet
from dbfleet.ops.up import up
from dbfleet.target import Target
from tests.engines.hostile import passed, same_to_both, shop

pytestmark = pytest.mark.engines("postgres")

WORLD = """
create schema hostile;
create table hostile.t (id serial primary key, v text);
insert into hostile.t (v) select 'v' || n from generate_series(1, 20) n;
create table hostile.parted (id int primary key, v text) partition by range (id);
create table hostile.parted_1 partition of hostile.parted for values from (0) to (100);
insert into hostile.parted values (1, 'one');
create table hostile.secret (id int primary key, owner text);
insert into hostile.secret values (1, 'somebody'), (2, 'else');
alter table hostile.secret enable row level security;
create policy own on hostile.secret using (owner = current_user);
create view hostile.v as select * from hostile.t;
create materialized view hostile.m as select count(*) from hostile.t;
create sequence hostile.s;
create function hostile.writes() returns int language sql as 'insert into hostile.t (v) values (''f'') returning id';
create function hostile.defined() returns int language sql security definer
  as 'insert into hostile.t (v) values (''d'') returning id';
create function hostile.leaves() returns int language plpgsql security definer as $$
begin
  perform set_config('transaction_read_only', 'off', false);
  insert into hostile.t (v) values ('l'); return 1;
end $$;
create function hostile.leaves_caught() returns int language plpgsql security definer as $$
begin
  begin perform set_config('transaction_read_only', 'off', true); exception when others then null; end;
  insert into hostile.t (v) values ('l'); return 1;
end $$;
create procedure hostile.commits() language plpgsql security definer as $$
begin commit; insert into hostile.t (v) values ('p'); commit; end $$;
create type hostile.mood as enum ('fine');
select lo_from_bytea(424242, 'large');
"""

STATEMENTS = {
    "insert": "insert into hostile.t (v) values ('x')",
    "insert through a view": "insert into hostile.v (v) values ('x')",
    "insert on conflict": "insert into orders (id) select id from orders on conflict do nothing",
    "update": "update orders set status = 'x'",
    "delete": "delete from orders",
    "truncate": "truncate hostile.t",
    "merge": "merge into hostile.t t using (values (1)) s(id) on t.id = s.id when matched then delete",
    "insert in a CTE": "with w as (insert into hostile.t (v) values ('x') returning id) select * from w",
    "delete in a CTE": "with w as (delete from orders returning id) select count(*) from w",
    "delete in a CTE that nobody reads": "with w as (delete from orders) select 1",
    "delete behind a comment": "/* select 1; */ -- \n delete from orders",
    "delete in nested comments": "/* /* */ select 1 */ delete from orders",
    "two statements": "select 1; delete from orders",
    "two statements in dollars": "select $$a;b$$; delete from orders",
    "a statement that a standard string hides": "select 'a\\'; delete from orders; --'",
    "a statement that an escape string hides": "select E'a\\''; delete from orders; --'",
    "commit, then delete": "commit; delete from orders",
    "rollback, then delete": "rollback; delete from orders",
    "end, begin, delete": "end; begin; delete from orders; commit",
    "begin read write": "begin read write; delete from orders; commit",
    "commit, begin read write": "commit; begin read write; delete from orders; commit",
    "start transaction read write": "abort; start transaction read write; delete from orders; commit",
    "commit and chain": "commit and chain; set transaction read write; delete from orders; commit",
    "rollback and chain": "rollback and chain; set transaction read write; delete from orders; commit",
    "set transaction read write": "set transaction read write; delete from orders",
    "set local": "set local transaction_read_only = off; delete from orders",
    "set session": "set transaction_read_only = off; delete from orders",
    "set characteristics": "set session characteristics as transaction read write; commit; delete from orders; commit",
    "set default": "set default_transaction_read_only = off; commit; delete from orders; commit",
    "reset": "reset default_transaction_read_only; commit; delete from orders; commit",
    "reset all": "reset all; commit; delete from orders; commit",
    "discard all": "commit; discard all; delete from orders",
    "set_config": "select set_config('transaction_read_only', 'off', false); delete from orders",
    "set_config in one statement": "with a as (select set_config('transaction_read_only', 'off', true)) "
    "select hostile.defined() from a",
    "savepoint": "savepoint a; set transaction read write; release a; delete from orders",
    "savepoint, failed": "savepoint a; select 1/0; rollback to a; delete from orders",
    "an error, then delete": "select 1/0; delete from orders",
    "isolation": "commit; begin isolation level serializable read write; delete from orders; commit",
    "two phases": "prepare transaction 'hostile'",
    "commit prepared": "commit; commit prepared 'hostile'",
    "create table": "create table public.hostile_t (a int)",
    "create table as": "create table public.hostile_t as select * from orders",
    "select into": "select * into public.hostile_t from orders",
    "create temporary table": "create temp table hostile_t (a int)",
    "temporary table as": "create temp table hostile_t as select 1",
    "select into a temporary table": "select 1 as a into temp hostile_t",
    "temporary table outside": "commit; create temp table hostile_t (a int); commit",
    "temporary sequence": "create temp sequence hostile_t",
    "temporary view": "create temp view hostile_t as select 1",
    "unlogged table": "create unlogged table hostile_t (a int)",
    "create index": "create index on hostile.t (v)",
    "create index concurrently": "create index concurrently hostile_i on hostile.t (v)",
    "create view": "create view public.hostile_v as select 1",
    "create schema": "create schema hostile_2",
    "create sequence": "create sequence public.hostile_s2",
    "create type": "create type public.hostile_m as enum ('a')",
    "create domain": "create domain public.hostile_d as int",
    "create function": "create function public.hostile_f() returns int language sql as 'select 1'",
    "create temporary function": "create function pg_temp.f() returns int language sql as 'select 1'",
    "create trigger": "create trigger x before insert on hostile.t "
    "for each row execute function suppress_redundant_updates_trigger()",
    "create rule": "create rule r as on select to hostile.t do instead nothing",
    "create extension": "create extension hstore",
    "create collation": 'create collation public.hostile_c from "C"',
    "create publication": "create publication hostile_p for all tables",
    "create subscription": "create subscription hostile_s connection 'host=::1' publication p with (connect = false)",
    "create server": "create foreign data wrapper hostile_w",
    "create database": "commit; create database hostile_db",
    "create tablespace": "commit; create tablespace hostile_ts location '/tmp'",
    "create role": "create role hostile_r",
    "create user": "create user hostile_r superuser password 'x'",
    "create statistics": "create statistics hostile.st on id, v from hostile.t",
    "create event trigger": "create event trigger e on ddl_command_end "
    "execute function suppress_redundant_updates_trigger()",
    "create language": "create language plperl",
    "create policy": "create policy p on hostile.t using (true)",
    "alter table": "alter table hostile.t add column x int",
    "alter table, trigger": "alter table hostile.t disable trigger all",
    "alter owner": "alter table hostile.t owner to dbfleet_ro",
    "alter type": "alter type hostile.mood add value 'x'",
    "alter role, own password": "alter role dbfleet_ro password 'x'",
    "alter role, current user": "alter role current_user set default_transaction_read_only = off",
    "alter role, superuser": "alter role dbfleet_ro superuser",
    "alter another role": "alter role dbfleet password 'x'",
    "alter database": "alter database dbfleet set default_transaction_read_only = off",
    "alter system": "commit; alter system set work_mem = '1MB'",
    "alter default privileges": "alter default privileges grant all on tables to public",
    "alter sequence": "alter sequence hostile.s restart",
    "drop table": "drop table hostile.t",
    "drop schema": "drop schema hostile cascade",
    "drop role": "drop role dbfleet_ro",
    "drop owned": "drop owned by dbfleet",
    "reassign owned": "reassign owned by dbfleet to dbfleet_ro",
    "drop database": "commit; drop database postgres",
    "grant": "grant insert on orders to public",
    "grant a role": "grant pg_write_all_data to dbfleet_ro",
    "grant its own role": "grant pg_read_all_data to public",
    "revoke": "revoke all on orders from dbfleet",
    "comment": "comment on table hostile.t is 'x'",
    "security label": "security label on table hostile.t is 'x'",
    "import": "import foreign schema x from server y into public",
    "refresh": "refresh materialized view hostile.m",
    "set role to the owner": "set role dbfleet; delete from orders",
    "set role to a writer": "set role pg_write_all_data; delete from orders",
    "set role to what it is": "set role pg_read_all_data; delete from orders",
    "set session authorization": "set session authorization dbfleet; delete from orders",
    "reset role": "reset role; reset session authorization; delete from orders",
    "session_replication_role": "set session_replication_role = replica; delete from orders",
    "row security": "set row_security = off; delete from hostile.secret",
    "a function that writes": "select hostile.writes()",
    "a function of the owner's that writes": "select hostile.defined()",
    "a function that leaves the mode": "select hostile.leaves()",
    "a function that leaves the mode and goes on": "select hostile.leaves_caught()",
    "a function in FROM": "select * from hostile.defined()",
    "a function in VALUES": "values (hostile.defined())",
    "a function in LIMIT": "select 1 limit hostile.defined()",
    "a procedure that commits": "call hostile.commits()",
    "a procedure that commits, outside": "commit; call hostile.commits()",
    "do": "do $$ begin insert into hostile.t (v) values ('x'); end $$",
    "do with commit": "do $$ begin commit; insert into hostile.t (v) values ('x'); commit; end $$",
    "do, outside": "commit; do $$ begin commit; execute 'set transaction read write'; delete from orders; "
    "commit; end $$",
    "do with execute": "do $$ begin execute 'del' || 'ete from orders'; end $$",
    "do with set": "do $$ begin set local transaction_read_only = off; delete from orders; end $$",
    "explain analyze": "explain analyze delete from orders",
    "explain analyze of a function": "explain analyze select hostile.defined()",
    "explain, outside": "commit; explain (analyze) delete from orders; commit",
    "prepare and execute": "prepare p as delete from orders; execute p",
    "execute in a later text": "execute p",
    "prepare of an insert": "prepare q (text) as insert into hostile.t (v) values ($1); commit; execute q('x'); commit",
    "declare for update": "declare c cursor for select * from orders for update; fetch c",
    "declare with hold": "declare h cursor with hold for select hostile.defined(); commit",
    "delete where current of": "declare c cursor for select * from orders; fetch c; "
    "delete from orders where current of c",
    "for update": "select * from orders for update",
    "for share": "select * from orders for share",
    "for key share in a subselect": "select * from (select id from orders for key share) x",
    "lock exclusive": "lock table orders in access exclusive mode",
    "lock row exclusive": "lock table orders in row exclusive mode",
    "lock access share": "lock table orders in access share mode",
    "nextval": "select nextval('hostile.s')",
    "setval": "select setval('hostile.s', 100)",
    "currval": "select currval('hostile.s')",
    "large object, made": "select lo_create(0)",
    "large object, made outside": "select lo_creat(-1); commit",
    "large object from bytes": "select lo_from_bytea(0, 'x')",
    "large object, written": "select lo_put(424242, 0, 'x')",
    "large object, opened": "select lowrite(lo_open(424242, 131072), 'x')",
    "large object, cut": "select lo_truncate(lo_open(424242, 131072), 0)",
    "large object, removed": "select lo_unlink(424242)",
    "large object, imported": "select lo_import('/etc/hostname')",
    "large object, exported": "select lo_export(424242, '/tmp/hostile')",
    "large object, altered": "alter large object 424242 owner to dbfleet_ro",
    "copy in": "copy orders from stdin",
    "copy from a file": "copy hostile.t (v) from '/etc/hostname'",
    "copy from a program": "copy hostile.t (v) from program 'echo x'",
    "copy to a file": "copy orders to '/tmp/hostile'",
    "copy to a program": "copy orders to program 'cat > /tmp/hostile'",
    "copy of a delete": "copy (delete from orders returning id) to stdout",
    "copy to the client": "copy orders to stdout",
    "read a file": "select pg_read_file('/etc/passwd')",
    "list a folder": "select pg_ls_dir('.')",
    "write through xml": "select query_to_xml('delete from orders', true, false, '')",
    "write through xml, outside": "commit; select query_to_xml('delete from orders', true, false, '')",
    "cursor to xml": "select table_to_xml('orders', true, false, '') is not null",
    "ts_stat": "select * from ts_stat('delete from orders returning null::tsvector')",
    "ts_rewrite": "select ts_rewrite('a'::tsquery, "
    "'with d as (delete from orders) select ''a''::tsquery, ''b''::tsquery')",
    "currtid": "select pg_catalog.txid_current() is not null",
    "terminate another": "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'dbfleet'",
    "cancel another": "select pg_cancel_backend(pid) from pg_stat_activity where usename = 'dbfleet'",
    "reload": "select pg_reload_conf()",
    "rotate the log": "select pg_rotate_logfile()",
    "switch the wal": "select pg_switch_wal()",
    "restore point": "select pg_create_restore_point('hostile')",
    "backup": "select pg_backup_start('hostile')",
    "slot": "select pg_create_physical_replication_slot('hostile')",
    "logical slot": "select pg_create_logical_replication_slot('hostile', 'test_decoding')",
    "temporary slot": "select pg_create_physical_replication_slot('hostile', false, true)",
    "drop a slot": "select pg_drop_replication_slot('hostile')",
    "replication origin": "select pg_replication_origin_create('hostile')",
    "message in the wal": "select pg_logical_emit_message(false, 'hostile', 'x') is not null",
    "reset statistics": "select pg_stat_reset()",
    "import a snapshot": "select pg_export_snapshot() is not null",
    "settings by a table": "update pg_settings set setting = 'off' where name = 'transaction_read_only'",
    "the catalog": "update pg_authid set rolsuper = true",
    "the catalog, allowed": "set allow_system_table_mods = on; delete from pg_class",
    "password verifiers": "select rolpassword from pg_authid",
    "vacuum": "vacuum orders",
    "vacuum, outside": "commit; vacuum orders",
    "analyze": "analyze orders",
    "cluster": "cluster hostile.t using t_pkey",
    "reindex": "reindex table orders",
    "checkpoint": "checkpoint",
    "load": "load 'auto_explain'",
    "notify": "notify hostile, 'x'",
    "notify, committed": "notify hostile, 'x'; commit",
    "pg_notify": "select pg_notify('hostile', 'x')",
    "listen": "listen hostile; commit",
    "unlisten": "unlisten *",
    "advisory lock": "select pg_advisory_lock(pg_backend_pid())",
    "advisory lock, shared": "select pg_try_advisory_lock_shared(42)",
    "advisory lock, for the transaction": "select pg_advisory_xact_lock(pg_backend_pid())",
    "sleep": "select pg_sleep(0.01)",
    "many rows": "select count(*) from generate_series(1, 10000)",
    "set": "set work_mem = '1MB'",
    "set a path": "set search_path = hostile; select count(*) from t",
    "set a path of one's own": "set search_path = pg_temp, hostile; create table pg_temp.t (a int)",
    "set a time zone": "set time zone 'Asia/Kolkata'; select now() is not null",
    "show": "show transaction_read_only",
}

HARMLESS = {
    "advisory lock": "a lock of the application's, gone with the session",
    "advisory lock, shared": "as above",
    "advisory lock, for the transaction": "gone with the transaction",
    "analyze": "the server skips a table that is not one's own, with a warning",
    "currtid": "takes a transaction's number, and nothing else",
    "import a snapshot": "names the transaction's moment",
    "listen": "of one's own session",
    "lock access share": "what a SELECT takes",
    "many rows": "reads",
    "message in the wal": "for who decodes the log; no database holds it",
    "notify": "tells who listens; no database holds it",
    "notify, committed": "as above",
    "password verifiers": "pg_read_all_data reads them: told in the guard's note",
    "pg_notify": "as above",
    "set": "of one's own session",
    "set a path": "of one's own session",
    "set a time zone": "of one's own session",
    "show": "reads",
    "sleep": "waits",
    "unlisten": "of one's own session",
}

OF_SOME_BUILDS = {"cursor to xml": "reads, where the server was built with libxml"}


def state(owner: Adapter) -> dict[str, object]:
    """The catalog as far as a statement could change it, large objects, sequences, roles and settings."""
    texts = (
        "select oid, relname, relowner, relacl::text, relhasrules, relhastriggers, relfilenode from pg_class "
        "where relnamespace not in (select oid from pg_namespace where nspname like 'pg\\_toast%')",
        "select oid, proname, proacl::text from pg_proc where oid >= 16384",
        "select oid, typname from pg_type where oid >= 16384",
        "select oid, nspname, nspacl::text from pg_namespace",
        "select * from pg_authid",
        "select roleid, member from pg_auth_members",
        "select setdatabase, setrole, setconfig::text from pg_db_role_setting",
        "select oid, datname, datacl::text from pg_database",
        "select defaclrole, defaclacl::text from pg_default_acl",
        "select oid, lomowner from pg_largeobject_metadata",
        "select loid, pageno, md5(data) from pg_largeobject",
        "select schemaname, sequencename, last_value from pg_sequences",
        "select objoid, description from pg_description where objoid >= 16384",
        "select gid from pg_prepared_xacts",
        "select slot_name from pg_replication_slots",
        "select extname from pg_extension",
        "select spcname from pg_tablespace",
        "select roname from pg_replication_origin",
        "select name, setting from pg_file_settings",
        "select enumlabel from pg_enum",
    )
    each = (
        f"select {n}, md5(string_agg(x::text, '|' order by x::text)) from ({text}) x" for n, text in enumerate(texts)
    )
    with owner.query(" union all ".join(each)) as result:
        found = {row[0]: row[1] for batch in result for row in batch}
    return {text: found[number] for number, text in enumerate(texts)}


@pytest.fixture(scope="module")
def world(fleet: Fleet, target: Target) -> Iterator[None]:
    """The target with data, and with functions, sequences and the like that a hostile reader might use."""
    with shop(fleet, target), fleet.connect(target) as owner:
        _run(owner, WORLD)
        try:
            yield
        finally:
            _run(owner, "drop schema hostile cascade; select lo_unlink(424242)")


def _run(adapter: Adapter, text: str) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    result = adapter.query(text)
    while result is not None:
        rows += [row for batch in result for row in batch]
        result = result.following()  # type: ignore[assignment]
    return rows


def test_no_statement_of_a_reader_changes_anything(fleet: Fleet, target: Target, world: None) -> None:
    with fleet.connect(target) as owner:
        knows = int(owner.ping().version.split(".")[0]) >= 16  # that large objects are not for READ ONLY transactions
    statements = {name: text for name, text in STATEMENTS.items() if knows or not name.startswith("large object")}
    found = passed(fleet, target, statements, state)
    assert {name: ways for name, ways in found.items() if name not in HARMLESS | OF_SOME_BUILDS} == {}
    assert {*HARMLESS} - {*found} == set(), "what is refused needs no excuse"


def test_the_reader_sees_what_the_owner_sees(fleet: Fleet, target: Target, world: None) -> None:
    """In every schema, past row security; what is made later, too."""
    same_to_both(fleet, target)
    with fleet.connect(fleet.reader(target)) as reader, fleet.connect(target) as owner:
        assert len(_run(reader, "select * from hostile.secret")) == 2
        _run(owner, "create schema hostile_later; create table hostile_later.t (id int primary key)")
        try:
            _run(owner, "insert into hostile_later.t values (1)")
            assert _run(reader, "select * from hostile_later.t") == [(1,)]
            assert _run(reader, "select last_value is not null from hostile.t_id_seq") == [(True,)]
        finally:
            _run(owner, "drop schema hostile_later cascade")


def test_a_text_is_one_transaction_of_the_readers(fleet: Fleet, target: Target, world: None) -> None:
    with fleet.connect(fleet.reader(target)) as reader:
        rows = _run(reader, "declare c cursor for select id from orders order by id; fetch 1 from c; fetch 1 from c")
        assert rows == [(1,), (2,)]
        assert _run(reader, "prepare p as select array[1, 2]; execute p") == [([1, 2],)]
        with pytest.raises(StatementError):
            _run(reader, "select 1 / 0")
        assert _run(reader, "select count(*) > 0 from orders") == [(True,)]
        assert _run(reader, "select state from pg_stat_activity where pid = pg_backend_pid()") == [("active",)]
        with fleet.connect(target) as owner:
            told = _run(owner, f"select state from pg_stat_activity where usename = '{READER}'")
            assert told == [("idle",)], "between two texts no transaction is open"


ALONE = {
    "insert": "insert into hostile.t (v) values ('x')",
    "delete": "delete from orders",
    "truncate": "truncate orders",
    "for update": "select * from orders for update",
    "nextval": "select nextval('hostile.s')",
    "setval": "select setval('hostile.s', 100)",
    "a function that writes": "select hostile.writes()",
    "large object of another": "select lo_put(424242, 0, 'x')",
    "create table": "create table public.hostile_t (a int)",
    "create schema": "create schema hostile_2",
    "create role": "create role hostile_r",
    "alter role": f"alter role {READER} superuser",
    "set role": "set role dbfleet",
    "copy to a file": "copy orders to '/tmp/hostile'",
    "copy from a program": "copy hostile.t (v) from program 'echo x'",
    "drop": "drop table orders",
}


def test_the_account_alone_writes_nothing(fleet: Fleet, target: Target, world: None) -> None:
    """By any other client, that has left the READ ONLY mode."""
    reader = fleet.reader(target).with_(read_only=False)
    refused = []
    with fleet.connect(target) as owner, fleet.connect(reader) as alone:
        before = state(owner)
        assert _run(alone, "show transaction_read_only") == [("on",)]
        _run(alone, "set default_transaction_read_only = off")
        for name, text in ALONE.items():
            try:
                _run(alone, text)
                refused.append((name, None))
            except StatementError as error:
                refused.append((name, error.code))
        # Insufficient privilege, never read-only.
        assert [each for each in refused if each[1] != "42501"] == []
        assert state(owner) == before


def test_an_account_that_is_right_is_left_alone(fleet: Fleet, target: Target, adapter: Adapter) -> None:
    version = f"select xmin::text from pg_authid where rolname = '{READER}'"
    before = _run(adapter, version)
    assert len(before) == 1
    up(fleet, [target.name])
    assert _run(adapter, version) == before


@pytest.mark.parametrize(
    "change",
    [
        "superuser",
        "createrole",
        "nologin",
        "nobypassrls",
        "password 'another'",
        "reset default_transaction_read_only",
        "set default_transaction_read_only = off",
    ],
)
def test_an_account_that_was_changed_is_put_right(fleet: Fleet, target: Target, adapter: Adapter, change: str) -> None:
    _run(adapter, f"alter role {READER} {change}; grant pg_write_all_data to {READER}")
    up(fleet, [target.name])
    ((right, member),) = _run(
        adapter,
        "select rolcanlogin and rolbypassrls and not rolsuper and not rolcreaterole, "
        f"pg_has_role(rolname, 'pg_write_all_data', 'member') from pg_roles where rolname = '{READER}'",
    )
    assert right
    assert not member
    with fleet.connect(fleet.reader(target).with_(read_only=False)) as reader:
        assert _run(reader, "show transaction_read_only") == [("on",)]


def test_a_server_of_an_earlier_dbfleet_gets_its_account_while_it_runs(
    fleet: Fleet, target: Target, adapter: Adapter
) -> None:
    _run(adapter, f"drop role {READER}")
    started = _run(adapter, "select pg_postmaster_start_time()")
    with pytest.raises(AuthFailed) as caught, fleet.connect(fleet.reader(target)):
        pass
    assert f"up {target.name}" in (caught.value.hint or "")
    up(fleet, [target.name])
    with fleet.connect(fleet.reader(target)) as reader:
        assert _run(reader, "select current_user") == [(READER,)]
    assert _run(adapter, "select pg_postmaster_start_time()") == started


def test_no_log_of_statements_has_the_password(
    fleet: Fleet, target: Target, adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    rows = Session.rows

    def heard(session: Session, statement: str, params: Sequence[object] = ()) -> list[tuple[object, ...]]:
        sent.append(statement)
        return rows(session, statement, params)

    monkeypatch.setattr(Session, "rows", heard)
    _run(adapter, f"drop role {READER}")
    up(fleet, [target.name])
    assert any(f'CREATE ROLE "{READER}"' in text and "SCRAM-SHA-256$" in text for text in sent)
    assert [text for text in sent if fleet.secret("ro") in text] == []


def test_a_server_that_has_no_role_which_reads_all(
    fleet: Fleet, target: Target, adapter: Adapter, world: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before version 14 rights are granted one by one: the same statements, on this server."""
    monkeypatch.setattr(reader_room, "READS_ALL", 10**9)
    try:
        up(fleet, [target.name])
        same_to_both(fleet, target)
        with fleet.connect(target) as owner, fleet.connect(fleet.reader(target)) as reader:
            _run(owner, "create table hostile.later (id int primary key)")
            assert _run(reader, "select count(*) from hostile.later") == [(0,)]
            with pytest.raises(StatementError):
                _run(reader, "select * from pg_authid")
            with pytest.raises(StatementError):
                _run(reader, "delete from orders")
            _run(owner, f"revoke select on orders from {READER}")
            up(fleet, [target.name])
            assert _run(reader, "select count(*) > 0 from orders") == [(True,)]
    finally:
        _run(adapter, f"drop owned by {READER}; drop role {READER}")
        monkeypatch.undo()
        up(fleet, [target.name])
