"""Reads a column's default, as a server spells it: a literal, perhaps with a cast, or a word for the moment of the
insert."""

from __future__ import annotations

import re
from typing import Final

from dbfleet.extras import Default
from dbfleet.values import TEXT_OF, VALUE_OF, Column, Type

_QUOTED: Final = re.compile(r"'((?:[^']|'')*)'(?:::[\w\s\".()\[\],]+)?")
_NUMBER: Final = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_MOMENT: Final = re.compile(
    r"(?:current_timestamp|now|localtimestamp|utc_timestamp|transaction_timestamp|statement_timestamp|clock_timestamp"
    r"|curdate|current_date|utc_date)\s*(?:\(\d*\))?",
    re.IGNORECASE,
)
_MOMENTS: Final = (Type.DATE, Type.DATETIME, Type.INSTANT)


def read_default(column: Column, text: str) -> Default | None:
    """The default that the server spells like this; None where it is an expression."""
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and _balanced(text[1:-1]):
        text = text[1:-1].strip()
    if column.type in _MOMENTS and _MOMENT.fullmatch(text):
        return Default(column.name, None)
    if quoted := _QUOTED.fullmatch(text):
        return value_default(column, quoted[1].replace("''", "'"))
    number = re.sub(r"::[\w\s()]+$", "", text).strip("()")
    if _NUMBER.fullmatch(number) or text.lower() in ("true", "false"):
        return value_default(column, number)
    return None


def value_default(column: Column, text: str) -> Default | None:
    """The default that is this value, given in the server's text; None where the text is no value of the column's
    type."""
    if column.type is Type.BOOL:
        text = {"t": "true", "1": "true", "f": "false", "0": "false"}.get(text.lower(), text.lower())
    if column.type in (Type.BYTES, Type.JSON):
        return None
    try:
        return Default(column.name, TEXT_OF[column.type](VALUE_OF[column.type](text)))
    except (ValueError, ArithmeticError, KeyError):
        return None


def _balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0:
            return False
    return depth == 0
