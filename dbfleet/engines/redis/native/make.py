"""The commands that make a key again, of its native row (`native.values`): where the bytes of DUMP are of no use.

A stream gets everything that the protocol can give: its entries with their ids, its own ids, its groups with their
positions and consumers, and what these have not confirmed, with times and counts. An entry that is pending and was
removed from the stream is put there for the moment in which it is claimed. What no command sets stays behind: when a
consumer was last seen.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from dbfleet.engines.redis.foreign import word_of
from dbfleet.values import Row

_AT_ONCE: Final = 1000
"""Elements that one command adds."""

Words = list[Any]
"""A command and its arguments."""


def commands_of(key: bytes, row: Row) -> list[Words]:
    """What makes the key, which is not there. ValueError, TypeError, KeyError, AttributeError or IndexError for a row
    that is no such key."""
    _, kind, expires, value, besides = row
    make = _MAKE.get(kind, _restored)
    held = value if kind == "ReJSON-RL" else json.loads(value)
    commands = make(key, held, json.loads(besides) if besides else {})
    if expires is not None:
        commands.append(["PEXPIREAT", key, str(int(expires))])
    return commands


def _in_pieces(head: Words, words: Sequence[bytes]) -> list[Words]:
    if not words:
        raise ValueError("it is empty")
    return [[*head, *words[start : start + _AT_ONCE]] for start in range(0, len(words), _AT_ONCE)]


def _pairs(value: Any) -> list[tuple[bytes, Any]]:
    members: Iterable[Any] = value.items() if isinstance(value, Mapping) else value
    return [(word_of(name), item) for name, item in members]


def _string(key: bytes, value: Any, _: Any) -> list[Words]:
    return [["SET", key, word_of(value)]]


def _hash(key: bytes, value: Any, besides: Any) -> list[Words]:
    words = [word for name, item in _pairs(value) for word in (name, word_of(item))]
    ends = [["HPEXPIREAT", key, str(end), "FIELDS", "1", name] for name, end in _pairs(besides.get("expires", ()))]
    return [*_in_pieces(["HSET", key], words), *ends]


def _list(key: bytes, value: Any, _: Any) -> list[Words]:
    return _in_pieces(["RPUSH", key], list(map(word_of, value)))


def _set(key: bytes, value: Any, _: Any) -> list[Words]:
    return _in_pieces(["SADD", key], list(map(word_of, value)))


def _sorted(key: bytes, value: Any, _: Any) -> list[Words]:
    scored = [(repr(float(score)).encode(), word_of(member)) for member, score in value]
    return _in_pieces(["ZADD", key], list(chain.from_iterable(scored)))


def _number(number: str) -> tuple[int, int]:
    first, _, second = number.partition("-")
    return int(first), int(second)


def _stream(key: bytes, value: Any, besides: Any) -> list[Words]:
    entries = {number: [word_of(word) for word in flat] for number, flat in value}
    groups = besides.get("groups", ())
    gone = {number for group in groups for number, *_ in group["pending"]} - entries.keys()
    there = {**entries, **{number: [b"", b""] for number in gone}}
    commands: list[Words] = [["XADD", key, number, *there[number]] for number in sorted(there, key=_number)]
    if not there:
        commands += [["XGROUP", "CREATE", key, "x", "0", "MKSTREAM"], ["XGROUP", "DESTROY", key, "x"]]
    for group in groups:
        commands += _group(key, group)
    commands += _without(key, gone, entries, besides)
    if besides:
        ends = ["ENTRIESADDED", str(besides["added"]), "MAXDELETEDID", besides["deleted"]]
        commands.append(["XSETID", key, besides["last"], *ends])
    return commands


def _group(key: bytes, group: Any) -> Iterator[Words]:
    name = word_of(group["name"])
    read = [] if group["read"] is None else ["ENTRIESREAD", str(group["read"])]
    yield ["XGROUP", "CREATE", key, name, group["last"], *read]
    for each in group["consumers"]:
        yield ["XGROUP", "CREATECONSUMER", key, name, word_of(each)]
    for number, consumer, delivered, times in group["pending"]:
        how = ["TIME", str(delivered), "RETRYCOUNT", str(times), "FORCE", "JUSTID"]
        yield ["XCLAIM", key, name, word_of(consumer), "0", number, *how]


def _without(key: bytes, gone: set[str], entries: Mapping[str, Any], besides: Any) -> Iterator[Words]:
    """Remove again what was put there to be claimed, as the source did: XDEL leaves its mark and XTRIM does not. What
    was trimmed is older than all that is there."""
    deleted = [number for number in gone if _number(number) <= _number(besides["deleted"])]
    for start in range(0, len(deleted), _AT_ONCE):
        yield ["XDEL", key, *deleted[start : start + _AT_ONCE]]
    if len(deleted) < len(gone):
        first = min(entries, key=_number, default=None)
        yield ["XTRIM", key, "MAXLEN", "0"] if first is None else ["XTRIM", key, "MINID", first]


def _document(key: bytes, value: str, _: Any) -> list[Words]:
    return [["JSON.SET", key, "$", value.encode()]]


def _restored(key: bytes, value: Any, _: Any) -> list[Words]:
    return [["RESTORE", key, "0", base64.b64decode(value["dump"], validate=True)]]


_MAKE: Final[Mapping[str, Callable[[bytes, Any, Any], list[Words]]]] = {
    "string": _string,
    "hash": _hash,
    "list": _list,
    "set": _set,
    "zset": _sorted,
    "stream": _stream,
    "ReJSON-RL": _document,
}
"""Functions from a key, its value and what it has besides to commands, by its type."""
TYPES: Final = frozenset(_MAKE)
"""The types that can be made by commands; of any other there is only what DUMP says."""
