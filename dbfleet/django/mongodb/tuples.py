"""Lookups of a whole compound key as MongoDB's filter: `filter(pk=(1, 2))`, `filter(pk__in=[…])`.

A key is compared as a document, for which there is an index; so its parts stand in key order.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import NotSupportedError
from django.db.models.fields import tuple_lookups
from django.db.models.lookups import Exact
from django.db.models.sql.where import AND, OR, WhereNode


def register_tuples() -> None:
    """Teach Django's lookups of tuples to become MongoDB's."""
    tuple_lookups.TupleExact.as_mql = _exact
    tuple_lookups.TupleIn.as_mql = _in
    tuple_lookups.TupleIsNull.as_mql = _is_null


def _prepared(pairs: Any, values: Any, connection: Any) -> dict[str, Any] | None:
    """The key as a document; None where it is no sub-document, or where a value is an expression."""
    found = {}
    for col, value in zip(pairs, values, strict=True):
        column = col.target.column
        if not column.startswith("_id.") or hasattr(value, "resolve_expression"):
            return None
        field = col.output_field
        found[column.removeprefix("_id.")] = field.get_db_prep_value(field.get_prep_value(value), connection)
    return found


def _prefix(pairs: Any, compiler: Any) -> str:
    alias = next(iter(pairs)).alias
    return f"{alias}." if alias and alias != compiler.collection_name else ""


def _direct(lookup: Any) -> None:
    if not lookup.rhs_is_direct_value():
        raise NotSupportedError("a compound key cannot be compared with a subquery on MongoDB")


def _exact(self: Any, compiler: Any, connection: Any, as_expr: bool = False) -> Any:
    _direct(self)
    key = None if as_expr else _prepared(self.lhs, self.rhs, connection)
    if key is not None:
        return {f"{_prefix(self.lhs, compiler)}_id": key}
    parts = [Exact(col, value) for col, value in zip(self.lhs, self.rhs, strict=True)]
    return WhereNode(parts, connector=AND).as_mql(compiler, connection, as_expr=as_expr)


def _in(self: Any, compiler: Any, connection: Any, as_expr: bool = False) -> Any:
    _direct(self)
    rows = [row for row in self.rhs if all(value is not None for value in row)]
    if not rows:
        raise EmptyResultSet
    keys = [None if as_expr else _prepared(self.lhs, row, connection) for row in rows]
    if all(key is not None for key in keys):
        return {f"{_prefix(self.lhs, compiler)}_id": {"$in": keys}}
    each = [
        WhereNode([Exact(col, value) for col, value in zip(self.lhs, row, strict=True)], connector=AND) for row in rows
    ]
    return WhereNode(each, connector=OR).as_mql(compiler, connection, as_expr=as_expr)


def _is_null(self: Any, compiler: Any, connection: Any, as_expr: bool = False) -> Any:
    from django.db.models.lookups import IsNull

    parts = [IsNull(col, self.rhs) for col in self.lhs]
    return WhereNode(parts, connector=OR if self.rhs else AND).as_mql(compiler, connection, as_expr=as_expr)
