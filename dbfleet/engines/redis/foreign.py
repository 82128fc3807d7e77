"""Keys that dbfleet did not make, as rows: each key is a row of its collection (`redis.keys` has the names).

- Where all keys are hashes, the columns are `key` and one for each field. Where all are strings, they are `key` and
  `value`. In any other case, also for hashes of more than MOST_FIELDS different fields, they are `key`, `type` and
  `value`, which is json (`_JSON`).
- A column is text; it is bytes where the sample holds a value that is no UTF-8. In json such a value is
  `{"base64": …}`.
- The columns come from a sample of keys, and say so where there are more keys; the type is asked of every key
  (`_other_types`). A scan that meets what the sample did not show (a field, bytes in text) stops with an error, so
  nothing is lost in silence.
- The native types say what a column is: "key", "string", "hash field", "type", "any". By them `foreign_write` makes the
  keys again.
- A batch knows its keys (`Keys`), so that another Redis gets each key whole, with what no column says.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbfleet.engines.redis import sizes
from dbfleet.engines.redis.keys import keys_of, shown, waiting_as
from dbfleet.engines.redis.wire import ReplyError, Wire
from dbfleet.errors import StatementError
from dbfleet.values import Batch, Column, Row, Schema, Type, loads_json

SAMPLE: Final = 1000
"""How many keys are looked at."""
SAMPLE_PIECES: Final = 8
"""How many pieces of BATCH_BYTES are looked at, at most: a sample of large values has fewer keys."""
MOST_FIELDS: Final = 200
_PATIENCE_S: Final = 20.0
NOTE: Final = f"by a sample of {SAMPLE} keys"
ANY_NOTE: Final = "the whole value, as json"


# --- describing ---------------------------------------------------------------------------------------------------


def described(
    wire: Wire, name: str, ours: Collection[str], first: Sequence[bytes] | None = None, *, every: bool = False
) -> Schema | None:
    """The schema that a sample of the keys shows (the `first`, where they are known); None where there is no key.
    `every`: the types of all keys are looked at, while that takes no longer than some seconds."""
    keys: list[bytes] = list(first or ())
    for page in () if first else keys_of(wire, name, ours):
        keys += page[: SAMPLE + 1 - len(keys)]
        if len(keys) > SAMPLE:
            break
    note = NOTE if len(keys) > SAMPLE else None
    del keys[SAMPLE:]
    kinds = set(wire.ask_all([["TYPE", key] for key in keys]))
    kinds.discard(b"none")
    if not kinds:
        return None
    if every and note and len(kinds) == 1:
        kinds |= _other_types(wire, name, ours, kinds)
    columns: list[Column] | None = None
    if kinds == {b"string"}:
        pieces, whole = _sampled(wire, "GET", keys)
        text = all(all(map(_is_text, values)) for values in pieces)
        kind = Type.TEXT if text else Type.BYTES
        columns = [Column("value", kind, False, native="string", note=note if whole else NOTE)]
    elif kinds == {b"hash"}:
        pieces, whole = _sampled(wire, "HGETALL", keys)
        columns = _hash_columns(pieces, note if whole else NOTE)
    if columns is None:
        columns = [
            Column("type", Type.TEXT, False, native="type"),
            Column("value", Type.JSON, False, native="any", note=ANY_NOTE),
        ]
    key_name = "key"
    while key_name in {column.name for column in columns}:
        key_name = "_" + key_name
    kind = Type.TEXT if all(map(_is_text, keys)) else Type.BYTES
    return Schema(name, (Column(key_name, kind, False, native="key"), *columns), (key_name,))


def _other_types(wire: Wire, name: str, ours: Collection[str], known: set[bytes]) -> set[bytes]:
    """The types of keys besides the known one, of the first page that has any. A walk over all keys: 3 µs each."""
    give_up = time.monotonic() + _PATIENCE_S
    for page in keys_of(wire, name, ours):
        others = set(wire.ask_all([["TYPE", key] for key in page])) - known - {b"none"}
        if others or time.monotonic() > give_up:
            return others
    return set()


def _sampled(wire: Wire, command: str, keys: Sequence[bytes]) -> tuple[Iterator[list[Any]], bool]:
    """The values of the keys, a piece at a time, and whether the sample has all of them. A key whose type has changed
    meanwhile gives none."""
    pieces = list(sizes.cut(wire, sizes.ask(wire, keys), keys))

    def values() -> Iterator[list[Any]]:
        for piece in pieces[:SAMPLE_PIECES]:
            replies = wire.ask_all([[command, key] for key in piece], keep=True)
            yield [reply for reply in replies if not isinstance(reply, ReplyError)]

    return values(), len(pieces) <= SAMPLE_PIECES


def _hash_columns(pieces: Iterator[list[Any]], note: str | None) -> list[Column] | None:
    """A column for each field of the hashes; None where they have too many fields, or a field that is no text."""
    texts: dict[bytes, bool] = {}
    for hashes in pieces:
        for reply in hashes:
            for field, value in pairs(reply):
                texts[field] = texts.get(field, True) and _is_text(value)
            if len(texts) > MOST_FIELDS:
                return None
    if not all(map(_is_text, texts)):
        return None
    return [
        Column(field.decode(), Type.TEXT if text else Type.BYTES, native="hash field", note=note)
        for field, text in texts.items()
    ]


def _is_text(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def pairs(reply: Any) -> list[tuple[bytes, bytes]]:
    """The names and values of a map, which RESP2 gives as a flat list."""
    return list(reply.items()) if isinstance(reply, dict) else list(zip(reply[::2], reply[1::2], strict=True))


# --- whole keys -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Whole:
    """A key as the server gives and takes it: its value with all that belongs to it, and when it expires, in
    milliseconds since 1970 (0: never). `value` is None where the server does not give it, or was not asked."""

    value: bytes | None
    expires: int


class Keys(list[Row]):
    """A batch of rows, and the keys that they were read from."""

    __slots__ = ("_before", "_wire")

    def __init__(self, rows: Iterable[Row], wire: Wire, before: bytes) -> None:
        super().__init__(rows)
        self._wire = wire
        self._before = before

    def whole(self, names: Sequence[bytes], *, values: bool) -> list[Whole]:
        """These of the batch's keys, as they are now; with `values` false only when each expires."""
        commands = [["PEXPIRETIME", self._before + name] for name in names]
        if values:
            commands += [["DUMP", self._before + name] for name in names]
        replies = self._wire.ask_all(commands, keep=True)
        ends = [reply if isinstance(reply, int) and reply > 0 else 0 for reply in replies[: len(names)]]
        dumps = [reply if isinstance(reply, bytes) else None for reply in replies[len(names) :]]
        return [Whole(value, end) for value, end in zip(dumps or [None] * len(names), ends, strict=True)]


