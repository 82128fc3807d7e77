"""What a command's reply is as records.

- A list, an array or a set: a record `value` for each element (`key` for KEYS, `field` for HKEYS). Elements come as the
  server sends them, so memory is flat here; the server itself holds one reply whole, so a key of ten million elements
  is better read in slices.
- A map (HGETALL, CONFIG GET, XREAD …): one record with its fields. An empty one is no record.
- HMGET: one record, its fields named as they were asked for.
- SORT … GET p1 GET p2: a record for each element, `orders:*->total` named `total`, `#` named `value`. So
  `SORT orders BY nosort GET # GET orders:*->total` reads a collection of dbfleet's like a table.
- WITHSCORES: records of `value` and `score`; HRANDFIELD … WITHVALUES: of `field` and `value`; XRANGE: of `id` and
  `fields`. SCAN and its like: one record of `cursor` and `keys` (`values`, `fields`).
- Anything else, nil too: one record `value`. EXEC gives one for each of its commands.

Numbers, booleans and NULL are what RESP3 says they are; everything else is text, or bytes where it is no UTF-8. What is
nested is JSON, and bytes in there are base64.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbfleet.adapter import ResultColumn
from dbfleet.engines.redis.wire import Pending, ReplyError, Wire
from dbfleet.values import Batch, bytes_text

ENDLESS: Final = {
    "SUBSCRIBE": "its messages never end",
    "PSUBSCRIBE": "its messages never end",
    "SSUBSCRIBE": "its messages never end",
    "MONITOR": "its lines never end",
    "SYNC": "it makes this connection a replica",
    "PSYNC": "it makes this connection a replica",
    "REPLCONF": "it is for replicas",
    "CLIENT REPLY": "replies that do not come cannot be waited for",
    "QUIT": "there is nothing to quit",
}
"""Commands that `query` refuses, and why."""

SESSION: Final = {
    "SELECT", "MULTI", "WATCH", "AUTH", "HELLO", "RESET", "CLIENT", "READONLY", "READWRITE", "ASKING",
}  # fmt: skip
"""Commands after which the connection is no longer what `connect` made."""

SCRIPTS: Final = {"EVAL", "EVAL_RO", "EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO"}

_NAMED: Final = {"KEYS": "key", "HKEYS": "field"}
_SCANS: Final = {"SCAN": "keys", "SSCAN": "values", "HSCAN": "fields", "ZSCAN": "values"}
_MAPS: Final = {"HGETALL", "CONFIG"}
"""Flat pairs where the server speaks RESP2 only."""


def endless(words: Sequence[bytes]) -> str | None:
    """Why `query` refuses this command; None where it does not."""
    name = words[0].decode("latin-1").upper()
    second = words[1].decode("latin-1").upper() if len(words) > 1 else ""
    return ENDLESS.get(name) or ENDLESS.get(f"{name} {second}")


@dataclass(frozen=True, slots=True)
class Shape:
    """How replies become rows: `width` replies a row, or `make` for what is not so plain."""

    columns: tuple[str, ...] = ("value",)
    documents: bool = False
    width: int = 1
    nested: bool = False  # each reply is a list of the row's values
    whole: Callable[[list[Any]], Batch] | None = None  # all replies at once


def shape(words: Sequence[bytes], kind: str) -> Shape:
    """The shape of the reply to this command, whose Pending is of this kind."""
    name, rest = words[0].decode("latin-1").upper(), [word.decode("latin-1").upper() for word in words[1:]]
    if kind == "%" or (kind == "*" and name in _MAPS and rest[:1] != ["SET"]):
        return Shape(("document",), documents=True, whole=_document)
    if kind == "":
        return Shape()
    if name in _SCANS:
        pairs = (name == "HSCAN" and "NOVALUES" not in rest) or name == "ZSCAN"
        return Shape(("cursor", _SCANS[name]), whole=_paired_scan if pairs else _scan)
    if name == "HMGET":
        return Shape(tuple(word.decode("utf-8", "replace") for word in words[2:]), width=len(words) - 2)
    if name in ("SORT", "SORT_RO"):
        patterns = [words[place + 2] for place, word in enumerate(rest[:-1]) if word == "GET" and place]
        if patterns:
            return Shape(tuple(map(_pattern_name, patterns)), width=len(patterns))
    if "WITHSCORES" in rest or name in ("ZPOPMIN", "ZPOPMAX"):
        return Shape(("value", "score"), width=2, nested=True)
    if name == "HRANDFIELD" and "WITHVALUES" in rest:
        return Shape(("field", "value"), width=2, nested=True)
    if name in ("XRANGE", "XREVRANGE"):
        return Shape(("id", "fields"), whole=_entries)
    return Shape((_NAMED.get(name, "value"),))


def columns(found: Shape) -> tuple[ResultColumn, ...]:
    return tuple(map(ResultColumn, found.columns))


def batches(wire: Wire, pending: Pending, found: Shape, name: str, size: int) -> Generator[Batch]:
    """The rows of a reply, as they come. A map's and a SCAN's are one batch, made when all of it is here."""
    try:
        if found.whole:
            replies = [plain(reply) for reply in _checked(wire.take(pending), name, 0)]
            rows = found.whole(replies)
            if rows:
                yield rows
            return
        taken = 0
        while replies := wire.take(pending, size * found.width):
            yield _rows(_checked(replies, name, taken), found)
            taken += len(replies)
    finally:
        pending.drop()


def plain(value: Any) -> Any:
    """A reply's element as a value: text, or bytes where it is no UTF-8; what is nested as JSON."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogateescape")
        return value
    return _nested(value) if isinstance(value, list | dict | ReplyError) else value


