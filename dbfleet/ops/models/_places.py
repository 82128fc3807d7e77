"""Where a collection and its columns are, in the words of a backend: `db_table` and `db_column`.

Django's backends put names into quotes, but do not double a quote or a percent sign inside of them. They leave alone
what is in quotes already: so such a name is given with its quotes. Refused where that does not help either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dbfleet.ops.models._fields import MONGODB, MYSQL, ORACLE, POSTGRES, SQLITE, SQLSERVER, Refused

_QUOTES: Final[Mapping[str, tuple[str, str]]] = {
    POSTGRES: ('"', '"'),
    ORACLE: ('"', '"'),
    SQLITE: ('"', '"'),
    MYSQL: ("`", "`"),
    SQLSERVER: ("[", "]"),
}
_DOUBLES_PERCENT: Final = frozenset({POSTGRES, SQLITE})
"""Backends whose cursors take %% for %; Oracle's doubles it itself."""


def quoted(name: str, backend: str) -> str:
    """The name in its quotes."""
    start, end = _QUOTES[backend]
    if "%" in name and backend not in (*_DOUBLES_PERCENT, ORACLE):
        raise Refused("Django cannot name it: there is a percent sign in it")
    if end in name and backend == SQLSERVER:
        raise Refused("Django cannot name it: there is a bracket in it")
    doubled = name.replace("%", "%%") if backend in _DOUBLES_PERCENT else name
    return start + doubled.replace(end, end + end) + end


def db_name(name: str, backend: str) -> str:
    """The name of a table or column for `db_table` and `db_column`."""
    if backend == MONGODB:
        return name
    start, end = _QUOTES[backend]
    plain = start not in name and end not in name and ("%" not in name or backend == ORACLE)
    return name if plain else quoted(name, backend)


def db_table(name: str, backend: str, space: str | None) -> str:
    """The collection's name for `db_table`; `space` is the schema that it is in, where that must be said."""
    if space is None:
        return db_name(name, backend)
    return f"{quoted(space, backend)}.{quoted(name, backend)}"


def mongodb_column(name: str, key: tuple[str, ...]) -> str:
    """The field of a document that holds the column, as dbfleet's adapter for MongoDB keeps it."""
    if "." in name or "\0" in name or (name.startswith("$") and name not in key):
        raise Refused("Django cannot name it: there is a dot or a dollar sign in it")
    if key == (name,):
        return "_id"
    if name in key:
        return f"_id.{f'_{name}' if name.startswith('$') else name}"
    return "__id" if name == "_id" and key else name
