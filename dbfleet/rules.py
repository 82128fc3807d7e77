"""A rule for a column: how a value that the other side has no place for, or writes otherwise, is read.

    created: zero-date=null       0000-00-00, and any date with a month, day or year of zeros, is NULL
    valid: infinity=null          an infinite number or date is NULL; `nan=null` NaN, `empty=null` empty text
    active: tinyint1=int          MySQL's tinyint(1) is a number, not true or false
    born: date=%d/%m/%Y           the text is a date, written so (strptime's signs); also datetime, time, and instant
                                  with %z. `instant=epoch` and `instant=epoch-ms`: a number of seconds since 1970
    zip: type=text                the column is of this type

The column is a name or a pattern (`*_at`), with its collection before it where that matters (`orders.created`). By a
pattern, infinity and nan are of no column of text: somebody may be called so. Several
rules of one column are applied in the order in which they were given. A text that a rule cannot read is an error, by
the column's name: nothing is guessed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Final

from dbfleet.errors import StatementError, UsageError, did_you_mean
from dbfleet.values import TEXT_OF, VALUE_OF, Column, Schema, Type, made_of

_FORMATS: Final = {"date": Type.DATE, "datetime": Type.DATETIME, "time": Type.TIME, "instant": Type.INSTANT}
_NULLS: Final = ("zero-date", "infinity", "nan", "empty")
_DATES: Final = (Type.DATE, Type.DATETIME, Type.INSTANT)
_ZERO: Final = re.compile(
    r"(?:0000-[0-9]{2}-[0-9]{2}|[0-9]{4}-00-[0-9]{2}|[0-9]{4}-[0-9]{2}-00)(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?"
).fullmatch
_INFINITY: Final = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE).fullmatch
_EPOCHS: Final = {"epoch": 1, "epoch-ms": 1000, "epoch-us": 1_000_000}
_1970: Final = datetime(1970, 1, 1, tzinfo=UTC)
# The types in which a rule has anything to find; of the rules that are not here, every text may be read.
_FINDS: Final = {
    "tinyint1": (Type.BOOL, Type.INT),
    "zero-date": (*_DATES, Type.TEXT),
    "infinity": (Type.FLOAT, Type.DECIMAL, *_DATES, Type.TEXT),
    "nan": (Type.FLOAT, Type.DECIMAL, Type.TEXT),
    "empty": (Type.TEXT,),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: which columns, what is meant, and how."""

    column: str
    word: str
    value: str

    def meets(self, collection: str, column: str) -> bool:
        """Whether it is for this column."""
        return fnmatchcase(column, self.column) or fnmatchcase(f"{collection}.{column}", self.column)

    @property
    def type(self) -> Type | None:
        """The type that the column then has; None where the rule does not say."""
        if self.word == "type":
            return Type(self.value)
        return Type.INT if self.word == "tinyint1" else _FORMATS.get(self.word)

    def text(self, text: str) -> str | None:
        """The text as we write it; None for NULL. ValueError for one that the rule cannot read."""
        match self.word:
            case "zero-date":
                return None if _ZERO(text) else text
            case "infinity":
                return None if _INFINITY(text) else text
            case "nan":
                return None if text.lower() == "nan" else text
            case "empty":
                return text or None
            case "type" | "tinyint1":
                return text
        if self.value in _EPOCHS:
            return _since_1970(text, _EPOCHS[self.value])
        return _canonical(self.word, datetime.strptime(text, self.value))  # noqa: DTZ007 - a datetime has none

    def __str__(self) -> str:
        return f"{self.column}: {self.word}={self.value}"


@dataclass(frozen=True, slots=True)
class Together:
    """All rules of one column."""

    rules: tuple[Rule, ...]

    @property
    def type(self) -> Type | None:
        """The type that the column then has: what the last of them says."""
        return next((found for rule in reversed(self.rules) if (found := rule.type)), None)

    def text(self, text: str) -> str | None:
        """The text as we write it; None for NULL. ValueError for one that a rule cannot read."""
        found: str | None = text
        for rule in self.rules:
            if found is None:
                return None
            found = rule.text(found)
        return found


