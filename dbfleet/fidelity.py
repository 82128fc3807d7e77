"""What an engine keeps of a column and of its values: decided here and nowhere else, from what the specs declare.

A sink keeps a column in one of five ways (`Keeping`): a claim about every value that the source's column can hold.
`declared` says which one, from the two specs alone; `kept` says it for a collection that the sink makes anew, `kept_in`
for a column that exists, whose native type may hold less (dbfleet/bounds.py). Two columns that can hold the same values
without a loss are `alike`; `convert` turns a value of one into a value of the other. `coarsened` cuts a row to what
engines keep: values are cut before they are written and before they are compared, because engines round differently.

Depends on the specs and the values alone. Which rows a sink refuses at run time, its adapter reports itself.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any, Final

from dbfleet import bounds
from dbfleet.bounds import narrow
from dbfleet.narrow import single
from dbfleet.spec import EngineSpec, Fidelity
from dbfleet.values import JSON_NULL, TEXT_OF, Batch, Coarse, Column, Row, Type, made_of

TIMES: Final = (Type.TIME, Type.DATETIME, Type.INSTANT)
"""The types that have digits of a second."""
EMPTIES: Final = (Type.TEXT, Type.BYTES)
"""The types that have an empty value, which an engine may hold for NULL."""
_MOST_DIGITS: Final = 6
"""The digits of a second that Python keeps."""
_UNBOUNDED: Final = 1_000
"""The decimal digits that are assumed for a column without a precision."""

Convert = Callable[[Any], Any]
"""A function from a value that is not NULL to another."""


class Keeping(enum.StrEnum):
    """How a sink keeps a column."""

    EXACT = "exact"  # every value that the source's column can hold
    OR_REFUSED = "exact or refused"  # a value that it cannot hold is refused by name, and never changed
    ROUNDED = "rounded"  # with fewer digits, or by a declared oddity, such as an empty text that becomes NULL
    AS_TEXT = "as text"  # also as json or bytes: it comes back equal through dbfleet, but has no type of its own
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Kept:
    """How a sink keeps a column, and in a few words why."""

    keeping: Keeping
    note: str | None = None


# --- columns --------------------------------------------------------------------------------------------------------


def declared(column: Column, source: EngineSpec, sink: EngineSpec, *, keyed: bool = False) -> Kept:
    """How the sink's engine keeps a column of the source, by the two specs alone. `keyed`: it is in the key."""
    kind, limits = sink.fidelity(column.type), sink.limits
    if kind is Fidelity.REFUSED:
        return Kept(Keeping.REFUSED, f"{sink.title} has no {column.type}")
    timed = kind is Fidelity.ROUNDED and column.type in TIMES
    if timed and fraction_digits(column, source) > limits.fraction_digits:
        return Kept(Keeping.ROUNDED, f"{limits.fraction_digits} digits of a second")
    digits = column.precision or _UNBOUNDED
    if kind is Fidelity.ROUNDED and column.type is Type.DECIMAL and digits > (limits.decimal_digits or digits):
        return Kept(Keeping.ROUNDED, f"{limits.decimal_digits} digits")
    if sink.digits_as_text and bounds.too_wide(column, limits):
        return Kept(Keeping.AS_TEXT, "decimal, as text: it has more digits")
    if column.type in EMPTIES and limits.empty_text_is_null and not source.limits.empty_text_is_null:
        return Kept(Keeping.ROUNDED, f"empty {column.type} becomes NULL")
    if column.type is Type.JSON and limits.json_null_is_null and not source.limits.json_null_is_null:
        return Kept(Keeping.ROUNDED, "the JSON null becomes NULL")
    if column.type is Type.JSON and source.ordered_json and not sink.keeps_order:
        return Kept(Keeping.ROUNDED, "the order of an object's fields goes")
    noted = _by_note(column.note)
    if noted is Keeping.ROUNDED or noted is Keeping.AS_TEXT:
        return Kept(noted, column.note)
    # A generated column becomes a plain one: that is exact, and the note says it.
    if kind is Fidelity.AS_TEXT:
        return Kept(Keeping.AS_TEXT, column.remark)
    refused = [column.note] if noted is Keeping.OR_REFUSED and column.note else []
    refused += [*bounds.of_made(column, source, sink), *bounds.of_engine(column, source, sink, keyed=keyed)]
    return _settled(column, source, refused)


