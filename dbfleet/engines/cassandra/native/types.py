"""The names of CQL's types: what a type of the user's own consists of stands in the name, in braces, so that two types
of one name are told apart. The driver's class for such a name decodes the bytes of its values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from dbfleet.engines.cassandra.text import quote
from dbfleet.engines.cassandra.values import FOREIGN
from dbfleet.engines.cassandra.wire import timestamp_type

Fields = Sequence[tuple[str, str]]
"""The fields of a type of the user's own, with their types."""
_TOKEN: Final = re.compile(r""""(?:[^"]|"")*"|'[^']*'|[^\W\d]\w*|\d+|[<>{},]""")
_WORDS: Final = frozenset({*FOREIGN, "frozen", "list", "set", "map", "tuple", "vector"})


def mentioned(type_: str, known: Mapping[str, Fields]) -> list[str]:
    """The types of the user's own that the type is made of, those that others consist of first."""
    found: list[str] = []
    for token in _TOKEN.findall(type_):
        name = _name(token)
        if token not in _WORDS and name in known and name not in found:
            for _, field in known[name]:
                found += [each for each in mentioned(field, known) if each not in found]
            found.append(name)
    return found


def expanded(type_: str, known: Mapping[str, Fields]) -> str:
    """The type's name, behind that of each type of the user's own its fields."""

    def own(token: re.Match[str]) -> str:
        name = _name(token[0])
        if token[0] in _WORDS or name not in known:
            return token[0]
        fields = ", ".join(f"{quote(field)} {expanded(its, known)}" for field, its in known[name])
        return f"{token[0]}{{{fields}}}"

    return _TOKEN.sub(own, type_)


def _name(token: str) -> str:
    return token[1:-1].replace('""', '"') if token.startswith('"') else token


@cache
def driver_type(type_: str) -> Any:
    """The driver's class for an expanded name. ValueError for a type that it does not know."""
    return _read(iter([*_TOKEN.findall(type_), ""]))[0]


def _read(tokens: Iterator[str]) -> tuple[Any, str]:
    """The class of the type that begins here, and the token behind it."""
    from cassandra import cqltypes

    name = next(tokens)
    behind = next(tokens)
    if behind == "<":
        inner: list[Any] = []
        while behind != ">":
            if name == "vector" and inner:
                size, behind = int(next(tokens)), next(tokens)
                return _vector(inner[0], size), next(tokens)
            each, behind = _read(tokens)
            inner.append(each)
        found = inner[0] if name == "frozen" else _NESTED[name](cqltypes).apply_parameters(tuple(inner))
        return found, next(tokens)
    if behind == "{":
        names, types = [], []
        while behind != "}":
            names.append(_name(next(tokens)))
            each, behind = _read(tokens)
            types.append(each)
        return cqltypes.UserType.make_udt_class("", _name(name), tuple(names), tuple(types)), next(tokens)
    if name == "timestamp":
        return timestamp_type(), behind
    known = cqltypes._cqltypes.get({"text": "varchar"}.get(name, name))
    if known is None:
        raise ValueError(f"{name} is no type of the driver's")
    return known, behind


_NESTED: Final[Mapping[str, Any]] = {
    "list": lambda types: types.ListType,
    "set": lambda types: types.SetType,
    "map": lambda types: types.MapType,
    "tuple": lambda types: types.TupleType,
}


def _vector(inner: Any, size: int) -> Any:
    from cassandra import cqltypes

    return type("Vector", (cqltypes.VectorType,), {"vector_size": size, "subtype": inner})
