"""The counters of identity and serial columns, behind the values that were written with their rows: a sequence does not
look at the column that it counts for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from dbfleet.engines._postgres_types import LEXIS
from dbfleet.errors import StatementError

Ask = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

_COUNTED: Final = """
SELECT a.attname, pg_catalog.pg_get_serial_sequence($1, a.attname), pg_get_expr(d.adbin, d.adrelid)
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped
  AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%')
ORDER BY a.attnum
"""
_NEXTVAL: Final = re.compile(r"nextval\('((?:[^']|'')+)'::regclass\)")


def count_on(ask: Ask, table: str) -> list[str]:
    """Set each counter that lags; those that cannot be set, in words. `table` is its name in SQL."""
    left = []
    for column, owned, default in ask(_COUNTED, [table]):
        found = _NEXTVAL.fullmatch(default or "")
        sequence = owned or (found[1].replace("''", "'") if found else None)
        if sequence is None:
            left.append(f"the counter of {column}, {default}, stays where it was")
            continue
        name = LEXIS.quote(column)
        try:
            ask(
                f"SELECT setval($1::regclass, t.value) FROM (SELECT max({name}) AS value FROM {table}) t, {sequence} s "
                "WHERE t.value > s.last_value OR (t.value = s.last_value AND NOT s.is_called)",
                [sequence],
            )
        except StatementError as error:
            left.append(f"the counter of {column} is behind its largest value: {error.message}")
    return left
