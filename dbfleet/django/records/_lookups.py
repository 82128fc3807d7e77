"""What a filter asks of a row: a test in Python, the same for every engine; and, where the engine can look for it, the
condition.

As in Django, a lookup with NULL is false, and `exclude` gives the rows for which the filter is not true. Which lookups
a type has: `_OF_TYPE`. Values are of the column's type; what can be turned into it without a loss is.
"""

from __future__ import annotations

import operator
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import FieldError
from django.db.models import Q

from dbfleet.adapter import Condition
from dbfleet.values import JSON_NULL, Type, json_text

Test = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Asked:
    """A filter: its test, a condition that is true for every row that passes (None where none is known), and the values
    of columns that are equal to one of a few (`only`)."""

    test: Test
    condition: Condition | None = None
    only: Mapping[str, tuple[Any, ...]] | None = None


def everything(row: Mapping[str, Any]) -> bool:
    """The test of no filter."""
    return True


# --- values ---------------------------------------------------------------------------------------------------------


def _number(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int | str) and not isinstance(value, bool) else value


_CONVERT: Final[Mapping[Type, Callable[[Any], Any]]] = {
    Type.DECIMAL: _number,
    Type.FLOAT: lambda value: float(value) if isinstance(value, int) and not isinstance(value, bool) else value,
    Type.UUID: lambda value: uuid.UUID(value) if isinstance(value, str) else value,
    Type.INSTANT: lambda value: value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value,
    Type.BYTES: lambda value: bytes(value) if isinstance(value, bytearray | memoryview) else value,
}
_PYTHON: Final[Mapping[Type, type | tuple[type, ...]]] = {
    Type.BOOL: bool,
    Type.INT: int,
    Type.DECIMAL: Decimal,
    Type.FLOAT: float,
    Type.TEXT: str,
    Type.BYTES: bytes,
    Type.DATE: date,
    Type.TIME: time,
    Type.DATETIME: datetime,
    Type.INSTANT: datetime,
    Type.UUID: uuid.UUID,
    Type.JSON: (dict, list, str, int, float, Decimal, bool, type(JSON_NULL)),
}


def value_of(type_: Type, value: Any, what: str) -> Any:
    """The value as one of the type. ValueError, which says what is wanted, for one that is none."""
    try:
        found = _CONVERT.get(type_, lambda given: given)(value)
    except (ArithmeticError, ValueError):
        found = None
    fits = isinstance(found, _PYTHON[type_]) and not (isinstance(found, bool) and type_ is not Type.BOOL and
                                                       type_ is not Type.JSON)  # fmt: skip
    if type_ in (Type.DATETIME, Type.INSTANT, Type.TIME) and fits:
        fits = (found.tzinfo is not None) is (type_ is Type.INSTANT)
    if type_ is Type.DATE and isinstance(found, datetime):
        fits = False
    if not fits:
        raise ValueError(f"{what}: {value!r} is no {type_.value}")
    return found


# --- lookups --------------------------------------------------------------------------------------------------------

_ORDER: Final[Mapping[str, tuple[Callable[[Any, Any], bool], str]]] = {
    "gt": (operator.gt, ">"),
    "gte": (operator.ge, ">="),
    "lt": (operator.lt, "<"),
    "lte": (operator.le, "<="),
}
_TEXT: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "iexact": lambda text, wanted: text.casefold() == wanted.casefold(),
    "contains": lambda text, wanted: wanted in text,
    "icontains": lambda text, wanted: wanted.casefold() in text.casefold(),
    "startswith": str.startswith,
    "istartswith": lambda text, wanted: text.casefold().startswith(wanted.casefold()),
    "endswith": str.endswith,
    "iendswith": lambda text, wanted: text.casefold().endswith(wanted.casefold()),
    "regex": lambda text, wanted: re.search(wanted, text) is not None,
    "iregex": lambda text, wanted: re.search(wanted, text, re.IGNORECASE) is not None,
}
_ALWAYS: Final = ("exact", "in", "isnull")
_ORDERED: Final = (*_ALWAYS, *_ORDER, "range")
_OF_TYPE: Final[Mapping[Type, tuple[str, ...]]] = {
    **dict.fromkeys(Type, _ORDERED),
    Type.TEXT: (*_ORDERED, *_TEXT),
    Type.JSON: _ALWAYS,
    Type.BOOL: _ALWAYS,
}


def asked(record: Any, q: Q) -> Asked:
    """What the filter asks. FieldError for a column or a lookup that there is not."""
    parts = [asked(record, each) if isinstance(each, Q) else _lookup(record, *each) for each in q.children]
    found = joined(parts, q.connector)
    if not q.negated:
        return found
    test = found.test
    return Asked(lambda row: not test(row))


