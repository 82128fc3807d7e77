"""The messages of a copy as plain JSON data, for who passes them on between machines.

`packed` and `unpacked` are each other's inverse for every message and all that it holds: dataclasses of ours by their
names, enums, tuples, and values of every type of the closed set. What JSON has no form for is `{"$": KIND, "v": …}`.
Only names that stand here are ever made from data: it comes from a database, not from our own process. No text in it
holds U+0000 or half a surrogate pair, which PostgreSQL's jsonb refuses, and no float loses its sign there.
"""

from __future__ import annotations

import base64
import enum
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from dbfleet import extras
from dbfleet.adapter import Rejected
from dbfleet.fidelity import Keeping
from dbfleet.ops._plan import PlannedCollection, PlannedColumn
from dbfleet.ops.copy.messages import (
    Begin,
    CheckPart,
    CopyPart,
    Far,
    GiveExtras,
    Given,
    PartChecked,
    PartCopied,
    PartUnread,
    Taken,
    TakeSteps,
)
from dbfleet.outline import Step
from dbfleet.rules import Rule
from dbfleet.values import JSON_NULL, Column, Digest, Reference, Schema, Type

_CLASSES: Final[Mapping[str, type]] = {
    each.__name__: each
    for each in (
        Begin, CopyPart, CheckPart, GiveExtras, TakeSteps, Far, PartCopied, PartUnread, PartChecked, Given, Taken,
        PlannedCollection, PlannedColumn, Step, Schema, Column, Reference, Digest, Rejected,
        extras.Index, extras.Default, extras.Identity, extras.Native,
        Type, Keeping, Rule,
    )
}  # fmt: skip
_TEXTS: Final[Mapping[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]]] = {
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "decimal": (Decimal, str, Decimal),
    "uuid": (UUID, str, UUID),
    "float": (float, repr, float),
    "bytes": (bytes, lambda value: base64.b64encode(value).decode(), base64.b64decode),
}
"""A datetime is a date: it stands first."""


def packed(value: Any) -> Any:
    """The value as JSON data. TypeError for one that no message holds."""
    if value is None or isinstance(value, bool) or (isinstance(value, int) and not isinstance(value, enum.Enum)):
        return value
    name = type(value).__name__
    if isinstance(value, enum.Enum):
        return _tagged(_known(name), value.value)
    if isinstance(value, str):
        return value if _plain(value) else _tagged("text", base64.b64encode(_bytes(value)).decode())
    if is_dataclass(value):
        return _tagged(_known(name), {each.name: packed(getattr(value, each.name)) for each in fields(value)})
    if isinstance(value, list):
        return [packed(each) for each in value]
    if isinstance(value, tuple):
        return _tagged("tuple", [packed(each) for each in value])
    if isinstance(value, frozenset | set):
        return _tagged("set", [packed(each) for each in sorted(value)])
    if isinstance(value, dict):
        return _tagged("dict", [[packed(key), packed(each)] for key, each in value.items()])
    if value is JSON_NULL:
        return _tagged("null", None)
    for word, (type_, text, _) in _TEXTS.items():
        if isinstance(value, type_):
            return _tagged(word, text(value))
    raise TypeError(f"no message holds a {name}")


def unpacked(data: Any) -> Any:
    """The value of such data. ValueError for what `packed` does not make."""
    if isinstance(data, list):
        return [unpacked(each) for each in data]
    if not isinstance(data, dict):
        return data
    try:
        kind, value = data["$"], data["v"]
    except KeyError:
        raise ValueError("no message of a copy") from None
    if kind in _TEXTS:
        return _TEXTS[kind][2](value)
    if kind == "text":
        return base64.b64decode(value).decode("utf-8", "surrogatepass")
    if kind == "null":
        return JSON_NULL
    if kind == "tuple":
        return tuple(map(unpacked, value))
    if kind == "set":
        return frozenset(map(unpacked, value))
    if kind == "dict":
        return {unpacked(key): unpacked(each) for key, each in value}
    made = _CLASSES.get(kind)
    if made is None:
        raise ValueError(f"no message of a copy holds a {kind}")
    if issubclass(made, enum.Enum):
        return made(value)
    return made(**{name: unpacked(each) for name, each in value.items()})


def _tagged(kind: str, value: Any) -> dict[str, Any]:
    return {"$": kind, "v": value}


def _known(name: str) -> str:
    if name not in _CLASSES:
        raise TypeError(f"no message holds a {name}")
    return name


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _plain(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)
