"""Transact-SQL as the user wrote it: batches, parameters, results.

A line with GO alone ends a batch; `GO 5` runs it five times. A batch goes to the server whole, as variables live as
long as it does. A batch with parameters, `:name`, is run by sp_executesql, which gets the values as typed variables,
`@name`. What such a batch makes for itself (#tables, SET, USE) ends with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any, Final, Protocol
from uuid import UUID

from dbfleet.adapter import Result, ResultColumn
from dbfleet.engines.sqlserver.types import LEXIS, text_literal
from dbfleet.engines.sqlserver.wire import Rows, Wire
from dbfleet.errors import UsageError
from dbfleet.sql.text import Statement, Token, bind, check_parameters, tokens
from dbfleet.values import JSON_NULL, Batch, decimal_text, json_text

MOST_TIMES: Final = 10_000
_GO: Final = re.compile(r"[ \t]*GO(?:[ \t]+(\d+))?[ \t]*;?[ \t]*(?:--[^\n]*)?\r?", re.IGNORECASE)


class Translated(Protocol):
    """The session's `translated`: errors of a batch, by the text and the batch's place in it."""

    def __call__(self, *, whole: str = ..., start: int = ...) -> AbstractContextManager[None]: ...


@dataclass(frozen=True, slots=True)
class Script:
    """The batches that are being run, each as often as its GO says."""

    text: str
    batches: Sequence[Statement]
    params: Mapping[str, object]
    batch_size: int


def parse(text: str, params: Mapping[str, object] | None, batch_size: int) -> Script:
    """The script of the text. UsageError where there is no batch, or where the parameters are not those that are
    given."""
    parsed = list(batches(text))
    if not parsed:
        raise UsageError("the statement is empty")
    check_parameters(parsed, params)
    return Script(text, parsed, params or {}, batch_size)


def batches(text: str) -> Iterator[Statement]:
    """The batches of the text; one that runs n times comes n times. Empty ones and mere comments are left out."""
    found: list[Token] = []
    begun = after = 0
    for token in tokens(text, LEXIS):
        if token.start < after:
            continue  # what stands behind GO in its line
        at_start = not text[text.rfind("\n", 0, token.start) + 1 : token.start].strip()
        line_end = text.find("\n", token.start)
        line = text[token.start : line_end if line_end >= 0 else len(text)]
        if token.kind == "word" and at_start and (go := _GO.fullmatch(line)):
            yield from _times(text, found, begun, token.start, int(go[1] or 1))
            found, begun = [], token.start + len(line) + 1
            after = begun
        else:
            found.append(token)
    yield from _times(text, found, begun, len(text), 1)


def _times(text: str, found: Sequence[Token], start: int, end: int, times: int) -> Iterator[Statement]:
    matter = [token for token in found if token.matters]
    if not matter:
        return
    if times > MOST_TIMES:
        raise UsageError(f"GO {times}: a batch runs {MOST_TIMES} times at most")
    names = dict.fromkeys(token.text[1:] for token in matter if token.kind == "parameter")
    words = tuple(token.text.upper() for token in matter if token.kind == "word")[:8]
    for _ in range(times):
        yield Statement(text[start:end], start, words, tuple(names))


def run(wire: Wire, script: Script, translated: Translated, place: int = 0) -> Result:
    """The first result of the batch at this place. The batch's other results follow it, then those of the next
    batches."""
    batch = script.batches[place]
    translating = partial(translated, whole=script.text, start=batch.start)
    with translating():
        rows = wire.execute(_text(batch, script.params))
    return _result(wire, script, translated, translating, rows, place)


def _result(wire: Wire, script: Script, translated: Translated, translating: Any, rows: Rows, place: int) -> Result:
    more: list[bool] = []

    def ended() -> bool:
        """Whether this batch has another result. It is asked for once, so that its messages and errors are not
        missed."""
        if not more:
            with translating():
                more.append(rows.following())
        return more[0]

    def pages() -> Iterator[Batch]:
        while not more:
            with translating():
                found = rows.fetch(script.batch_size)
            if found:
                yield [tuple(map(plain, row)) for row in found] if odd(found[0]) else found
            if len(found) < script.batch_size:
                ended()

    def odd(row: tuple[Any, ...]) -> bool:
        return any(isinstance(value, datetime) for value in row)

    def following() -> Result | None:
        if columns and ended():
            return _result(wire, script, translated, translating, rows, place)
        return run(wire, script, translated, place + 1) if place + 1 < len(script.batches) else None

    columns = [ResultColumn(name) for name, _ in rows.columns or ()]
    return Result(
        columns,
        pages() if columns else (),
        affected=rows.affected,
        messages=rows.messages,
        close=lambda: None if more else _close(rows, translating),
        following=following,
    )


def _close(rows: Rows, translating: Any) -> None:
    with translating():
        rows.close()


def plain(value: Any) -> Any:
    """The value; an instant in UTC."""
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo not in (None, UTC) else value


# --- parameters ---


def _text(batch: Statement, params: Mapping[str, object]) -> str:
    if not batch.parameters:
        return batch.text
    text, _ = bind(batch.text, params, LEXIS, lambda number, name: f"@{name}")
    variables, declared, given = [f"DECLARE @dbfleet_batch nvarchar(max) = {text_literal(text)};"], [], []
    for number, name in enumerate(batch.parameters):
        type_, value = parameter(params[name])
        variables.append(f"DECLARE @dbfleet_{number} {type_} = {value};")
        declared.append(f"@{name} {type_}")
        given.append(f"@{name} = @dbfleet_{number}")
    return (
        f"{' '.join(variables)} EXEC sp_executesql @dbfleet_batch, "
        f"{text_literal(', '.join(declared))}, {', '.join(given)}"
    )


def parameter(value: object) -> tuple[str, str]:
    """The type and the literal of a variable that holds the value."""
    if value is None:
        return "nvarchar(max)", "NULL"
    if isinstance(value, bool):
        return "bit", str(int(value))
    if isinstance(value, int):
        return ("bigint", str(value)) if -(2**63) <= value < 2**63 else ("decimal(38,0)", str(value))
    if isinstance(value, float):
        return "float(53)", f"CAST({text_literal(repr(value))} AS float(53))"
    if isinstance(value, Decimal):
        digits = decimal_text(value)
        scale = len(digits.partition(".")[2])
        return f"decimal(38,{min(scale, 38)})", digits
    if isinstance(value, bytes | bytearray):
        return "varbinary(max)", f"0x{value.hex()}"
    if isinstance(value, UUID):
        return "uniqueidentifier", f"'{value}'"
    if isinstance(value, datetime):
        if value.tzinfo:
            utc = value.astimezone(UTC).replace(tzinfo=None)
            return "datetimeoffset(6)", f"'{utc.isoformat('T', 'microseconds')}+00:00'"
        return "datetime2(6)", f"'{value.isoformat('T', 'microseconds')}'"
    if isinstance(value, date):
        return "date", f"'{value.isoformat()}'"
    if isinstance(value, time):
        return "time(6)", f"'{value.isoformat('microseconds')}'"
    if isinstance(value, dict | list) or value is JSON_NULL:
        return "nvarchar(max)", text_literal(json_text(value))
    return "nvarchar(max)", text_literal(str(value))
