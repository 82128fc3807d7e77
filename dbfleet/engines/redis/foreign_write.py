"""Keys of others written as what they are: a copy between two databases of Redis's, or a dump that comes back, keeps
names and types. `sess:abc`, a string, is the string `sess:abc` there, too. Out of a database it comes whole, with its
time to live, a stream's groups, the times to live of a hash's fields; out of a dump it is made by commands.

A schema whose columns have the native types of `redis.foreign` is of this kind. What is made of it is an entry in the
hash KEPT, so that a collection without keys is one; its keys have no index, and are found like those of others. While
it is staged, its name stands before each key.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

from dbfleet.adapter import Rejected, Written
from dbfleet.engines.redis.foreign import Keys, word_of
from dbfleet.engines.redis.keys import belongs, shown, waiting_as
from dbfleet.engines.redis.large import LONGEST, no_room
from dbfleet.engines.redis.wire import ReplyError, Wire
from dbfleet.errors import Unsupported
from dbfleet.values import JSON_NULL, Batch, Column, Row, Schema, float_text, json_text

KEPT: Final = "_dbfleet:keys"
"""The hash of such collections, name -> schema."""
NATIVES: Final = frozenset({"key", "string", "hash field", "type", "any"})

_CHUNK_BYTES: Final = 1 << 20
_LARGE: Final = 4 << 20
_AT_ONCE: Final = 1000
"""Elements of a list or set a command."""

Words = list[Any]


def is_kept(schema: Schema) -> bool:
    """Whether its rows are keys of others."""
    natives = [column.native for column in schema.columns]
    if len(schema.key) != 1 or schema.references or schema.column(schema.key[0]).native != "key":
        return False
    return natives.count("key") == 1 and set(natives) <= NATIVES


def keeps(column: Column) -> bool:
    """EngineSpec.keeps_native: such keys are written as what they were."""
    return column.native in NATIVES


def joined(made: Schema, found: Schema) -> Schema:
    """What it was made as, with what the sample of its keys shows: of hashes, the fields of both."""
    kinds = {column.native for column in (*made.columns, *found.columns)}
    if kinds != {"key", "hash field"}:
        return found
    fields = [column for column in found.columns if column.native == "hash field"]
    if made.key[0] in {column.name for column in fields}:
        return found
    return replace(made, columns=(*made.columns, *(each for each in fields if each.name not in made.names)))


@dataclass(slots=True)
class _Waiting:
    """A row that is to be stored: as the key that it was, where that is known, else by the commands that make it."""

    row: Row
    work: list[Words]
    whole: list[Words] | None = None

    @property
    def commands(self) -> list[Words]:
        return self.whole or self.work

    @property
    def size(self) -> int:
        return sum(len(word) for words in self.commands for word in words if isinstance(word, bytes))


def write(wire: Wire, schema: Schema, batches: Iterable[Batch], *, upsert: bool) -> Written:
    """Unsupported for a key that has no place in this collection."""
    written = Written()
    for batch in batches:
        waiting: list[_Waiting] = []
        size = 0
        for each in _with_keys(batch, schema, _prepared(wire, schema, batch, written, upsert=upsert)):
            waiting.append(each)
            size += each.size
            if size > _CHUNK_BYTES:
                _store(wire, waiting, written)
                waiting, size = [], 0
        _store(wire, waiting, written)
    return written


def _prepared(
    wire: Wire, schema: Schema, batch: Batch, written: Written, *, upsert: bool
) -> Iterator[tuple[bytes, _Waiting]]:
    """The rows that can be keys, by their keys as they are stored."""
    for row, key in _wanted(wire, schema, batch, written, upsert=upsert):
        try:
            work = _work(schema, row, key)
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            written.rejected.append(Rejected(row, f"{shown(key)}: {exc}"))
            continue
        lengths = [len(word) for words in work for word in words if isinstance(word, bytes)]
        if sum(lengths) > _LARGE:
            what = f"the key {shown(key)[:80]}"
            longest = max(lengths)
            why = no_room(wire, what, sum(lengths))
            if longest > LONGEST:
                why = f"{what} has a value of {longest:,} bytes, Redis takes {LONGEST:,}"
            if why:
                written.rejected.append(Rejected(row, why))
                continue
        yield key, _Waiting(row, work)


def _with_keys(batch: Batch, schema: Schema, found: Iterable[tuple[bytes, _Waiting]]) -> Iterator[_Waiting]:
    """The rows, with the keys that they come from, some at a time: what is large would be too much to hold twice, and
    is made by commands."""
    if not isinstance(batch, Keys):
        yield from (waiting for _, waiting in found)
        return
    before = len(waiting_as(schema.name))
    for some in _some(found):
        for values in (True, False):
            mine = [(key, each) for key, each in some if (each.size <= _LARGE) is values]
            for (key, each), whole in zip(
                mine, batch.whole([key[before:] for key, _ in mine], values=values), strict=True
            ):
                if whole.value is not None:
                    each.whole = [["RESTORE", key, str(whole.expires), whole.value, "REPLACE", "ABSTTL"]]
                if whole.expires:
                    each.work.append(["PEXPIREAT", key, str(whole.expires)])
                yield each


def _some(found: Iterable[tuple[bytes, _Waiting]]) -> Iterator[list[tuple[bytes, _Waiting]]]:
    some, size = [], 0
    for key, each in found:
        some.append((key, each))
        size += each.size
        if size > _CHUNK_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _wanted(wire: Wire, schema: Schema, batch: Batch, written: Written, *, upsert: bool) -> Iterable[tuple[Row, bytes]]:
    """The rows that may be stored, by their keys as they are stored; the last of two with one key."""
    before = waiting_as(schema.name)
    (place,) = schema.key_indexes
    found: dict[bytes, Row] = {}
    for row in batch:
        key = row[place] if isinstance(row[place], bytes) else str(row[place]).encode()
        if not before and not belongs(schema.name, key):
            raise Unsupported(
                f"keys that others made keep their names, and {shown(key)} has no place in {schema.name}",
                hint="the collection of a key is what stands before its first colon",
            )
        if before + key in found and not upsert:
            written.rejected.append(Rejected(row, f"ERR {shown(key)} exists"))
        else:
            found[before + key] = row
    if not upsert and found:
        there = wire.ask_all([["EXISTS", key] for key in found])
        for key, is_there in zip(list(found), there, strict=True):
            if is_there:
                written.rejected.append(Rejected(found.pop(key), f"ERR {shown(key)} exists"))
    return [(row, key) for key, row in found.items()]


def _store(wire: Wire, waiting: Sequence[_Waiting], written: Written) -> None:
    """Each row in a transaction of its own. What was another server's key, and is none to this one, is made."""
    packed, counts = [], []
    for each in waiting:
        commands = [["MULTI"], *each.commands, ["EXEC"]]
        packed += list(map(wire.packed, commands))
        counts.append(len(commands))
    found = iter(wire.take(wire.send(b"".join(packed), len(packed))))
    again = []
    for each, count in zip(waiting, counts, strict=True):
        mine = [next(found) for _ in range(count)]
        done = mine[-1] if isinstance(mine[-1], list) else []
        refused = next((str(reply) for reply in chain(mine, done) if isinstance(reply, ReplyError)), None)
        if refused is None:
            written.rows += 1
        elif refused.startswith(("MISCONF ", "READONLY ", "NOREPLICAS ")):
            raise ReplyError(refused)
        elif each.whole is not None and not refused.startswith("OOM "):
            again.append(_Waiting(each.row, each.work))
        elif refused.startswith("NOPERM "):
            raise ReplyError(refused)
        else:
            written.rejected.append(Rejected(each.row, refused))
    if again:
        _store(wire, again, written)