def parsed(text: str) -> Rule:
    """The rule of `COLUMN: WORD=VALUE`. UsageError for what is none."""
    column, colon, said = text.partition(":")
    word, equals, value = said.strip().partition("=")
    column, word = column.strip(), word.strip().lower()
    known = ("zero-date=null", "infinity=null", "nan=null", "empty=null", "tinyint1=int", "date=FORMAT",
             "datetime=FORMAT", "time=FORMAT", "instant=FORMAT", "type=TYPE")  # fmt: skip
    if not (colon and equals and column and value):
        raise UsageError(f"--rule {text!r} is not COLUMN: RULE=VALUE", hint="--rule 'created: zero-date=null'")
    words = [each.partition("=")[0] for each in known]
    if word not in words:
        raise UsageError(
            f"--rule {text!r}: no rule is called {word!r}",
            hint=did_you_mean(word, words, f"they are: {', '.join(known)}"),
        )
    wanted = "null" if word in _NULLS else "int" if word == "tinyint1" else None
    if wanted and value.strip() != wanted:
        raise UsageError(f"--rule {text!r}: {word} can only become {wanted}", hint=f"{word}={wanted}")
    if word == "type" and value.strip() not in list(Type):
        raise UsageError(f"--rule {text!r}: no type is called {value!r}", hint=f"they are: {', '.join(Type)}")
    if word in _FORMATS:
        _check_format(text, word, value)
    return Rule(column, word, value if word in _FORMATS else value.strip())


def of(rules: Sequence[Rule], collection: str, schema: Schema | None = None) -> Callable[[str], Together | None]:
    """A function from a column's name to its rules; None where it has none. The `schema` says which columns are text,
    where that is known."""
    texts = {column.name for column in schema.columns if _dated(column) is Type.TEXT} if schema else set()

    def found(column: str) -> Together | None:
        mine = [rule for rule in rules if rule.meets(collection, column)]
        if column in texts:
            mine = [rule for rule in mine if rule.word not in ("infinity", "nan") or not _is_pattern(rule.column)]
        return Together(tuple(mine)) if mine else None

    return found


def _is_pattern(column: str) -> bool:
    return not set(column).isdisjoint("*?[")


def refuse_unused(rules: Sequence[Rule], columns: Sequence[tuple[str, str]]) -> None:
    """UsageError for a rule that meets none of these columns, which are given with their collections."""
    for rule in rules:
        if not any(rule.meets(*each) for each in columns):
            names = list(dict.fromkeys(name for _, name in columns))
            raise UsageError(
                f"--rule '{rule}': there is no column {rule.column}",
                hint=did_you_mean(rule.column, names, f"the columns are: {', '.join(names[:20])}"),
            )


def refuse_idle(rules: Sequence[Rule], schemas: Sequence[Schema]) -> None:
    """UsageError for a rule that names a column, and no column that it meets is of a type in which it finds anything: a
    pattern meets others besides, and what another rule reads may be of any type."""
    for rule in rules:
        if rule.word not in _FINDS or _is_pattern(rule.column):
            continue
        met = [(schema.name, column) for schema in schemas for column in schema.columns
               if rule.meets(schema.name, column.name)]  # fmt: skip
        typed = any(
            other.type and other.word != "tinyint1"
            for other in rules
            for name, column in met
            if other.meets(name, column.name)
        )
        if met and not typed and all(column.type not in _FINDS[rule.word] for _, column in met):
            name, column = met[0]
            raise UsageError(
                f"--rule '{rule}': {name}.{column.name} is {column.native or column.type}: nothing in it is read so",
                hint=f"it is a rule for a column of {', '.join(_FINDS[rule.word])}",
            )


# --- columns and values of a copy -----------------------------------------------------------------------------------


def ruled(schema: Schema, rules: Sequence[Rule]) -> tuple[Schema, Schema]:
    """What is asked of the source for a collection of this schema, and what the rules make of it. UsageError for a rule
    that is none for a column of this type."""
    mine = of(rules, schema.name, schema)
    pairs = [_asked_and_given(column, found) if (found := mine(column.name)) else (column, column)
             for column in schema.columns]  # fmt: skip
    asked, given = zip(*pairs, strict=True) if pairs else ((), ())
    # A key has no NULL, whatever a rule may make of others.
    given = tuple(replace(each, nullable=each.nullable and each.name not in schema.key) for each in given)
    return replace(schema, columns=asked), replace(schema, columns=given)


def _asked_and_given(column: Column, rules: Together) -> tuple[Column, Column]:
    asked = given = column
    for rule in rules.rules:
        if rule.word == "tinyint1":
            if column.type is not Type.BOOL:
                continue  # it is a number already
            asked = replace(asked, type=Type.INT)
        elif rule.word in ("zero-date", "infinity") and _in_dates(column):
            # As text: Python has no such date. With the type that its name in the engine tells, if it has become text.
            asked = replace(asked, type=Type.TEXT)
            given = replace(given, type=_dated(column), note=None)
        if rule.type is not None:
            given = replace(given, type=rule.type, note=None, length=None, precision=None, scale=None)
    if any(rule.word in _NULLS for rule in rules.rules):
        given = replace(given, nullable=True)
    # A default, or a native type, is of the column as it was.
    return asked, replace(given, native=None)