# --- reading ------------------------------------------------------------------------------------------------------


class Reader:
    """Rows of keys that dbfleet did not make, by their keys. `schema` has the wanted columns, `known` all of them."""

    def __init__(self, wire: Wire, schema: Schema, known: Schema) -> None:
        self._wire = wire
        self._waiting = waiting_as(schema.name)
        self._before = len(self._waiting)
        natives = {column.name: column.native for column in known.columns}
        if any(column.native == "any" for column in schema.columns):  # described with the types of all keys
            natives = {column.name: column.native for column in schema.columns}
        missing = [name for name in schema.names if name not in natives]
        if missing:
            raise StatementError(f"no column {missing[0]} in the keys {schema.name}:*")
        self._columns = [(column, natives[column.name]) for column in schema.columns]
        self._known = {column.name.encode() for column in known.columns}
        kinds = set(natives.values())
        self._read: Callable[[list[bytes]], Iterator[dict[str | None, Any] | None]] = (
            self._strings if "string" in kinds else self._anything if "any" in kinds else self._hashes
        )

    def batches(self, keys: Sequence[bytes]) -> Iterator[Batch]:
        """The rows of these keys, in batches that are bounded in bytes. A key that is gone gives none."""
        for piece in sizes.cut(self._wire, sizes.ask(self._wire, keys), keys):
            if batch := self._rows(piece):
                yield Keys(batch, self._wire, self._waiting)

    def _rows(self, keys: list[bytes]) -> Batch:
        values_of = zip(keys, self._read(keys), strict=True)
        return [self._row(key, values) for key, values in values_of if values is not None]

    def _row(self, key: bytes, values: dict[str | None, Any]) -> Row:
        row = []
        name = key[self._before :]
        for column, native in self._columns:
            value = name if native == "key" else values.get(column.name if native == "hash field" else native)
            if isinstance(value, bytes) and column.type is Type.TEXT:
                try:
                    value = value.decode()
                except UnicodeDecodeError:
                    raise _surprise(key, f"bytes in {column.name} that are no text") from None
            row.append(value)
        return tuple(row)

    def _strings(self, keys: list[bytes]) -> Iterator[dict[str | None, Any] | None]:
        for key, value in zip(keys, self._wire.ask_all([["GET", key] for key in keys], keep=True), strict=True):
            if isinstance(value, ReplyError):
                raise _surprise(key, "another type than string")
            yield None if value is None else {"string": value}

    def _hashes(self, keys: list[bytes]) -> Iterator[dict[str | None, Any] | None]:
        for key, reply in zip(keys, self._wire.ask_all([["HGETALL", key] for key in keys], keep=True), strict=True):
            if isinstance(reply, ReplyError):
                raise _surprise(key, "another type than hash")
            fields = dict(pairs(reply))
            for field in fields:
                if field not in self._known:
                    raise _surprise(key, f"the field {shown(field)}")
            yield {field.decode(): value for field, value in fields.items()} if fields else None

    def _anything(self, keys: list[bytes]) -> Iterator[dict[str | None, Any] | None]:
        kinds = self._wire.ask_all([["TYPE", key] for key in keys])
        asked = [(_JSON.get(kind) or _OTHER)[0] for kind in kinds]
        replies = self._wire.ask_all([[words[0], key, *words[1:]] for words, key in zip(asked, keys, strict=True)])
        for kind, reply in zip(kinds, replies, strict=True):
            gone = kind == b"none" or reply is None
            yield None if gone else {"type": kind, "any": (_JSON.get(kind) or _OTHER)[1](reply)}