def _settled(column: Column, source: EngineSpec, refused: Sequence[str]) -> Kept:
    """Exact, but for the values that are refused; with what is to be said of those that arrive."""
    by_value = [_BY_VALUE] if column.type is Type.JSON and source.text_json else []
    if refused:
        return Kept(Keeping.OR_REFUSED, ", ".join([*refused, *by_value]))
    return Kept(Keeping.EXACT, ", ".join([*by_value, *filter(None, [column.remark])]) or None)


_BY_VALUE: Final = "json by its value: spaces, order and repeated keys of its text go"
_AS: Final = re.compile(rf"\bas (?:\w+ ){{0,2}}(?:{'|'.join(Type)}|number|Extended JSON)\b")
_SAMPLED: Final = "by a sample"
_SHOWN_ONLY: Final = ("in steps of ", "Neo4j's element id")


def _by_note(note: str | None) -> Keeping:
    """What a column's note says of how its values are read: as another type, by a sample that may not have shown all,
    or without something that they have."""
    if not note:
        return Keeping.EXACT
    rest = [part for part in note.split(", ") if not part.startswith(_SAMPLED)]
    if not rest:
        return Keeping.OR_REFUSED
    if _AS.search(note):
        return Keeping.AS_TEXT
    return Keeping.EXACT if note.startswith(_SHOWN_ONLY) and ":" not in note else Keeping.ROUNDED


def keeps_native(column: Column, source: EngineSpec, sink: EngineSpec) -> bool:
    """Whether a collection that the sink makes has this column in its native type again: only between two targets of
    one engine, where that engine's spec says so."""
    return source is sink and sink.keeps_native is not None and sink.keeps_native(column) is True


def kept(column: Column, source: EngineSpec, sink: EngineSpec, *, keyed: bool = False) -> Kept:
    """How a collection that the sink makes anew keeps a column of the source."""
    if keeps_native(column, source, sink):
        return Kept(Keeping.EXACT)
    return declared(column, source, sink, keyed=keyed)


def kept_in(there: Column, column: Column, source: EngineSpec, sink: EngineSpec, *, keyed: bool = False) -> Kept:
    """How `there`, an existing column of the sink, keeps a column of the source."""
    verdict = declared(column, source, sink, keyed=keyed)
    if verdict.keeping is Keeping.REFUSED:
        return verdict
    same = column.native is not None and column.native == there.native and source is sink
    if same and (sink.keeps_native is None or sink.keeps_native(column) is not False):
        return Kept(Keeping.EXACT, None if column.note else column.remark)
    if there.type is not column.type:
        verdict = _converted(column, there)
    if verdict.keeping not in (Keeping.EXACT, Keeping.OR_REFUSED):
        return verdict
    digits = fraction_digits(there, sink) if there.type in TIMES else _MOST_DIGITS
    if fraction_digits(column, source) > digits:
        return Kept(Keeping.ROUNDED, f"{digits} digits of a second")
    held, mine = narrow(there, sink), narrow(column, source)
    if held.rounds and held != mine and not (held.coarse and held.coarse == mine.coarse):
        return Kept(Keeping.ROUNDED, held.rounds)
    if there.note and _by_note(there.note) is not Keeping.EXACT:
        return Kept(Keeping.ROUNDED, f"as {there.native or there.note} writes it")
    refused = [column.note] if column.note and _by_note(column.note) is Keeping.OR_REFUSED else []
    if held.coarse and held.coarse != mine.coarse:
        refused.append(_COARSE[held.coarse])
    refused += [
        *bounds.of_there(column, there, source, sink),
        *bounds.of_engine(column, source, sink, keyed=keyed),
    ]
    return _settled(column, source, refused)


_COARSE: Final = {"single": "24 bits of precision", "padded": "no blanks at its end"}


