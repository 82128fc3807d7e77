"""What keys have besides their values, in words: times to live, and what streams have besides their entries.

Another Redis gets it with the keys (`redis.foreign_write`); another engine does not. INFO keyspace says whether
anything expires at all, so each key is asked only then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from dbfleet.engines.redis.connect import database_number
from dbfleet.engines.redis.foreign import pairs
from dbfleet.engines.redis.wire import ReplyError, Wire
from dbfleet.extras import Native
from dbfleet.target import Target

_NAMES_SHOWN: Final = 5
_FIELDS_EXPIRE: Final = ("subexpiry", "keys_with_volatile_items")
"""What Redis and Valkey call the number of hashes whose fields expire."""


def of_keys(wire: Wire, database: int, pages: Iterable[list[bytes]], before: int = 0) -> tuple[Native, ...]:
    """What these keys have besides their values. The first `before` bytes of a key's name are not told."""
    known = _keyspace(wire, database)
    expire = known is None or known.get("expires", 0) > 0
    fields = known is None or any(known.get(word, 0) > 0 for word in _FIELDS_EXPIRE)
    expiring = hashes = last_ids = 0
    groups: list[str] = []
    for keys in pages:
        if expire:
            expiring += sum(isinstance(left, int) and left >= 0 for left in _asked(wire, "PTTL", keys))
        kinds = dict(zip(keys, _asked(wire, "TYPE", keys), strict=True))
        if fields:
            hashes += sum(_has_expiring_fields(wire, key) for key, kind in kinds.items() if kind == b"hash")
        for key in (key for key, kind in kinds.items() if kind == b"stream"):
            groups += [f"{group} of {key[before:].decode('utf-8', 'backslashreplace')}" for group in _groups(wire, key)]
            last_ids += _ends_elsewhere(wire, key)
    return tuple(
        Native("redis", kind, text, "")
        for many, kind, text in (
            (expiring, "expiration", f"the time to live of {expiring:,} {_plural(expiring, 'key')}"),
            (
                hashes,
                "expiration of fields",
                f"the times to live of fields in {hashes:,} {_plural(hashes, 'hash', 'hashes')}",
            ),
            (len(groups), "consumer group", f"consumer {_plural(len(groups), 'group')} {_first(sorted(groups))}"),
            (last_ids, "last id", f"the last id of {last_ids:,} {_plural(last_ids, 'stream')} that lost newer entries"),
        )
        if many
    )


def of_database(wire: Wire) -> tuple[str, ...]:
    """What the whole server has: libraries of functions."""
    (reply,) = wire.ask_all([["FUNCTION", "LIST"]], keep=True)
    if isinstance(reply, ReplyError) or not reply:
        return ()
    names = sorted(dict(pairs(library))[b"library_name"].decode("utf-8", "replace") for library in reply)
    return (f"{_plural(len(names), 'library', 'libraries')} of functions {_first(names)}",)


def anything_expires(wire: Wire, target: Target) -> bool:
    """Whether some key or field of the database expires, or this user may not ask."""
    known = _keyspace(wire, database_number(target))
    return known is None or any(known.get(word, 0) > 0 for word in ("expires", *_FIELDS_EXPIRE))


def fields_expire(wire: Wire, target: Target) -> bool:
    """Whether some hash has fields that expire, or this user may not ask."""
    known = _keyspace(wire, database_number(target))
    return known is None or any(known.get(word, 0) > 0 for word in _FIELDS_EXPIRE)


def _keyspace(wire: Wire, database: int) -> dict[str, int] | None:
    """What INFO says of the database; None where this user may not ask."""
    (info,) = wire.ask_all([["INFO", "keyspace"]], keep=True)
    if not isinstance(info, bytes):
        return None
    for line in info.decode().splitlines():
        name, _, values = line.partition(":")
        if name == f"db{database}":
            parts = (part.partition("=") for part in values.split(","))
            return {word: int(value) for word, _, value in parts if value.isdecimal()}
    return {}


def _asked(wire: Wire, command: str, keys: list[bytes]) -> list[Any]:
    """The replies to this command, one a key."""
    return wire.ask_all([[command, key] for key in keys], keep=True)


def _has_expiring_fields(wire: Wire, key: bytes) -> bool:
    (names,) = wire.ask_all([["HKEYS", key]], keep=True)
    if isinstance(names, ReplyError) or not names:
        return False
    (times,) = wire.ask_all([["HPTTL", key, "FIELDS", len(names), *names]], keep=True)
    return isinstance(times, list) and any(isinstance(left, int) and left >= 0 for left in times)


def _groups(wire: Wire, key: bytes) -> Iterator[str]:
    (reply,) = wire.ask_all([["XINFO", "GROUPS", key]], keep=True)
    for group in reply if isinstance(reply, list) else ():
        yield dict(pairs(group))[b"name"].decode("utf-8", "backslashreplace")


def _ends_elsewhere(wire: Wire, key: bytes) -> bool:
    """Whether the stream's last id is not that of its last entry: newer entries were removed."""
    info, last = wire.ask_all([["XINFO", "STREAM", key], ["XREVRANGE", key, "+", "-", "COUNT", "1"]], keep=True)
    if isinstance(info, ReplyError) or isinstance(last, ReplyError):
        return False
    last_id: Any = dict(pairs(info)).get(b"last-generated-id")
    return bool(last_id != (last[0][0] if last else b"0-0"))


def _plural(number: int, one: str, many: str | None = None) -> str:
    return one if number == 1 else many or f"{one}s"


def _first(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
