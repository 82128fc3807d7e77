"""Rows of a collection for a filter, as they stream: by their keys, by a part that the engine narrowed, or all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.core.exceptions import FieldError

from dbfleet.abilities import Narrows, able
from dbfleet.adapter import WHOLE, Part
from dbfleet.django.records import _pool
from dbfleet.django.records._lookups import Asked
from dbfleet.values import Schema, Type, json_text

MOST_KEYS: Final = 10_000
"""So many keys are asked for one by one; for more the collection is scanned."""
_AT_ONCE: Final = 500


def rows(record: Any, alias: str, asked: Asked, batch_size: int) -> Iterator[dict[str, Any]]:
    """The rows that pass the filter, by the names of the class's columns. FieldError where the collection lacks one."""
    keys = keys_of(record, asked)
    with _pool.connection(alias) as connection:
        adapter, schema = connection.adapter, connection.schema(record._meta.collection)
        names, places = _places(record, schema)
        if keys is not None:
            chunks = (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))
            batches: Iterator[Any] = (list(adapter.get(schema, chunk)) for chunk in chunks)
        else:
            batches = iter(adapter.scan(schema, part(connection, schema, asked), batch_size=batch_size))
        try:
            for batch in batches:
                for row in batch:
                    values = {name: row[place] for name, place in zip(names, places, strict=True)}
                    if asked.test(values):
                        yield values
        finally:
            closing = getattr(batches, "close", None)
            if closing:
                closing()


def part(connection: _pool.Connection, schema: Schema, asked: Asked) -> Part:
    """What of the collection is scanned."""
    narrowing = able(connection.adapter, Narrows)
    if narrowing is None or asked.condition is None:
        return WHOLE
    found = narrowing.narrow(schema, asked.condition)
    return WHOLE if found is None else found


def keys_of(record: Any, asked: Asked) -> list[tuple[Any, ...]] | None:
    """The whole keys that the filter names; None where it does not name them, or too many."""
    only = asked.only
    if only is not None and any(not values for values in only.values()):
        return []
    if only is None or not record._meta.key or any(name not in only for name in record._meta.key):
        return None
    count = 1
    for name in record._meta.key:
        count *= len(only[name])
    if count > MOST_KEYS:
        return None
    found: dict[Any, tuple[Any, ...]] = {}
    for key in itertools.product(*(only[name] for name in record._meta.key)):
        found.setdefault(tuple(map(_hashable, key)), key)
    return list(found.values())


def _hashable(value: Any) -> Any:
    return json_text(value) if isinstance(value, dict | list) else value


def _places(record: Any, schema: Schema) -> tuple[Sequence[str], Sequence[int]]:
    there = {column.name: place for place, column in enumerate(schema.columns)}
    types: dict[str, Type] = {column.name: column.type for column in schema.columns}
    for name, column in record._meta.columns.items():
        if column.column not in there:
            raise FieldError(
                f"{record._meta.collection} has no column {column.column!r} any more, as {record.__name__}.{name} is: "
                f"write the class anew with `dbfleet models --format django {record._meta.target}`"
            )
        if (type_ := types[column.column]) is not column.type:
            raise FieldError(
                f"{record._meta.collection}.{column.column} is {type_.value} now, and {record.__name__}.{name} "
                f"{column.type.value}: write the class anew with `dbfleet models --format django {record._meta.target}`"
            )
    names = list(record._meta.columns)
    return names, [there[record._meta.columns[name].column] for name in names]


def count_all(record: Any, alias: str) -> int:
    """The engine's own count of the collection."""
    with _pool.connection(alias) as connection:
        return connection.adapter.count(record._meta.collection)


def told(record: Any, alias: str, asked: Asked) -> str:
    """What is asked of the engine for this filter, and what is done here, in words."""
    keys = keys_of(record, asked)
    if keys is not None:
        return f"{len(keys)} key{'' if len(keys) == 1 else 's'} of {record._meta.collection}, each tested here"
    with _pool.connection(alias) as connection:
        narrowed = part(connection, connection.schema(record._meta.collection), asked) != WHOLE
        engine = connection.adapter.spec.title
    if narrowed:
        return f"rows of {record._meta.collection} that {engine} chooses, each tested here"
    return f"a scan of {record._meta.collection}, each row tested here"