# --- a row as commands ----------------------------------------------------------------------------------------------


def _work(schema: Schema, row: Row, key: bytes) -> list[Words]:
    values = dict(zip(schema.names, row, strict=True))
    by_native = {column.native: column.name for column in schema.columns}
    if "any" in by_native:
        make = _MAKE.get(str(values[by_native["type"]]), _restored)
        return [["DEL", key], *make(key, values[by_native["any"]])]
    if "string" in by_native:
        return [["SET", key, _raw(values[by_native["string"]])]]
    fields = [(each.name.encode(), _raw(values[each.name])) for each in schema.columns
              if each.native == "hash field" and values[each.name] is not None]  # fmt: skip
    if not fields:
        raise ValueError("a hash has one field at least")
    return [["DEL", key], ["HSET", key, *chain.from_iterable(fields)]]


def _raw(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _in_pieces(head: Words, words: Sequence[bytes]) -> list[Words]:
    if not words:
        raise ValueError("it is empty")
    return [[*head, *words[start : start + _AT_ONCE]] for start in range(0, len(words), _AT_ONCE)]


def _pairs(value: Any) -> list[tuple[bytes, Any]]:
    found = value.items() if isinstance(value, Mapping) else value
    return [(word_of(name), each) for name, each in found]


def _string(key: bytes, value: Any) -> list[Words]:
    return [["SET", key, word_of(value)]]


def _hash(key: bytes, value: Any) -> list[Words]:
    return _in_pieces(["HSET", key], [word for name, each in _pairs(value) for word in (name, word_of(each))])


def _list(key: bytes, value: Any) -> list[Words]:
    return _in_pieces(["RPUSH", key], list(map(word_of, value)))


def _set(key: bytes, value: Any) -> list[Words]:
    return _in_pieces(["SADD", key], list(map(word_of, value)))


def _sorted(key: bytes, value: Any) -> list[Words]:
    scored = [(float_text(float(score)).encode(), member) for member, score in _pairs(value)]
    return _in_pieces(["ZADD", key], list(chain.from_iterable(scored)))


def _stream(key: bytes, value: Any) -> list[Words]:
    if not value:  # it has been trimmed to nothing
        return [["XADD", key, "0-1", "x", "x"], ["XDEL", key, "0-1"]]
    return [
        ["XADD", key, number, *(word for name, each in _pairs(entry) for word in (name, word_of(each)))]
        for number, entry in value
    ]


def _document(key: bytes, value: Any) -> list[Words]:
    return [["JSON.SET", key, "$", json_text(JSON_NULL if value is None else value).encode()]]


def _restored(key: bytes, value: Any) -> list[Words]:
    return [["RESTORE", key, "0", base64.b64decode(value["dump"], validate=True)]]


_MAKE: Final[Mapping[str, Callable[[bytes, Any], list[Words]]]] = {
    "string": _string,
    "hash": _hash,
    "list": _list,
    "set": _set,
    "zset": _sorted,
    "stream": _stream,
    "ReJSON-RL": _document,
}
"""From the type and the JSON of `redis.foreign` back to the key."""
