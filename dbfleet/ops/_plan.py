"""What becomes of each column on its way from one target to another, planned before a row is read. What the sink keeps
of it is decided in dbfleet/fidelity.py; here it is written down, a line a column, and refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dbfleet.errors import LossyRefused, Unsupported
from dbfleet.extras import AnyExtra
from dbfleet.fidelity import TIMES, Keeping, Kept, keeps_native, kept, kept_in, marked
from dbfleet.rules import Rule
from dbfleet.spec import Capability, EngineSpec
from dbfleet.values import Column, Schema, Type

Way = Literal["lines", "rows"]


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """One line of the plan. `source` and `sink` are types, with the engine's own name where it has said it."""

    target: str
    collection: str
    column: str
    source: str
    sink: str
    fidelity: Keeping
    note: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedCollection:
    """One collection's way: `source` is read, `sink` is what is written, column for column.

    `action` is create, fill (it is there and empty), merge (it has rows, and ours replace those with their keys) or
    replace (what is there goes). `way` is how its rows go: as lines from server to server, or as rows. `extras` come
    along after the rows; one that is `outlined` is made by its source's outline instead (copy/native.py). `staged` is
    where the rows are written, if they are to take the place of others (ops/_staging.py); `there` is how many those
    are, where somebody has counted. `adopted`: what is there is empty, and nobody has said what its rows are. With
    `rules`, `source` is what they make of `ruled`, which is read.
    """

    source: Schema
    sink: Schema
    action: str
    rows: int
    columns: tuple[PlannedColumn, ...]
    way: Way = "rows"
    extras: tuple[AnyExtra, ...] = ()
    staged: Schema | None = None
    there: int | None = None
    rules: tuple[Rule, ...] = ()
    ruled: Schema | None = None
    outlined: bool = False
    adopted: bool = False

    @property
    def read(self) -> Schema:
        """What is asked of the source."""
        return self.ruled or self.source

    @property
    def may_fall(self) -> bool:
        """Whether two keys of the source may be one in the sink."""
        return any(
            line.fidelity is Keeping.ROUNDED or new.coarse is not None
            for new, line in zip(self.sink.columns, self.columns, strict=True)
            if new.name in self.sink.key
        )

    @property
    def place(self) -> Schema:
        """What is written into."""
        return self.staged or self.sink


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
    """The plan of a collection of this schema into `there`, or into one that is to be made. Unsupported for a column
    that is missing in `there`, and for a key that is missing where the sink needs one."""
    if there is None:
        if not schema.key and Capability.KEYLESS not in sink.capabilities:
            raise Unsupported(
                f"{schema.name} has no key, and {sink.title} keeps no collection without one", target=target
            )
        native = {column.name for column in schema.columns if keeps_native(column, source, sink)}
        made = replace(
            schema,
            columns=tuple(
                replace(column, native=column.native if column.name in native else None, note=None, generated=False)
                for column in schema.columns
            ),
        )
        lines = [
            _line(target, schema.name, column, new, kept(column, source, sink, keyed=column.name in schema.key))
            for column, new in zip(schema.columns, made.columns, strict=True)
        ]
        return PlannedCollection(schema, made, action, rows, tuple(lines))
    missing = [name for name in schema.names if name not in there.names]
    if missing:
        raise Unsupported(
            f"{there.name} is there and has no column {missing[0]}",
            target=target,
            hint="--mode replace makes the collection anew",
        )
    columns = tuple(marked(there.column(name), sink) for name in schema.names)
    lines = [
        _line(target, there.name, column, new, kept_in(new, column, source, sink, keyed=new.name in there.key))
        for column, new in zip(schema.columns, columns, strict=True)
    ]
    key = there.key if set(there.key) <= set(schema.names) else ()
    written = replace(there, columns=columns, key=key, partition=(), references=(), edge=False)
    written = replace(
        written,
        references=tuple(each for each in there.references if set(each.columns) <= set(schema.names)),
        edge=there.edge,
        partition=there.partition if set(there.partition) <= set(schema.names) else (),
    )
    return PlannedCollection(schema, written, action, rows, tuple(lines))


def _line(target: str, collection: str, column: Column, new: Column, how: Kept) -> PlannedColumn:
    return PlannedColumn(target, collection, column.name, typed(column), typed(new), how.keeping, how.note)


def check(plans: Sequence[PlannedCollection], *, strict: bool) -> None:
    """Unsupported for a column that is refused, LossyRefused for one whose values may be changed where exact was asked
    for; all of them are named."""
    lines = [line for plan in plans for line in plan.columns]
    refused = [line for line in lines if line.fidelity is Keeping.REFUSED]
    if refused:
        raise Unsupported(
            "refused: " + "; ".join(f"{_name(line)}: {line.note}" for line in refused),
            target=refused[0].target,
            hint="leave the collection out, or change the column's type",
        )
    lossy = [line for line in lines if line.fidelity not in (Keeping.EXACT, Keeping.OR_REFUSED)]
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
        **dict.fromkeys(TIMES, (column.fraction_digits,)),
    }
    numbers = ",".join(str(size) for size in sizes.get(column.type, ()) if size is not None)
    word = f"{column.type}({numbers})" if numbers else str(column.type)
    return f"{word} [{column.native}]" if column.native and column.note else word
