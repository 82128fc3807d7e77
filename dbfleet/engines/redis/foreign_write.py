"""Keys of others written as what they were: a copy to another Redis, or a dump that comes back, keeps names and types.

The string `sess:abc` is the string `sess:abc` there, too. Out of a database each key comes whole: with its time to
live, the groups of a stream, the times to live of a hash's fields. Out of a dump it is made by commands.

A schema is of this kind when its columns have the native types of `redis.foreign`. It is kept in the hash KEPT, so that
a collection without keys is there too. Its keys have no index, and are found like those of others. While the collection
is staged, its name stands before each key.
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
"""The hash of these collections, name -> schema."""
NATIVES: Final = frozenset({"key", "string", "hash field", "type", "any"})

_CHUNK_BYTES: Final = 1 << 20
_LARGE: Final = 4 << 20
_AT_ONCE: Final = 1000
"""Elements of a list or set that one command adds."""

Words = list[Any]
"""A command and its arguments."""


def is_kept(schema: Schema) -> bool:
    """Whether the schema's rows are keys of others."""
    natives = [column.native for column in schema.columns]
    if len(schema.key) != 1 or schema.references or schema.column(schema.key[0]).native != "key":
        return False
    return natives.count("key") == 1 and set(natives) <= NATIVES


def keeps(column: Column) -> bool:
    """EngineSpec.keeps_native: whether the column is one of a key of others, which is written as what it was."""
    return column.native in NATIVES


def joined(made: Schema, sampled: Schema) -> Schema:
    """The schema of a collection that was made as one and whose keys show another: of hashes the fields of both, else
    what the sample shows."""
    kinds = {column.native for column in (*made.columns, *sampled.columns)}
    if kinds != {"key", "hash field"}:
        return sampled
    fields = [column for column in sampled.columns if column.native == "hash field"]
    if made.key[0] in {column.name for column in fields}:
        return sampled
    return replace(made, columns=(*made.columns, *(field for field in fields if field.name not in made.names)))


@dataclass(slots=True)
class _Waiting:
    """A row that is to be stored: as the `whole` key that it was, where that is known, else by the commands of
    `work`."""

    row: Row
    work: list[Words]
    whole: list[Words] | None = None

    @property
    def commands(self) -> list[Words]:
        """What stores the row."""
        return self.whole or self.work

    @property
    def size(self) -> int:
        """The bytes of the commands."""
        return sum(len(word) for words in self.commands for word in words if isinstance(word, bytes))


def write(wire: Wire, schema: Schema, batches: Iterable[Batch], *, upsert: bool) -> Written:
    """Store the rows as keys. Unsupported for a key that has no place in this collection."""
    written = Written()
    for batch in batches:
        waiting: list[_Waiting] = []
        size = 0
        for one in _with_keys(batch, schema, _prepared(wire, schema, batch, written, upsert=upsert)):
            waiting.append(one)
            size += one.size
            if size > _CHUNK_BYTES:
                _store(wire, waiting, written)
                waiting, size = [], 0
        _store(wire, waiting, written)
    return written


def _prepared(
    wire: Wire, schema: Schema, batch: Batch, written: Written, *, upsert: bool
) -> Iterator[tuple[bytes, _Waiting]]:
    """The rows that can be keys, each with its key as it is stored; the others are refused."""
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


def _with_keys(batch: Batch, schema: Schema, rows: Iterable[tuple[bytes, _Waiting]]) -> Iterator[_Waiting]:
    """The rows, with the keys that they come from, a chunk at a time. Without the value of a large key, which would be
    too much to hold twice: that key is made by commands."""
    if not isinstance(batch, Keys):
        yield from (waiting for _, waiting in rows)
        return
    before = len(waiting_as(schema.name))
    for chunk in _chunks(rows):
        for values in (True, False):
            part = [(key, one) for key, one in chunk if (one.size <= _LARGE) is values]
            wholes = batch.whole([key[before:] for key, _ in part], values=values)
            for (key, one), whole in zip(part, wholes, strict=True):
                if whole.value is not None:
                    one.whole = [["RESTORE", key, str(whole.expires), whole.value, "REPLACE", "ABSTTL"]]
                if whole.expires:
                    one.work.append(["PEXPIREAT", key, str(whole.expires)])
                yield one


