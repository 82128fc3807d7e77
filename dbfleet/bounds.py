"""Which values of a source's column a sink refuses, in words: what makes a column `exact or refused` and not `exact`
(dbfleet/fidelity.py). A value outside of these bounds is refused by name when it comes, and never changed.

`of_engine` are the bounds of the sink's engine, `of_made` those of a column that it makes, `of_there` those of a column
that it has. Each is empty where the sink takes whatever the source's column can hold.
"""

from __future__ import annotations

from collections.abc import Iterator

from dbfleet.narrow import WHOLE, Narrow
from dbfleet.spec import EngineSpec, Limits
from dbfleet.values import Column, Type

Range = tuple[int | None, int | None]


def narrow(column: Column, spec: EngineSpec) -> Narrow:
    """What the column holds less than its type of the closed set, by its native type."""
    return spec.narrow(column.native) if column.native else WHOLE


def of_engine(column: Column, source: EngineSpec, sink: EngineSpec, *, keyed: bool) -> Iterator[str]:
    """What the sink's engine refuses of values of this type. `keyed`: the column is in the key."""
    mine, yours = sink.limits, source.limits
    if column.type in (Type.TEXT, Type.JSON) and yours.nul_in_text and not mine.nul_in_text:
        yield "no U+0000"
    if column.type is Type.JSON and sink.double_json and not source.double_json:
        yield "no number that is no double"
    if column.type is Type.FLOAT and mine.finite_floats and not yours.finite_floats:
        yield "no NaN and no infinity"
    if column.type is Type.FLOAT and yours.subnormal_floats and not mine.subnormal_floats:
        yield "none nearer to zero than 2.2e-308"
    if not keyed or column.type not in (Type.TEXT, Type.BYTES):
        return
    if column.type is Type.TEXT and yours.empty_text_in_key and not mine.empty_text_in_key:
        yield "no empty text in a key"
    if column.type is Type.TEXT and yours.trailing_blanks_in_key and not mine.trailing_blanks_in_key:
        yield "no key that differs from another in blanks at its end"
    width = 4 if column.type is Type.TEXT else 1
    longest = min(column.length * width if column.length else 1 << 62, yours.key_length or 1 << 62)
    if mine.key_length and longest > mine.key_length:
        yield f"up to {mine.key_length:,} bytes in a key"


def of_made(column: Column, source: EngineSpec, sink: EngineSpec) -> Iterator[str]:
    """What a column that the sink makes for this one refuses, because it is smaller."""
    if column.type is Type.INT and not _within(_integers(column, source), _bits(sink.limits.int_bits)):
        yield f"up to {sink.limits.int_bits} bits"
    digits, scale = sink.limits.decimal_digits, sink.limits.decimal_scale
    if column.type is Type.DECIMAL and column.precision is not None and digits and column.precision > digits:
        if scale is None:
            yield f"up to {digits} digits"
        else:
            behind = fitted(column.precision, column.scale or 0, digits)[1]
            yield _around_the_point(digits - behind, behind)
    elif column.type is Type.DECIMAL and column.precision is None and digits:
        theirs = source.limits.decimal_digits, source.limits.decimal_scale
        if scale is None:
            if not theirs[0] or theirs[0] > digits:
                yield f"up to {digits} digits"
        elif theirs != (digits, scale):
            behind = scale if column.scale is None else min(column.scale, scale)
            yield _around_the_point(digits - behind, behind)


def _around_the_point(before: int, behind: int) -> str:
    return f"up to {before} digits before the point and {behind} behind it"


def too_wide(column: Column, limits: Limits) -> bool:
    """Whether no decimal with these limits has all the digits of this column."""
    if column.type is not Type.DECIMAL or column.precision is None or not limits.decimal_digits:
        return False
    scale = column.scale or 0
    return column.precision > limits.decimal_digits or not 0 <= scale <= (limits.decimal_scale or scale)


def fitted(precision: int, scale: int, digits: int) -> tuple[int, int]:
    """Precision and scale of a decimal of so many digits in place of a wider one: those before the point come first,
    and six behind it stay, as SQL Server's own rule for results has it."""
    return digits, min(max(digits - (precision - scale), min(scale, 6)), digits)


def of_there(column: Column, there: Column, source: EngineSpec, sink: EngineSpec) -> Iterator[str]:
    """What `there`, a column that the sink has, refuses of this column's values, because it is smaller."""
    held = narrow(there, sink)
    if held.only:
        yield held.only
    if there.type in (Type.TEXT, Type.BYTES):
        yield from _lengths(column, there, held)
    elif there.type is Type.INT or held.least is not None:
        mine = _bits(sink.limits.int_bits) if held.least is None else (held.least, held.most)
        if not _within(_integers(column, source), mine):
            yield _ranged(mine)
    elif there.type is Type.DECIMAL and there.precision is not None:
        scale = there.scale or 0
        before = there.precision - scale
        if column.type is Type.INT:
            if not _within(_integers(column, source), (1 - 10**before, 10**before - 1)):
                yield f"up to {before} digits"
        elif column.precision is None or (column.scale or 0) > scale or column.precision - (column.scale or 0) > before:
            yield _around_the_point(before, scale)


def _lengths(column: Column, there: Column, held: Narrow) -> Iterator[str]:
    unit = "characters" if there.type is Type.TEXT else "bytes"
    if there.length is not None and (column.length is None or column.length > there.length):
        yield f"up to {there.length:,} {unit}"
    elif held.length is not None and (column.length is None or column.length * 4 > held.length):
        yield f"up to {held.length:,} bytes"


def _integers(column: Column, spec: EngineSpec) -> Range:
    """The smallest and the largest integer of a column; None where there is none."""
    held = narrow(column, spec)
    if held.least is not None:
        return held.least, held.most
    if column.type is Type.INT:
        return _bits(spec.limits.int_bits)
    if column.precision is None:
        return None, None
    most: int = 10 ** (column.precision - (column.scale or 0)) - 1
    return -most, most


def _bits(bits: int | None) -> Range:
    return (None, None) if bits is None else (-(1 << bits - 1), (1 << bits - 1) - 1)


def _within(inner: Range, outer: Range) -> bool:
    low = outer[0] is None or (inner[0] is not None and inner[0] >= outer[0])
    return low and (outer[1] is None or (inner[1] is not None and inner[1] <= outer[1]))


def _ranged(range_: Range) -> str:
    least, most = range_
    assert least is not None
    assert most is not None
    bits = most.bit_length() + 1
    return f"up to {bits} bits" if (least, most) == _bits(bits) else f"from {least:,} to {most:,}"
