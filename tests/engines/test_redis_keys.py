"""Keys that dbfleet did not make: every type and every byte, read as what they are, written to Redis as what they were;
what is left behind is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis_asked import ask

from dbfleet import registry
from dbfleet.adapter import Swap
from dbfleet.engines.redis.connect import dialer
from dbfleet.engines.redis.keys import name_of, prefix_of
from dbfleet.errors import NotFound, StatementError, Unsupported
from dbfleet.target import Target
from dbfleet.values import Column, Row, Schema, Type
from tests.zoo.walk import run, walk

pytestmark = pytest.mark.engines("redis")

ZOO: list[tuple[str, str, list[str]]] = [
    ("string", "plain", ["SET {} tok"]),
    ("string", "blob", ['SET {} "a\\x00\\xff"']),
    ("string", "empty", ['SET {} ""']),
    ("string", "loglog", ["PFADD {} a b c"]),
    ("list", "list", ['RPUSH {} a b "\\xff" ""']),
    ("set", "set", ['SADD {} b a "\\xff"']),
    ("zset", "scores", ["ZADD {} 1.5 m -inf n +inf o -0 p 1e300 q"]),
    ("zset", "bytes", ['ZADD {} 0.1 "\\xff" 3 m']),
    ("hash", "hash", ["HSET {} f v g 2"]),
    ("hash", "odd", ['HSET {} "\\xff" v "" "\\xfe"']),
    ("stream", "stream", ["XADD {} 1-1 a 1 b 2", "XADD {} 2-1 a 1 a 2"]),
    ("stream", "emptied", ["XADD {} 0-1 x x", "XDEL {} 0-1"]),
    ("string", "%3A::x %25", ["SET {} v"]),
    ("string", "\\xff:\\x00", ["SET {} v"]),
]
KEY_PARTS = ["", "%", ":", "by", "\n", '"', "\\x5c", "é", "😀"]


@pytest.fixture(name="elsewhere")
def another_database(target: Target) -> Iterator[Any]:
    with registry.connect(target.with_(database="9")) as other:
        other.query("FLUSHDB").close()
        yield other
        other.query("FLUSHDB").close()


@pytest.fixture(name="here")
def a_database_of_its_own(target: Target) -> Iterator[Any]:
    with registry.connect(target.with_(database="8")) as found:
        found.query("FLUSHDB").close()
        yield found
        found.query("FLUSHDB").close()


def everything(adapter: Any) -> dict[bytes, tuple[bytes, Any]]:
    """Each key's type and value as Redis itself writes them down; of sets and hashes in an order of our own."""
    wire, _ = dialer(adapter.target, 10)()
    found = {}
    for key in wire.ask("KEYS", "*"):
        if not key.startswith(b"_dbfleet"):
            kind = wire.ask("TYPE", key)
            value = wire.ask({b"set": "SMEMBERS", b"hash": "HGETALL"}.get(kind, "DUMP"), key)
            value = list(value.items()) if isinstance(value, dict) else value
            found[key] = kind, value if isinstance(value, bytes) else sorted(value)
    wire.close()
    return found


def fill(adapter: Any, prefix: str = "zoo:") -> None:
    for _, name, commands in ZOO:
        for command in commands:
            ask(adapter, command.format(f'"{prefix}{name}"'))


@pytest.mark.parametrize("prefix", [b"a", b"\xff", b"\\xff", b"\\x5c", b"\\", b"a\xfe\\xff", b"\xc3\xa9", b"%3A", b" "])
def test_each_prefix_has_a_name_of_its_own(prefix: bytes) -> None:
    assert prefix_of(name_of(prefix)) == prefix
    assert name_of(prefix).isprintable()


def test_a_copy_between_two_databases_keeps_names_types_and_values(here: Any, elsewhere: Any) -> None:
    fill(here)
    for part in KEY_PARTS:
        ask(here, "SET :key v", key=f"sess:{part}")
        ask(here, "HSET :key f v", key=f"{part}")
    ask(here, 'SET "\\xff:1" tok')
    ask(here, 'HSET "a\\xfe:1" f v')
    before = everything(here)
    source, sink = here.target.url(reveal=True), elsewhere.target.url(reveal=True)
    for mode in ("insert", "replace", "upsert"):
        copied = run("copy", source, sink, "--verify", "--yes", "--mode", mode)
        assert copied.code == 0, copied.err
        assert everything(elsewhere) == before
        assert run("diff", source, sink).code == 0
    assert everything(here) == before
    assert elsewhere.collections() == here.collections()


