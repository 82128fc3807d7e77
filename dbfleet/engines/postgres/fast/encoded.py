"""The fast path: a SELECT's rows as CSV or JSON Lines, rendered by the server, byte for byte what formats/ makes of it.

The statement stands as a subselect below one that casts each column to its text. OFFSET 0 keeps the two apart, so what
the user wrote is computed once a row, in the order that he asked for. One million orders of nine columns, PostgreSQL
18: CSV by COPY 0.95 s where `psql --csv` with FETCH_COUNT takes 1.5 s; JSON Lines, joined by `||` and read in chunks,
1.7 s, where row_to_json takes 2.1 s and the driver's rows through json.dumps 7 s.

A line with json comes in pieces, between which Python puts the json. What the server cannot render this way (a
statement that is not one SELECT) is left to the plain path, before anything has run.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

from dbfleet.engines.postgres import wire as rows
from dbfleet.engines.postgres.types import TypeCatalog
from dbfleet.values import Type, decimal_text

if TYPE_CHECKING:
    from psycopg import Connection

Expression = Callable[[str], str]

FIRST_VERSION: Final = 140000  # before it numeric had no infinity, before 13 there was no trim_scale
PLAIN: Final = frozenset({"text", "character varying"})
"""The types that a cast to text leaves as they are. It cuts the blanks of character(n) and gives an inet a mask, so of
other types format() takes the output."""

_AT_ONCE: Final = 250
"""Rows that come together: a statement's own may be of any size."""

MOST_COLUMNS: Final = 200  # what is joined is an expression as long


def _float(c: str) -> str:
    # The server writes 1 and 1e+15, repr 1.0 and 1000000000000000.0; below 1e-4 they agree, and from 1e16 on nearly.
    whole = f"CASE WHEN {c} = trunc({c}) THEN {{}} || '.0' ELSE {{}} END"
    small, large = f"{c}::text", f"{c}::text::numeric::text"
    return (
        f"CASE WHEN abs({c}) < 1e15 THEN {whole.format(small, small)} "
        f"WHEN abs({c}) < 1e16 THEN {whole.format(large, large)} "
        f"WHEN abs({c}) < 1e40 AND length(abs({c})::text) > 20 THEN {_shortest(c)} ELSE {small} END"
    )


def _shortest(c: str) -> str:
    """The text that repr writes of a float from 1e16 to 1e40 of which the server writes 16 digits or more. The server
    takes no text that lies just between two floats, as 7.101391649994914e+16 does, and reads it back as the even one
    like everybody. So 15 digits and then 16 are tried, next below and next above. (5 us; beyond 1e39 no text of so few
    digits lies between two floats.)"""
    exponent = f"right({c}::text, 2)::int"
    below = f"trunc({c}::text::numeric, digits - {exponent})"
    return (
        f"coalesce((SELECT regexp_replace(ltrim(to_char(x, '9.999999999999999EEEE')), '[.]?0*e', 'e') "
        f"FROM (VALUES (14, 0), (14, 1), (15, 0), (15, 1)) AS near(digits, more), LATERAL "
        f"(SELECT {below} + more * sign({c})::numeric * 10::numeric ^ ({exponent} - digits) AS x) AS made "
        f"WHERE x::float8 = {c} ORDER BY digits LIMIT 1), {c}::text)"
    )


def _within_years(c: str, type_: str, rendered: str) -> str:
    # Infinite dates, BC and years from 10000 on stay the server's own text.
    last = "9999-12-31 23:59:59.999999"
    zone = "+00" if type_ == "timestamptz" else ""
    return (
        f"CASE WHEN {c} BETWEEN {type_} '0001-01-01 00:00:00{zone}' AND {type_} '{last}{zone}' "
        f"THEN {rendered} ELSE {c}::text END"
    )


TEXT: Final[Mapping[Type, Expression]] = {
    Type.BOOL: lambda c: f"{c}::text",
    Type.DECIMAL: lambda c: f"trim_scale({c})",
    Type.FLOAT: _float,
    Type.BYTES: lambda c: f"translate(encode({c}, 'base64'), E'\\n', '')",
    Type.DATETIME: lambda c: _within_years(c, "timestamp", f"replace({c}::text, ' ', 'T')"),
    Type.INSTANT: lambda c: _within_years(
        c, "timestamptz", f"replace(({c} AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z'"
    ),
}
"""The expression of a column's canonical text, by type. What is not here the server writes this way already."""


