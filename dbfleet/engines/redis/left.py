"""What keys have besides their values, in words: what expires, and what streams have besides their entries. Another
Redis gets it with the keys (redis.foreign_write); nothing else does.

The numbers of INFO keyspace say at once whether anything expires at all; only then is each key asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from dbfleet.engines.redis.wire import ReplyError, Wire
from dbfleet.extras import Native

_NAMES_SHOWN: Final = 5
_FIELDS_EXPIRE: Final = ("subexpiry", "keys_with_volatile_items")
"""As Redis and Valkey call the number of hashes that have fields which expire."""


def of_keys(wire: Wire, database: int, pages: Iterable[list[bytes]], before: int = 0) -> tuple[Native, ...]:
    """Of these keys, of whose names so many bytes are not told."""
    known = _keyspace(wire, database)
    expire = known is None or known.get("expires", 0) > 0
    fields = known is None or any(known.get(word, 0) > 0 for word in _FIELDS_EXPIRE)
    mortal = hashes = last_ids = 0
    groups: list[str] = []
    for keys in pages:
        if expire:
            mortal += sum(isinstance(left, int) and left >= 0 for left in _each(wire, ["PTTL"], keys))
        kinds = dict(zip(keys, _each(wire, ["TYPE"], keys), strict=True))
        if fields:
            hashes += sum(_has_mortal_fields(wire, key) for key, kind in kinds.items() if kind == b"hash")
        for key in (key for key, kind in kinds.items() if kind == b"stream"):
            groups += [f"{found} of {key[before:].decode('utf-8', 'backslashreplace')}" for found in _groups(wire, key)]
            last_ids += _ends_elsewhere(wire, key)
    return tuple(
        Native("redis", kind, text, "")
        for many, kind, text in (
            (mortal, "expiration", f"the time to live of {mortal:,} {_plural(mortal, 'key')}"),
            (
                hashes,
                "expiration of fields",
                f"the times to live of fields in {hashes:,} {_plural(hashes, 'hash', 'hashes')}",
            ),
            (len(groups), "consumer group", f"consumer {_plural(len(groups), 'group')} {_some(sorted(groups))}"),
            (last_ids, "last id", f"the last id of {last_ids:,} {_plural(last_ids, 'stream')} that lost newer entries"),
        )
        if many
    )


def of_database(wire: Wire) -> tuple[str, ...]:
    """Of the whole server: libraries of functions."""
    (found,) = wire.ask_all([["FUNCTION", "LIST"]], keep=True)
    if isinstance(found, ReplyError) or not found:
        return ()
    flat = [each if isinstance(each, dict) else dict(zip(each[::2], each[1::2], strict=True)) for each in found]
    names = sorted(each[b"library_name"].decode("utf-8", "replace") for each in flat)
    return (f"{_plural(len(names), 'library', 'libraries')} of functions {_some(names)}",)


def _keyspace(wire: Wire, database: int) -> dict[str, int] | None:
    """What INFO says of the database; None where it may not be asked."""
    (info,) = wire.ask_all([["INFO", "keyspace"]], keep=True)
    if not isinstance(info, bytes):
        return None
    for line in info.decode().splitlines():
        name, _, values = line.partition(":")
        if name == f"db{database}":
            parts = (each.partition("=") for each in values.split(","))
            return {word: int(value) for word, _, value in parts if value.isdecimal()}
    return {}


def _each(wire: Wire, words: list[Any], keys: list[bytes]) -> list[Any]:
    return wire.ask_all([[*words, key] for key in keys], keep=True)


def _has_mortal_fields(wire: Wire, key: bytes) -> bool:
    (names,) = wire.ask_all([["HKEYS", key]], keep=True)
    if isinstance(names, ReplyError) or not names:
        return False
    (found,) = wire.ask_all([["HPTTL", key, "FIELDS", len(names), *names]], keep=True)
    return isinstance(found, list) and any(isinstance(left, int) and left >= 0 for left in found)


def _groups(wire: Wire, key: bytes) -> Iterator[str]:
    (found,) = wire.ask_all([["XINFO", "GROUPS", key]], keep=True)
    for each in found if isinstance(found, list) else ():
        group = each if isinstance(each, dict) else dict(zip(each[::2], each[1::2], strict=True))
        yield group[b"name"].decode("utf-8", "backslashreplace")


def _ends_elsewhere(wire: Wire, key: bytes) -> bool:
    """Whether the stream's next entry would come behind another than its last."""
    info, last = wire.ask_all([["XINFO", "STREAM", key], ["XREVRANGE", key, "+", "-", "COUNT", "1"]], keep=True)
    if isinstance(info, ReplyError) or isinstance(last, ReplyError):
        return False
    known = info if isinstance(info, dict) else dict(zip(info[::2], info[1::2], strict=True))
    return bool(known.get(b"last-generated-id") != (last[0][0] if last else b"0-0"))


def _plural(number: int, one: str, many: str | None = None) -> str:
    return one if number == 1 else many or f"{one}s"


def _some(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