# --- values of any type as JSON -------------------------------------------------------------------------------------


def word(value: bytes) -> Any:
    """The inverse of `word_of`."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def word_of(value: Any) -> bytes:
    """The bytes of a word in the JSON: text, or `{"base64": …}`. ValueError for anything else."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and list(value) == ["base64"]:
        return base64.b64decode(value["base64"], validate=True)
    raise ValueError(f"neither text nor base64: {value!r}")


def _mapping(members: Sequence[tuple[bytes, Any]]) -> Any:
    """The members as an object; as an array of pairs where a name stands twice (in an entry of a stream) or is no
    text."""
    words = [(word(name), value) for name, value in members]
    if all(isinstance(name, str) for name, _ in words) and len({name for name, _ in words}) == len(words):
        return dict(words)
    return [list(pair) for pair in words]


def _set(reply: Any) -> Any:
    return [word(member) for member in sorted(reply)]


def _members(reply: Any) -> Any:
    flat = reply if reply and isinstance(reply[0], list) else list(zip(reply[::2], reply[1::2], strict=True))
    return _mapping([(member, float(score)) for member, score in flat])


def _stream(reply: Any) -> Any:
    return [[number.decode(), _mapping([(k, word(v)) for k, v in pairs(flat)])] for number, flat in reply]


_JSON: Final[dict[bytes, tuple[tuple[str, ...], Callable[[Any], Any]]]] = {
    b"string": (("GET",), word),
    b"hash": (("HGETALL",), lambda reply: _mapping([(k, word(v)) for k, v in pairs(reply)])),
    b"list": (("LRANGE", "0", "-1"), lambda reply: [word(element) for element in reply]),
    b"set": (("SMEMBERS",), _set),
    b"zset": (("ZRANGE", "0", "-1", "WITHSCORES"), _members),
    b"stream": (("XRANGE", "-", "+"), _stream),
    b"ReJSON-RL": (("JSON.GET",), lambda reply: loads_json(reply.decode())),
}
"""The command that reads a key of the type, and the JSON of its reply."""
_OTHER: Final[tuple[tuple[str, ...], Callable[[Any], Any]]] = (
    ("DUMP",),
    lambda reply: {"dump": base64.b64encode(reply).decode()},
)
"""The same for every other type (vector sets, filters, series): outside of Redis it has no form but Redis's own."""


def _surprise(key: bytes, what: str) -> StatementError:
    return StatementError(
        f"the key {shown(key)} holds {what}: the sample of {SAMPLE} keys did not show that",
        hint="read it with query, or delete or rename what does not belong there",
    )
