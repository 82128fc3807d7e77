"""What becomes of each column on its way from one target to another: decided from the two specs' fidelity and limits,
before a row is read.

A column is kept `exact`, `rounded` (fewer digits, or a declared oddity such as an empty text that becomes NULL),
`as text` (also: as json, as bytes; equal when it comes back through dbfleet, but not in a type of its own), or
`refused`, by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from dbfleet.errors import LossyRefused, Unsupported
from dbfleet.extras import AnyExtra
from dbfleet.spec import Capability, EngineSpec, Fidelity
from dbfleet.values import TEXT_OF, Batch, Column, Schema, Type

_TIMES: Final = (Type.TIME, Type.DATETIME, Type.INSTANT)
GENERATED: Final = "generated"
"""The note of a column that the source computes: it arrives as a plain column. May follow another note and a comma."""


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """One line of the plan. `source` and `sink` are types, with the engine's own name where it has said it."""

    target: str
    collection: str
    column: str
    source: str
    sink: str
    fidelity: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedCollection:
    """One collection's way: `source` is read, `sink` is what is written, column for column.

    `action` is create, fill (it is there and empty), merge (it has rows, and ours replace those with their keys) or
    replace (what is there goes). `extras` come along after the rows. `staged` is where the rows are written, if they
    are to take the place of others (ops/_staging.py); `there` is how many those are, where somebody has counted.
    """

    source: Schema
    sink: Schema
    action: str
    rows: int
    columns: tuple[PlannedColumn, ...]
    extras: tuple[AnyExtra, ...] = ()
    staged: Schema | None = None
    there: int | None = None

    @property
    def place(self) -> Schema:
        """What is written into."""
        return self.staged or self.sink


def fidelity(column: Column, source: EngineSpec, sink: EngineSpec) -> tuple[str, str | None]:
    """What the sink's engine makes of a column of the source's, and why in a few words."""
    kind, limits = sink.fidelity(column.type), sink.limits
    if kind is Fidelity.REFUSED:
        return "refused", f"{sink.title} has no {column.type}"
    if kind is Fidelity.ROUNDED and column.type in _TIMES:
        digits = fraction_digits(column, source)
        if digits > limits.fraction_digits:
            return "rounded", f"{limits.fraction_digits} digits of a second"
    digits = column.precision or 1_000
    if kind is Fidelity.ROUNDED and column.type is Type.DECIMAL and digits > (limits.decimal_digits or digits):
        return "rounded", f"{limits.decimal_digits} digits"
    if column.type is Type.TEXT and limits.empty_text_is_null and not source.limits.empty_text_is_null:
        return "rounded", "empty text becomes NULL"
    if column.type is Type.JSON and limits.json_null_is_null and not source.limits.json_null_is_null:
        return "rounded", "the JSON null becomes NULL"
    if column.note and column.note != GENERATED:
        return "as text", column.note.removesuffix(f", {GENERATED}")
    if kind is Fidelity.AS_TEXT:
        return "as text", column.note
    return "exact", column.note


def fraction_digits(column: Column, spec: EngineSpec) -> int:
    """How many digits of a second a column of this engine keeps."""
    digits = 6 if column.fraction_digits is None else min(column.fraction_digits, 6)
    return min(digits, spec.limits.fraction_digits) if spec.fidelity(column.type) is Fidelity.ROUNDED else digits


def planned(
    target: str,
    schema: Schema,
    there: Schema | None,
    source: EngineSpec,
    sink: EngineSpec,
    *,
    action: str,
    rows: int,
) -> PlannedCollection:
    """The way of a collection of this schema into `there`, or into one that is to be made. Unsupported, by name, for
    what cannot go."""
    if there is None:
        if not schema.key and Capability.KEYLESS not in sink.capabilities:
            raise Unsupported(
                f"{schema.name} has no key, and {sink.title} keeps no collection without one", target=target
            )
        native = {column.name for column in schema.columns if _keeps_native(column, source, sink)}
        made = replace(
            schema,
            columns=tuple(
                replace(column, native=column.native if column.name in native else None, note=None)
                for column in schema.columns
            ),
        )
        lines = [
            PlannedColumn(
                target, schema.name, column.name, typed(column), typed(new),
                *(("exact", None) if column.name in native else fidelity(column, source, sink)),
            )
            for column, new in zip(schema.columns, made.columns, strict=True)
        ]  # fmt: skip
        return PlannedCollection(schema, made, action, rows, tuple(lines))
    missing = [name for name in schema.names if name not in there.names]
    if missing:
        raise Unsupported(
            f"{there.name} is there and has no column {missing[0]}",
            target=target,
            hint="--mode replace makes the collection anew",
        )
    columns = tuple(there.column(name) for name in schema.names)
    lines = []
    for column, new in zip(schema.columns, columns, strict=True):
        kept, note = fidelity(column, source, sink)
        same = column.native is not None and column.native == new.native and source is sink
        if kept != "refused" and same and (sink.keeps_native is None or sink.keeps_native(column) is not False):
            kept, note = "exact", column.note if column.note == GENERATED else None
        elif kept != "refused" and new.type is not column.type:
            kept, note = _converted(column, new)
        if kept == "exact" and new.type in _TIMES and fraction_digits(column, source) > fraction_digits(new, sink):
            kept, note = "rounded", f"{fraction_digits(new, sink)} digits of a second"
        lines.append(PlannedColumn(target, there.name, column.name, typed(column), typed(new), kept, note))
    key = there.key if set(there.key) <= set(schema.names) else ()
    written = replace(there, columns=columns, key=key, partition=(), references=(), edge=False)
    written = replace(
        written,
        references=tuple(each for each in there.references if set(each.columns) <= set(schema.names)),
        edge=there.edge,
        partition=there.partition if set(there.partition) <= set(schema.names) else (),
    )
    return PlannedCollection(schema, written, action, rows, tuple(lines))


