"""What an expression of --where is made of: our test of a row, in three-valued logic, and what an engine may be asked
instead, so that fewer rows travel. The engine's answer is never the last word: every row that comes is tested by us."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from dbfleet.adapter import Condition
from dbfleet.fidelity import coarsened
from dbfleet.spec import EngineSpec, Fidelity
from dbfleet.values import VALUE_OF, Column, Row, Type, type_of

Truth = bool | None
Test = Callable[[Row], Truth]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of the expression: our test, and what an engine may be asked instead: a condition that is true at least
    where the test is; `exact` where it is true, false and unknown as the test is."""

    test: Test
    condition: Condition | None = None
    exact: bool = False


# --- three-valued logic ---------------------------------------------------------------------------------------------


def both(left: Node, right: Node) -> Node:
    """`left AND right`."""
    one, other = left.test, right.test

    def test(row: Row) -> Truth:
        a = one(row)
        if a is False:
            return False
        b = other(row)
        return False if b is False else None if a is None or b is None else True

    conditions = tuple(node.condition for node in (left, right) if node.condition is not None)
    if len(conditions) < 2:  # what one of them says is true of no fewer rows
        return Node(test, conditions[0] if conditions else None)
    return Node(test, Condition("and", conditions), left.exact and right.exact)


def either(left: Node, right: Node) -> Node:
    """`left OR right`."""
    one, other = left.test, right.test

    def test(row: Row) -> Truth:
        a = one(row)
        if a is True:
            return True
        b = other(row)
        return True if b is True else None if a is None or b is None else False

    if left.condition is None or right.condition is None:
        return Node(test)
    return Node(test, Condition("or", (left.condition, right.condition)), left.exact and right.exact)


def opposite(inner: Node) -> Node:
    """`NOT inner`."""
    tested = inner.test

    def test(row: Row) -> Truth:
        value = tested(row)
        return None if value is None else not value

    if inner.condition is None or not inner.exact:
        return Node(test)
    return Node(test, Condition("not", (inner.condition,)), exact=True)


def truth_is(inner: Node, wanted: Truth, negated: bool) -> Node:
    """`inner IS [NOT] TRUE`, FALSE or UNKNOWN: `wanted` is True, False or None."""
    tested = inner.test
    return Node(lambda row: (tested(row) is wanted) is not negated, inner.condition if wanted and not negated else None)


# --- what an engine may be asked ------------------------------------------------------------------------------------

TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_TIMES: Final = (Type.DATETIME, Type.INSTANT)
_ORDERED: Final = (Type.INT, Type.DECIMAL, Type.DATE, *_TIMES)
_NATIVE: Final = {
    Type.DECIMAL: ("decimal", "numeric", "number"),
    Type.TEXT: ("char", "text", "string", "clob"),
    Type.UUID: ("uuid", "uniqueidentifier"),
}
"""What the engine's name of the type must hold for its values to be compared as the type's."""


def _fits(column: Column, value: Any) -> bool:
    """Whether a number is one that the column could hold: what could not is converted by engines as they like."""
    if type(value) is not int and not (isinstance(value, Decimal) and value.is_finite()):
        return False
    if column.precision is None:
        return True
    _, digits, exponent = Decimal(value).as_tuple()
    scale = column.scale or 0
    return -int(exponent) <= scale and len(digits) + int(exponent) <= column.precision - scale


def shared(
    column: Column, word: str, value: Any, spec: EngineSpec, specs: Sequence[EngineSpec]
) -> tuple[Condition, bool] | None:
    """The condition, and whether it means exactly the same. Text is asked for equality only, and more of it may be
    equal to the engine than to us; a time that is seen with fewer digits than it is stored with has sharp bounds only
    from below, and only between the digits."""
    type_, native = column.type, (column.native or "").lower()
    if column.note or column.generated or spec.fidelity(type_) not in (Fidelity.EXACT, Fidelity.ROUNDED):
        return None
    if type_ in _NATIVE and native and not any(each in native for each in _NATIVE[type_]):
        return None
    cut = coarsened([column], *specs)
    if word == "null":
        return (Condition("null", column=column.name), True) if cut is None or type_ in _TIMES else None
    if type_ is Type.INT:
        fits = type(value) is int and -(2**63) <= value < 2**63
    elif type_ is Type.DECIMAL:
        fits = cut is None and _fits(column, value)
    else:
        fits = VALUE_OF.get(type_) is not None and type_of(value) is type_
    if not fits:
        return None
    condition = Condition(word, column=column.name, value=Decimal(value) if type_ is Type.DECIMAL else value)
    if type_ in _TIMES and cut is not None:
        whole = cut((value,)) == (value,) and word in (">=", "<", ">")
        return (condition, word != ">") if whole else None
    if type_ in _ORDERED:
        return condition, type_ is not Type.DECIMAL  # engines put NaN behind all numbers, we nowhere
    if type_ is Type.BOOL and word in ("=", "<>"):
        return condition, True
    if word == "=" and (type_ is Type.UUID or (type_ is Type.TEXT and value and cut is None)):
        return condition, False
    return None
