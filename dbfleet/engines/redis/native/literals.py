"""Changes of native rows as Redis commands, as redis-cli takes them. A key whose end alone differs keeps its value; any
other is removed and made again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dbfleet.adapter import Change
from dbfleet.engines.redis.literals import word
from dbfleet.engines.redis.native.make import commands_of
from dbfleet.engines.redis.native.values import key_of_text, whole_row
from dbfleet.sql.changes import key_of
from dbfleet.values import Schema


def statements(schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
    """The commands, one a line. A change may be several commands."""
    for change in changes:
        key = key_of_text(key_of(schema, change)[0])
        before = whole_row(schema, change.before) if change.before is not None else None
        after = whole_row(schema, change.after) if change.after is not None else None
        if before and after and (*before[:2], *before[3:]) == (*after[:2], *after[3:]):
            yield _line(["PERSIST", key] if after[2] is None else ["PEXPIREAT", key, str(after[2])])
            continue
        if before:
            yield _line(["UNLINK", key])
        if after:
            yield from map(_line, commands_of(key, after))


def _line(words: list[Any]) -> str:
    command, *rest = words
    return " ".join([command, *(word(_text(each)) for each in rest)])


def _text(each: Any) -> str:
    return each.decode("utf-8", "surrogateescape") if isinstance(each, bytes) else str(each)