def marked(there: Column, sink: EngineSpec) -> Column:
    """An existing column of the sink, with what does not count of its values when it is read back."""
    padded = there.type is Type.TEXT and narrow(there, sink).coarse == "padded"
    return replace(there, coarse="padded") if padded else there


def coarse_of(columns: tuple[Column, Column], specs: tuple[EngineSpec, EngineSpec]) -> Coarse | None:
    """What does not count where values of these two columns, of one type, are compared: a side that is a real keeps 24
    bits, and the blanks at the end of a CHAR are padding."""
    found = [narrow(column, spec).coarse for column, spec in zip(columns, specs, strict=True)]
    wanted = {Type.FLOAT: "single", Type.TEXT: "padded"}.get(columns[0].type)
    return next((each for each in found if each is not None and each == wanted), None)


def _converted(column: Column, there: Column) -> Kept:
    if there.type is Type.TEXT:
        return Kept(Keeping.AS_TEXT, f"{column.type} into a text column")
    if (column.type, there.type) == (Type.INT, Type.DECIMAL) or alike(column, there):
        return Kept(Keeping.EXACT)
    return Kept(Keeping.REFUSED, f"{column.type} does not go into a column of {there.type}")


def alike(column: Column, other: Column) -> bool:
    """Whether a value of one column is a value of the other, or is refused only because it is too large: columns of one
    type, and an int with a decimal that has no digits behind the point (as an unsigned integer of 64 bits is)."""
    types = {column.type, other.type}
    return len(types) == 1 or (types == {Type.INT, Type.DECIMAL} and 0 in (column.scale, other.scale))


def convert(column: Column, new: Column) -> Convert | None:
    """A function that turns a value of `column` into one of `new`, where `kept_in` does not refuse it; None where the
    value stays as it is."""
    if column.coarse == new.coarse == "padded" and column.type is new.type is Type.TEXT:
        return unpadded
    if column.type is new.type:
        return None
    if new.type is Type.TEXT:
        return TEXT_OF[column.type]
    return int if new.type is Type.INT else Decimal


def conversion(columns: Sequence[Column], new: Sequence[Column]) -> Callable[[Batch], Batch] | None:
    """A function that turns a batch of `columns` into a batch of `new`; None where nothing changes."""
    pairs = zip(columns, new, strict=True)
    changes = [(place, change) for place, pair in enumerate(pairs) if (change := convert(*pair))]
    if not changes:
        return None
    change_row = _at_places(changes)
    return lambda batch: made_of(batch, list(map(change_row, batch)))


def unpadded(value: str) -> str:
    """The text without the blanks that pad it."""
    return value.rstrip(" ")


def arrives_whole(column: Column, there: Column, source: EngineSpec, sink: EngineSpec) -> bool:
    """Whether `there`, a column of the sink, takes every value of the source's column as it is: no value has to be cut,
    converted or refused on the way."""
    if column.type is not there.type or sink.fidelity(there.type) is not Fidelity.EXACT or there.coarse:
        return False
    held = narrow(there, sink)
    if (held.coarse or held.rounds) and held != narrow(column, source):
        return False
    limits = sink.limits
    if limits.empty_text_is_null and there.type in EMPTIES:
        return False
    if limits.json_null_is_null and there.type is Type.JSON:
        return False
    if there.type is Type.DECIMAL:
        # With more digits, a server would round where the plain way refuses.
        return there.scale is None or (column.scale is not None and column.scale <= there.scale)
    if there.type in TIMES:
        return fraction_digits(column, source) <= fraction_digits(there, sink)
    return True


# --- digits of a second, and which of two sides keeps less ----------------------------------------------------------


def fraction_digits(column: Column, spec: EngineSpec) -> int:
    """How many digits of a second a column of this engine keeps."""
    digits = _MOST_DIGITS if column.fraction_digits is None else min(column.fraction_digits, _MOST_DIGITS)
    return min(digits, spec.limits.fraction_digits) if spec.fidelity(column.type) is Fidelity.ROUNDED else digits


