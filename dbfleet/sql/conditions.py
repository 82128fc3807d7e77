"""A Condition as SQL. It has parentheses everywhere, so that no engine's operator precedence matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dbfleet.adapter import Condition, Part
from dbfleet.errors import DbfleetError
from dbfleet.values import Schema


def part(
    schema: Schema, condition: Condition, quote: Callable[[str], str], literal: Callable[[int, Any], str]
) -> Part | None:
    """The part whose `where` is the condition as SQL. `literal` writes a value, given its column's place. None where a
    value has no literal."""
    names = schema.names

    def sql(node: Condition) -> str:
        if node.word == "not":
            return f"(NOT {sql(node.parts[0])})"
        if node.word in ("and", "or"):
            return "(" + f" {node.word.upper()} ".join(map(sql, node.parts)) + ")"
        column = quote(node.column)
        if node.word == "null":
            return f"({column} IS NULL)"
        return f"({column} {node.word} {literal(names.index(node.column), node.value)})"

    try:
        return {"where": sql(condition)}
    except DbfleetError:
        return None


def where(clause: str, part: Part) -> str:
    """The WHERE clause, which may be empty, with the part's condition added."""
    if "where" not in part:
        return clause
    return f"{clause} AND {part['where']}" if clause else f" WHERE {part['where']}"
