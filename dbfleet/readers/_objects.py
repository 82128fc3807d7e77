"""What the JSON formats share: objects as rows of a schema, and the parsers of one object's text.

NaN and the infinities are read as numbers, as other programs write them. What no engine can keep is refused, with its
line, before any row is written: half of a surrogate pair, which is no character, and a number with too many digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from dbfleet.adapter import BATCH_SIZE
from dbfleet.errors import UsageError
from dbfleet.readers import Inferred, Rule, Rules, Skip, no_rules
from dbfleet.readers._inference import Looks
from dbfleet.readers._values import FROM_JSON, JSON_EXACTLY, compiled, from_texts
from dbfleet.values import Batch, Row, Schema, Type

Object = dict[str, Any]
ERRORS: Final = (ValueError, KeyError, ArithmeticError, TypeError, RecursionError)
SUSPICIOUS: Final = re.compile(r"\\u[dD][89a-fA-F]|[eE][+-]?[0-9]{3,}|[0-9]{4001}")
"""Text that matches is parsed a second time, for what no engine can keep."""
_MOST_DIGITS: Final = 150_000
"""PostgreSQL's numeric keeps 147,455 digits; no other engine keeps as many."""


@dataclass(frozen=True, slots=True)
class Objects:
    """Some objects, and a function from an object's place among them to the line in which it begins."""

    objects: Sequence[Object]
    line_of: Callable[[int], int]


class Written(str):
    """A number with a point or an exponent, as it was written."""


def rows(
    found: Iterator[Objects],
    name: str,
    schema: Schema,
    *,
    exact: bool,
    rules: Rules = no_rules,
    change: Callable[[Object], Object] | None = None,
    skip: Skip | None = None,
) -> Iterator[Batch]:
    """The rows of objects whose fields are the schema's columns, in any order; absent fields are NULL. `change` is done
    to each object first."""
    known = frozenset(schema.names)
    change = change or by_rules(rules)
    tables = _tables(schema, rules)
    loop = _loop(schema, exact, tables)
    for each in found:
        try:
            objects = each.objects if change is None else list(map(change, each.objects))
            if not all(known.issuperset(fields) for fields in objects):
                raise ValueError
            batch = loop(objects)
        except ERRORS as error:
            right = _right(_wrong(each, name, schema, change, loop, tables), each, skip, error)
            batch = loop(right if change is None else list(map(change, right)))
        for start in range(0, len(batch), BATCH_SIZE):
            yield batch[start : start + BATCH_SIZE]


def infer(
    found: Iterator[Objects],
    name: str,
    rules: Rules = no_rules,
    change: Callable[[Object], Object] | None = None,
    skip: Skip | None = None,
) -> Inferred:
    """The fields as columns, in the order in which they first appear, with types that fit every value, or that the
    rules say."""
    looks = Looks(from_json=True)
    change = change or by_rules(rules)
    for each in found:
        objects = each.objects
        if change is not None:
            try:
                objects = list(map(change, each.objects))
            except ERRORS as error:
                right = _right(_wrong(each, name, None, change, None, {}), each, skip, error)
                objects = list(map(change, right))
        looks.take_objects(objects)
    return with_types(looks.result(), rules)


def by_rules(rules: Rules) -> Callable[[Object], Object] | None:
    """What the rules change of an object: those of its fields that are texts. None where there is no rule."""
    if rules is no_rules:
        return None
    known: dict[str, Rule | None] = {}

    def change(record: Object) -> Object:
        record = dict(record)  # it may be read a second time
        for name, value in record.items():
            if name not in known:
                known[name] = rules(name)
            rule = known[name]
            if (
                rule is None
                or value is None
                or not (isinstance(value, str) or rule.type)
                or type(value) in (dict, list)
            ):
                continue
            try:
                record[name] = rule.text(str(value) if not isinstance(value, bool) else str(value).lower())
            except ValueError as error:
                raise _Ruled(name, value, str(error)) from error
        return record

    return change


def with_types(found: Inferred, rules: Rules) -> Inferred:
    """The columns, with the types that the rules say."""
    if rules is no_rules:
        return found
    types = {column.name: rule.type for column in found.columns if (rule := rules(column.name))}
    columns = tuple(replace(column, type=types.get(column.name) or column.type) for column in found.columns)
    return replace(found, columns=columns)


class _Ruled(ValueError):
    """A rule cannot read the text of a field."""

    def __init__(self, name: str, value: Any, why: str) -> None:
        super().__init__(f"column {name}: {shown(value)}: {why}")


# --- parsers -------------------------------------------------------------------------------------------------------


def integer(text: str, otherwise: Callable[[str], Any]) -> Any:
    """An int, unless the text is longer than the 4300 digits that Python reads as an int."""
    return int(text) if len(text) <= 4300 else otherwise(text)


def number_of(schema: Schema) -> Callable[[str], Any]:
    """What makes a number of its text, for values of this schema: a Decimal, where a column needs all digits."""
    return Decimal if any(column.type in (Type.DECIMAL, Type.JSON) for column in schema.columns) else float


