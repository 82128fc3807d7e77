"""The fast path of a query: JSON Lines from SQLite's stored values, without Python objects in between.

A value of a type that SQLite lacks is stored as a text that is nearly what is written. The parser of the plain path (in
C) checks it, and what is written is cut from it: formatting the parsed instant costs twice as much as all the rest.
A text in another form is written by its value. What the parser refuses is text like any other, as on the plain path.

json columns are left to the plain path.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from json.encoder import encode_basestring as quoted
from typing import Any, Final
from uuid import UUID

from dbfleet.values import Row, Type, datetime_text, decimal_text, float_text, instant_text, time_text

TextOf = Callable[[Any], str]


def _float(value: float) -> str:
    return float.__repr__(value) if math.isfinite(value) else f'"{float_text(value)}"'


def _number(value: Any) -> str:
    text = decimal_text(Decimal(value))
    return text if text[-1].isdigit() else f'"{text}"'


def _else_quoted(text_of: TextOf) -> TextOf:
    def text(value: str) -> str:
        try:
            return text_of(value)
        except (ValueError, ArithmeticError):
            return quoted(value)

    return text


_is_plain_number: Final = re.compile(r"-?[1-9][0-9]*(\.[0-9]*[1-9])?|0(\.[0-9]*[1-9])?").fullmatch
_is_uuid: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch


def _decimal(text: str) -> str:
    return text if _is_plain_number(text) else _number(text)


def _uuid(text: str) -> str:
    return f'"{text}"' if _is_uuid(text) else f'"{UUID(text)}"'


def _date(text: str) -> str:
    return f'"{date.fromisoformat(text)}"'


def _time(text: str) -> str:
    value = time.fromisoformat(text)
    if len(text) == 15 and text[8] == "." and text[9:].isdigit():
        return f'"{text.rstrip("0").rstrip(".")}"'
    return f'"{time_text(value) if value.tzinfo is None else value.isoformat()}"'


def _moment(text: str) -> str:
    value = datetime.fromisoformat(text)
    # Our own form and no other that fromisoformat reads: not 2024-W01-1, not a comma.
    if text[10:11] == "T" and text[19:20] == "." and text[7] == "-":
        if len(text) == 32 and text[26:] == "+00:00":
            return f'"{text[:26].rstrip("0").rstrip(".")}Z"'
        if len(text) == 26 and text[20:].isdigit():
            return f'"{text.rstrip("0").rstrip(".")}"'
    return f'"{datetime_text(value) if value.tzinfo is None else instant_text(value)}"'


_STORED: Final[Mapping[type, TextOf]] = {
    type(None): lambda value: "null",
    int: int.__repr__,
    float: _float,
    str: quoted,
    bytes: lambda value: f'"{b64encode(value).decode("ascii")}"',
}
"""The text of a value, by its storage class."""

_DECLARED: Final[Mapping[Type, Mapping[type, TextOf]]] = {
    Type.BOOL: {
        int: lambda value: "true" if value == 1 else "false" if value == 0 else int.__repr__(value),
        float: lambda value: "true" if value == 1 else "false" if value == 0 else _float(value),
    },
    Type.DECIMAL: {str: _else_quoted(_decimal), float: _number},
    Type.DATE: {str: _else_quoted(_date)},
    Type.TIME: {str: _else_quoted(_time)},
    Type.DATETIME: {str: _else_quoted(_moment)},
    Type.INSTANT: {str: _else_quoted(_moment)},
    Type.UUID: {str: _else_quoted(_uuid)},
}
"""What is another text for columns of a declared type."""


def lines(names: Sequence[str], types: Sequence[Type | None]) -> Callable[[Sequence[Row]], bytes]:
    """A function that makes a line of each stored row, by one f-string that is compiled for these columns."""
    scope: dict[str, Any] = {}
    source = ""
    for place, (name, type_) in enumerate(zip(_distinct(names), types, strict=True)):
        scope[f"T{place}"] = {**_STORED, **(_DECLARED.get(type_, {}) if type_ else {})}
        key = f"{',' if place else '{'}{quoted(name)}:".replace("{", "{{").replace("}", "}}")
        source += f"f{key!r} f'{{T{place}[type(v{place})](v{place})}}' "
    target = "".join(f"v{place}," for place in range(len(names)))
    # Names stand in string literals only.
    exec(f"def encode(rows): return ''.join([{source} '}}\\n' for {target} in rows])", scope)  # noqa: S102
    encode: Callable[[Sequence[Row]], str] = scope["encode"]
    return lambda rows: encode(rows).encode("utf-8", "backslashreplace")


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, where one comes again with a number, as formats/ does: a, a_2."""
    found: list[str] = []
    for name in names:
        fresh, number = name, 1
        while fresh in found:
            number += 1
            fresh = f"{name}_{number}"
        found.append(fresh)
    return found