def test_a_dump_that_comes_back_keeps_names_types_and_values(here: Any, elsewhere: Any, tmp_path: Path) -> None:
    fill(here)
    ask(here, 'SET "\\xff:1" tok')
    source, sink = here.target.url(reveal=True), elsewhere.target.url(reveal=True)
    assert run("dump", source, "-o", str(tmp_path / "dump")).code == 0
    loaded = run("load", sink, str(tmp_path / "dump"), "--verify")
    assert loaded.code == 0, loaded.err
    assert everything(elsewhere) == everything(here)


def test_every_verb_reads_them(here: Any, elsewhere: Any, tmp_path: Path) -> None:
    fill(here)
    ask(here, 'SET "\\xff:1" tok')
    ask(here, "SET plain v")
    source, sink = here.target.url(reveal=True), elsewhere.target.url(reveal=True)
    for number, name in enumerate(("zoo", "\\xff", ":")):
        folder = tmp_path / str(number)
        folder.mkdir()
        ran = walk(source, name, folder, statement="SCAN 0 COUNT 1000", sink=sink)
        assert {verb: each.code for verb, each in ran.items() if each.code} == {}


def test_what_a_query_gives_of_each_type_in_each_format(here: Any) -> None:
    fill(here)
    url = here.target.url(reveal=True)
    reads = {
        "string": "GET",
        "list": "LRANGE",
        "set": "SMEMBERS",
        "zset": "ZRANGE",
        "hash": "HGETALL",
        "stream": "XRANGE",
    }
    behind = {"list": "0 -1", "zset": "0 -1 WITHSCORES", "stream": "- +"}
    for kind, name, _ in ZOO:
        statement = f'{reads.get(kind, "XRANGE")} "zoo:{name}" {behind.get(kind, "")}'
        for format in ("jsonl", "json", "csv", "tsv", "markdown", "table"):
            assert run("query", url, statement, "--format", format).code == 0


def _with_more_than_values(here: Any) -> dict[str, tuple[str, ...]]:
    """Keys with ends, groups and ids; what is to be said of each collection."""
    ask(here, "SET sess:abc tok EX 3600")
    ask(here, "SET sess:for_ever tok")
    ask(here, "XADD s:1 1-1 a 1")
    ask(here, "XGROUP CREATE s:1 readers 0")
    ask(here, "XREADGROUP GROUP readers one STREAMS s:1 >")
    ask(here, "XADD s:2 5-5 a 1")
    ask(here, "XDEL s:2 5-5")
    ask(here, "HSET h:1 f v g w")
    said: dict[str, tuple[str, ...]] = {
        "sess": ("the time to live of 1 key",),
        "s": ("consumer group readers of s:1", "the last id of 1 stream that lost newer entries"),
    }
    try:
        ask(here, "HEXPIRE h:1 1000 FIELDS 1 f")
        said["h"] = ("the times to live of fields in 1 hash",)
    except StatementError:
        said["h"] = ()  # before Redis 7.4 and Valkey 9
    return said


def _ends(adapter: Any) -> Any:
    """What no row says."""
    info = [ask(adapter, f"XINFO STREAM s:{number}") for number in (1, 2)]
    waiting = ask(adapter, "XPENDING s:1 readers")
    return ask(adapter, "PEXPIRETIME sess:abc"), ask(adapter, "PEXPIRETIME sess:for_ever"), info, waiting