def decoders(schema: Schema | None) -> tuple[json.JSONDecoder, json.JSONDecoder]:
    """For values of this schema, or to infer one: a decoder, and one for text that is SUSPICIOUS. Where no column needs
    more digits than a float has, floats do: 1.5 times as fast."""
    if schema is None:
        number: Callable[[str], Any] | None = Written
    else:
        number = Decimal if number_of(schema) is Decimal else None
    other = number or Decimal
    return (
        json.JSONDecoder(parse_float=number),
        json.JSONDecoder(parse_float=other, parse_int=lambda text: integer(text, other)),
    )


class _TooLong(ArithmeticError):
    """A number that no engine keeps."""


def _bounded(text: str) -> Decimal:
    value = Decimal(text)
    if len(text) > _MOST_DIGITS or abs(value.adjusted()) > _MOST_DIGITS:
        raise _TooLong(f"a number of more than {_MOST_DIGITS:,} digits")
    return value


_BOUNDED: Final = json.JSONDecoder(parse_float=_bounded, parse_int=_bounded)


def refuse_what_none_keeps(text: str, name: str, line: int) -> None:
    """UsageError for what no engine keeps in the text of an object. Text that is no JSON, or no object, is reported
    where it is read next."""
    try:
        json.dumps(_BOUNDED.decode(text), ensure_ascii=False, default=str).encode()
    except _TooLong as error:
        raise UsageError(f"{name}, line {line}: {error}") from error
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise UsageError(
            f"{name}, line {line}: {half} is half of a surrogate pair, which is no character",
            hint="whoever wrote the file has cut a text in the middle of a character",
        ) from error
    except (ValueError, RecursionError):
        return


# --- rows ----------------------------------------------------------------------------------------------------------


def _tables(schema: Schema, rules: Rules) -> Mapping[str, Mapping[type, Callable[[Any], Any]]]:
    """For each column, the functions that make a value of a JSON value, by its type. What a rule has read is text."""
    tables = {}
    for column in schema.columns:
        rule = rules(column.name)
        ruled = rule is not None and rule.type is not None and column.type is not Type.JSON
        tables[column.name] = from_texts(column.type) if ruled else FROM_JSON[column.type]
    return tables


def _loop(schema: Schema, exact: bool, tables: Mapping[str, Any]) -> Callable[[Any], list[Row]]:
    scope: dict[str, Any] = {}
    expressions = []
    for place, column in enumerate(schema.columns):
        key, value = repr(column.name), f"v{place}"
        if exact and column.type is Type.JSON:
            scope[f"T{place}"] = JSON_EXACTLY
            expressions.append(f"T{place}[type({value} := o[{key}])]({value}) if {key} in o else None")
        else:
            scope[f"T{place}"] = tables[column.name]
            expressions.append(f"T{place}[type({value} := o.get({key}))]({value})")
    return compiled("o", expressions, scope)


def _right(
    wrong: Iterator[tuple[int, UsageError]], found: Objects, skip: Skip | None, error: BaseException
) -> list[Object]:
    """The objects without those that are wrong, of which `skip` is told; without it the first of them is raised."""
    if skip is None:
        raise next((explained for _, explained in wrong), error) from error
    places = set()
    for place, explained in wrong:
        places.add(place)
        skip(found.line_of(place), explained)
    if not places:
        raise error
    return [record for place, record in enumerate(found.objects) if place not in places]


def _wrong(
    found: Objects,
    name: str,
    schema: Schema | None,
    change: Callable[[Object], Object] | None,
    loop: Callable[[Iterable[Object]], list[Row]] | None,
    tables: Mapping[str, Any],
) -> Iterator[tuple[int, UsageError]]:
    """The objects that cannot be rows, by their places, and why: slow, and only done after some were refused."""
    for place, record in enumerate(found.objects):
        where = f"{name}, line {found.line_of(place)}"
        try:
            record = change(record) if change else record
        except _Ruled as error:
            yield place, UsageError(f"{where}, {error}")
            continue
        except ERRORS as error:
            yield place, UsageError(f"{where}: {error}")
            continue
        if schema is not None and loop is not None and (wrong := _wrong_field(record, where, schema, loop, tables)):
            yield place, wrong


def _wrong_field(
    record: Object,
    where: str,
    schema: Schema,
    loop: Callable[[Iterable[Object]], list[Row]],
    tables: Mapping[str, Any],
) -> UsageError | None:
    """The error of an object's first field that is no value of its column."""
    for field in record:
        if field not in schema.names:
            return UsageError(
                f"{where}: {schema.name} has no column {field!r}", hint=f"its columns are: {', '.join(schema.names)}"
            )
    try:
        loop([record])
    except ERRORS as error:
        for column in schema.columns:
            value = record.get(column.name)
            try:
                tables[column.name][type(value)](value)
            except ERRORS:
                return UsageError(f"{where}, column {column.name}: {shown(value)} is not of type {column.type}")
        return UsageError(f"{where}: {error}")
    return None


def shown(value: Any) -> str:
    """A value as messages show it."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
