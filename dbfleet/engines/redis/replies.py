"""What a command's reply is as records.

- An array or a set gives a record `value` for each element (`key` for KEYS, `field` for HKEYS). Elements come as the
  server sends them, so memory is flat here. The server itself holds the whole reply, so a key of ten million elements
  is better read in slices.
- A map (HGETALL, CONFIG GET, XREAD …) gives one record with its fields; an empty map gives none.
- HMGET gives one record, whose fields have the names that were asked for.
- SORT … GET p1 GET p2 gives a record for each element: `orders:*->total` is its field `total`, `#` its field `value`.
  So `SORT orders BY nosort GET # GET orders:*->total` reads a collection of dbfleet's like a table.
- WITHSCORES gives records of `value` and `score`, HRANDFIELD … WITHVALUES of `field` and `value`, XRANGE of `id` and
  `fields`. SCAN and its like give one record of `cursor` and `keys` (`values`, `fields`).
- Anything else, nil too, gives one record `value`. EXEC gives one for each of its commands.

Numbers, booleans and NULL are what RESP3 says they are. Everything else is text, or bytes where it is no UTF-8. What is
nested is JSON, and bytes in it are base64.
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
    "CLIENT REPLY": "it turns off the replies, and query waits for them",
    "QUIT": "query ends the connection by itself",
}
"""Commands that `query` refuses, and why."""

SESSION: Final = {
    "SELECT", "MULTI", "WATCH", "AUTH", "HELLO", "RESET", "CLIENT", "READONLY", "READWRITE", "ASKING",
}  # fmt: skip
"""Commands after which the connection is no longer what `connect` made."""

SCRIPTS: Final = {"EVAL", "EVAL_RO", "EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO"}
"""Commands that run a script or a function."""

_NAMED: Final = {"KEYS": "key", "HKEYS": "field"}
_SCANS: Final = {"SCAN": "keys", "SSCAN": "values", "HSCAN": "fields", "ZSCAN": "values"}
_MAPS: Final = {"HGETALL", "CONFIG"}
"""Commands whose map is a flat list where the server speaks RESP2 only."""


def endless(words: Sequence[bytes]) -> str | None:
    """Why `query` refuses this command; None where it does not."""
    name = words[0].decode("latin-1").upper()
    second = words[1].decode("latin-1").upper() if len(words) > 1 else ""
    return ENDLESS.get(name) or ENDLESS.get(f"{name} {second}")


@dataclass(frozen=True, slots=True)
class Shape:
    """How replies become rows: each `width` replies are a row, or `whole` makes rows of all of them."""

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


def columns(form: Shape) -> tuple[ResultColumn, ...]:
    """The columns of the result."""
    return tuple(map(ResultColumn, form.columns))


def batches(wire: Wire, pending: Pending, form: Shape, name: str, size: int) -> Generator[Batch]:
    """The rows of a reply, as they come. Those of a map or a SCAN are one batch, made when all of it is here."""
    try:
        if form.whole:
            replies = [plain(reply) for reply in _checked(wire.take(pending), name, 0)]
            rows = form.whole(replies)
            if rows:
                yield rows
            return
        taken = 0
        while replies := wire.take(pending, size * form.width):
            yield _rows(_checked(replies, name, taken), form)
            taken += len(replies)
    finally:
        pending.drop()


def plain(value: Any) -> Any:
    """An element of a reply as a value: text, or bytes where it is no UTF-8. What is nested becomes JSON."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogateescape")
        return value
    return _nested(value) if isinstance(value, list | dict | ReplyError) else value


def _nested(value: Any) -> Any:
    if isinstance(value, list):
        return [_nested(item) for item in value]
    if isinstance(value, dict):
        return {_word(key): _nested(item) for key, item in value.items()}
    if isinstance(value, ReplyError):
        return {"error": str(value)}
    value = plain(value)
    return bytes_text(value) if isinstance(value, bytes) else value


def _word(key: Any) -> str:
    key = _nested(key)
    return key if isinstance(key, str) else str(key)


def _checked(replies: list[Any], name: str, before: int) -> list[Any]:
    """The replies, if none is an error. Those of a transaction hold the errors of its commands; its other commands were
    executed."""
    if ReplyError in set(map(type, replies)):
        numbered = enumerate(replies, 1)
        place, reply = next((place, reply) for place, reply in numbered if isinstance(reply, ReplyError))
        raise ReplyError(f"{reply} (reply {before + place} of {name}; the others stand)")
    return replies


def _rows(replies: list[Any], form: Shape) -> Batch:
    if form.nested and isinstance(replies[0], list):
        return [tuple(map(plain, reply)) for reply in replies]
    try:
        # Are all of them valid text or NULL? Asked so, in C, it takes 40 ns a value instead of 300.
        "".join(filter(None, replies)).encode()
    except (TypeError, UnicodeEncodeError):
        replies = list(map(plain, replies))
    return list(zip(*[iter(replies)] * form.width, strict=False))


def _document(replies: list[Any]) -> Batch:
    record = {_word(key): value for key, value in zip(replies[::2], replies[1::2], strict=True)}
    return [(record,)] if record else []


def _scan(replies: list[Any]) -> Batch:
    return [tuple(replies)]


def _paired_scan(replies: list[Any]) -> Batch:
    cursor, flat = replies
    return [(cursor, {_word(key): value for key, value in zip(flat[::2], flat[1::2], strict=True)})]


def _entries(replies: list[Any]) -> Batch:
    rows: Batch = []
    for identity, flat in replies:
        pairs = {} if flat is None else dict(zip(map(_word, flat[::2]), flat[1::2], strict=True))
        rows.append((identity, pairs))
    return rows


def _pattern_name(pattern: bytes) -> str:
    text = pattern.decode("utf-8", "replace")
    return "value" if text == "#" else text.rpartition("->")[2]
