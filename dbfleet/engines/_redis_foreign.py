"""Keys that dbfleet did not make, as collections: those with the same prefix before their first `:` are one.

- `user:1`, `user:2` are the collection `user`; keys without a `:` are the collection `:`. A row is a key.
- All hashes: a column `key` and one for each field. All strings: `key` and `value`. Anything else, or hashes of more
  than MOST_FIELDS different fields: `key`, `type` and `value` as json (lists and sets as arrays, sorted sets as objects
  of member and score, streams as arrays of [id, fields]).
- Values are text; bytes where the sample holds one that is no UTF-8.
- The columns come from a sample of keys. A scan that meets what the sample did not show (a field, a type, bytes in
  text) stops with an error: nothing is lost in silence.
- SCAN may give a key twice while the keyspace grows or shrinks. A scan remembers the keys that it gave, about 100 bytes
  each: the one thing here that is not flat in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from dbfleet.engines import _redis_sizes as sizes
from dbfleet.engines._redis_wire import ReplyError, Wire
from dbfleet.errors import StatementError, Unsupported
from dbfleet.values import Batch, Column, Row, Schema, Type

UNPREFIXED: Final = ":"
"""The collection of the keys without a `:`; no prefix can be called so."""
SAMPLE: Final = 1000
MOST_FIELDS: Final = 200
SCAN_COUNT: Final = 1000

_SPECIAL: Final = str.maketrans({char: "\\" + char for char in "*?[]\\"})


def scanned(wire: Wire, pattern: str | None = None, count: int = SCAN_COUNT) -> Iterator[list[bytes]]:
    """All keys that match, some of them twice where the keyspace changes. One page is on its way while one is used."""
    cursor, words = b"0", ["MATCH", pattern] if pattern is not None else []
    pending = wire.send(wire.packed(["SCAN", cursor, *words, "COUNT", count]))
    try:
        while True:
            (reply,) = wire.take(pending)
            if isinstance(reply, ReplyError):
                raise reply
            cursor, keys = reply
            if cursor == b"0":
                yield keys
                return
            pending = wire.send(wire.packed(["SCAN", cursor, *words, "COUNT", count]))
            yield keys
    finally:
        pending.drop()


def literal(text: str) -> str:
    """A pattern that matches this text only."""
    return text.translate(_SPECIAL)


def prefixes(wire: Wire, ours: set[str]) -> set[str]:
    """The collections that the keyspace holds beside dbfleet's own, whose indexes are `ours`."""
    found: set[str] = set()
    own = {each.encode() for each in ours} | {b"_dbfleet"}
    for keys in scanned(wire, count=5000):
        # Most keyspaces are all ours: 0.2 µs a key.
        if not {key.partition(b":")[0] for key in keys} <= own:
            for key in keys:
                prefix, colon, _ = key.partition(b":")
                if prefix not in own:
                    found.add(prefix.decode("utf-8", "backslashreplace") if colon and prefix else UNPREFIXED)
    return found


def keys_of(wire: Wire, name: str, ours: set[str]) -> Iterator[list[bytes]]:
    """The collection's keys, each once; `ours` are the indexes of dbfleet's own collections."""
    seen: set[bytes] = set()
    pattern = None if name == UNPREFIXED else literal(name) + ":*"
    own = {each.encode() for each in ours} | {b"_dbfleet"}
    for keys in scanned(wire, pattern):
        if pattern is None:
            keys = [key for key in keys if (b":" not in key and key not in own) or key[:1] == b":"]
        fresh = [key for key in dict.fromkeys(keys) if key not in seen]
        seen.update(fresh)
        if fresh:
            yield fresh


def exists(wire: Wire, name: str, ours: set[str]) -> bool:
    return next(keys_of(wire, name, ours), None) is not None


# --- describing ---------------------------------------------------------------------------------------------------


def described(wire: Wire, name: str, ours: set[str]) -> Schema | None:
    """The schema that a sample of the keys shows; None where there is no key."""
    keys: list[bytes] = []
    for page in keys_of(wire, name, ours):
        keys += page[: SAMPLE - len(keys)]
        if len(keys) >= SAMPLE:
            break
    kinds = set(_all(wire, [["TYPE", key] for key in keys]))
    kinds.discard(b"none")
    if not kinds:
        return None
    columns: list[Column] | None = None
    if kinds == {b"string"}:
        texts = _all(wire, [["GET", key] for key in keys])
        columns = [Column("value", _text_or_bytes(texts), False, native="string", note=_NOTE)]
    elif kinds == {b"hash"}:
        columns = _hash_columns(_all(wire, [["HGETALL", key] for key in keys]))
    if columns is None:
        columns = [
            Column("type", Type.TEXT, False, native="type"),
            Column("value", Type.JSON, False, native="any", note="the whole value, as json"),
        ]
    key_name = "key"
    while key_name in {column.name for column in columns}:
        key_name = "_" + key_name
    return Schema(name, (Column(key_name, _text_or_bytes(keys), False, native="key"), *columns), (key_name,))


_NOTE: Final = f"by a sample of {SAMPLE} keys"


def _hash_columns(hashes: Sequence[Any]) -> list[Column] | None:
    values: dict[bytes, list[bytes]] = {}
    present: dict[bytes, int] = {}
    for each in hashes:
        for field, value in pairs(each).items():
            values.setdefault(field, []).append(value)
            present[field] = present.get(field, 0) + 1
        if len(values) > MOST_FIELDS:
            return None
    if not all(map(_is_text, values)):
        return None
    return [Column(f.decode(), _text_or_bytes(v), native="hash field", note=_NOTE) for f, v in values.items()]