def _keeps_native(column: Column, source: EngineSpec, sink: EngineSpec) -> bool:
    return source is sink and sink.keeps_native is not None and sink.keeps_native(column) is True


def _converted(column: Column, new: Column) -> tuple[str, str | None]:
    if new.type is Type.TEXT:
        return "as text", f"{column.type} into a text column"
    if (column.type, new.type) == (Type.INT, Type.DECIMAL) or whole(column, new):
        return "exact", None
    return "refused", f"{column.type} does not go into a column of {new.type}"


def whole(column: Column, other: Column) -> bool:
    """Whether one is an int, and the other a decimal without digits behind the point, such as an integer of 64 bits
    without a sign: their values are the same, or refused by their number."""
    types = {column.type, other.type}
    return types == {Type.INT, Type.DECIMAL} and 0 in (column.scale, other.scale)


def conversion(source: Schema, sink: Schema) -> Callable[[Batch], Batch] | None:
    """What turns a batch of the source's columns into one of the sink's; None where nothing changes."""
    from decimal import Decimal

    changes: list[tuple[int, Callable[[Any], Any]]] = []
    for place, (column, new) in enumerate(zip(source.columns, sink.columns, strict=True)):
        if column.type is not new.type:
            change: Any = {Type.TEXT: TEXT_OF[column.type], Type.INT: int}.get(new.type, Decimal)
            changes.append((place, change))
    if not changes:
        return None

    def convert(batch: Batch) -> Batch:
        found = []
        for row in batch:
            values = list(row)
            for place, change in changes:
                if values[place] is not None:
                    values[place] = change(values[place])
            found.append(tuple(values))
        return found

    return convert


def check(plans: Sequence[PlannedCollection], *, strict: bool) -> None:
    """Unsupported for a column that is refused, LossyRefused for one that is not exact where exact was asked for; all
    of them are named."""
    lines = [line for plan in plans for line in plan.columns]
    refused = [line for line in lines if line.fidelity == "refused"]
    if refused:
        raise Unsupported(
            "refused: " + "; ".join(f"{_name(line)}: {line.note}" for line in refused),
            target=refused[0].target,
            hint="leave the collection out, or change the column's type",
        )
    lossy = [line for line in lines if line.fidelity != "exact"]
    if strict and lossy:
        raise LossyRefused(
            "not exact: " + "; ".join(f"{_name(line)} {line.fidelity}{_why(line)}" for line in lossy),
            target=lossy[0].target,
            hint="without --strict these columns are copied so",
        )


def _name(line: PlannedColumn) -> str:
    return f"{line.collection}.{line.column}"


def _why(line: PlannedColumn) -> str:
    return f" ({line.note})" if line.note else ""


def typed(column: Column) -> str:
    """A column's type in a word: `decimal(12,2)`, with the engine's own name of it where that says more."""
    sizes: Mapping[Type, Sequence[int | None]] = {
        Type.DECIMAL: (column.precision, column.scale),
        Type.TEXT: (column.length,),
        Type.BYTES: (column.length,),
        **dict.fromkeys(_TIMES, (column.fraction_digits,)),
    }
    numbers = ",".join(str(size) for size in sizes.get(column.type, ()) if size is not None)
    word = f"{column.type}({numbers})" if numbers else str(column.type)
    return f"{word} [{column.native}]" if column.native and column.note and column.note != GENERATED else word
