"""An answer as the page draws it: records, one a line of JSON, as the rows come.

    {"columns": [{"name", "type", "number"}], "result": 1, "documents": false}
                                 of a result; again where documents have more fields
    {"rows": [[cell, …], …]}     a cell is text, [text] (a number), null (NULL), 0 (no such field), or
                                 {"text", "length", "value"}: the beginning of a text that is cut, its length, and the
                                 number under which it is kept
    {"told": {"rows", "affected", "messages", "seconds"}}    of a statement that has ended
    {"cut": "why"}               the statement was stopped as the page has enough: never silently
    {"error": "…", "hint": "…"}  and nothing follows
    {"end": {"rows", "ms"}}

Text is text: the page shows it as such. At most MOST_ROWS rows and MOST_BYTES of text of a question are sent.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from dbfleet.console.statements.asked import Asker, Question, Statement, TooMany, asked, said
from dbfleet.console.statements.kept import Keeper
from dbfleet.console.statements.line import Line
from dbfleet.console.words import of_page
from dbfleet.errors import DbfleetError
from dbfleet.formats import Rows
from dbfleet.formats._values import as_cells
from dbfleet.values import Type

MOST_ROWS: Final = 5_000
MOST_BYTES: Final = 8 << 20
LONG: Final = 4_000
"""A longer text is cut to SHORT."""
SHORT: Final = 1_000

_CELLS: Final = as_cells("", str)
_JSON_CELLS: Final = as_cells("", str, json=True)
_NUMBERS: Final = (Type.INT, Type.DECIMAL, Type.FLOAT)
_MISSING: Final = object()

log = logging.getLogger("dbfleet.statements")


class _Enough(Exception):
    """The page has as much as it takes."""


def frames(question: Question, asker: Asker, line: Line | None = None) -> Generator[bytes]:
    """Ask, and give the records. TooMany is raised before the first one; every other error is a record."""
    try:
        with asked(question, asker, line) as statement:
            yield _line({"asked": str(question.id), "seconds": statement.seconds})
            drawn = _Drawn(statement, Keeper(question.id))
            try:
                with statement.answers() as answers:
                    for number, result in enumerate(answers.results, 1):
                        yield from drawn.told()
                        yield from drawn.result(result, number)
                    yield from drawn.told()
            except _Enough as enough:  # an error, to the op: it stops the statement on the server
                yield _line({"cut": str(enough)})
            yield _line({"end": {"rows": drawn.rows, "ms": statement.milliseconds}})
    except TooMany:
        raise
    except DbfleetError as error:
        yield _line({"error": of_page(said(error)), "hint": of_page(error.hint or ""), "kind": type(error).__name__})
    except GeneratorExit:
        raise
    except Exception as bug:
        log.exception("statement %s: a bug", question.id)
        yield _line({"error": f"this is a bug in dbfleet: {type(bug).__name__}", "hint": "web's log has more"})


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


class _Drawn:
    """What was sent to the page so far."""

    def __init__(self, statement: Statement, keeper: Keeper) -> None:
        self._statement = statement
        self._keeper = keeper
        self._left = MOST_BYTES
        self._rows = MOST_ROWS
        """How many more it takes."""
        self._told = 0

    @property
    def rows(self) -> int:
        """How many rows the page has."""
        return MOST_ROWS - self._rows

    def told(self) -> Iterator[bytes]:
        """What the statements that have ended said."""
        for told in self._statement.told[self._told :]:
            self._told += 1
            yield _line({"told": {"rows": told.rows, "affected": told.affected, "messages": list(told.messages),
                                  "seconds": told.seconds}})  # fmt: skip

    def result(self, result: Rows, number: int) -> Iterator[bytes]:
        """One result's records."""
        fields: dict[str, None] = {}
        columns = [_column(each.name, each.type) for each in result.columns]
        head = {"result": number, "documents": result.documents}
        json_columns = [each.type is Type.JSON for each in result.columns]
        if not result.documents:
            yield _line({"columns": columns, **head})
        for batch in result:
            self._check(batch)
            if result.documents:
                known = len(fields)
                for (document,) in batch:
                    fields.update(dict.fromkeys(document))
                if len(fields) > known or not known:
                    yield _line({"columns": [_column(name, None) for name in fields], **head})
                rows: Sequence[Sequence[Any]] = [
                    [document.get(name, _MISSING) for name in fields] for (document,) in batch
                ]
                json_columns = [False] * len(fields)
            else:
                rows = batch
            taken = [self._row(row, json_columns) for row in rows[: self._rows] if self._left > 0]
            self._rows -= len(taken)
            yield _line({"rows": taken})
            self._check(rows[len(taken) :])

    def _check(self, more: Sequence[Any]) -> None:
        """Raise where there is no room for more."""
        if more and self._left <= 0:
            raise _Enough(f"the page takes {MOST_BYTES >> 20} MB of an answer")
        if more and self._rows <= 0:
            raise _Enough(f"the page takes {MOST_ROWS:,} rows")

    def _row(self, row: Sequence[Any], json_columns: Sequence[bool]) -> list[Any]:
        return [self._cell(value, of_json) for value, of_json in zip(row, json_columns, strict=True)]

    def _cell(self, value: Any, of_json: bool) -> Any:
        if value is None:
            return None
        if value is _MISSING:
            return 0
        text = (_JSON_CELLS if of_json else _CELLS)[type(value)](value)
        self._left -= min(len(text), LONG) + 4
        if len(text) <= LONG:
            return [text] if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else text
        return {"text": text[:SHORT], "length": len(text), "value": self._keeper.keep(text)}


def _column(name: str, type_: Type | None) -> dict[str, Any]:
    return {"name": name, "type": type_ or "", "number": type_ in _NUMBERS}
