"""What csv and tsv share: records as rows of a schema, and what types their cells have.

The first record names the columns, unless the dialect says that there is no header: then cells are columns by their
place. A cell that is not of its column's type is told with its line and its column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, BinaryIO, Final

from dbfleet.adapter import BATCH_BYTES, BATCH_SIZE
from dbfleet.dialect import Dialect
from dbfleet.errors import UsageError
from dbfleet.readers import Inferred, Rules, Skip
from dbfleet.readers._inference import Looks
from dbfleet.readers._split import Cells, Splitter
from dbfleet.readers._values import BOOLS, FROM_CELL, Convert, compiled
from dbfleet.values import Batch, Row, Schema, Type

_ERRORS: Final = (ValueError, KeyError, ArithmeticError)
_EMPTY: Final = (Type.TEXT, Type.BYTES)
"""The types that have an empty value, which an empty cell is where it is not NULL."""
_NUMBERS: Final = (Type.INT, Type.DECIMAL, Type.FLOAT)
_SWAPPED: Final = str.maketrans(",.", ".,")
_OF_NUMBERS: Final = frozenset("0123456789+-.,eE")


@dataclass(frozen=True, slots=True)
class Records:
    """Some records with equally many cells, and the numbers of their first lines."""

    lines: Sequence[int]
    cells: Sequence[Cells]


def rows(
    stream: BinaryIO, name: str, schema: Schema, dialect: Dialect, rules: Rules, skip: Skip | None
) -> Iterator[Batch]:
    """The rows of a file whose columns are of the schema, in any order; a column that is absent is NULL."""
    splitter = Splitter(dialect, name)
    header, records = _opened(stream, name, dialect, splitter, schema.names, skip)
    for cell in header:
        if cell not in schema.names:
            raise UsageError(
                f"{name}, line 1: {schema.name} has no column {cell!r}",
                hint=f"its columns are: {', '.join(schema.names)}; --no-header, if line 1 is a row",
            )
    converts = [_convert(schema.column(cell).type, dialect, rules(cell)) for cell in header]
    loop = _loop(schema, header, converts, splitter.empty_is_null)
    for batch in records:
        try:
            yield loop(batch.cells)
        except _ERRORS as error:
            wrong = _wrong(batch, name, schema, header, converts, splitter.empty_is_null)
            if skip is None:
                raise next((explained for _, explained in wrong), error) from error
            places = set()
            for place, explained in wrong:
                places.add(place)
                skip(batch.lines[place], explained)
            if not places:
                raise
            yield loop([record for place, record in enumerate(batch.cells) if place not in places])


def infer(stream: BinaryIO, name: str, dialect: Dialect, rules: Rules, skip: Skip | None) -> Inferred:
    """The file's columns, with types that fit every cell."""
    splitter = Splitter(dialect, name)
    looks = Looks(from_json=False, bools=[*dialect.true, *dialect.false])
    header, records = _opened(stream, name, dialect, splitter, dialect.names, skip)
    looks.name_columns(header)
    changes = {place: rule.text for place, cell in enumerate(header) if (rule := rules(cell))}
    for batch in records:
        cells = batch.cells
        if changes:
            cells = list(_changed_all(batch, changes, name, header, skip))
        if dialect.decimal == ",":
            cells = [[_with_point(cell) for cell in record] for record in cells]
        if not splitter.empty_is_null:
            cells = [[cell or None for cell in record] for record in cells]
        looks.take_rows(cells)
    found = looks.result()
    columns = [
        replace(column, type=rule.type or column.type) if (rule := rules(column.name)) else column
        for column in found.columns
    ]
    return replace(found, columns=tuple(columns))


# --- columns and records -------------------------------------------------------------------------------------------