def joined(parts: list[Asked], connector: str = Q.AND) -> Asked:
    """The filters as one."""
    if len(parts) == 1:
        return parts[0]
    tests = [part.test for part in parts]
    conditions = [part.condition for part in parts]
    if connector == Q.AND:
        known = tuple(condition for condition in conditions if condition is not None)
        only: dict[str, tuple[Any, ...]] = {}
        for part in parts:
            for name, values in (part.only or {}).items():
                only[name] = tuple(value for value in only.get(name, values) if value in values)
        return Asked(lambda row: all(test(row) for test in tests), _combined("and", known), only)
    if connector == Q.OR:
        whole = tuple(condition for condition in conditions if condition is not None)
        condition = _combined("or", whole) if len(whole) == len(parts) else None
        return Asked(lambda row: any(test(row) for test in tests), condition)
    return Asked(lambda row: sum(test(row) for test in tests) % 2 == 1)


def _combined(word: str, parts: tuple[Condition, ...]) -> Condition | None:
    return parts[0] if len(parts) == 1 else Condition(word, parts) if parts else None


def _lookup(record: Any, path: str, value: Any) -> Asked:
    name, _, rest = path.partition("__")
    if name == "pk":
        return _key(record, rest or "exact", value)
    if name in record._meta.references:
        return _reference(record, record._meta.references[name], path, rest, value)
    column = record._meta.column(name)
    lookup = rest or "exact"
    if lookup not in _OF_TYPE[column.type]:
        known = ", ".join(_OF_TYPE[column.type])
        raise FieldError(f"{record.__name__}.{path}: {column.type.value} has no lookup {lookup!r}; it has {known}")
    return _of_column(record, column, lookup, value)


def _reference(record: Any, reference: Any, path: str, rest: str, value: Any) -> Asked:
    if rest not in ("", "exact") or not isinstance(value, reference.record):
        raise FieldError(
            f"{record.__name__}.{path}: a reference is compared with a {reference.to}; what that one holds cannot be "
            "asked here, as there are no joins"
        )
    by_column = reference.record._meta.by_column
    wanted = {mine: getattr(value, by_column(theirs)) for mine, theirs in reference.columns.items()}
    return joined([_lookup(record, name, each) for name, each in wanted.items()], Q.AND)


def _key(record: Any, lookup: str, value: Any) -> Asked:
    if not record._meta.key:
        raise FieldError(f"{record.__name__} has no key, so there is no pk")
    if len(record._meta.key) == 1:
        return _lookup(record, f"{record._meta.key[0]}__{lookup}", value)
    if lookup == "exact":
        if not isinstance(value, tuple | list) or len(value) != len(record._meta.key):
            raise ValueError(
                f"{record.__name__}.pk is of {len(record._meta.key)} values: {', '.join(record._meta.key)}"
            )
        return joined([_lookup(record, name, each) for name, each in zip(record._meta.key, value, strict=True)], Q.AND)
    if lookup == "in":
        return joined([_key(record, "exact", each) for each in value] or [_NOTHING], Q.OR)
    raise FieldError(f"{record.__name__}.pk is of several columns: it has the lookups exact and in")


_NOTHING: Final = Asked(lambda row: False, only={})


def _of_column(record: Any, column: Any, lookup: str, value: Any) -> Asked:
    name, what = column.name, f"{record.__name__}.{column.name}__{lookup}"
    if lookup == "isnull" or (lookup == "exact" and value is None):
        wanted = True if lookup == "exact" else value
        if not isinstance(wanted, bool):
            raise ValueError(f"{what} is True or False")
        null = Condition("null", column=column.column)
        condition = null if wanted else Condition("not", (null,))
        return Asked(lambda row: (row[name] is None) is wanted, condition)
    if lookup == "in":
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise ValueError(f"{what} wants several values")
        values = tuple(value_of(column.type, each, what) for each in value if each is not None)
        return _in(column, values)
    if lookup == "exact":
        return _in(column, (value_of(column.type, value, what),))
    if lookup == "range":
        low, high = value
        return joined([_of_column(record, column, "gte", low), _of_column(record, column, "lte", high)], Q.AND)
    found = value_of(column.type, value, what)
    if lookup in _ORDER:
        compare, sign = _ORDER[lookup]
        condition = Condition(sign, column=column.column, value=found)
        return Asked(lambda row: row[name] is not None and compare(row[name], found), condition)
    matches = _TEXT[lookup]
    return Asked(lambda row: row[name] is not None and matches(row[name], found))


def _in(column: Any, values: tuple[Any, ...]) -> Asked:
    name = column.name
    if not values:
        return Asked(lambda row: False, only={name: ()})
    if column.type is Type.JSON:
        texts = {json_text(value) for value in values}
        return Asked(lambda row: row[name] is not None and json_text(row[name]) in texts)
    equal = tuple(Condition("=", column=column.column, value=value) for value in values)
    chosen = frozenset(values)
    return Asked(lambda row: row[name] in chosen, _combined("or", equal), {name: values})