def _json_number(c: str, rendered: str) -> str:
    # JSON has no number for what is not finite. NaN sorts above Infinity.
    return f"CASE WHEN {c} > '-Infinity' AND {c} < 'Infinity' THEN {rendered} ELSE '\"' || {c}::text || '\"' END"


def _json_decimal(c: str) -> str:
    return _json_number(c, f"trim_scale({c})::text")


def _json_float(c: str) -> str:
    return _json_number(c, _float(c))


def _quoted(type_: Type) -> Expression:
    return lambda c: f"'\"' || {TEXT[type_](c) if type_ in TEXT else c + '::text'} || '\"'"


_JSON: Final[Mapping[Type, Expression]] = {
    Type.BOOL: TEXT[Type.BOOL],
    Type.INT: lambda c: f"{c}::text",
    Type.DECIMAL: _json_decimal,
    Type.FLOAT: _json_float,
    **{type_: _quoted(type_) for type_ in (Type.BYTES, Type.DATE, Type.TIME, Type.DATETIME, Type.INSTANT, Type.UUID)},
}
"""The expression of a column's JSON text, by type. What is not here is text: to_json escapes what json.dumps does, and
no more."""


def encoded(
    connection: Connection[Any],
    catalog: TypeCatalog,
    statement: str,
    columns: Sequence[tuple[str, int]],
    word: Literal["csv", "jsonl"],
) -> Iterator[bytes] | None:
    """The result of the statement, which has its parameters as literals and was described as `columns`. None where the
    server cannot render it."""
    from psycopg import Error

    carried = [catalog[oid] for _, oid in columns]
    documents = [each.nested or each.type is Type.JSON for each in carried]
    if (
        not columns
        or len(columns) > MOST_COLUMNS
        or connection.info.server_version < FIRST_VERSION
        # A lone \. is quoted by COPY, as it would end the data of COPY … FROM.
        or (word == "csv" and len(columns) == 1 and carried[0].column_type is Type.TEXT)
    ):
        return None
    places = [f"c{number}" for number in range(1, len(columns) + 1)]
    source = f"FROM (SELECT * FROM (\n{statement}\n) AS u OFFSET 0) AS q({', '.join(places)})"
    if any(each.native == "real" for each in carried):
        # By its own text, as 0.1::real as double precision is 0.10000000149; once, on a level of its own.
        casts = [f"{c}::text::float8" if each.native == "real" else c for c, each in zip(places, carried, strict=True)]
        pairs = ", ".join(f"{cast} AS {c}" for cast, c in zip(casts, places, strict=True))
        source = f"FROM (SELECT {pairs} {source} OFFSET 0) AS r"
    types = [each.column_type for each in carried]
    if word == "csv" and not any(documents):
        select = ", ".join(TEXT.get(type_, str)(c) for c, type_ in zip(places, types, strict=True))
    else:
        select = ", ".join(_pieces([name for name, _ in columns], places, types, documents, word))
    select = f"SELECT {select} {source}"
    try:
        rows.describe(connection, select)
    except Error:  # FOR UPDATE, INTO, WITH … INSERT: no subselect
        return None
    header = (",".join(cell(name) for name, _ in columns) + "\n").encode() if word == "csv" else b""
    if word == "csv" and not any(documents):
        return itertools.chain([header], rows.copy_out(connection, f"COPY ({select}) TO STDOUT (FORMAT csv)"))
    lines = _lines(connection, select, sum(documents), word)
    return itertools.chain([header], lines) if header else lines


def _pieces(
    names: Sequence[str], places: Sequence[str], types: Sequence[Type], documents: Sequence[bool], word: str
) -> list[str]:
    """The expressions of a line's pieces, in turn: text, json as the server has it, text, json … text."""
    pieces: list[list[str]] = [[]]
    names = _distinct(names)
    before = "" if word == "csv" else "{"
    for name, place, type_, document in zip(names, places, types, documents, strict=True):
        head = before if word == "csv" else before + json.dumps(name, ensure_ascii=False) + ":"
        if head:
            pieces[-1].append("'" + head.replace("'", "''") + "'")
        before = ","
        if document:
            # to_json leaves json and jsonb as they are.
            pieces += [[f"to_json({place})::text"], []]
        elif word == "csv":
            pieces[-1].append(f"coalesce({_csv_cell(type_)(place)}, '')")
        else:
            value = _JSON[type_](place) if type_ in _JSON else f"to_json({place})::text"
            pieces[-1].append(f"coalesce({value}, 'null')")
    if word != "csv":
        pieces[-1].append("'}'")
    return [_joined(piece) for piece in pieces]