def _opened(
    stream: BinaryIO, name: str, dialect: Dialect, splitter: Splitter, by_place: Sequence[str], skip: Skip | None
) -> tuple[list[str], Iterator[Records]]:
    """The names of the columns, and the records behind the header, if there is one."""
    runs = splitter.runs(stream)
    number, texts = next(runs, (1, [""]))
    if number == 1 and texts[0].lower() == f"sep={dialect.delimiter}":  # Excel's note: not even a header
        number, texts = (2, texts[1:]) if texts[1:] else next(runs, (2, [""]))
    (first,) = splitter.all_cells(texts[:1], number)
    if dialect.header:
        if first in ([None], [""]):
            raise UsageError(f"{name} is empty: it begins with a header, which names the columns")
        behind = chain([(number + 1, texts[1:])], runs)
        return _header(first, name), _batches(behind, name, splitter, len(first), "the header", skip)
    if texts == [""]:
        return list(dialect.names), iter(())
    header = list(dialect.names or by_place) or [f"column_{place + 1}" for place in range(len(first))]
    if len(header) != len(first):
        raise UsageError(
            f"{name}, line {number}: {len(first)} cells where there are {len(header)} columns: {', '.join(header)}",
            hint="--columns names those of a file without a header, in their order; --header, if line 1 is one",
        )
    return header, _batches(chain([(number, texts)], runs), name, splitter, len(first), "the first line", skip)


def _header(cells: Cells, name: str) -> list[str]:
    header = [cell or "" for cell in cells]
    for place, cell in enumerate(header):
        if not cell:
            raise UsageError(
                f"{name}, line 1: column {place + 1} has no name",
                hint="--no-header, if line 1 is a row; --columns names them",
            )
        if cell in header[:place]:
            raise UsageError(
                f"{name}, line 1: two columns are called {cell!r}",
                hint="--no-header, if line 1 is a row; --columns names them",
            )
    return header


def _batches(
    runs: Iterable[tuple[int, list[str]]], name: str, splitter: Splitter, width: int, first: str, skip: Skip | None
) -> Iterator[Records]:
    """Batches of records, bounded in rows and in text."""
    lines: list[int] = []
    batch: list[Cells] = []
    held = 0
    for number, texts in _sliced(runs):
        numbers: Sequence[int] = range(number, number + len(texts))
        try:
            cells = splitter.all_cells(texts, number)
        except UsageError:
            if skip is None:
                raise
            numbers, texts, cells = _one_by_one(numbers, texts, splitter, skip)
        if set(map(len, cells)) - {width}:
            numbers, cells = _of_width(numbers, texts, cells, name, width, first, skip)
        if len(cells) > 1:
            if batch:
                yield Records(lines, batch)
                lines, batch, held = [], [], 0
            yield Records(numbers, cells)
            continue
        batch += cells
        lines += numbers
        held += len(texts[0]) if texts else 0
        if len(batch) == BATCH_SIZE or held > BATCH_BYTES:
            yield Records(lines, batch)
            lines, batch, held = [], [], 0
    if batch:
        yield Records(lines, batch)


