"""A Condition as SQL. Parentheses everywhere: no engine's precedence is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dbfleet.adapter import Condition, Part
from dbfleet.errors import DbfleetError
from dbfleet.values import Schema


def part(
    schema: Schema, condition: Condition, quote: Callable[[str], str], literal: Callable[[int, Any], str]
) -> Part | None:
    """The part whose `where` is the condition; `literal` spells a value by its column's place. None where a value
    cannot be spelt."""
    names = schema.names

    def sql(asked: Condition) -> str:
        if asked.word == "not":
            return f"(NOT {sql(asked.parts[0])})"
        if asked.word in ("and", "or"):
            return "(" + f" {asked.word.upper()} ".join(map(sql, asked.parts)) + ")"
        column = quote(asked.column)
        if asked.word == "null":
            return f"({column} IS NULL)"
        return f"({column} {asked.word} {literal(names.index(asked.column), asked.value)})"

    try:
        return {"where": sql(condition)}
    except DbfleetError:
        return None


def where(clause: str, part: Part) -> str:
    """A WHERE clause, or none, with the part's condition added."""
    if "where" not in part:
        return clause
    return f"{clause} AND {part['where']}" if clause else f" WHERE {part['where']}"
