"""How an engine's SQL and its DB-API 2.0 driver differ from others': data, for the adapter in `dbfleet.sql.dbapi`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbfleet.adapter import ResultColumn
from dbfleet.columns import Convert
from dbfleet.errors import DbfleetError
from dbfleet.sql.text import Lexis
from dbfleet.values import Column

MARK: Final = "\0?\0"
"""Stands for a placeholder in a statement of ours, until the adapter puts the driver's own in its place."""


@dataclass(frozen=True, slots=True)
class Carried:
    """How one column of a table is carried.

    `read` is the SQL that reads it, where `{c}` is the column, and `fetch` makes a value of what the driver then gives.
    `bind` makes of a value what the driver binds, and `bound` is the SQL around its placeholder `{v}`, with a cast
    where it needs one. None means that the value stays as it is. Where the driver binds lists and SQL has `unnest`,
    `element` is the SQL type of the lists' elements. If all columns of a statement have one, many rows are bound as one
    list a column: in a columnar engine that is a hundred times as fast as a statement a row.
    """

    read: str = "{c}"
    fetch: Convert | None = None
    bound: str = "{v}"
    bind: Convert | None = None
    element: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an engine's SQL and its driver differ from others'.

    `declare` gives the SQL type that a column is made with. `carried` says how a column is carried, given the name of
    its SQL type, and `literal` writes a value that is not NULL. `translate` gives our error for an exception of the
    driver's, and None for any other exception. `placeholder` gives a placeholder by its number from 1. With `numbered`,
    a parameter of the user's that is used twice is one placeholder. `percent` is for drivers that format by `%`.
    `begin` begins a transaction. `key_text` is the SQL that reads a key's column `{c}` as a text, which CAST makes the
    same value of again. A statement has at most `most_values` placeholders. `interrupt` stops the statement that runs
    on a cursor; an engine without it has no CANCEL.
    """

    lexis: Lexis
    declare: Callable[[Column], str]
    carried: Callable[[Column, str], Carried]
    literal: Callable[[Column, str, Any], str]
    translate: Callable[[BaseException], DbfleetError | None]
    placeholder: Callable[[int], str] = lambda number: "?"
    numbered: bool = False
    percent: bool = False
    begin: str = "BEGIN"
    key_text: str = "CAST({c} AS VARCHAR)"
    most_values: int = 900
    interrupt: Callable[[Any], object] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """How a statement of the user's runs so that no value loses anything: the text to run, the columns of its result,
    and what makes a value of what the driver gives for each. Without columns, the driver names them."""

    text: str
    columns: Sequence[ResultColumn] = ()
    fetch: Sequence[Convert | None] = ()
