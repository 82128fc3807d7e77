"""Redis to Redis: every key as it is, whatever it is called and holds, proven by the server's own words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.target import Target
from tests.zoo.gate import Gate
from tests.zoo.redis_kinds import FIELDS_END, KINDS, MODULES, SOON, client, fill, told
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("redis")


@pytest.fixture(name="pair")
def two_databases(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Target, Target]]:
    """Two empty databases of the server."""
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    pair = target.with_(database="12"), target.with_(database="13")
    for each in pair:
        with client(each) as server:
            server.flushdb()
    yield pair
    for each in pair:
        with client(each) as server:
            server.flushdb()


def url(target: Target) -> str:
    return target.url(reveal=True)


def without(target: Target, *commands: str) -> str:
    """The URL of a user of the target's who may not use these commands."""
    with client(target) as server:
        server.execute_command(
            "ACL", "SETUSER", "limited", "reset", "on", ">secret", "~*", "&*", "+@all",
            *(f"-{command}" for command in commands),
        )  # fmt: skip
    scheme, _, rest = url(target).partition("://")
    return f"{scheme}://limited:secret@{rest.rpartition('@')[2]}"


def zoo(target: Target) -> None:
    for commands in KINDS.values():
        fill(target, commands)
    fill(target, [*FIELDS_END, *MODULES], known=True)


@pytest.mark.parametrize("options", [(), ("--verify",), ("--jobs", "1")])
@pytest.mark.parametrize("kind", [*KINDS, "zoo"])
def test_keys_are_the_same(pair: tuple[Target, Target], kind: str, options: tuple[str, ...]) -> None:
    source, sink = pair
    zoo(source) if kind == "zoo" else fill(source, KINDS[kind])
    before = told(source)
    copied = run("copy", url(source), url(sink), "--strict", *options)
    assert copied.code == 0, copied
    assert told(sink) == before == told(source), "and nothing else is left in either"
    if "--verify" in options:
        assert json.loads(copied.err[copied.err.index('{"receipt"') :])["left"] == []
    compared = run("diff", url(source), url(sink))
    assert (compared.code, compared.err) == (0, ""), compared


@pytest.mark.parametrize("forbidden", ["dump", "restore"])
@pytest.mark.parametrize("kind", KINDS)
def test_by_commands_keys_are_the_same(pair: tuple[Target, Target], kind: str, forbidden: str) -> None:
    source, sink = pair
    fill(source, KINDS[kind])
    if kind == "hashes":
        fill(source, FIELDS_END, known=True)
    ends = (without(source, "dump"), url(sink)) if forbidden == "dump" else (url(source), without(sink, "restore"))
    copied = run("copy", *ends, "--verify")
    assert copied.code == 0, copied
    assert told(sink) == told(source)


def test_what_cannot_go_by_commands_is_a_refused_row(pair: tuple[Target, Target]) -> None:
    source, sink = pair
    if fill(source, [["VADD", "vec:1", "VALUES", "3", "1", "2", "3", "e"], ["SET", "a", "1"]], known=True):
        pytest.skip("undeclared by the spec")
    copied = run("copy", url(source), without(sink, "restore"))
    assert copied.code not in (0, 70), copied
    assert "restore" in copied.err.lower()


@pytest.mark.parametrize("mode", ["replace", "upsert"])
def test_keys_take_the_places_of_others(pair: tuple[Target, Target], mode: str) -> None:
    source, sink = pair
    zoo(source)
    for name in ("sess:abc", "l:one", "x:plain", "s:int"):
        fill(sink, [["HSET", name, "old", "1"]])
    fill(sink, [["SET", "sess:more", "x"], ["SET", "unprefixed", "x"], ["SET", "untouched:1", "x"]])
    copied = run("copy", url(source), url(sink), "--mode", mode, "--yes", "--verify")
    assert copied.code == 0, copied
    there = told(sink)
    assert {key: there[key] for key in told(source)} == told(source)
    more = there.keys() - told(source).keys()
    assert more == {b"untouched:1"} | ({b"sess:more", b"unprefixed"} if mode == "upsert" else set())