def _sliced(runs: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """The runs in slices of a batch: the cells of one stay in the processor's cache."""
    for number, texts in runs:
        for start in range(0, max(len(texts), 1), BATCH_SIZE):
            yield number + start, texts[start : start + BATCH_SIZE]


def _one_by_one(
    numbers: Sequence[int], texts: Sequence[str], splitter: Splitter, skip: Skip
) -> tuple[list[int], list[str], list[Cells]]:
    """The records whose cells can be told apart."""
    kept = []
    for number, text in zip(numbers, texts, strict=True):
        try:
            kept.append((number, text, splitter.all_cells([text], number)[0]))
        except UsageError as error:
            skip(number, error)
    return [each[0] for each in kept], [each[1] for each in kept], [each[2] for each in kept]


def _of_width(
    numbers: Sequence[int],
    texts: Sequence[str],
    cells: Sequence[Cells],
    name: str,
    width: int,
    first: str,
    skip: Skip | None,
) -> tuple[list[int], list[Cells]]:
    """The records without blank lines. UsageError for one with another number of cells."""
    kept = []
    for number, text, each in zip(numbers, texts, cells, strict=True):
        if len(each) == width:
            kept.append((number, each))
        elif text:  # else a blank line, in a file of several columns
            error = UsageError(
                f"{name}, line {number}: {len(each)} cells where {first} has {width}",
                hint=_ragged(text, len(each), width),
            )
            if skip is None:
                raise error
            skip(number, error)
    return [number for number, _ in kept], [each for _, each in kept]


def _ragged(text: str, found: int, width: int) -> str | None:
    if "\r" in text:
        return "a carriage return stands alone in it, which ends no line"
    return "a cell with the delimiter in it has to be quoted" if found > width else None


# --- cells -----------------------------------------------------------------------------------------------------------

_BOOLS: Final = BOOLS | {"t": True, "f": False, "1": True, "0": False}
"""What stands in a column that is one of bools: PostgreSQL's own exports have t and f, those of servers without such a
type 1 and 0. A file alone does not make a bool of these: they may as well be texts and numbers."""


def _convert(type_: Type, dialect: Dialect, rule: Any) -> Convert:
    """The value of a cell that is not NULL. Raises ValueError, KeyError or ArithmeticError."""
    convert = FROM_CELL[type_]
    if type_ is Type.BOOL:
        true, false = (map(str.casefold, words) for words in (dialect.true, dialect.false))
        bools = _BOOLS | dict.fromkeys(true, True) | dict.fromkeys(false, False)
        convert = lambda text: bools[text.casefold()]  # noqa: E731
    if type_ in _NUMBERS and dialect.decimal == ",":
        number = convert
        convert = lambda text: number(text.translate(_SWAPPED))  # noqa: E731
    if rule is None:
        return convert

    def ruled(text: str) -> Any:
        changed = rule.text(text)
        return None if changed is None else convert(changed)

    return ruled


def _loop(
    schema: Schema, header: Sequence[str], converts: Sequence[Convert], empty_is_null: bool
) -> Callable[[Any], list[Row]]:
    scope: dict[str, Any] = {}
    expressions = []
    for column in schema.columns:
        if column.name not in header:
            expressions.append("None")
            continue
        place = header.index(column.name)
        value, convert = f"r[{place}]", converts[place]
        scope[f"f{place}"] = convert
        if convert is str:
            expressions.append(value)
        elif empty_is_null or column.type in _EMPTY:
            expressions.append(f"None if {value} is None else f{place}({value})")
        else:
            expressions.append(f"f{place}({value}) if {value} else None")
    return compiled("r", expressions, scope)


def _with_point(cell: str | None) -> str | None:
    """A cell that may be a number with a decimal comma as one with a point, and the other way round."""
    return cell.translate(_SWAPPED) if cell and _OF_NUMBERS.issuperset(cell) else cell


def _changed_all(
    batch: Records, changes: dict[int, Any], name: str, header: Sequence[str], skip: Skip | None
) -> Iterator[Cells]:
    for record, line in zip(batch.cells, batch.lines, strict=True):
        try:
            yield _changed(record, changes, name, line, header)
        except UsageError as error:
            if skip is None:
                raise
            skip(line, error)


def _changed(record: Cells, changes: dict[int, Any], name: str, line: int, header: Sequence[str]) -> Cells:
    changed = list(record)
    for place, change in changes.items():
        if (cell := changed[place]) is not None:
            try:
                changed[place] = change(cell)
            except _ERRORS as error:
                raise UsageError(f"{name}, line {line}, column {header[place]}: {_shown(cell)}: {error}") from error
    return changed


def _wrong(
    batch: Records, name: str, schema: Schema, header: Sequence[str], converts: Sequence[Convert], empty_is_null: bool
) -> Iterator[tuple[int, UsageError]]:
    """The records that have a cell which is not of its column's type, by their places, and the error of the first such
    cell."""
    types = [schema.column(heading).type for heading in header]
    for place, record in enumerate(batch.cells):
        for heading, cell, convert, type_ in zip(header, record, converts, types, strict=True):
            if cell is None or (not cell and not empty_is_null and type_ not in _EMPTY):
                continue
            try:
                convert(cell)
            except _ERRORS:
                where = f"{name}, line {batch.lines[place]}, column {heading}"
                yield place, UsageError(f"{where}: {_shown(cell)} is not of type {type_}", hint=_meant(cell, type_))
                break


def _meant(cell: str, type_: Type) -> str | None:
    """What a cell of another habit may be read with."""
    if type_ in _NUMBERS and "," in cell:
        return "--decimal , reads a decimal comma"
    if type_ is Type.BOOL:
        return f"--true and --false name the words: --true {cell}"
    if type_ in (Type.DATE, Type.DATETIME, Type.INSTANT):
        if cell.startswith("0000-00-00"):
            return "--rule 'COLUMN: zero-date=null' reads it as NULL"
        return f"--rule 'COLUMN: {type_}=%d/%m/%Y' says how they are written"
    return "--null WORD names what stands for NULL" if cell.isalpha() or cell == "\\N" else None


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= 60 else cell[:57] + "...")