def _text_or_bytes(values: Sequence[Any]) -> Type:
    return Type.TEXT if all(value is None or _is_text(value) for value in values) else Type.BYTES


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def pairs(reply: Any) -> dict[bytes, bytes]:
    """A map's reply, which RESP2 gives as a flat list."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))


# --- reading ------------------------------------------------------------------------------------------------------


class Reader:
    """Rows of a foreign collection by their keys, in the columns of `schema`, any of those that `known` describes."""

    def __init__(self, wire: Wire, schema: Schema, known: Schema) -> None:
        self._wire = wire
        self._name = schema.name
        natives = {column.name: column.native for column in known.columns}
        missing = [name for name in schema.names if name not in natives]
        if missing:
            raise StatementError(f"no column {missing[0]} in the keys {schema.name}:*")
        self._columns = [(column, natives[column.name]) for column in schema.columns]
        self._known = {column.name.encode() for column in known.columns}
        kinds = set(natives.values())
        self._read: Callable[[list[bytes]], Iterator[dict[str | None, Any] | None]] = (
            self._strings if "string" in kinds else self._anything if "any" in kinds else self._hashes
        )

    def batches(self, keys: list[bytes]) -> Iterator[Batch]:
        """The rows of these keys, in batches that are bounded in bytes; a key that is gone gives none."""
        for piece in sizes.cut(self._wire, sizes.ask(self._wire, keys), keys):
            if batch := self._rows(piece):
                yield batch

    def _rows(self, keys: list[bytes]) -> Batch:
        found: Batch = []
        for key, values in zip(keys, self._read(keys), strict=True):
            if values is not None:
                found.append(self._row(key, values))
        return found

    def _row(self, key: bytes, values: dict[str | None, Any]) -> Row:
        row = []
        for column, native in self._columns:
            value = key if native == "key" else values.get(column.name if native == "hash field" else native)
            if isinstance(value, bytes) and column.type is Type.TEXT:
                try:
                    value = value.decode()
                except UnicodeDecodeError:
                    raise _surprise(key, f"bytes in {column.name} that are no text") from None
            row.append(value)
        return tuple(row)

    def _strings(self, keys: list[bytes]) -> Iterator[dict[str | None, Any] | None]:
        for key, value in zip(keys, _all(self._wire, [["GET", key] for key in keys], keep=True), strict=True):
            if isinstance(value, ReplyError):
                raise _surprise(key, "another type than string")
            yield None if value is None else {"string": value}

    def _hashes(self, keys: list[bytes]) -> Iterator[dict[str | None, Any] | None]:
        for key, reply in zip(keys, _all(self._wire, [["HGETALL", key] for key in keys], keep=True), strict=True):
            if isinstance(reply, ReplyError):
                raise _surprise(key, "another type than hash")
            fields = pairs(reply)
            for field in fields:
                if field not in self._known:
                    raise _surprise(key, f"the field {field.decode('utf-8', 'backslashreplace')}")
            yield {field.decode(): value for field, value in fields.items()} if fields else None

    def _anything(self, keys: list[bytes]) -> Iterator[dict[str | None, Any] | None]:
        for key, kind in zip(keys, _all(self._wire, [["TYPE", key] for key in keys]), strict=True):
            if kind == b"none":
                yield None
                continue
            if kind not in _READ:
                raise Unsupported(
                    f"the key {_shown(key)} is of the type {kind.decode()}, which has no form outside Redis"
                )
            words, make = _READ[kind]
            (reply,) = _all(self._wire, [[words[0], key, *words[1:]]])
            try:
                yield {"type": kind, "any": make(reply)}
            except UnicodeDecodeError:
                raise _surprise(key, "bytes that are no text") from None


def _texts(reply: Any) -> Any:
    return [each.decode() for each in reply]


def _members(reply: Any) -> Any:
    flat = reply if reply and isinstance(reply[0], list) else list(zip(reply[::2], reply[1::2], strict=True))
    return {member.decode(): float(score) for member, score in flat}


def _stream(reply: Any) -> Any:
    return [[identity.decode(), {k.decode(): v.decode() for k, v in pairs(flat).items()}] for identity, flat in reply]


_READ: Final[dict[bytes, tuple[tuple[str, ...], Callable[[Any], Any]]]] = {
    b"string": (("GET",), bytes.decode),
    b"hash": (("HGETALL",), lambda reply: {k.decode(): v.decode() for k, v in pairs(reply).items()}),
    b"list": (("LRANGE", "0", "-1"), _texts),
    b"set": (("SMEMBERS",), lambda reply: sorted(_texts(reply))),
    b"zset": (("ZRANGE", "0", "-1", "WITHSCORES"), _members),
    b"stream": (("XRANGE", "-", "+"), _stream),
}


def _surprise(key: bytes, what: str) -> StatementError:
    return StatementError(
        f"the key {_shown(key)} holds {what}: the sample of {SAMPLE} keys did not show that",
        hint="read it with query, or delete or rename what does not belong there",
    )


def _shown(key: bytes) -> str:
    return key.decode("utf-8", "backslashreplace")


def _all(wire: Wire, commands: Sequence[Sequence[Any]], *, keep: bool = False) -> list[Any]:
    """The replies to commands sent together; an error is raised unless it is to be kept."""
    replies = wire.take(wire.send(b"".join(map(wire.packed, commands)), len(commands)))
    for reply in replies:
        if isinstance(reply, ReplyError) and not keep:
            raise reply
    return replies
