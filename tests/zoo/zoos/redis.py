"""Redis' types of keys, by its documentation of data types, a collection each, with the values that stand at their
ends. Redis has no columns: a value is the commands that make it and what it must be in the closed set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbfleet.adapter import Adapter
from tests.zoo.zoos import Kind, Value, Zoo, run

KINDS = {
    "string": Kind(
        "string",
        (
            ("SET {key} ''", {"value": ""}),
            ("SET {key} 9223372036854775807", {"value": "9223372036854775807"}),
            ("SET {key} 007", {"value": "007"}),
            ("SET {key} 'é😀'", {"value": "é😀"}),
            ('SET {key} "a\\x00b\\n"', {"value": "a\0b\n"}),
        ),
    ),
    "string_of_bytes": Kind("string of bytes", (('SET {key} "\\xff\\x00"', {"value": b"\xff\x00"}),)),
    "hash": Kind("hash", (("HSET {key} f '' g 1", {"f": "", "g": "1"}), ("HSET {key} f é", {"f": "é", "g": None}))),
    "list": Kind("list", (("RPUSH {key} b a b ''", {"type": "list", "value": ["b", "a", "b", ""]}),)),
    "set": Kind("set", (("SADD {key} 1 2 3", {"type": "set", "value": ["1", "2", "3"]}),)),
    "sorted_set": Kind(
        "sorted set", (("ZADD {key} -inf a 0.1 b", {"type": "zset", "value": {"a": float("-inf"), "b": 0.1}}),)
    ),
    "stream": Kind(
        "stream",
        (("XADD {key} 1-1 a 1 a 2", {"type": "stream", "value": [["1-1", [["a", "1"], ["a", "2"]]]]}),),
    ),
    "bitmap": Kind("bitmap", (("SETBIT {key} 7 1", {"value": "\x01"}),)),
}


def _make(adapter: Adapter, name: str, made: Mapping[str, Kind]) -> None:
    """A collection is there with its first key."""


def _fill(adapter: Adapter, name: str, values: Sequence[Value]) -> None:
    for value in values:
        run(adapter, value.words[0].replace("{key}", f"{name}_{value.column}:{value.id}"))


ZOO = Zoo("redis", KINDS, _make, _fill, None, apart=True)
