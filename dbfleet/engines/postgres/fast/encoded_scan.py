"""The fast path of a whole collection: the server makes its rows as CSV or JSON Lines, and their digest, together.

Each value is rendered once; the row's line and its digest's MD5 are put together from the same texts, so that the
digest is that of the very rows that were sent. A table is read in ranges of pages, each of which comes as one value:
the client's cost of a row (a message, an object, a call) is paid once for some hundred rows. Several connections that
share one snapshot read the ranges in turn, which come back in the order of the table.

300 000 orders of 13 columns, PostgreSQL 18, seconds of one core: COPY of row_to_json 0.65; lines 0.77; lines and
digests 1.2, where two statements take 1.5 and read the table twice; two connections share that. The part of the client
fell from 0.4 to 0.1.

The definition is formats/_exact.py and values.digest_rows; the conformance suite holds this to both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, Literal

from dbfleet.engines.postgres import wire as rows
from dbfleet.engines.postgres.fast.digest import beyond
from dbfleet.engines.postgres.fast.encoded import FIRST_VERSION, MOST_COLUMNS, PLAIN, TEXT
from dbfleet.values import Column, Digest, Schema, Type, digest_order

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.pq.abc import PGresult

PAGES: Final = 16
"""Pages a range, 128 kB: 300 to 400 kB of JSON, which a socket's buffers hold while the other connection is read."""
FEWEST_PAGES: Final = 8 * PAGES
"""Of a smaller table the rows come as they are, on one connection."""
MOST_OUTSIDE: Final = 64 << 20
"""Bytes that the table may keep outside its pages: a page of rows of a megabyte each would be one value."""
_AT_ONCE: Final = 100
"""Arguments that a function takes."""
_LAST: Final = 4294967294
"""The number of the last page that a table can have."""

Tally = Callable[[Digest], None]


def statement(
    schema: Schema, select: str, natives: Sequence[str], word: Literal["csv", "jsonl"], *, digests: bool
) -> str | None:
    """A SELECT of a row's line, its MD5 (or NULL) and whether a date is outside the years 1 to 9999. `{where}` stands
    where a condition on the collection's rows goes. `select` gives the schema's columns, each as its type; `natives`
    are the server's names of these types. None where the server cannot."""
    types = [column.type for column in schema.columns]
    alone = word == "csv" and len(types) == 1  # its empty line would be none
    if Type.JSON in types or not types or len(types) > MOST_COLUMNS or alone:
        return None
    places, source = texts(schema, select, natives)
    if word == "csv":
        pieces = [part for c, type_ in zip(places, types, strict=True) for part in ("','", cell(c, type_))][1:]
    else:
        pieces = []
        for column, c in zip(schema.columns, places, strict=True):
            pieces += [literal(("," if pieces else "{") + name_of(column)), value(c, column.type)]
        pieces.append("'}'")
    digest = "NULL"
    if digests:
        digest = f"md5({joined([measured(places[at], types[at]) for at in digest_order(schema.columns)])})"
    return f"SELECT {braced(joined(pieces))} AS l, {digest} AS h, b {source}"


def texts(schema: Schema, select: str, natives: Sequence[str]) -> tuple[list[str], str]:
    """Two things: the names of the columns' canonical texts; and the FROM that has them, and `b`, whether a date is
    outside the years 1 to 9999. The FROM is a text to be formatted, with `{where}`."""
    types = [column.type for column in schema.columns]
    places = [f"c{number}" for number in range(1, len(types) + 1)]
    source = f"FROM ({braced(select)}{{where}} OFFSET 0) AS q({', '.join(places)})"
    if "real" in natives:
        # By its own text: 0.1::real as double precision is 0.10000000149.
        casts = [f"{c}::text::float8 AS {c}" if n == "real" else c for c, n in zip(places, natives, strict=True)]
        source = f"FROM (SELECT {', '.join(casts)} {source} OFFSET 0) AS r"
    triples = zip(places, types, natives, strict=True)
    found = [f"{braced(_text(*triple))} AS {triple[0]}" for triple in triples]
    return places, f"FROM (SELECT {', '.join(found)}, {braced(beyond(places, types))} AS b {source} OFFSET 0) AS t"


