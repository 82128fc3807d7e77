"""The forms in which others store what SQLite has no type for: dates, decimals, uuids, json, as Django, Rails and
SQLAlchemy declare and write them.

A declared word binds nobody: `created datetime` may hold anything. So a column is read as the declared type only where
every value in it has one form of that type; SQLite finds that out in one pass over the table, for all columns at once.
New values are stored in the same form: in another they would not be equal, and would sort elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from dbfleet.columns import Convert
from dbfleet.engines.sqlite.types import FETCH
from dbfleet.values import VALUE_OF, Type, decimal_text, json_text


@dataclass(frozen=True, slots=True)
class Form:
    """A way to store values of a type. `test` is the condition, in SQL, that a value `{c}` that is not NULL has this
    form. `unique`: each value has one text only, and these compare as the values do. `sized`: the declared sizes
    hold."""

    type: Type
    test: str
    fetch: Convert
    store: Convert
    unique: bool = True
    sized: bool = False


def number(value: Any) -> Decimal:
    """The decimal that a stored number shows."""
    return Decimal(value) if isinstance(value, int | str) else Decimal(repr(value))


def _stored_number(value: Decimal) -> Any:
    """The text of the value, of which SQLite makes a number: an integer of 64 bits, or a float, which keeps 15
    digits."""
    text = decimal_text(value)
    if not value.is_finite() or ("." not in text and abs(value) >= 2**63) or (
        "." in text and len(text.replace(".", "").strip("-0")) > 15
    ):  # fmt: skip
        raise ValueError(f"{text} has more digits than a number of SQLite's keeps")
    return text


def _document(value: Any) -> Any:
    if not isinstance(value, str):
        return value if isinstance(value, int) else number(value)
    return FETCH[Type.JSON](value)


def _text(test: str) -> str:
    return f"typeof({{c}}) = 'text' AND {test}"


def _day(c: str) -> str:
    digits = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"
    # Without a modifier date() gives 2023-02-30 back; without substr() the column's affinity makes a number of '0001'.
    return f"({c} GLOB '{digits}' AND date({c}, '+0 days') IS {c} AND substr({c}, 1, 4) >= '0001')"


def _clock(c: str) -> str:
    return f"({c} GLOB '[0-2][0-9]:[0-5][0-9]:[0-5][0-9]' AND {c} < '24')"


_SIX: Final = "[0-9]" * 6


def _fractions(rest: str) -> Iterator[tuple[str, bool, str]]:
    """The forms of a second's digits: the condition for what stands behind the seconds, whether each value has one text
    only, and how isoformat writes it."""
    yield f"({rest} = '' OR ({rest} GLOB '.{_SIX}' AND {rest} <> '.000000'))", True, "auto"  # Python's, Django's
    yield f"{rest} GLOB '.{_SIX}'", True, "microseconds"  # Rails', SQLAlchemy's
    digits = f"length({rest}) BETWEEN 2 AND 7 AND substr({rest}, 2) NOT GLOB '*[^0-9]*'"
    yield f"({rest} = '' OR ({rest} GLOB '.*' AND {digits}))", False, "auto"


def _times() -> Iterator[Form]:
    for fraction, unique, spec in _fractions("substr({c}, 9)"):
        test = _text(f"{_clock('substr({c}, 1, 8)')} AND {fraction}")
        yield Form(Type.TIME, test, time.fromisoformat, _iso(spec), unique)


def _iso(spec: str, mark: str = "") -> Convert:
    return lambda value: value.isoformat(mark, spec) if mark else value.isoformat(spec)


def _datetimes() -> Iterator[Form]:
    head = f"{_day('substr({c}, 1, 10)')} AND {_clock('substr({c}, 12, 8)')}"
    last = []
    for mark in (" ", "T"):
        for fraction, unique, spec in _fractions("substr({c}, 20)"):
            is_mark = "substr({c}, 11, 1) " + (f"= '{mark}'" if unique else "IN (' ', 'T')")
            test = _text(f"{is_mark} AND {head} AND {fraction}")
            form = Form(Type.DATETIME, test, datetime.fromisoformat, _iso(spec, mark), unique)
            if unique:
                yield form
            else:
                last.append(form)
    yield last[0]


def _instants() -> Iterator[Form]:
    """Instants in any zone that the text names: 'Z', or hours and minutes."""
    zoned = "({c} GLOB '*Z' OR {c} GLOB '*[-+][0-2][0-9]:[0-5][0-9]')"
    rest = "rtrim(substr({c}, 20, length({c}) - 19 - CASE WHEN {c} GLOB '*Z' THEN 1 ELSE 6 END))"
    *_, (fraction, _, _) = _fractions(rest)
    head = f"{_day('substr({c}, 1, 10)')} AND {_clock('substr({c}, 12, 8)')} AND substr({{c}}, 11, 1) IN (' ', 'T')"
    yield Form(Type.INSTANT, _text(f"{zoned} AND {head} AND {fraction}"), VALUE_OF[Type.INSTANT],
               lambda value: value.astimezone(UTC).isoformat(" "), False)  # fmt: skip


def _uuids() -> Iterator[Form]:
    lower, upper = ("-".join(digit * count for count in (8, 4, 4, 4, 12)) for digit in ("[0-9a-f]", "[0-9A-F]"))
    yield Form(Type.UUID, _text(f"{{c}} GLOB '{lower}'"), UUID, str)
    yield Form(Type.UUID, _text(f"{{c}} GLOB '{upper}'"), UUID, lambda value: str(value).upper())
    yield Form(Type.UUID, _text(f"{{c}} GLOB '{'[0-9a-f]' * 32}'"), UUID, lambda value: value.hex)
    yield Form(Type.UUID, "typeof({c}) = 'blob' AND length({c}) = 16", lambda value: UUID(bytes=value),
               lambda value: value.bytes)  # fmt: skip


def _booleans() -> Iterator[Form]:
    yield Form(Type.BOOL, "typeof({c}) = 'integer' AND {c} IN (0, 1)", {0: False, 1: True}.__getitem__, int)
    for true, false in (("t", "f"), ("true", "false")):
        yield Form(Type.BOOL, _text(f"{{c}} IN ('{true}', '{false}')"), {true: True, false: False}.__getitem__,
                   {True: true, False: false}.__getitem__)  # fmt: skip


def _decimals(scale: int | None) -> Iterator[Form]:
    test = "typeof({c}) IN ('integer', 'real') AND abs({c}) < 1e300"
    if scale is not None:
        yield Form(Type.DECIMAL, f"{test} AND round({{c}}, {scale}) = {{c}}", number, _stored_number, sized=True)
    yield Form(Type.DECIMAL, test, number, _stored_number)


_DATE: Final = Form(Type.DATE, _text(_day("{c}")), date.fromisoformat, date.isoformat)
_JSON: Final = Form(Type.JSON, "((typeof({c}) = 'text' AND json_valid({c})) OR typeof({c}) IN ('integer', 'real'))",
                    _document, json_text, False)  # fmt: skip


def forms(word: str, numbers: Sequence[int]) -> list[Form]:
    """The forms that a column of this declared type may have, the likeliest first; none for SQLite's own words."""
    if word in ("DATE", "JSON", "JSONB"):
        return [_DATE if word == "DATE" else _JSON]
    if word.startswith(("DATETIME", "TIMESTAMP")):
        return [*_instants(), *_datetimes()] if "TZ" in word or "WITH TIME" in word else [*_datetimes(), *_instants()]
    if word in ("DECIMAL", "NUMERIC"):
        return list(_decimals(numbers[1] if len(numbers) > 1 else 0 if numbers else None))
    made: dict[str, Callable[[], Iterator[Form]]] = {"TIME": _times, "UUID": _uuids, "GUID": _uuids}
    return list(made[word]() if word in made else _booleans() if word in ("BOOL", "BOOLEAN") else ())
