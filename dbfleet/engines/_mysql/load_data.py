"""A table to write into, as text: the LOAD DATA or INSERT for it, and batches in the form that these take.

A file has one character set. So texts go as utf8mb4, and bytes as hexadecimal digits, which UNHEX turns back. A
backslash, a tab and a line's end are escaped: a column's texts are searched in one piece, and are escaped one by one
only where one of these is found.

A row with large bytes goes in a file of its own, whose character set is binary and in which the bytes stand as they
are. The server holds them twice then; as digits it holds them five times, for which a small server has no memory. Nor
do they pass through a function, whose result is NULL where it is longer than a packet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbfleet.engines._mysql.literals import Texts, Write, refused, spelt, writer
from dbfleet.engines._mysql.types import GEOMETRIES, LEXIS, TEXTS, Native
from dbfleet.errors import ConstraintViolated, NotFound, StatementError
from dbfleet.values import Batch, Row, Schema, Type

LARGE: Final = 1 << 20
"""From so many bytes on a value goes as it is."""
INSERT_BYTES: Final = 1_000_000
"""Bytes of one INSERT. A larger one is not faster, and every server takes this much (max_allowed_packet)."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """How a column of the schema is written: what makes its texts, and the SQL around a text (`{0}`), if there is
    any."""

    write: Write
    escapes: bool
    expression: str | None
    ignored: bool = False  # a generated column
    data: bool = False  # bytes
    utf8mb4: bool = False


class Table:
    """A table to write into: makes the statements, and the texts of batches for them."""

    def __init__(self, schema: Schema, found: Mapping[str, Native], *, mariadb: bool) -> None:
        self.schema, self.found = schema, found
        for column in schema.columns:
            if column.name not in found:
                raise NotFound(f"{schema.name} has no column {column.name}")
        self._slots = []
        for column in schema.columns:
            native = found[column.name]
            write, escapes = writer(column, native.kind, native.arguments)
            expression = _expression(column.type, native, mariadb=mariadb)
            data = column.type is Type.BYTES
            self._slots.append(_Slot(write, escapes, expression, native.generated, data, takes_utf8mb4(native)))
        self.touched = [name for name in schema.names if found[name].touched]
        self.written = [name for name, slot in zip(schema.names, self._slots, strict=True) if not slot.ignored]

    def load(self, path: str, table: str, *, replace: bool, raw: bool = False) -> bytes:
        """The LOAD DATA LOCAL of `lines` into the table; with `raw`, of `raw_lines`."""
        targets, settings = [], []
        for number, (name, slot) in enumerate(zip(self.schema.names, self._slots, strict=True)):
            expression = slot.expression
            if raw and slot.data:
                expression = None
            elif raw and not slot.utf8mb4 and (slot.escapes or expression):
                # A column that is not utf8mb4 would take the bytes as its own character set.
                expression = (expression or "{0}").format("CONVERT({0} USING utf8mb4)")
            if slot.ignored or expression:
                targets.append(f"@v{number}")
                if expression and not slot.ignored:
                    settings.append(f"{LEXIS.quote(name)} = {expression.format(f'@v{number}')}")
            else:
                targets.append(LEXIS.quote(name))
        return load_statement(path, table, targets, settings, replace=replace, binary=raw)

    def has_large(self, row: Row) -> bool:
        """Whether the row holds large bytes, which go as they are."""
        return any(
            slot.data and value is not None and len(value) > LARGE for slot, value in zip(self._slots, row, strict=True)
        )

    @property
    def may_be_large(self) -> bool:
        """Whether a row may hold large bytes."""
        return any(slot.data for slot in self._slots)

    def raw_lines(self, row: Row) -> bytes:
        """A row as LOAD DATA reads it from a binary file: bytes as they are."""
        texts = self._cells(
            [tuple([b"" if s.data else v for s, v in zip(self._slots, row, strict=True)])], "\\N", _escaped
        )
        cells = [
            texts[place][0].encode() if not slot.data else b"\\N" if value is None else escaped(value)
            for place, (slot, value) in enumerate(zip(self._slots, row, strict=True))
        ]
        return b"\t".join(cells) + b"\n"

    def lines(self, batch: Batch) -> bytes:
        """The batch as LOAD DATA reads it: a line for each row, with tabs, and \\N for NULL."""
        text = "\n".join(map("\t".join, zip(*self._cells(batch, "\\N", _escaped), strict=True)))
        return self._encoded(batch, text + "\n")

    def inserts(self, batch: Batch, table: str, *, replace: bool, most: int) -> Iterator[tuple[int, bytes]]:
        """The batch as INSERT statements of at most INSERT_BYTES, or of one row; each with its number of rows. Where a
        row's statement would have more than `most` bytes, the error names the row's largest value."""
        head = (
            f"{'REPLACE' if replace else 'INSERT'} INTO {LEXIS.quote(table)} ({LEXIS.quote_all(self.written)}) VALUES "
        ).encode()
        cells = self._cells(batch, "NULL", _quoted)
        kept = [column for slot, column in zip(self._slots, cells, strict=True) if not slot.ignored]
        rows: list[bytes] = []
        size = 0
        for values, row in zip(batch, map(",".join, zip(*kept, strict=True)), strict=True):
            data = self._encoded(batch, f"({row})")
            if len(head) + len(data) >= most:
                raise self._too_large(values, most)
            if rows and size + len(data) > INSERT_BYTES:
                yield len(rows), head + b",".join(rows)
                rows, size = [], 0
            rows.append(data)
            size += len(data)
        yield len(rows), head + b",".join(rows)

    def literal(self, place: int, value: Any) -> str:
        """A value of the column at this place as SQL, which means the same in every sql_mode."""
        slot = self._slots[place]
        try:
            return _spelt(slot, slot.write([value]))[0]
        except Exception as exc:
            row = [None] * len(self._slots)
            row[place] = value
            raise self._refused([tuple(row)], exc) from exc

    def _too_large(self, row: Row, most: int) -> ConstraintViolated:
        def size(value: Any) -> int:
            return len(value) if isinstance(value, bytes) else len(str(value).encode(errors="replace"))

        sizes = [size(value) for value in row]
        place = sizes.index(max(sizes))
        key = ", ".join(
            f"{name} {row[at]!r:.60}" for name, at in zip(self.schema.key, self.schema.key_indexes, strict=True)
        )
        return ConstraintViolated(
            f"{self.schema.name}.{self.schema.names[place]}{f' of the row with {key}' if key else ''} holds "
            f"{sizes[place]:,} bytes, and a statement may have {most:,}",
            hint="allow LOAD DATA LOCAL (local_infile on the server), which has no such limit, or raise its "
            "max_allowed_packet",
        )

    def _cells(self, batch: Batch, null: str, finish: Callable[[_Slot, Texts], Texts]) -> list[Texts]:
        try:
            return [
                _column(slot, values, null, finish)
                for slot, values in zip(self._slots, zip(*batch, strict=True), strict=True)
            ]
        except Exception as exc:
            raise self._refused(batch, exc) from exc

    def _encoded(self, batch: Batch, text: str) -> bytes:
        try:
            return text.encode()
        except UnicodeEncodeError as exc:  # half of a surrogate pair is no character
            raise self._refused(batch, exc) from exc

    def _refused(self, batch: Batch, exc: Exception) -> StatementError:
        return refused(self.schema.columns, [slot.write for slot in self._slots], batch, exc)


def takes_utf8mb4(native: Native) -> bool:
    """Whether the column's own bytes are utf8mb4."""
    return native.kind in TEXTS and (native.collation or "").startswith("utf8mb4")