def literal(text: str) -> str:
    """The text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def name_of(column: Column) -> str:
    """The column's name in an object, and the colon behind it."""
    return json.dumps(column.name, ensure_ascii=False) + ":"


def braced(text: str) -> str:
    """The text with its braces doubled, which str.format then leaves as they were."""
    return text.replace("{", "{{").replace("}", "}}")


def joined(pieces: Sequence[str]) -> str:
    """concat() of all at once: a chain of || copies what it has at each step, 2.3 times as slow."""
    groups = [pieces[start : start + _AT_ONCE] for start in range(0, len(pieces), _AT_ONCE)]
    return " || ".join(f"concat({', '.join(group)})" for group in groups)


def _text(c: str, type_: Type, native: str) -> str:
    """The expression of the value's canonical text, with -0.0 as it is. Dates are of the years 1 to 9999, as others are
    refused."""
    match type_:
        case Type.DATETIME:
            return f"replace({c}::text, ' ', 'T')"
        case Type.INSTANT:
            return f"replace(({c} AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z'"
        case Type.TEXT if native not in PLAIN:
            return f"CASE WHEN {c} IS NOT NULL THEN format('%s', {c}) END"
    return f"({TEXT[type_](c)})::text" if type_ in TEXT else f"{c}::text"


def value(c: str, type_: Type) -> str:
    """The expression of the text as a JSON value."""
    match type_:
        case Type.TEXT:
            return f"coalesce(to_json({c})::text, 'null')"
        case Type.BOOL | Type.INT:
            return f"coalesce({c}, 'null')"
        case Type.DECIMAL | Type.FLOAT:
            odd = "('NaN', 'Infinity', '-Infinity')"  # JSON has no such numbers
            return f"coalesce(CASE WHEN {c} IN {odd} THEN '\"' || {c} || '\"' ELSE {c} END, 'null')"
    return f"coalesce('\"' || {c} || '\"', 'null')"


def cell(c: str, type_: Type) -> str:
    """The expression of the text as a cell of CSV."""
    return f"coalesce({_cell(c, type_)}, '')"


def _cell(c: str, type_: Type) -> str:
    match type_:
        case Type.TEXT:
            quoted = f"'\"' || replace({c}, '\"', '\"\"') || '\"'"
            return f"CASE WHEN {c} = '' OR {c} ~ E'[\",\\n\\r]' THEN {quoted} ELSE {c} END"
        case Type.BYTES:
            return f"CASE WHEN {c} = '' THEN '\"\"' ELSE {c} END"
    return c


def measured(c: str, type_: Type) -> str:
    """The expression of the text as a row's digest takes it: with its length."""
    match type_:
        case Type.BOOL:
            return f"CASE {c} WHEN 'true' THEN '4:true' WHEN 'false' THEN '5:false' ELSE '-' END"
        case Type.DATE:
            return f"coalesce('10:' || {c}, '-')"
        case Type.UUID:
            return f"coalesce('36:' || {c}, '-')"
        case Type.FLOAT:
            return f"CASE {c} WHEN '-0.0' THEN '3:0.0' ELSE coalesce(octet_length({c}) || ':' || {c}, '-') END"
    return f"coalesce(octet_length({c}) || ':' || {c}, '-')"


# --- reading ----------------------------------------------------------------------------------------------------------


def readable(connection: Connection[Any]) -> bool:
    """Whether this server writes its texts as these expressions take them to be."""
    info = connection.info
    return info.server_version >= FIRST_VERSION and info.parameter_status("server_encoding") == "UTF8"


def pages(connection: Connection[Any], sql: str) -> int:
    """How many pages the table has; 0 where it has none or should not be read by pages."""
    sizes = connection.execute(
        b"SELECT pg_relation_size(c.oid) / current_setting('block_size')::int, "
        b"coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0) FROM pg_class AS c "
        b"WHERE c.oid = to_regclass(%s) AND c.relkind IN ('r', 'm')",
        [sql],
        prepare=False,
    ).fetchone()
    return 0 if sizes is None or sizes[1] > MOST_OUTSIDE else int(sizes[0])