def test_an_insert_into_keys_that_are_there_is_refused(pair: tuple[Target, Target]) -> None:
    source, sink = pair
    fill(source, KINDS["the case"])
    fill(sink, [["SET", "sess:old", "x"]])
    before = told(sink)
    copied = run("copy", url(source), url(sink))
    assert copied.code == 2, copied
    assert told(sink) == before


def test_digest_and_diff_see_what_the_closed_set_cannot(pair: tuple[Target, Target]) -> None:
    a, b = pair
    for each in pair:
        fill(each, [*KINDS["streams"][:2], ["SET", "s:1", "1"], ["ZADD", "z:1", 1, "m"]])
        fill(each, [["XGROUP", "CREATE", "x:plain", "g", "0"], ["SET", "s:2", "2", "PXAT", SOON]])
    assert run("diff", url(a), url(b)).code == 0

    def digests(target: Target) -> dict[str, str]:
        lines = run("digest", url(target), "--native").out.splitlines()
        return {each["collection"]: each["digest"] for each in map(json.loads, lines)}

    assert digests(a) == digests(b)
    fill(b, [["PEXPIREAT", "s:1", SOON], ["PERSIST", "s:2"], ["XGROUP", "SETID", "x:plain", "g", "1-1"]])
    found = run("diff", url(a), url(b))
    records = [json.loads(line) for line in found.out.splitlines()]
    assert found.code == 1
    assert {record["key"]["key"]: (set(record["before"]), record["change"]) for record in records} == {
        "s:1": ({"expires"}, "changed"), "s:2": ({"expires"}, "changed"), "x:plain": ({"besides"}, "changed"),
    }  # fmt: skip
    assert {name for name in digests(a) if digests(a)[name] != digests(b)[name]} == {"s", "x"}
    assert run("diff", url(a), url(b), "--sync", "--yes").code == 0
    assert told(b) == told(a)


@pytest.mark.parametrize("way", ["written", "statements"])
def test_all_of_it_is_synced(pair: tuple[Target, Target], way: str) -> None:
    a, b = pair
    for kind in KINDS:
        if kind != "names":
            fill(a, KINDS[kind])
    fill(b, [["SET", "s:ends", "v"], ["SET", "s:int", "9223372036854775807", "PXAT", SOON], ["SET", "x:plain", "no"]])
    fill(b, [["SET", "sess:abc", "other"], ["SET", "l:one", "no list"], ["SET", "s:more", "1"], ["SET", "more:1", "1"]])
    for collection in ("sess", "l", "s", "x"):
        ends = f"{url(a)}#{collection}", f"{url(b)}#{collection}"
        if way == "written":
            synced = run("diff", *ends, "--sync", "--yes")
            assert synced.code == 0, synced
        else:
            for line in run("diff", *ends, "--sync").out.decode().splitlines():
                said = run("query", url(b), line)
                assert said.code == 0, said
    here, there = told(a), told(b)
    mine = {key: value for key, value in here.items() if key.partition(b":")[0] in (b"sess", b"l", b"s", b"x")}
    assert there == {**mine, b"more:1": there[b"more:1"]}


@pytest.mark.parametrize("mode", ["insert", "replace"])
def test_a_native_dump_is_the_same_keys_again(pair: tuple[Target, Target], tmp_path: Path, mode: str) -> None:
    source, sink = pair
    zoo(source)
    if mode == "replace":
        fill(sink, [["SET", "s:old", "1"], ["HSET", "s:int", "f", "v"]])
    dumped = run("dump", url(source), "--native", "-o", str(tmp_path / "dump"))
    assert dumped.code == 0, dumped
    loaded = run("load", url(sink), str(tmp_path / "dump"), "--verify", "--mode", mode, "--yes")
    assert loaded.code == 0, loaded
    assert told(sink) == told(source)


def test_a_native_dump_is_read_elsewhere(pair: tuple[Target, Target], tmp_path: Path) -> None:
    source, _ = pair
    fill(source, KINDS["the case"])
    assert run("dump", url(source), "--native", "-o", str(tmp_path / "dump")).code == 0
    loaded = run("load", f"sqlite:///{tmp_path}/a.db", str(tmp_path / "dump"), "--verify")
    assert loaded.code == 0, loaded
    (row,) = map(json.loads, run("query", f"sqlite:///{tmp_path}/a.db", "SELECT * FROM queue").out.splitlines())
    assert (row["key"], row["type"], row["value"]) == ("queue:a", "list", ["one", "two", "one"])


