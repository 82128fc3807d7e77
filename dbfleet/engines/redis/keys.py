"""Collections of keys that dbfleet did not make: keys belong together when the same stands before their first `:`.

- `user:1` and `user:2` are the collection `user`; keys without a prefix are the collection `:`.
- A prefix that is no UTF-8 has a name too: each such byte is written as `\\xff`. No two prefixes have the same name:
  where a prefix looks like that already, its backslash is written as `\\x5c`.
- SCAN may give a key twice while the keyspace grows or shrinks. `keys_of` remembers the keys that it gave, about 100
  bytes each: only this is not flat in memory.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from dbfleet.engines.redis.wire import ReplyError, Wire
from dbfleet.values import Batch

UNPREFIXED: Final = ":"
"""The collection of the keys without a prefix; no prefix can be called so."""
ENDS: Final = "end of the key"
"""The native type of the column that says when a key ends."""
STAGED: Final = "_dbfleet_"
"""How names of collections begin that are being filled, and are no collections yet."""
SCAN_COUNT: Final = 1000
_KEPT_KEYS: Final = 100_000
"""Keys that a census keeps, of all collections: some 10 MB."""

_ESCAPE: Final = re.compile(r"\\x([0-9a-f]{2})")
_SPECIAL: Final = re.compile(rb"([*?\[\]\\])")


def name_of(prefix: bytes) -> str:
    """The collection of the keys with this prefix."""
    if not prefix:
        return UNPREFIXED
    try:
        text = prefix.decode()
    except UnicodeDecodeError:
        return prefix.replace(b"\\", b"\\x5c").decode("utf-8", "backslashreplace")
    return text.replace("\\", "\\x5c") if _ESCAPE.search(text) else text


def prefix_of(name: str) -> bytes:
    """The inverse of `name_of`."""
    raw = name.encode("utf-8", "surrogateescape")
    return re.sub(rb"\\x([0-9a-f]{2})", lambda escape: bytes.fromhex(escape[1].decode()), raw)


def shown(key: bytes) -> str:
    """The key as text, for messages."""
    return key.decode("utf-8", "backslashreplace")


def literal(text: str | bytes) -> bytes:
    """A pattern that matches this text only."""
    return _SPECIAL.sub(rb"\\\1", text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text)


def scanned(wire: Wire, pattern: bytes | None = None, count: int = SCAN_COUNT) -> Iterator[list[bytes]]:
    """All keys that match, a page at a time; some come twice where the keyspace changes. The next page is on its way
    while one is used."""
    cursor, words = b"0", [b"MATCH", pattern] if pattern is not None else []
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


@dataclass(slots=True)
class Census:
    """Which collections the keyspace holds besides dbfleet's own, by their names: how many keys each has, and the first
    of them, as far as they are kept. `total` counts all keys, dbfleet's too."""

    keys: dict[str, int] = field(default_factory=dict)
    first: dict[str, list[bytes]] = field(default_factory=dict)
    total: int = 0


def census(wire: Wire, ours: set[str], sample: int) -> Census:
    """Count the keyspace; `ours` are the indexes of dbfleet's own collections. `sample` keys of each are kept."""
    counts: Counter[bytes] = Counter()
    first: dict[bytes, list[bytes]] = {}
    found, room = Census(), _KEPT_KEYS
    own = {index.encode() for index in ours} | {b"_dbfleet"}
    for keys in scanned(wire, count=5000):
        found.total += len(keys)
        heads = [key.partition(b":")[0] if b":" in key else b"" if key not in own else key for key in keys]
        # Most keyspaces have nothing but our keys: to see that takes 0.2 µs a key.
        if set(heads) <= own:
            continue
        counts.update(heads)
        for head, key in zip(heads, keys, strict=True):
            some = first.setdefault(head, [])
            if len(some) < sample and room and head not in own:
                some.append(key)
                room -= 1
    for head, count in counts.items():
        if head not in own and not head.startswith(STAGED.encode()):
            name = name_of(head)
            found.keys[name] = count
            if len(first[head]) == min(count, sample):
                found.first[name] = first[head]
    return found


def keys_of(wire: Wire, name: str, ours: Collection[str]) -> Iterator[list[bytes]]:
    """The collection's keys, each once; `ours` are the indexes of dbfleet's own collections."""
    seen: set[bytes] = set()
    pattern = None if name == UNPREFIXED else literal(prefix_of(name)) + b":*"
    own = {index.encode() for index in ours} | {b"_dbfleet"}
    for keys in scanned(wire, pattern):
        if pattern is None:
            keys = [key for key in keys if (b":" not in key and key not in own) or key[:1] == b":"]
        fresh = [key for key in dict.fromkeys(keys) if key not in seen]
        seen.update(fresh)
        if fresh:
            yield fresh


def exists(wire: Wire, name: str) -> bool:
    """Whether the collection has a key."""
    return next(keys_of(wire, name, ()), None) is not None


def belongs(name: str, key: bytes) -> bool:
    """Whether the key is one of the collection's."""
    if name == UNPREFIXED:
        return b":" not in key or key[:1] == b":"
    return key.startswith(prefix_of(name) + b":")


def waiting_as(name: str) -> bytes:
    """What stands before a key while its collection is staged: the staged name and a colon."""
    return name.encode() + b":" if name.startswith(STAGED) else b""


def named(collection: str, keys: Batch) -> list[bytes]:
    """The names of the keys in the keyspace, of rows that have nothing but their key."""
    before = waiting_as(collection)
    return [before + (key if isinstance(key, bytes) else str(key).encode()) for (key,) in keys]
