"""Redis's and Valkey's reader: what its ACL refuses, on the real server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.errors import AuthFailed, Unavailable, Unsupported
from dbfleet.fleet import READER, Fleet
from dbfleet.ops.restart import restart
from dbfleet.target import Target
from tests.engines.hostile import passed, same_to_both, shop

pytestmark = pytest.mark.engines("redis")

WORLD = """
SET text:1 x
SET text:2 y EX 100000
RPUSH list:1 3 1 2
SADD set:1 a b
ZADD zset:1 1 a 2 b
HSET hash:1 a 1 b 2
PFADD hll:1 a b c
PFADD hll:1 d e f
GEOADD geo:1 2.35 48.85 Paris
SETBIT bits:1 7 1
XADD stream:1 1-1 a 1
XADD stream:1 2-1 a 2
XGROUP CREATE stream:1 readers 0
FUNCTION LOAD "#!lua name=hostile\\nredis.register_function('writes', function() redis.call('DEL', 'text:1') end)"
SELECT 1
SET elsewhere x
SELECT 0
"""

REFUSED = (
    # strings
    "SET text:1 z", "SET new 1 NX", "SET text:1 z GET", "SETNX new 1", "SETEX text:1 10 z", "PSETEX text:1 10 z",
    "GETSET text:1 z", "GETDEL text:1", "GETEX text:1", "GETEX text:1 EX 5", "GETEX text:2 PERSIST", "APPEND text:1 z",
    "SETRANGE text:1 0 z", "INCR new", "INCRBY new 2", "INCRBYFLOAT new 1.5", "DECR new", "MSET text:1 z new 1",
    "MSETNX new 1", "SETBIT bits:1 0 1", "BITFIELD bits:1 SET u8 0 255", "BITFIELD bits:1 GET u8 0",
    "BITFIELD bits:1 INCRBY u8 0 1", "BITOP NOT new bits:1", "DELIFEQ text:1 x", "SET text:1 z IFEQ x",
    # keys
    "DEL text:1", "UNLINK text:1", "EXPIRE text:1 1", "PEXPIREAT text:1 1", "PERSIST text:2", "RENAME text:1 new",
    "RENAMENX text:1 new", "COPY text:1 new", "COPY text:1 new DB 1", "MOVE text:1 1", "RESTORE new 0 x",
    "MIGRATE 127.0.0.1 1 text:1 0 100", "SORT list:1", "SORT list:1 STORE new", "SORT list:1 BY nosort GET # STORE new",
    # lists, sets, sorted sets, hashes
    "LPUSH list:1 9", "RPUSHX list:1 9", "LPOP list:1", "RPOP list:1", "LREM list:1 0 1", "LSET list:1 0 9",
    "LTRIM list:1 0 0", "LINSERT list:1 BEFORE 1 9", "LMOVE list:1 new LEFT LEFT", "RPOPLPUSH list:1 new",
    "LMPOP 1 list:1 LEFT", "BLPOP list:1 1", "BRPOP list:1 1", "BLMOVE list:1 new LEFT LEFT 1",
    "BRPOPLPUSH list:1 new 1", "BLMPOP 1 1 list:1 LEFT",
    "SADD set:1 c", "SREM set:1 a", "SPOP set:1", "SMOVE set:1 new a", "SUNIONSTORE new set:1", "SINTERSTORE new set:1",
    "SDIFFSTORE new set:1 none",
    "ZADD zset:1 3 c", "ZREM zset:1 a", "ZINCRBY zset:1 1 a", "ZPOPMIN zset:1", "ZPOPMAX zset:1", "BZPOPMIN zset:1 1",
    "ZMPOP 1 zset:1 MIN", "BZMPOP 1 1 zset:1 MIN", "ZRANGESTORE new zset:1 0 -1", "ZUNIONSTORE new 1 zset:1",
    "ZINTERSTORE new 1 zset:1", "ZDIFFSTORE new 1 zset:1", "ZREMRANGEBYRANK zset:1 0 -1",
    "HSET hash:1 c 3", "HSETNX hash:1 c 3", "HDEL hash:1 a", "HINCRBY hash:1 a 1", "HEXPIRE hash:1 1 FIELDS 1 a",
    "HPERSIST hash:1 FIELDS 1 a", "HGETDEL hash:1 FIELDS 1 a", "HGETEX hash:1 EX 1 FIELDS 1 a",
    "HSETEX hash:1 EX 1 FIELDS 1 a 9",
    # what looks as if it read
    "PFADD hll:1 z", "PFCOUNT hll:1", "PFMERGE new hll:1", "PFDEBUG GETREG hll:1", "PFSELFTEST",
    "GEOADD geo:1 0 0 Null", "GEORADIUS geo:1 2 48 100 km", "GEORADIUS geo:1 2 48 100 km STORE new",
    "GEORADIUSBYMEMBER geo:1 Paris 1 km STORE new", "GEOSEARCHSTORE new geo:1 FROMMEMBER Paris BYRADIUS 1 km",
    "XADD stream:1 * a 3", "XDEL stream:1 1-1", "XTRIM stream:1 MAXLEN 0", "XSETID stream:1 9-9",
    "XGROUP CREATE stream:1 more 0", "XGROUP DESTROY stream:1 readers", "XGROUP SETID stream:1 readers $",
    "XGROUP CREATECONSUMER stream:1 readers me", "XREADGROUP GROUP readers me STREAMS stream:1 >",
    "XACK stream:1 readers 1-1", "XCLAIM stream:1 readers me 0 1-1", "XAUTOCLAIM stream:1 readers me 0 0",
    # scripts and functions
    "EVAL \"return redis.call('SET', 'text:1', 'q')\" 0", 'EVAL "return 1" 0',
    "EVAL_RO \"return redis.call('SET', KEYS[1], 'q')\" 1 text:1",
    "EVAL_RO \"return redis.call('GET', KEYS[1])\" 1 text:1",
    "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", "SCRIPT LOAD 'return 1'", "SCRIPT FLUSH", "SCRIPT KILL",
    "SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "FCALL writes 0", "FCALL_RO writes 0",
    "FUNCTION LOAD \"#!lua name=m\\nredis.register_function('f', function() return 1 end)\"", "FUNCTION FLUSH",
    "FUNCTION DELETE hostile", "FUNCTION KILL", "FUNCTION DUMP", "FUNCTION RESTORE x",
    # transactions: nothing of one may be refused when it is too late
    "MULTI", "MULTI\nSET text:1 z\nEXEC", "EXEC", "DISCARD", "WATCH text:1", "UNWATCH",
    # the server
    "FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "SELECT 1\nSET elsewhere z", "SELECT 1\nFLUSHDB", "CONFIG GET maxmemory",
    "CONFIG SET maxmemory 1", "CONFIG SET dir /tmp", "CONFIG REWRITE", "CONFIG RESETSTAT", "SAVE", "BGSAVE",
    "BGREWRITEAOF", "SHUTDOWN NOSAVE", "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "SLAVEOF NO ONE", "FAILOVER",
    "MODULE LIST", "MODULE LOAD /tmp/x.so", "DEBUG SLEEP 0", "DEBUG SET-ACTIVE-EXPIRE 0", "DEBUG OBJECT text:1",
    "LATENCY RESET", "SLOWLOG GET", "SLOWLOG RESET", "COMMANDLOG RESET slow", "MEMORY PURGE", "MEMORY DOCTOR",
    "MEMORY STATS", "ROLE", "LASTSAVE", "CLUSTER RESET", "CLUSTER INFO", "ACL LIST", "ACL GETUSER dbfleet_ro",
    "ACL SETUSER dbfleet_ro +@all ~*", "ACL SETUSER other on nopass +@all ~*", "ACL DELUSER dbfleet_ro", "ACL LOAD",
    "ACL SAVE", "ACL LOG RESET", "ACL DRYRUN default SET a b", "KEYS *", "WAIT 0 1", "WAITAOF 0 0 1",
    # others
    "PUBLISH channel x", "SPUBLISH channel x", "PUBSUB CHANNELS", "CLIENT LIST", "CLIENT KILL TYPE normal",
    "CLIENT KILL ID 1", "CLIENT PAUSE 100", "CLIENT UNPAUSE", "CLIENT UNBLOCK 1", "CLIENT NO-EVICT on",
    "CLIENT NO-TOUCH on", "CLIENT TRACKING on BCAST", "CLIENT REPLY off", "MONITOR", "SUBSCRIBE channel", "SYNC",
    "PSYNC ? -1", "REPLCONF listening-port 1", "RESTORE-ASKING new 0 x",
    # logins
    "AUTH default wrong", "HELLO 3 AUTH default wrong", "AUTH dbfleet_ro wrong",
)  # fmt: skip

HARMLESS = {
    "BITFIELD_RO bits:1 GET u8 0": "reads",
    "CLIENT GETNAME": "of one's own connection",
    "CLIENT ID": "of one's own connection",
    "CLIENT INFO": "of one's own connection",
    "CLIENT SETNAME other": "of one's own connection",
    "COMMAND COUNT": "reads",
    "DBSIZE": "reads",
    "DUMP text:1": "reads",
    "ECHO x": "is an echo",
    "FUNCTION LIST": "reads",
    "GET text:1": "reads",
    "HELLO 3": "of one's own connection",
    "INFO": "reads",
    "LCS text:1 text:2": "reads",
    "LOLWUT": "draws a picture",
    "MEMORY USAGE text:1": "reads",
    "OBJECT ENCODING text:1": "reads",
    "PING": "is an echo",
    "RANDOMKEY": "reads",
    "SCAN 0": "reads",
    "SELECT 1\nGET elsewhere": "reads: an ACL knows no databases",
    "SORT_RO list:1": "reads",
    "TOUCH text:1": "marks the key as used, as GET does",
    "XINFO GROUPS stream:1": "reads",
    "XPENDING stream:1 readers": "reads",
    "XREAD BLOCK 1 STREAMS stream:1 $": "waits",
    "XREAD STREAMS stream:1 0": "reads",
    "RESET": "of one's own connection, which must log in again",
}


def asked(adapter: Adapter, *commands: str) -> list[Any]:
    wire = adapter._session.data()  # type: ignore[attr-defined]
    return list(wire.ask_all([command.split() for command in commands]))


def state(owner: Adapter) -> object:
    """Every key of two databases with its bytes and its time to live; users, functions and settings."""
    wire = owner._session.data()  # type: ignore[attr-defined]
    found: list[object] = []
    for database in ("1", "0"):
        wire.ask("SELECT", database)
        keys = sorted(wire.ask("KEYS", "*"))
        found += [database, keys, *wire.ask_all([["DUMP", key] for key in keys])]
        found += wire.ask_all([["PEXPIRETIME", key] for key in keys])
    found += [wire.ask("ACL", "LIST"), wire.ask("FUNCTION", "LIST"), wire.ask("CONFIG", "GET", "*")]
    info = wire.ask("INFO", "replication").decode()
    return [*found, [line for line in info.splitlines() if line.startswith(("role", "connected_slaves"))]]


@pytest.fixture
def world(fleet: Fleet, target: Target) -> Iterator[None]:
    """The target with data, and with keys of every type that dbfleet did not make."""
    with shop(fleet, target), fleet.connect(target) as owner:
        result: Any = owner.query(WORLD)
        while result is not None:
            for _ in result:
                pass
            result = result.following()
        try:
            yield
        finally:
            keys = " ".join(
                f"{word}:1" for word in ("text", "list", "set", "zset", "hash", "hll", "geo", "bits", "stream")
            )
            asked(owner, f"DEL {keys} text:2", "FUNCTION FLUSH", "SELECT 1", "DEL elsewhere", "SELECT 0")


def test_no_command_of_a_reader_changes_anything(fleet: Fleet, target: Target, world: None) -> None:
    through = passed(fleet, target, {command: command for command in (*REFUSED, *HARMLESS)}, state)
    assert sorted(through) == sorted(HARMLESS)


def test_the_reader_reads_every_key(fleet: Fleet, target: Target, world: None) -> None:
    same_to_both(fleet, target)


def test_the_reader_reads_collections_that_were_made_after_it(
    fleet: Fleet, target: Target, adapter: Adapter, name: str
) -> None:
    asked(adapter, f"SET {name}:1 x")
    try:
        with fleet.connect(fleet.reader(target)) as reader:
            assert [*reader.scan(reader.describe(name))] == [[(f"{name}:1", "x")]]
    finally:
        asked(adapter, f"DEL {name}:1")


def test_the_account_loses_what_it_was_given_besides(fleet: Fleet, target: Target, adapter: Adapter) -> None:
    (before,) = asked(adapter, f"ACL GETUSER {READER}")
    asked(adapter, f"ACL SETUSER {READER} +@all ~* &* >another")
    adapter.make_reader(READER, fleet.secret("ro"))  # type: ignore[attr-defined]
    assert asked(adapter, f"ACL GETUSER {READER}") == [before]


def test_the_account_is_there_again_after_a_restart(fleet: Fleet, target: Target) -> None:
    with fleet.connect(target) as owner:
        asked(owner, f"ACL DELUSER {READER}")
    with pytest.raises(AuthFailed, match="WRONGPASS") as told, fleet.connect(fleet.reader(target)):
        pass
    assert f"up {target.name}" in str(told.value.hint)
    restart(fleet, [target.name])
    with fleet.connect(fleet.reader(target)) as reader:
        assert reader.ping().version


def test_a_blocked_command_of_a_reader_is_cancelled(fleet: Fleet, target: Target, adapter: Adapter) -> None:
    outcome: list[BaseException] = []
    with fleet.connect(fleet.reader(target)) as reader:
        asked(reader, "CLIENT SETNAME waits_for_ever")

        def wait() -> None:
            try:
                reader.query("XREAD BLOCK 0 STREAMS dbfleet_nowhere $")
            except BaseException as exc:
                outcome.append(exc)

        thread = threading.Thread(target=wait)
        thread.start()
        while not any(b"waits_for_ever" in line and b"cmd=xread" in line for line in clients(adapter)):
            pass
        reader.cancel()
        thread.join()
        assert isinstance(outcome[0], Unavailable)
        while any(b"waits_for_ever" in line for line in clients(adapter)):
            pass
        assert reader.ping().version


def clients(adapter: Adapter) -> list[bytes]:
    (text,) = asked(adapter, "CLIENT LIST")
    return list(text.splitlines())


def test_an_account_that_may_do_more_is_none_for_reading_only(target: Target) -> None:
    with pytest.raises(Unsupported, match=r"not enforced: .*may change keys"):
        registry.connect(target.with_(read_only=True))