def escaped(value: bytes) -> bytes:
    """The bytes as LOAD DATA reads them."""
    return value.replace(b"\\", b"\\\\").replace(b"\t", b"\\t").replace(b"\n", b"\\n")


def load_statement(
    path: str, table: str, targets: Sequence[str], settings: Sequence[str], *, replace: bool, binary: bool = False
) -> bytes:
    """The LOAD DATA LOCAL of lines with tabs. `targets` are columns and variables, `settings` are what is set."""
    return (
        f"LOAD DATA LOCAL INFILE '{_escape(path)}' {'REPLACE' if replace else ''} INTO TABLE {LEXIS.quote(table)} "
        f"CHARACTER SET {'binary' if binary else 'utf8mb4'} "
        "FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' "
        f"LINES TERMINATED BY '\\n' STARTING BY '' ({', '.join(targets)})"
        + (f" SET {', '.join(settings)}" if settings else "")
    ).encode()


_HEX: Final = "UNHEX({0})"
_BITS: Final = "CAST({0} AS UNSIGNED)"


def _expression(type_: Type, native: Native, *, mariadb: bool) -> str | None:
    if type_ is Type.BYTES or native.kind in GEOMETRIES:
        return _HEX
    if native.kind == "bit" or (native.kind == "enum" and type_ is Type.INT):
        return _BITS
    if native.kind == "vector":
        return "VEC_FromText({0})" if mariadb else "STRING_TO_VECTOR({0})"
    return None


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _column(slot: _Slot, values: Sequence[Any], null: str, finish: Callable[[_Slot, Texts], Texts]) -> Texts:
    if None not in values:
        return finish(slot, slot.write(values))
    present = [value for value in values if value is not None]
    found = iter(finish(slot, slot.write(present)) if present else ())
    return [null if value is None else next(found) for value in values]


def _escaped(slot: _Slot, found: Texts) -> Texts:
    """The texts as LOAD DATA reads them."""
    if not slot.escapes:
        return found
    joined = "".join(found)
    if "\\" not in joined and "\t" not in joined and "\n" not in joined:
        return found
    return [text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n") for text in found]


_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


def _spelt(slot: _Slot, found: Texts) -> Texts:
    """The texts as literals that mean the same in every sql_mode; plain text stays readable."""
    if slot.expression == _BITS or (not slot.escapes and slot.expression is None and _NUMBER.fullmatch(found[0])):
        return found
    if slot.expression == _HEX:
        return [f"X'{text}'" for text in found]
    around = slot.expression or "{0}"
    return [around.format(spelt(text)) for text in found]


def _quoted(slot: _Slot, found: Texts) -> Texts:
    """The texts as literals under our own sql_mode, in which a backslash escapes."""
    if slot.expression == _BITS:
        return found
    if slot.expression == _HEX:
        return [f"X'{text}'" for text in found]
    if slot.escapes:
        found = list(map(_escape, found))
    around = slot.expression
    return [around.format(f"'{text}'") for text in found] if around else [f"'{text}'" for text in found]