def _nested(value: Any) -> Any:
    if isinstance(value, list):
        return [_nested(each) for each in value]
    if isinstance(value, dict):
        return {_word(key): _nested(each) for key, each in value.items()}
    if isinstance(value, ReplyError):
        return {"error": str(value)}
    value = plain(value)
    return bytes_text(value) if isinstance(value, bytes) else value


def _word(key: Any) -> str:
    key = _nested(key)
    return key if isinstance(key, str) else str(key)


def _checked(replies: list[Any], name: str, before: int) -> list[Any]:
    """The replies of a transaction hold the errors of its commands; the others were executed."""
    if ReplyError in set(map(type, replies)):
        place, reply = next((place, each) for place, each in enumerate(replies, 1) if isinstance(each, ReplyError))
        raise ReplyError(f"{reply} (reply {before + place} of {name}; the others stand)")
    return replies


def _rows(replies: list[Any], found: Shape) -> Batch:
    if found.nested and isinstance(replies[0], list):
        return [tuple(map(plain, reply)) for reply in replies]
    try:
        # All text or NULL, and valid: judged in C, 40 ns a value instead of 300.
        "".join(filter(None, replies)).encode()
    except (TypeError, UnicodeEncodeError):
        replies = list(map(plain, replies))
    return list(zip(*[iter(replies)] * found.width, strict=False))


def _document(replies: list[Any]) -> Batch:
    record = {_word(key): value for key, value in zip(replies[::2], replies[1::2], strict=True)}
    return [(record,)] if record else []


def _scan(replies: list[Any]) -> Batch:
    return [tuple(replies)]


def _paired_scan(replies: list[Any]) -> Batch:
    cursor, flat = replies
    return [(cursor, {_word(key): value for key, value in zip(flat[::2], flat[1::2], strict=True)})]


def _entries(replies: list[Any]) -> Batch:
    found: Batch = []
    for identity, flat in replies:
        pairs = {} if flat is None else dict(zip(map(_word, flat[::2]), flat[1::2], strict=True))
        found.append((identity, pairs))
    return found


def _pattern_name(pattern: bytes) -> str:
    text = pattern.decode("utf-8", "replace")
    return "value" if text == "#" else text.rpartition("->")[2]
