"""Keys of Redis, of every type that its documentation lists and with the values at their ends, by kind; and what a
server itself says of all keys of a database."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import redis

from dbfleet.target import Target

SOON: Final = int(time.time() * 1000) + 86_400_000
"""A moment in milliseconds, a day from now."""

Commands = Sequence[Sequence[Any]]
_BYTES: Final = bytes(range(256))

KINDS: Final[Mapping[str, Commands]] = {
    "the case": [
        ["SET", "sess:abc", "tok", "EX", 3600],
        ["RPUSH", "queue:a", "one", "two", "one"],
        ["XADD", "log:a", "1-1", "k", "v"],
    ],
    "names": [
        ["SET", name, "v"]
        for name in (
            b"",
            b":",
            b":x",
            b"a",
            b"a:",
            b"a:b",
            b"a:b:c",
            b"\xff",
            b"\xff:\x00",
            b"\\xff:1",
            b"\\x5c:1",
            b"%3A:1",
            b"*:1",
            b"[a]:1",
            b"sp ace:\r\n\t",
            "é:😀".encode(),
            b"_x:1",
            b"dbfleet:1",
            _BYTES,
            b"k" * 4000,
        )
    ],
    "strings": [
        ["SET", "s:empty", b""],
        ["SET", "s:int", "9223372036854775807"],
        ["SET", "s:padded", "007"],
        ["SET", "s:float", "1.10"],
        ["SET", "s:bytes", _BYTES],
        ["SET", "s:large", b"x\x00" * 600_000],
        ["SET", "s:json", '{"base64": "AA=="}'],
        ["SETBIT", "s:bitmap", 1_000_003, 1],
        ["BITFIELD", "s:field", "SET", "u63", 0, 2**62],
        ["SETRANGE", "s:sparse", 5000, "end"],
        ["PFADD", "s:loglog", "a", "b", "c"],
        ["PFADD", "s:dense", *range(30_000)],
        ["SET", "s:ends", "v", "PXAT", SOON + 7],
        ["SET", "s:later", "v", "PXAT", 4_102_444_800_123],
    ],
    "lists": [
        ["RPUSH", "l:one", b""],
        ["RPUSH", "l:order", "b", "a", "b", _BYTES, "1", "01"],
        ["RPUSH", "l:long", *range(25_001)],
        ["RPUSH", "l:wide", b"w" * 200_000, b"\xff" * 70_000],
        ["PEXPIREAT", "l:order", SOON],
    ],
    "sets": [
        ["SADD", "set:ints", *range(-3, 400)],
        ["SADD", "set:few", "b", "a", b"\xff", b""],
        ["SADD", "set:many", *(f"member {n}" for n in range(3000))],
    ],
    "sorted sets": [
        [
            "ZADD",
            "z:ends",
            "-inf",
            "least",
            "+inf",
            "most",
            "-0",
            "zero",
            "5e-324",
            "tiny",
            "1.7976931348623157e308",
            "huge",
        ],
        ["ZADD", "z:ties", 1, "b", 1, "a", 1, b"\xff", 0.1, "c", 9007199254740993, "d", "0.30000000000000004", "e"],
        ["ZADD", "z:many", *(word for n in range(12_000) for word in (n / 7, f"m{n}"))],
        ["GEOADD", "z:geo", 13.361389, 38.115556, "Palermo", -179.9, -85.05, "edge"],
    ],
    "hashes": [
        ["HSET", "h:one", "f", ""],
        ["HSET", "h:key", "key", "1", "type", "2", "value", "3"],
        ["HSET", "h:bytes", b"\xff", b"\xfe", b"", b"", "é", "ü"],
        ["HSET", "h:many", *(word for n in range(2000) for word in (f"f{n}", f"v{n}"))],
        ["PEXPIREAT", "h:one", SOON],
    ],
    "streams": [
        ["XADD", "x:plain", "1-1", "a", "1", "a", "2", b"\xff", b""],
        ["XADD", "x:plain", "18446744073709551614-18446744073709551615", "b", "2"],
        ["XGROUP", "CREATE", "x:empty", "nobody", "$", "MKSTREAM"],
        ["XADD", "x:trimmed", "1-1", "a", "1"],
        ["XADD", "x:trimmed", "2-1", "a", "1"],
        ["XADD", "x:trimmed", "3-1", "a", "1"],
        ["XDEL", "x:trimmed", "3-1"],
        ["XTRIM", "x:trimmed", "MAXLEN", 1],
        *(["XADD", "x:groups", f"{n}-0", "n", n] for n in range(1, 300)),
        ["XGROUP", "CREATE", "x:groups", "readers", "0"],
        ["XGROUP", "CREATE", "x:groups", b"\xffothers", "100-0"],
        ["XGROUP", "CREATE", "x:groups", "idle", "$"],
        ["XGROUP", "CREATECONSUMER", "x:groups", "readers", "never"],
        ["XREADGROUP", "GROUP", "readers", "one", "COUNT", 50, "STREAMS", "x:groups", ">"],
        ["XREADGROUP", "GROUP", "readers", b"two\xff", "COUNT", 50, "STREAMS", "x:groups", ">"],
        ["XREADGROUP", "GROUP", b"\xffothers", "one", "COUNT", 5, "STREAMS", "x:groups", ">"],
        ["XACK", "x:groups", "readers", "3-0", "4-0"],
        ["XCLAIM", "x:groups", "readers", "three", 0, "7-0", "8-0", "RETRYCOUNT", 9],
        ["XDEL", "x:groups", "5-0", "99-0"],
        ["PEXPIREAT", "x:groups", SOON],
        *(["XADD", "x:both", f"{n}-0", "n", n] for n in range(1, 10)),
        ["XGROUP", "CREATE", "x:both", "g", "0"],
        ["XREADGROUP", "GROUP", "g", "c", "STREAMS", "x:both", ">"],
        ["XDEL", "x:both", "2-0", "4-0"],
        ["XTRIM", "x:both", "MINID", "4"],
        ["XTRIM", "x:both", "MINID", "7-0"],
        ["XADD", "x:gone", "1-0", "n", 1],
        ["XADD", "x:gone", "2-0", "n", 2],
        ["XGROUP", "CREATE", "x:gone", "g", "0"],
        ["XREADGROUP", "GROUP", "g", "c", "STREAMS", "x:gone", ">"],
        ["XTRIM", "x:gone", "MAXLEN", 0],
        ["XADD", "x:deleted", "1-0", "n", 1],
        ["XDEL", "x:deleted", "1-0"],
        ["XGROUP", "CREATE", "x:none", "g", "0", "MKSTREAM"],
        ["XGROUP", "DESTROY", "x:none", "g"],
    ],
}
"""By kind, what makes it on every server."""

FIELDS_END: Final[Commands] = [
    ["HSET", "hf:some", "a", "1", "b", "2", b"\xff", "3"],
    ["HPEXPIREAT", "hf:some", SOON, "FIELDS", 1, "a"],
    ["HPEXPIREAT", "hf:some", SOON + 1, "FIELDS", 1, b"\xff"],
    ["HSET", "hf:all", "a", "1"],
    ["HPEXPIREAT", "hf:all", SOON, "FIELDS", 1, "a"],
]
"""Fields that end: from Redis 7.4 and Valkey 9 on."""

MODULES: Final[Commands] = [
    ["JSON.SET", "doc:1", "$", '{"a": [1, 2.5, null], "é": "x"}'],
    ["VADD", "vec:1", "VALUES", "3", "1", "2", "3", "e"],
    ["BF.ADD", "bloom:1", "x"],
    ["TS.ADD", "series:1", "1000", "1.5"],
]
"""Types that only some servers have."""


@contextmanager
def client(target: Target) -> Iterator[redis.Redis]:
    """redis-py, connected to the target."""
    with redis.Redis.from_url(target.url(reveal=True)) as found:
        yield found


def fill(target: Target, commands: Commands, *, known: bool = False) -> list[str]:
    """Run the commands. With `known` those that the server knows; the keys that it cannot have."""
    unknown = []
    with client(target) as server:
        for words in commands:
            try:
                server.execute_command(*words)
            except redis.ResponseError as error:
                if not known or "unknown command" not in str(error):
                    raise
                unknown.append(str(words[1]))
    return unknown


def told(target: Target) -> dict[bytes, Any]:
    """Of every key of the database: its type, when it ends, its value as the server gives it, and all that XINFO and
    HPEXPIRETIME say; what follows from the server's own doings (memory, encodings, when somebody was seen) is left
    out."""
    with client(target) as server:
        keys = list(set(server.scan_iter(count=1000)))
        asked = server.pipeline(transaction=False)
        for key in keys:
            asked.type(key)
            asked.execute_command("PEXPIRETIME", key)
        said = asked.execute()
        kinds, ends = said[::2], said[1::2]
        for key, kind in zip(keys, kinds, strict=True):
            if kind == b"string":
                asked.get(key)
        strings = iter(asked.execute())
        return {
            key: (kind, end, [next(strings)] if kind == b"string" else _value(server, key, kind))
            for key, kind, end in zip(keys, kinds, ends, strict=True)
        }


def _value(server: redis.Redis, key: bytes, kind: bytes) -> list[Any]:
    match kind:
        case b"list":
            return [server.lrange(key, 0, -1)]
        case b"set":
            return [sorted(server.smembers(key))]
        case b"zset":
            return [[(member, repr(score)) for member, score in server.zrange(key, 0, -1, withscores=True)]]
        case b"hash":
            held = server.hgetall(key)
            try:
                ends = server.execute_command("HPEXPIRETIME", key, "FIELDS", len(held), *held)
            except redis.ResponseError:
                ends = []
            return [held, dict(zip(held, ends, strict=False)) if ends else {}]
        case b"stream":
            return [_stable(server.execute_command("XINFO", "STREAM", key, "FULL", "COUNT", 0))]
        case b"ReJSON-RL":
            return [server.execute_command("JSON.GET", key)]
    return [server.dump(key)]


def _stable(said: Any) -> Any:
    """What XINFO STREAM FULL says but for what changes by looking, and how the server keeps it."""
    if isinstance(said, dict):
        return _stable([word for pair in said.items() for word in pair])
    if not isinstance(said, list):
        return said
    stays, words = [], iter(said)
    for word in words:
        if word in (b"seen-time", b"active-time", b"radix-tree-keys", b"radix-tree-nodes"):
            next(words)
        else:
            stays.append(_stable(word))
    return stays
