"""The readers of MySQL and MariaDB: what their account and their READ ONLY session refuse, on the real servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.engines._mysql import reader as reader_room
from dbfleet.errors import AuthFailed, DbfleetError, StatementError
from dbfleet.fleet import READER, Fleet
from dbfleet.ops.up import up
from dbfleet.target import Target
from tests.engines.hostile import ours, passed, same_to_both, shop

pytestmark = pytest.mark.engines("mysql", "mariadb")

WORLD = (
    "create table hostile (id int primary key auto_increment, v varchar(20))",
    "insert into hostile (v) values ('one'), ('two'), ('three')",
    "create table aria_like (id int primary key, v int) engine = MyISAM",
    "insert into aria_like values (1, 1)",
    "create view seen as select * from hostile",
    "create function writes() returns int modifies sql data begin insert into hostile (v) values ('f'); return 1; end",
    "create view _dbfleet_writing as select writes() as n",
    "create procedure goes_on() modifies sql data begin commit; set session transaction read write; "
    "insert into hostile (v) values ('p'); commit; end",
    "create event nightly on schedule every 1 year starts '2090-01-01' disable do delete from hostile",
)
UNDO = (
    "drop event if exists nightly", "drop procedure if exists goes_on", "drop view if exists _dbfleet_writing",
    "drop function if exists writes", "drop view if exists seen", "drop table if exists hostile, aria_like",
)  # fmt: skip

STATEMENTS = {
    "insert": "insert into hostile (v) values ('x')",
    "insert set": "insert hostile set v = 'x'",
    "insert ignore": "insert ignore into hostile (id, v) values (1, 'x')",
    "insert of a select": "insert into hostile (v) select v from seen",
    "insert through a view": "insert into seen (v) values ('x')",
    "insert, on duplicate key": "insert into hostile values (1, 'x') on duplicate key update v = 'x'",
    "replace": "replace into hostile values (1, 'x')",
    "update": "update orders set status = 'x'",
    "update of two": "update orders, hostile set hostile.v = 'x'",
    "update in order": "update hostile set v = 'x' order by id limit 1",
    "update of a table without transactions": "update aria_like set v = 2",
    "delete": "delete from orders",
    "delete using": "delete from hostile using hostile join orders",
    "delete quick": "delete quick from aria_like",
    "truncate": "truncate hostile",
    "delete behind comments": "-- select 1\n# select 2\n/* select 3 */ delete from orders",
    "delete in a version comment": "/*! delete from orders */",
    "delete in a comment of this version": "/*!50000 delete from orders */",
    "delete in MariaDB's comment": "/*M! delete from orders */",
    "half a statement in a version comment": "select 1 /*! into outfile '/tmp/hostile' */ from orders",
    "two statements": "select 1; delete from orders",
    "two statements that a backslash hides": "select 'a\\'; delete from orders; -- '",
    "two statements that a mode hides": "set sql_mode = 'NO_BACKSLASH_ESCAPES'; select 'a\\'; delete from orders; -- '",
    "two statements that quotes hide": 'set sql_mode = \'ANSI_QUOTES\'; select 1 as "a\\"; delete from orders; -- "',
    "two statements that a character set hides": "set names gbk; select 'a\u00bf\\'; delete from orders; -- '",
    "commit, then delete": "begin; select 1; commit; delete from orders",
    "begin read write": "start transaction read write; delete from orders; commit",
    "start with a snapshot": "start transaction with consistent snapshot, read write; delete from orders; commit",
    "set transaction": "set transaction read write; delete from orders",
    "set session": "set session transaction read write; delete from orders",
    "set session, begin": "set session transaction read write; begin; delete from orders; commit",
    "the variable": "set session transaction_read_only = 0; delete from orders",
    "the old variable": "set session tx_read_only = 0; delete from orders",
    "set by a hint": "select /*+ SET_VAR(transaction_read_only = 0) */ * from _dbfleet_writing",
    "set statement": "set statement tx_read_only = 0 for delete from orders",
    "autocommit off": "set autocommit = 0; delete from orders; commit",
    "completion chain": "set completion_type = chain; commit; delete from orders; commit",
    "commit and chain": "begin; commit and chain; delete from orders; commit",
    "savepoint": "begin; savepoint a; delete from orders; release savepoint a; commit",
    "xa": "xa start 'hostile'; delete from orders; xa end 'hostile'; xa commit 'hostile' one phase",
    "xa prepared": "xa start 'h2'; select count(*) from orders; xa end 'h2'; xa prepare 'h2'",
    "a view that writes": "select * from _dbfleet_writing",
    "a view that writes, set session": "set session transaction read write; select * from _dbfleet_writing",
    "a view that writes, set transaction": "set transaction read write; select * from _dbfleet_writing",
    "a view that writes, begin read write": "start transaction read write; select * from _dbfleet_writing; commit",
    "a view that writes, autocommit off": "set autocommit = 0; set session transaction read write; "
    "select * from _dbfleet_writing; commit",
    "a view that writes, chained": "start transaction read write; commit and chain; "
    "select * from _dbfleet_writing; commit",
    "a function that writes": "select writes()",
    "a function in SET": "set @a = writes()",
    "a function in DO": "do writes()",
    "a function in LIMIT": "select 1 from hostile where id = writes() limit 1",
    "call": "call goes_on()",
    "a compound statement": "begin not atomic delete from orders; end",
    "execute immediate": "execute immediate 'delete from orders'",
    "prepare and execute": "prepare p from 'delete from orders'; execute p",
    "prepare from a variable": "set @t = 'delete from orders'; prepare p from @t; execute p",
    "execute in a later text": "execute p",
    "a compound statement as text": "execute immediate 'begin not atomic commit; set session transaction read write; "
    "delete from orders; commit; end'",
    "a view that writes, in a block": 'execute immediate "begin not atomic commit; '
    'set session transaction read write; select * from _dbfleet_writing; end"',
    "a view that writes, in a block with BEGIN": 'execute immediate "begin not atomic '
    'start transaction read write; select * from _dbfleet_writing; commit; end"',
    "a view that writes, in a block that rolls back": 'execute immediate "begin not atomic rollback; '
    'set transaction read write; select * from _dbfleet_writing; end"',
    "a view that writes, in a block with a handler": 'execute immediate "begin not atomic '
    "declare continue handler for sqlexception begin end; commit; set session transaction read write; "
    'start transaction read write; select * from _dbfleet_writing; commit; end"',
    "a password in a block": 'execute immediate "begin not atomic commit; '
    "set session transaction read write; set password = password('x'); end\"",
    "xa prepared in a block": "execute immediate \"begin not atomic commit; xa start 'h3'; select count(*) from "
    "orders; xa end 'h3'; xa prepare 'h3'; end\"",
    "xa prepared in a block with a handler": 'execute immediate "begin not atomic '
    "declare continue handler for sqlexception begin end; rollback; commit; xa start 'h3'; select count(*) from "
    "orders; xa end 'h3'; xa prepare 'h3'; end\"",
    "create table": "create table hostile_2 (a int)",
    "create table as": "create table hostile_2 as select * from orders",
    "create table like": "create table hostile_2 like orders",
    "create temporary table": "create temporary table hostile_2 (a int)",
    "create or replace": "create or replace table hostile (a int)",
    "create index": "create index hostile_i on hostile (v)",
    "create view": "create view hostile_v as select 1",
    "create or replace view": "create or replace view seen as select 1",
    "create function": "create function hostile_f() returns int deterministic return 1",
    "create a function of a library": "create function hostile_f returns string soname 'hostile.so'",
    "create procedure": "create procedure hostile_p() select 1",
    "create trigger": "create trigger hostile_t before insert on hostile for each row set new.v = 'x'",
    "create event": "create event hostile_e on schedule every 1 second do delete from orders",
    "create database": "create database hostile_db",
    "create user": "create user hostile_u identified by 'x'",
    "create role": "create role hostile_r",
    "create server": "create server hostile_s foreign data wrapper mysql options (host '::1')",
    "create sequence": "create sequence hostile_s",
    "create tablespace": "create tablespace hostile_ts add datafile 'hostile.ibd'",
    "create resource group": "create resource group hostile_g type = user",
    "alter table": "alter table hostile add column x int",
    "alter table, engine": "alter table hostile engine = MyISAM",
    "alter view": "alter view seen as select 1",
    "alter event": "alter event nightly enable",
    "alter database": "alter database dbfleet character set latin1",
    "alter user": "alter user user() identified by 'x'",
    "alter user, own by name": "alter user dbfleet_ro identified by 'x'",
    "alter user, another": "alter user dbfleet identified by 'x'",
    "alter instance": "alter instance rotate innodb master key",
    "set password": "set password = 'x'",
    "set password of MariaDB": "set password = password('x')",
    "set password, read write": "set session transaction read write; set password = 'x'",
    "set default role": "set default role none",
    "set role": "set role all; delete from orders",
    "drop table": "drop table hostile",
    "drop temporary table": "drop temporary table if exists hostile",
    "drop view": "drop view seen",
    "drop event": "drop event nightly",
    "drop database": "drop database dbfleet",
    "drop user": "drop user dbfleet",
    "rename table": "rename table hostile to hostile_2",
    "rename user": "rename user dbfleet_ro to hostile_u",
    "grant": "grant insert on dbfleet.* to dbfleet_ro",
    "grant itself": "grant select on dbfleet.* to public",
    "grant proxy": "grant proxy on dbfleet to dbfleet_ro",
    "revoke": "revoke all privileges, grant option from dbfleet",
    "lock tables write": "lock tables hostile write",
    "lock tables read": "lock tables hostile read",
    "unlock tables": "unlock tables",
    "lock for a backup": "lock instance for backup",
    "backup stage": "backup stage start",
    "backup lock": "backup lock hostile",
    "flush with a lock": "flush tables with read lock",
    "flush tables": "flush tables hostile with read lock",
    "flush for export": "flush tables hostile for export",
    "flush privileges": "flush privileges",
    "flush local": "flush local tables",
    "flush status": "flush status",
    "for update": "select * from hostile for update",
    "for update of a view": "select * from seen for update skip locked",
    "for share": "select * from hostile for share",
    "lock in share mode": "select * from hostile lock in share mode",
    "into outfile": "select * from orders into outfile '/tmp/hostile'",
    "into dumpfile": "select 'x' into dumpfile '/tmp/hostile'",
    "into a variable": "select 1 into @a",
    "load_file": "select load_file('/etc/passwd') is not null from hostile where load_file('/etc/passwd') is not null",
    "load data": "load data infile '/etc/passwd' into table hostile (v)",
    "load data local": "load data local infile '/etc/passwd' into table hostile (v)",
    "load xml": "load xml infile '/etc/passwd' into table hostile",
    "load index": "load index into cache aria_like",
    "import table": "import table from '/tmp/hostile.sdi'",
    "handler": "handler hostile open; handler hostile read first; handler hostile close",
    "nextval": "select nextval(hostile)",
    "last_insert_id": "select last_insert_id(7)",
    "analyze table": "analyze table orders",
    "analyze local": "analyze no_write_to_binlog table orders",
    "analyze of MariaDB": "analyze delete from orders",
    "explain analyze": "explain analyze delete from orders",
    "explain": "explain delete from orders",
    "check table": "check table aria_like",
    "checksum table": "checksum table orders",
    "optimize table": "optimize table orders",
    "repair table": "repair table aria_like",
    "cache index": "cache index aria_like in default",
    "set global": "set global max_connections = 1",
    "set persist": "set persist max_connections = 1",
    "set global, read only": "set global read_only = 1",
    "set a session variable": "set session sort_buffer_size = 100000",
    "set a variable of the log": "set session sql_log_bin = 0",
    "set foreign keys": "set foreign_key_checks = 0; delete from orders",
    "set the definer's": "set session sql_safe_updates = 0",
    "set an insert id": "set session insert_id = 7",
    "set a timestamp": "set session timestamp = 1",
    "kill another": "kill 1",
    "kill all of a user": "kill user dbfleet",
    "kill a query": "kill query 1",
    "shutdown": "shutdown",
    "restart": "restart",
    "install plugin": "install plugin hostile soname 'hostile.so'",
    "install component": "install component 'file://hostile'",
    "uninstall plugin": "uninstall plugin blackhole",
    "clone": "clone local data directory '/tmp/hostile'",
    "purge": "purge binary logs before now()",
    "reset": "reset master",
    "change the source": "change replication source to source_host = '::1'",
    "change the master": "change master to master_host = '::1'",
    "binlog": "binlog 'AAAA'",
    "get_lock": "select get_lock(concat('hostile', connection_id()), 0)",
    "release_lock": "select release_all_locks()",
    "sleep": "select sleep(0.01)",
    "benchmark": "select benchmark(10, md5('x'))",
    "uuid": "select uuid() is not null",
    "source": "select source_pos_wait('x', 1, 0)",
    "other databases": "select * from mysql.user",
    "update of the catalog": "update mysql.user set file_priv = 'Y'",
    "insert into the catalog": "insert into mysql.db select * from mysql.db",
    "schema of the performance": "update performance_schema.setup_instruments set enabled = 'NO'",
    "procedures of sys": "call sys.ps_setup_enable_thread(1)",
    "statements of sys": "call sys.execute_prepared_stmt('delete from dbfleet.orders')",
    "diagnostics": "get diagnostics @a = number",
    "signal": "signal sqlstate '45000'",
    "show": "show create view seen",
    "show processlist": "show processlist",
    "help": "help 'select'",
    "use": "use information_schema",
}

HARMLESS = {
    "two statements that a backslash hides": "it is one text, and stays one",
    "two statements that a character set hides": "as above",
    "unlock tables": "there are none",
    "lock in share mode": "the locks of rows are gone when the answer has been read",
    "into a variable": "of one's own session",
    "load_file": "without the right FILE it gives NULL",
    "handler": "reads",
    "last_insert_id": "of one's own session",
    "checksum table": "reads",
    "set a session variable": "of one's own session",
    "set the definer's": "of one's own session",
    "set an insert id": "of one's own session",
    "set a timestamp": "of one's own session",
    "get_lock": "a lock of the application's, gone with the session",
    "release_lock": "one's own",
    "sleep": "waits",
    "uuid": "computes",
    "diagnostics": "of one's own session",
    "show": "reads",
    "show processlist": "one's own",
    "help": "reads",
    "use": "of one's own session",
}
OF_MYSQL = {
    "for share": "the locks of rows are gone when the answer has been read",
    "check table": "reads",
    "source": "waits",
}
OF_MARIADB = {
    "a view that writes, in a block with a handler": "the block goes on after each error, and all are errors",
    "xa prepared in a block with a handler": "as above",
    "load index": "into memory",
    "cache index": "in memory",
    "kill all of a user": "one's own: none",
    "benchmark": "computes",
}


def state(owner: Adapter) -> Any:
    """What `root` sees of accounts, rights, routines, events, variables and the like."""
    texts = (
        "select * from mysql.user",
        "select * from mysql.db",
        "select * from mysql.tables_priv",
        "select * from mysql.global_priv",
        "select * from mysql.role_edges",
        "select * from mysql.roles_mapping",
        "select * from mysql.default_roles",
        "select * from mysql.func",
        "select * from mysql.plugin",
        "select * from mysql.component",
        "select * from mysql.servers",
        "select schema_name, default_character_set_name from information_schema.schemata",
        "select table_schema, table_name, table_type, engine, table_collation, auto_increment, create_time "
        "from information_schema.tables where table_schema not in ('information_schema', 'performance_schema')",
        "select routine_name, routine_definition, last_altered from information_schema.routines",
        "select event_name, status, last_altered from information_schema.events",
        "select trigger_name, action_statement from information_schema.triggers",
        "select table_name, view_definition from information_schema.views where table_schema = 'dbfleet'",
        "show global variables",
        "xa recover",
    )
    found: dict[str, Any] = {}
    with registry.connect(owner.target.with_(user="root")) as root:
        root.query("set session information_schema_stats_expiry = 0") if owner.spec.name == "mysql" else None
        for text in texts:
            try:
                with root.query(text) as result:
                    found[text] = sorted(str(row) for batch in result for row in batch)
            except StatementError as error:  # the other of the two servers has it
                found[text] = error.code
    moving = ("gtid", "timestamp", "innodb_buffer_pool_load", "Rpl", "last_", "rand_seed")
    found["show global variables"] = [
        row for row in found["show global variables"] if not any(m in row for m in moving)
    ]
    return found


@pytest.fixture
def world(fleet: Fleet, target: Target) -> Iterator[None]:
    """The target with data, and with what a hostile reader might use."""
    ours(target)
    with shop(fleet, target), fleet.connect(target) as owner:
        for text in (*UNDO, *WORLD):
            _run(owner, text)
        try:
            yield
        finally:
            for text in UNDO:
                _run(owner, text)


def _run(adapter: Adapter, text: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    result = adapter.query(text)
    while result is not None:
        rows += [row for batch in result for row in batch]
        result = result.following()  # type: ignore[assignment]
    return rows


def test_no_statement_of_a_reader_changes_anything(fleet: Fleet, target: Target, world: None) -> None:
    found = passed(fleet, target, STATEMENTS, state)
    harmless = HARMLESS | (OF_MYSQL if target.engine == "mysql" else OF_MARIADB)
    assert {name: ways for name, ways in found.items() if name not in harmless} == {}
    assert {*harmless} - {*found} == set(), "what is refused needs no excuse"


def test_the_reader_sees_what_the_owner_sees(fleet: Fleet, target: Target, world: None) -> None:
    same_to_both(fleet, target)
    with fleet.connect(fleet.reader(target)) as reader, fleet.connect(target) as owner:
        _run(owner, "create table later (id int primary key)")
        try:
            assert "later" in reader.collections()
            assert _run(reader, "select count(*) from later") == [(0,)]
        finally:
            _run(owner, "drop table later")


def test_no_transaction_is_open_between_two_texts(fleet: Fleet, target: Target, world: None) -> None:
    """An open one would keep everybody from altering the tables that were read."""
    read = "select * from hostile"
    with fleet.connect(fleet.reader(target)) as reader, fleet.connect(target) as owner:
        _run(owner, "set session lock_wait_timeout = 1")
        for text in (read, f"set autocommit = 0; {read}"):
            _run(reader, text)
            _run(owner, "alter table hostile comment = 'x'")
        if target.engine == "mysql":
            _run(reader, f"begin; {read}")
        else:  # there is one already
            with pytest.raises(StatementError, match="ACTIVE") as caught:
                _run(reader, f"begin; {read}")
            assert "leave BEGIN" in (caught.value.hint or "")
            _run(reader, read)
        _run(owner, "alter table hostile comment = 'y'")


ALONE = (
    "insert into hostile (v) values ('x')",
    "delete from orders",
    "create table hostile_2 (a int)",
    "create temporary table hostile_2 (a int)",
    "drop table hostile",
    "select writes()",
    "call goes_on()",
    "select * from orders into outfile '/tmp/hostile'",
    "load data infile '/etc/passwd' into table hostile (v)",
    "create user hostile_u",
    "grant insert on dbfleet.* to dbfleet_ro",
    "set global max_connections = 1",
    "lock tables hostile write",
)


def test_the_account_alone_writes_nothing(fleet: Fleet, target: Target, world: None) -> None:
    """By any other client, whose session is not READ ONLY."""
    denied = {"1044", "1045", "1142", "1227", "1290", "1370"}
    with fleet.connect(target) as owner, fleet.connect(fleet.reader(target).with_(read_only=False)) as alone:
        before = state(owner)
        for text in ALONE:
            with pytest.raises(DbfleetError) as caught:
                _run(alone, text)
            assert isinstance(caught.value, StatementError)
            assert caught.value.code in denied, text
        assert state(owner) == before


def test_an_account_that_is_right_is_left_alone(fleet: Fleet, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    ours(target)
    made: list[str] = []
    monkeypatch.setattr(reader_room, "_make", lambda *_: made.append("made"))
    up(fleet, [target.name])
    assert made == []


@pytest.mark.parametrize(
    "change",
    [
        "drop user dbfleet_ro@'{host}'",
        "grant insert on dbfleet.* to dbfleet_ro@'{host}'",
        "grant file on *.* to dbfleet_ro@'{host}'",
        "grant all on *.* to dbfleet_ro@'{host}' with grant option",
        "revoke all privileges, grant option from dbfleet_ro@'{host}'",
    ],
)
def test_an_account_that_was_changed_is_put_right(fleet: Fleet, target: Target, change: str) -> None:
    ours(target)
    with registry.connect(target.with_(user="root")) as root:
        ((host,),) = _run(root, f"select host from mysql.user where user = '{READER}'")
        _run(root, change.format(host=host))
    up(fleet, [target.name])
    with fleet.connect(fleet.reader(target)) as reader:
        grants = " ".join(str(row[0]) for row in _run(reader, "show grants"))
    assert "SELECT, SHOW VIEW ON `dbfleet`.*" in grants
    assert not any(word in grants for word in ("INSERT", "FILE", "ALL", "OPTION"))


def test_a_server_of_an_earlier_dbfleet_gets_its_account_while_it_runs(fleet: Fleet, target: Target) -> None:
    ours(target)
    with registry.connect(target.with_(user="root")) as root:
        _run(root, f"drop user {READER}")
    with pytest.raises(AuthFailed) as caught, fleet.connect(fleet.reader(target)):
        pass
    assert f"up {target.name}" in (caught.value.hint or "")
    with fleet.connect(target) as owner:
        before = owner.identity()  # type: ignore[attr-defined]
        up(fleet, [target.name])
        assert owner.identity() == before  # type: ignore[attr-defined]
    with fleet.connect(fleet.reader(target)) as reader:
        assert _run(reader, "select 1") == [(1,)]
