"""A key as a native row: its name, its type, when it ends, its value, and what it has besides.

- `key` is text; in a name that is no UTF-8 each such byte is `\\xff`, and no two keys have one text (`redis.keys`).
- `expires` is the moment in milliseconds since 1970 and not the time that is left, so that it stays the same.
- `value` and `besides` are JSON with one text for equal values, whatever encoding a server keeps them in: hashes and
  sets in the order of bytes, lists and sorted sets in their own. Bytes that are no UTF-8 are `{"base64": …}`.
- `besides` is null but for a hash, whose fields may end, and a stream: its ids, and its groups with what they wait for.
  When a consumer was last seen is no part of it: it changes whenever somebody looks.

Rows that dbfleet keeps in its own way (`redis.values`) are exact in its own types: natively they are what they are.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any, Final

from dbfleet.engines.redis.foreign import pairs, word
from dbfleet.engines.redis.keys import ENDS, name_of, prefix_of
from dbfleet.engines.redis.values import dumps
from dbfleet.values import Column, Row, Schema, Type, json_text, loads_json

_COLUMNS: Final = (
    Column("type", Type.TEXT, False, native="type of the key"),
    Column("expires", Type.INT, True, native=ENDS),
    Column("value", Type.TEXT, False, native="value of the key", shown=Type.JSON),
    Column("besides", Type.TEXT, True, native="what the key has besides", shown=Type.JSON),
)


def schema_of_keys(described: Schema) -> Schema:
    """The native schema of keys that dbfleet did not make, which `describe` tells so."""
    (key,) = described.key
    return Schema(
        described.name, (Column(key, Type.TEXT, False, native="name of the key"), *_COLUMNS), (key,), native=True
    )


def places(schema: Schema) -> list[int]:
    """Where each column of the schema stands in a whole row: key, type, end, value, besides."""
    names = [column.name for column in _COLUMNS]
    return [names.index(name) + 1 if name in names else 0 for name in schema.names]


def whole_row(schema: Schema, row: Row) -> Row:
    """The row with all five columns: key, type, end, value, besides."""
    whole: list[Any] = [None] * (len(_COLUMNS) + 1)
    for value, place in zip(row, places(schema), strict=True):
        whole[place] = value
    return tuple(whole)


def text_of_key(key: bytes) -> str:
    """The key as a row has it."""
    return name_of(key) if key else ""


def key_of_text(text: str) -> bytes:
    """The inverse of `text_of_key`."""
    return prefix_of(text)


# --- replies as canonical text --------------------------------------------------------------------------------------


def words(items: Iterable[bytes]) -> list[Any]:
    """The items as JSON has them."""
    held = list(items)
    try:
        return [item.decode() for item in held]
    except UnicodeDecodeError:
        return [word(item) for item in held]


def mapping(members: Sequence[tuple[bytes, Any]]) -> Any:
    """The members in the order of their names' bytes: an object where all names are text, else pairs."""
    ordered = sorted(members)
    names = words(name for name, _ in ordered)
    values = [value for _, value in ordered]
    held = words(values) if values and isinstance(values[0], bytes) else values
    if all(isinstance(name, str) for name in names):
        return dict(zip(names, held, strict=True))
    return [[name, value] for name, value in zip(names, held, strict=True)]


def score(number: float) -> Any:
    """A score as JSON has it: infinite ones as text."""
    return number if number - number == 0 else repr(number)


def members(reply: Any) -> list[Any]:
    """The members of a sorted set with their scores, in its order."""
    flat: Any = reply if reply and isinstance(reply[0], list) else zip(reply[::2], reply[1::2], strict=True)
    names, scores = zip(*flat, strict=True)
    return [[name, score(float(number))] for name, number in zip(words(names), scores, strict=True)]


def stream(reply: Any) -> tuple[str, str]:
    """A stream's entries, and what it has besides, of what XINFO STREAM FULL says."""
    told: dict[bytes, Any] = dict(pairs(reply))
    entries = [[number.decode(), words(flat)] for number, flat in told[b"entries"]]
    besides: dict[str, Any] = {"last": told[b"last-generated-id"].decode()}
    besides["deleted"] = told.get(b"max-deleted-entry-id", b"0-0").decode()
    besides["added"] = told.get(b"entries-added", len(entries))
    groups = (dict(pairs(group)) for group in told[b"groups"] or ())
    besides["groups"] = [_group(group) for group in sorted(groups, key=lambda group: bytes(group[b"name"]))]
    return dumps(entries), dumps(besides)


def _group(told: dict[bytes, Any]) -> dict[str, Any]:
    consumers = sorted(bytes(dict(pairs(each))[b"name"]) for each in told[b"consumers"] or ())
    return {
        "name": word(told[b"name"]),
        "last": told[b"last-delivered-id"].decode(),
        "read": told.get(b"entries-read"),
        "consumers": words(consumers),
        "pending": [
            [number.decode(), word(consumer), delivered, times]
            for number, consumer, delivered, times in told[b"pending"] or ()
        ],
    }


def text_of(kind: bytes, reply: Any) -> tuple[str, str | None]:
    """The value of a key of this type, by the reply to the command that reads it (`native.read`); what it has besides,
    as far as the reply says it."""
    match kind:
        case b"string":
            return dumps(word(reply)), None
        case b"hash":
            return dumps(mapping(pairs(reply))), None
        case b"list":
            return dumps(words(reply)), None
        case b"set":
            return dumps(words(sorted(reply))), None
        case b"zset":
            return dumps(members(reply)), None
        case b"stream":
            return stream(reply)
        case b"ReJSON-RL":
            return json_text(loads_json(reply.decode())), None
    return dumps({"dump": base64.b64encode(reply).decode()}), None


def ends_of_fields(fields: Sequence[bytes], times: Any) -> str | None:
    """When the fields of a hash end, as far as one does."""
    ends = [(field, end) for field, end in zip(fields, times, strict=True) if isinstance(end, int) and end > 0]
    return dumps({"expires": mapping(ends)}) if ends else None