def _in_dates(column: Column) -> bool:
    return _dated(column) in _DATES


def _dated(column: Column) -> Type:
    """The type of a column of dates, also where it was described as text because of a date that Python has not."""
    if column.type is not Type.TEXT:
        return column.type
    native = (column.native or "").lower()
    if native.startswith(("timestamp", "datetime")):
        return Type.INSTANT if "with time zone" in native else Type.DATETIME
    return Type.DATE if native == "date" else Type.TEXT


def changes(asked: Schema, given: Schema, rules: Sequence[Rule]) -> Callable[[list[Any]], list[Any]]:
    """A function that makes rows of `given` from rows of `asked`. StatementError, with the column and the value, for
    one that a rule cannot read."""
    mine = of(rules, given.name, given)
    found = [
        (place, column.name, _value_of(old, column, each))
        for place, (old, column) in enumerate(zip(asked.columns, given.columns, strict=True))
        if (each := mine(column.name))
    ]

    def change(batch: list[Any]) -> list[Any]:
        rows = []
        for row in batch:
            values = list(row)
            for place, name, value_of in found:
                if values[place] is not None:
                    try:
                        values[place] = value_of(values[place])
                    except (ValueError, KeyError, ArithmeticError) as error:
                        shown = repr(values[place])
                        shown = shown if len(shown) <= 60 else shown[:57] + "..."
                        raise StatementError(f"{given.name}.{name}: {shown} by --rule: {error}") from error
            rows.append(tuple(values))
        return made_of(batch, rows)

    return change


def _value_of(asked: Column, given: Column, rules: Together) -> Callable[[Any], Any]:
    as_text, from_text = TEXT_OF[asked.type], VALUE_OF[given.type]
    nulls = {rule.word for rule in rules.rules}

    def value_of(value: Any) -> Any:
        if isinstance(value, float | Decimal):
            if "infinity" in nulls and (math.isinf(value) if isinstance(value, float) else value.is_infinite()):
                return None
            if "nan" in nulls and value != value:
                return None
        if asked.type is given.type and asked.type is not Type.TEXT:
            return value
        text = rules.text(value if isinstance(value, str) else as_text(value))
        return None if text is None else from_text(_with_zone(text) if given.type is Type.INSTANT else text)

    return value_of


def _with_zone(text: str) -> str:
    """An instant as its text is read: what has no zone is in UTC, as MySQL's timestamps come."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


# --- formats of dates -----------------------------------------------------------------------------------------------


def _check_format(text: str, word: str, value: str) -> None:
    if value in _EPOCHS:
        if word != "instant":
            raise UsageError(f"--rule {text!r}: seconds since 1970 are an instant", hint=f"instant={value}")
        return
    signs = set(re.findall(r"%([a-zA-Z])", value))
    hint = "as strptime has it: %d/%m/%Y, %Y-%m-%d %H:%M:%S"
    try:
        moment = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
        datetime.strptime(moment.strftime(value), value)  # noqa: DTZ007 - only tried
    except ValueError as error:
        raise UsageError(f"--rule {text!r}: {error}", hint=hint) from error
    if not signs:
        raise UsageError(f"--rule {text!r}: {value!r} has no sign of a date in it", hint=hint)
    day = bool(signs & set("cxsjGDF")) or (
        bool(signs & set("Yy")) and bool(signs & set("mbBj")) and bool(signs & set("dj"))
    )
    if word != "time" and not day:
        raise UsageError(f"--rule {text!r}: a {word} needs its year, month and day", hint=hint)
    if word == "instant" and "z" not in signs:
        raise UsageError(
            f"--rule {text!r}: an instant has its zone: %z", hint="datetime=… is for a date and time without one"
        )


def _canonical(word: str, found: datetime) -> str:
    match word:
        case "date":
            if found.time() != time():
                raise ValueError("it has a time of day, which a date has not")
            return found.date().isoformat()
        case "time":
            return found.time().isoformat()
        case "datetime":
            if found.tzinfo is not None:
                raise ValueError("it has a zone, which a datetime has not")
            return found.isoformat()
    return found.astimezone(UTC).isoformat()


def _since_1970(text: str, unit: int) -> str:
    try:
        micros = Decimal(text) * (1_000_000 // unit)
        if not micros.is_finite() or micros != micros.to_integral_value():
            raise ValueError("no number of microseconds since 1970")
        return (_1970 + timedelta(microseconds=int(micros))).isoformat()
    except (ArithmeticError, OverflowError) as error:
        raise ValueError("no number since 1970") from error