def test_rows_of_dbfleet_s_own_stay_what_they_are(pair: tuple[Target, Target]) -> None:
    source, sink = pair
    assert run("seed", url(source), "--rows", "300").code == 0
    fill(source, KINDS["the case"])
    copied = run("copy", url(source), url(sink), "--verify", "--strict")
    assert copied.code == 0, copied
    assert told(sink) == told(source)


def test_what_ends_of_dbfleet_s_own_rows_is_named(pair: tuple[Target, Target]) -> None:
    source, sink = pair
    assert run("seed", url(source), "--rows", "50").code == 0
    fill(source, [["EXPIRE", "customers:1", 1000], ["FUNCTION", "LOAD", "REPLACE", FUNCTION]])
    try:
        copied = run("copy", url(source), url(sink), "--verify")
        assert copied.code == 0, copied
        left = json.loads(copied.err[copied.err.index('{"receipt"') :])["left"]
        assert left == ["customers: the time to live of 1 key: does not come along", "library of functions mine"]
        assert run("copy", url(source), url(sink), "--strict", "--mode", "replace", "--yes").code == 6
    finally:
        fill(source, [["FUNCTION", "DELETE", "mine"]])


FUNCTION = "#!lua name=mine\nredis.register_function('f', function() return 1 end)"


def test_keys_are_not_given_another_name(pair: tuple[Target, Target]) -> None:
    source, sink = pair
    fill(source, KINDS["the case"])
    for mode in ("insert", "replace"):
        copied = run("copy", f"{url(source)}#sess", f"{url(sink)}#other", "--mode", mode, "--yes")
        assert copied.code == 6, copied
        assert "keep their names" in copied.err
    assert told(sink) == {}


def test_a_key_that_has_ended_meanwhile_is_not_copied(pair: tuple[Target, Target]) -> None:
    source, sink = pair
    fill(source, [["SET", "e:1", "v", "PX", 1], ["SET", "e:2", "v"]])
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert set(told(sink)) == {b"e:2"}


@pytest.fixture(name="gate")
def way_to_the_sink(pair: tuple[Target, Target]) -> Iterator[Gate]:
    gate = Gate(pair[1])
    yield gate
    gate.close()


def killed(source: Target, gate: Gate, *options: str) -> None:
    """Start a copy, and kill it with its workers when a part of the keys is there."""
    gate.most = 1_000_000
    command = [sys.executable, "-m", "dbfleet", "copy", url(source), url(gate.target), *options]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert gate.shut.wait(60)
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    gate.most = None


def many(target: Target) -> None:
    with client(target) as server:
        for start in range(0, 24_000, 4000):
            pipe = server.pipeline(transaction=False)
            for number in range(start, start + 4000):
                pipe.set(f"m:{number}", f"value {number}", pxat=SOON + number)
            pipe.execute()
    fill(target, KINDS["the case"])


@pytest.mark.parametrize("options", [(), ("--verify",), ("--mode", "replace", "--yes")])
def test_a_copy_that_was_killed_goes_on(pair: tuple[Target, Target], gate: Gate, options: tuple[str, ...]) -> None:
    source, sink = pair
    many(source)
    if "replace" in options:
        fill(sink, [["SET", "m:old", "1"], ["SET", "sess:old", "1"]])
    killed(source, gate, *options)
    with client(sink) as server:
        assert server.dbsize() > 1000
        assert server.get("m:old") == (b"1" if "replace" in options else None)
    if "replace" not in options:
        again = run("copy", url(source), url(gate.target))
        assert again.code == 2, again
        assert "--resume" in again.err
    resumed = run("copy", url(source), url(gate.target), "--resume", *options)
    assert resumed.code == 0, resumed
    assert told(sink) == told(source)


def test_after_a_kill_a_copy_begins_anew(pair: tuple[Target, Target], gate: Gate) -> None:
    source, sink = pair
    many(source)
    killed(source, gate)
    again = run("copy", url(source), url(gate.target), "--mode", "replace", "--yes", "--verify")
    assert again.code == 0, again
    assert told(sink) == told(source)