def _joined(piece: Sequence[str]) -> str:
    """The expression of a piece: concat() of all its texts at once, as a chain of || copies what it has at each
    step."""
    if len(piece) == 1:  # json, which may be NULL and stays it
        return piece[0]
    groups = [f"concat({', '.join(piece[start : start + 100])})" for start in range(0, len(piece), 100)]
    return " || ".join(groups) or "''"


def _distinct(names: Iterable[str]) -> list[str]:
    """The names, where one comes again with a number: a, a_2, a_3. The keys of an object are named so."""
    found: dict[str, None] = {}
    for name in names:
        fresh, number = name, 1
        while fresh in found:
            number += 1
            fresh = f"{name}_{number}"
        found[fresh] = None
    return list(found)


def _csv_cell(type_: Type) -> Expression:
    text = TEXT.get(type_, str)
    if type_ is Type.BYTES:
        return lambda c: f"CASE WHEN length({c}) = 0 THEN '\"\"' ELSE {text(c)} END"
    if type_ is not Type.TEXT:
        return lambda c: f"({text(c)})::text"
    # format() takes the type's own output, which a cast to text of character(n) does not.
    return lambda c: (
        f"CASE WHEN {c}::text = '' OR {c}::text ~ E'[\",\\n\\r]' THEN "
        f"'\"' || replace(format('%s', {c}), '\"', '\"\"') || '\"' WHEN {c} IS NOT NULL THEN format('%s', {c}) END"
    )


def _lines(connection: Connection[Any], select: str, documents: int, word: str) -> Iterator[bytes]:
    """The lines that the pieces make. The server writes json with spaces and zeros, so it is written anew here."""
    rows.start(connection, select, chunk_rows=_AT_ONCE)
    finished = False
    null = b"" if word == "csv" else b"null"
    try:
        while (result := rows.fetch(connection)) is not None:
            if not (count := result.ntuples):
                continue
            get = result.get_value
            if not documents:
                yield b"\n".join([get(row, 0) for row in range(count)]) + b"\n"  # type: ignore[misc]
                continue
            pieces: list[list[bytes]] = []
            for place in range(2 * documents + 1):
                values = [get(row, place) for row in range(count)]
                if place % 2:
                    values = [null if value is None else _document(value, word) for value in values]
                pieces.append(values)  # type: ignore[arg-type]
            yield b"\n".join(map(b"".join, zip(*pieces, strict=True))) + b"\n"
        finished = True
    finally:
        if not finished and not connection.closed:
            rows.stop(connection)


def _number(text: str) -> float | Decimal:
    # A float where its repr is the number's canonical text, as the C encoder takes no Decimal.
    value = float(text)
    return value if repr(value) == text and text[-2:] != ".0" and "e" not in text else Decimal(text)


_loads = json.JSONDecoder(parse_float=_number).decode
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def _document(value: bytes, word: str) -> bytes:
    """The document without white space and without trailing zeros, its keys in the server's order."""
    text = json_line(json_value(value))
    return (cell(text) if word == "csv" else text).encode("utf-8", "backslashreplace")


def json_value(value: bytes) -> Any:
    """The server's JSON; a number is a float only where that keeps its digits."""
    return _loads(str(value, "utf-8"))


def json_line(value: Any) -> str:
    """Without white space, the keys in the server's order."""
    try:
        return _dumps(value)
    except TypeError:
        return _exact(value)


def _exact(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_dumps(key)}:{_exact(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_exact, value)) + "]"
    return decimal_text(value) if isinstance(value, Decimal) else _dumps(value)


def cell(text: str) -> str:
    """The text as a cell of CSV."""
    plain = text and not any(mark in text for mark in ',"\n\r')
    return text if plain else '"' + text.replace('"', '""') + '"'