def _chunks(rows: Iterable[tuple[bytes, _Waiting]]) -> Iterator[list[tuple[bytes, _Waiting]]]:
    """The rows in chunks of about _CHUNK_BYTES."""
    chunk, size = [], 0
    for key, one in rows:
        chunk.append((key, one))
        size += one.size
        if size > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _wanted(wire: Wire, schema: Schema, batch: Batch, written: Written, *, upsert: bool) -> Iterable[tuple[Row, bytes]]:
    """The rows that may be stored, with their keys as they are stored: of an upsert's rows with one key the last, of an
    insert those whose keys are new."""
    before = waiting_as(schema.name)
    (place,) = schema.key_indexes
    wanted: dict[bytes, Row] = {}
    for row in batch:
        key = row[place] if isinstance(row[place], bytes) else str(row[place]).encode()
        if not before and not belongs(schema.name, key):
            raise Unsupported(
                f"keys that others made keep their names, and {shown(key)} has no place in {schema.name}",
                hint="the collection of a key is what stands before its first colon",
            )
        if before + key in wanted and not upsert:
            written.rejected.append(Rejected(row, f"ERR {shown(key)} exists"))
        else:
            wanted[before + key] = row
    if not upsert and wanted:
        counts = wire.ask_all([["EXISTS", key] for key in wanted])
        for key, exists in zip(list(wanted), counts, strict=True):
            if exists:
                written.rejected.append(Rejected(wanted.pop(key), f"ERR {shown(key)} exists"))
    return [(row, key) for key, row in wanted.items()]


def _store(wire: Wire, waiting: Sequence[_Waiting], written: Written) -> None:
    """Store each row in a transaction of its own. A whole key that this server does not take, as it comes from a server
    of another version, is made by commands."""
    packed, counts = [], []
    for one in waiting:
        commands = [["MULTI"], *one.commands, ["EXEC"]]
        packed += list(map(wire.packed, commands))
        counts.append(len(commands))
    replies = iter(wire.take(wire.send(b"".join(packed), len(packed))))
    again = []
    for one, count in zip(waiting, counts, strict=True):
        answers = [next(replies) for _ in range(count)]
        done = answers[-1] if isinstance(answers[-1], list) else []
        refused = next((str(reply) for reply in chain(answers, done) if isinstance(reply, ReplyError)), None)
        if refused is None:
            written.rows += 1
        elif refused.startswith(("MISCONF ", "READONLY ", "NOREPLICAS ")):
            raise ReplyError(refused)
        elif one.whole is not None and not refused.startswith("OOM "):
            again.append(_Waiting(one.row, one.work))
        elif refused.startswith("NOPERM "):
            raise ReplyError(refused)
        else:
            written.rejected.append(Rejected(one.row, refused))
    if again:
        _store(wire, again, written)


# --- a row as commands ----------------------------------------------------------------------------------------------


def _work(schema: Schema, row: Row, key: bytes) -> list[Words]:
    """The commands that make the key. ValueError, TypeError, KeyError or AttributeError for a value that is no such
    key."""
    values = dict(zip(schema.names, row, strict=True))
    by_native = {column.native: column.name for column in schema.columns}
    if "any" in by_native:
        make = _MAKE.get(str(values[by_native["type"]]), _restored)
        return [["DEL", key], *make(key, values[by_native["any"]])]
    if "string" in by_native:
        return [["SET", key, _raw(values[by_native["string"]])]]
    fields = [(column.name.encode(), _raw(values[column.name])) for column in schema.columns
              if column.native == "hash field" and values[column.name] is not None]  # fmt: skip
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
    members = value.items() if isinstance(value, Mapping) else value
    return [(word_of(name), item) for name, item in members]


def _string(key: bytes, value: Any) -> list[Words]:
    return [["SET", key, word_of(value)]]


def _hash(key: bytes, value: Any) -> list[Words]:
    return _in_pieces(["HSET", key], [word for name, item in _pairs(value) for word in (name, word_of(item))])


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
        ["XADD", key, number, *(word for name, item in _pairs(entry) for word in (name, word_of(item)))]
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
"""Functions from a key and its JSON, as `redis.foreign` makes it, to the commands that make the key, by its type."""