def shared_digits(columns: Sequence[Column], specs: Sequence[EngineSpec]) -> int | None:
    """How many digits of a second all of these columns keep, as they and their engines, if any are given, declare; None
    where none is declared."""
    known = [column.fraction_digits for column in columns if column.fraction_digits is not None]
    known += [fraction_digits(column, spec) for column, spec in zip(columns, specs, strict=False)]
    return min(known, default=None)


def coarser(columns: tuple[Column, Column], specs: tuple[EngineSpec, EngineSpec]) -> tuple[int, str] | None:
    """Which of two sides (0 or 1) keeps less of a column, and in words what it keeps; None where both keep the same."""
    mine, limits = columns[0].type, [spec.limits for spec in specs]
    if mine in TIMES:
        digits = [fraction_digits(column, spec) for column, spec in zip(columns, specs, strict=True)]
        if digits[0] != digits[1]:
            return digits.index(min(digits)), f"{min(digits)} digits of a second"
    if mine in EMPTIES and limits[0].empty_text_is_null != limits[1].empty_text_is_null:
        return (0 if limits[0].empty_text_is_null else 1), f"empty {mine} is NULL"
    if mine is Type.JSON and limits[0].json_null_is_null != limits[1].json_null_is_null:
        return (0 if limits[0].json_null_is_null else 1), "the JSON null is NULL"
    if mine is Type.DECIMAL:
        rounded = [_decimal_digits(spec) for spec in specs]
        if rounded[0] != rounded[1]:
            fewest = min(digits for digits in rounded if digits is not None)
            return rounded.index(fewest), f"{fewest} digits"
    held = [narrow(column, spec).coarse for column, spec in zip(columns, specs, strict=True)]
    if (coarse := coarse_of(columns, specs)) and held[0] != held[1]:
        return held.index(coarse), _COARSER[coarse]
    return None


_COARSER: Final = {"single": "24 bits of precision", "padded": "blanks at its end are padding"}


def _decimal_digits(spec: EngineSpec) -> int | None:
    """The number of digits that the engine cuts decimals to; None where it cuts none."""
    return (spec.limits.decimal_digits or None) if spec.fidelity(Type.DECIMAL) is Fidelity.ROUNDED else None


# --- values ---------------------------------------------------------------------------------------------------------


def coarsened(columns: Sequence[Column], *specs: EngineSpec) -> Callable[[Row], Row] | None:
    """A function that cuts a row of these columns to what all of these engines keep, by their declared fidelity, and to
    what counts (`Column.coarse`); None where every value is kept whole."""
    changes = [
        (place, change)
        for place, column in enumerate(columns)
        for change in (_counting(column), *(_coarsening(column, spec) for spec in specs))
        if change
    ]
    return _at_places(changes) if changes else None


def _at_places(changes: Sequence[tuple[int, Convert]]) -> Callable[[Row], Row]:
    """A function that changes the values of a row at these places; a NULL stays."""

    def change_row(row: Row) -> Row:
        values = list(row)
        for place, change in changes:
            if values[place] is not None:
                values[place] = change(values[place])
        return tuple(values)

    return change_row


def _counting(column: Column) -> Convert | None:
    if column.coarse == "padded" and column.type is Type.TEXT:
        return unpadded
    return _single if column.coarse == "single" and column.type is Type.FLOAT else None


def _single(value: float) -> float:
    try:
        return single(value)
    except OverflowError:  # no real holds it: it differs from all of them
        return value


def _coarsening(column: Column, spec: EngineSpec) -> Convert | None:
    limits, rounded = spec.limits, spec.fidelity(column.type) is Fidelity.ROUNDED
    if column.shown:
        return None  # the engine's own text or bytes, of which it keeps everything
    if column.type in TIMES:
        unit = 10 ** (_MOST_DIGITS - fraction_digits(column, spec))
        return None if unit == 1 else lambda value: value.replace(microsecond=value.microsecond // unit * unit)
    if column.type is Type.DECIMAL and rounded and limits.decimal_digits:
        return Context(prec=limits.decimal_digits, rounding=ROUND_DOWN).create_decimal
    if column.type in EMPTIES and limits.empty_text_is_null:
        return lambda value: value or None
    if column.type is Type.JSON and limits.json_null_is_null:
        return lambda value: None if value is JSON_NULL else value
    return None
