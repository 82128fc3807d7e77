"""Changes of rows as Redis commands, as redis-cli takes them: they change the row's hash, its key in the index, and its
key in the sets of its references. Every word of a row stands in double quotes, with \\xHH for a byte that is no text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dbfleet.adapter import Change
from dbfleet.engines.redis.values import escaped, field_texts, index_of, key_encoder, reference_sets, scored
from dbfleet.sql.changes import changed, key_of
from dbfleet.values import Schema

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def statements(schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
    """The commands, one a line. A change may be several commands."""
    encode, index = key_encoder(schema), index_of(schema.name)
    for change in changes:
        key = encode([[value] for value in key_of(schema, change)])[0]
        row = word(f"{index}:{key}")
        before = field_texts(schema, change.before) if change.before is not None else {}
        after = field_texts(schema, change.after) if change.after is not None else {}
        # First out of the sets, last into them: stopped half way, no set names a row that is not there.
        old, new = _sets(schema, before), _sets(schema, after)
        yield from (f"SREM {word(name)} {word(key)}" for name in old if name not in new)
        if change.after is None:
            yield f"ZREM {word(index)} {word(key)}"
            yield f"UNLINK {row}"
            continue
        if change.before is None:
            names = list(after)
        else:
            names = [schema.names[place] for place in changed(schema.columns, change)]
        if gone := [word(name) for name in names if name not in after]:
            yield f"HDEL {row} {' '.join(gone)}"
        if put := [f"{word(name)} {word(after[name])}" for name in names if name in after]:
            yield f"HSET {row} {' '.join(put)}"
        if change.before is None:
            yield f"ZADD {word(index)} {key if scored(schema) else 0} {word(key)}"
        yield from (f"SADD {word(name)} {word(key)}" for name in new if name not in old)


def _sets(schema: Schema, fields: Mapping[str, str]) -> list[str]:
    """The sets that a row with these fields is in."""
    return [
        start + ":".join(escaped(fields[name]) for name in reference.columns)
        for start, reference in zip(reference_sets(schema), schema.references, strict=True)
        if all(name in fields for name in reference.columns)
    ]


def word(text: str) -> str:
    """A word in double quotes."""
    return '"' + "".join(_ESCAPES.get(char) or _shown(char) for char in text) + '"'


def _shown(char: str) -> str:
    if "\udc80" <= char <= "\udcff":
        return f"\\x{ord(char) - 0xDC00:02x}"
    return f"\\x{ord(char):02x}" if ord(char) < 32 or ord(char) == 127 else char