def ranges(text: str, all_pages: int, reader: int, readers: int) -> str:
    """The statement's rows of every `readers`th range of pages, a row a range. The last one is open, for what was
    added since the pages were counted."""
    last = (all_pages - 1) // PAGES * PAGES
    # With the name of its row: the table's own columns may have any name, and stand nearer.
    page = "dbfleet_range.page"
    end = f"CASE WHEN {page} = {last} THEN {_LAST} ELSE {page} + {PAGES} END"
    part = text.format(where=f" WHERE ctid >= format('(%s,0)', {page})::tid AND ctid < format('(%s,0)', {end})::tid")
    return (
        f"SELECT s.* FROM generate_series({reader * PAGES}::bigint, {last}, {readers * PAGES}) AS dbfleet_range(page), "
        "LATERAL (SELECT string_agg(l, E'\\n'), string_agg(h, ''), bool_or(b), count(*) "
        f"FROM ({part} OFFSET 0) AS r) AS s"
    )


def by_ranges(connection: Connection[Any], text: str) -> bool:
    """Whether the server would read each range's pages alone, not the whole table for each range."""
    plan = connection.execute(b"EXPLAIN " + text.encode(), prepare=False).fetchall()
    return any("Tid Range Scan" in line for (line,) in plan) and not any("Seq Scan" in line for (line,) in plan)


def prepare(connection: Connection[Any]) -> None:
    """Switch off, inside a transaction, what the server does for long statements: it does not pay for these ranges."""
    connection.execute(b"SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0")


def chunks(
    readers: Sequence[tuple[Connection[Any], str]], refuse: Callable[[], None], tally: Tally | None
) -> Iterator[bytes]:
    """The lines of the statements' ranges, in turn. `refuse` raises what a scan raises for a date outside the years
    1 to 9999."""
    for result in in_turn(readers, 1):
        lines, hashes, odd, count = (result.get_value(0, place) for place in range(4))
        if lines is None:
            continue
        if odd == b"t":
            refuse()
        if tally:
            tally(_digest(hashes or b"", int(count or 0)))
        yield lines + b"\n"


def lines(
    connection: Connection[Any], text: str, refuse: Callable[[], None], tally: Tally | None, at_once: int
) -> Iterator[bytes]:
    """The lines of the statement's rows, `at_once` rows together."""
    for result in in_turn([(connection, text.format(where=""))], at_once):
        count, get = result.ntuples, result.get_value
        if not count:
            continue
        line_texts: list[Any] = [get(row, 0) for row in range(count)]
        if b"t" in [get(row, 2) for row in range(count)]:
            refuse()
        if tally:
            hashes: list[Any] = [get(row, 1) for row in range(count)]
            tally(_digest(b"".join(hashes), count))
        line_texts.append(b"")
        yield b"\n".join(line_texts)


def in_turn(readers: Sequence[tuple[Connection[Any], str]], chunk_rows: int) -> Iterator[PGresult]:
    """The results of the connections' statements, one of each in turn, until all have ended. What is half read then is
    stopped."""
    left = [connection for connection, _ in readers]
    try:
        for connection, text in readers:
            rows.start(connection, text, chunk_rows=chunk_rows)
        while left:
            for connection in tuple(left):
                while (result := rows.fetch(connection)) is not None and not result.ntuples:
                    pass
                if result is None:
                    left.remove(connection)
                else:
                    yield result
    finally:
        for connection in left:
            if not connection.closed:
                rows.stop(connection)


def _digest(hashes: bytes, count: int) -> Digest:
    """The digest of so many rows, from the hexadecimal digits of their MD5s."""
    return digest_of(bytes.fromhex(hashes.decode("ascii")), count)


def digest_of(hashes: bytes, count: int) -> Digest:
    """The digest of so many rows, from their MD5s."""
    numbers = Struct(">" + "Q8x" * count).unpack(hashes)
    return Digest(count, sum(numbers) & 0xFFFF_FFFF_FFFF_FFFF)