def test_keys_come_whole_to_another_redis(here: Any, elsewhere: Any, tmp_path: Path) -> None:
    said = _with_more_than_values(here)
    assert {name: tuple(map(str, here.extras(name).has)) for name in said} == said
    with pytest.raises(NotFound):
        here.extras("nowhere")
    for mode in ("insert", "replace", "upsert"):
        copied = run(
            "copy", here.target.url(reveal=True), elsewhere.target.url(reveal=True), "--strict", "--verify",
            "--mode", mode, "--yes",
        )  # fmt: skip
        assert copied.code == 0, copied.err
        assert {name: elsewhere.extras(name) for name in said} == {name: here.extras(name) for name in said}
        assert _ends(elsewhere) == _ends(here)
    for other in (f"sqlite:///{tmp_path}/a.db", None):
        verb = (
            ["copy", here.target.url(reveal=True), other]
            if other
            else ["dump", here.target.url(reveal=True), "-o", str(tmp_path / "d")]
        )
        told = run(*verb)
        assert told.code == 0
        assert all(text in told.err for texts in said.values() for text in texts)
        assert run(*verb[:-1], f"{verb[-1]}2", "--strict").code == 6


def test_where_whole_keys_are_refused_they_are_made_by_commands(here: Any, elsewhere: Any) -> None:
    said = _with_more_than_values(here)
    ask(elsewhere, "ACL SETUSER no_restore on >secret ~* &* +@all -restore")
    try:
        other = elsewhere.target.url(reveal=True)
        scheme, _, rest = other.partition("://")
        limited = f"{scheme}://no_restore:secret@{rest.rpartition('@')[2]}"
        copied = run("copy", here.target.url(reveal=True), limited, "--verify")
        assert copied.code == 0, copied.err
        assert {name: elsewhere.extras(name) for name in said} == {name: here.extras(name) for name in said}
        assert _ends(elsewhere)[:2] == _ends(here)[:2]
    finally:
        ask(elsewhere, "ACL DELUSER no_restore")


def test_rows_of_ours_that_expire_are_told(here: Any) -> None:
    schema = Schema("t", (Column("id", Type.INT, False), Column("v", Type.TEXT)), ("id",))
    here.create(schema)
    here.write(schema, [[(number, "x") for number in range(1500)]])
    assert here.extras("t").left == ()
    ask(here, "EXPIRE t:1200 1000")
    assert here.extras("t").left == ("the time to live of 1 key",)


def test_keys_of_others_keep_their_names_or_are_refused(here: Any) -> None:
    ask(here, "SET sess:abc tok")
    schema = here.describe("sess")
    other = Schema("other", schema.columns, schema.key)
    here.create(other)
    assert here.describe("other").names == schema.names
    assert (here.count("other"), list(here.scan(other))) == (0, [])
    with pytest.raises(Unsupported, match="sess:abc has no place in other"):
        here.write(other, [[("sess:abc", "tok")]])
    here.drop("other")
    assert "other" not in here.collections()


def test_an_insert_of_a_key_that_is_there_is_refused(here: Any) -> None:
    ask(here, "SET sess:abc tok")
    schema = here.describe("sess")
    written = here.write(schema, [[("sess:abc", "new"), ("sess:b", "1"), ("sess:b", "2")]])
    assert sorted(each.row for each in written.rejected) == [("sess:abc", "new"), ("sess:b", "2")]
    assert written.rows == 1
    rows: list[Row] = [("sess:b", "3"), ("sess:b", "4")]
    assert here.write(schema, [rows], mode="upsert").rows == 1
    assert sorted(row for batch in here.scan(schema) for row in batch) == [("sess:abc", "tok"), ("sess:b", "4")]
    assert here.delete(schema, [("sess:b",), ("sess:c",)]) == 1


def test_staged_keys_of_others_take_their_places_under_their_own_names(here: Any) -> None:
    for name in ("sess", ":"):
        old, key = ("sess:old", "sess:new") if name == "sess" else ("old", "new")
        ask(here, f"SET {old} 1")
        schema = here.describe(name)
        staged = Schema("_dbfleet_new_1", schema.columns, schema.key)
        here.create(staged)
        here.write(staged, [[(key, "2")]])
        assert list(here.scan(staged)) == [[(key, "2")]]
        assert list(here.get(staged, [(key,)])) == [(key, "2")]
        assert here.leftovers() == ["_dbfleet_new_1"]
        assert "_dbfleet_new_1" not in here.collections()
        here.swap([Swap(staged, name)])
        assert ask(here, f"EXISTS {old}") == [0]
        assert ask(here, f"GET {key}") == ["2"]
        assert not here.leftovers()
