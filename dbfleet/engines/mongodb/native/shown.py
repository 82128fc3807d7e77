"""Documents as a person sees them in a diff: by their fields, each as a value of the closed set where it has one. Needs
bson: imported only where a native value is shown.

Two values that are not the same BSON and would look the same (1 and 1.0, a text and a symbol) are shown as Extended
JSON, and where that is the same too, as their bytes in base64.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from bson import decode

from dbfleet.engines.mongodb.encode import document, elements
from dbfleet.engines.mongodb.native.values import DOCUMENT
from dbfleet.engines.mongodb.values import CODEC, canonical, extended, plain
from dbfleet.values import Column


def unfold(column: Column, a: Any, b: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What of two native values differs, by field; all of the one, where the other is None."""
    mine, yours = _fields(column, a), _fields(column, b)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name in dict.fromkeys([*mine, *yours]):
        if mine.get(name) != yours.get(name):
            word = name.decode("utf-8", "backslashreplace")
            before[word], after[word] = _shown(mine.get(name), yours.get(name))
    if a is not None and b is not None and not before:  # the same fields in another order
        names = [[name.decode("utf-8", "backslashreplace") for name in each] for each in (mine, yours)]
        before[DOCUMENT], after[DOCUMENT] = names
    if a is None or b is None:
        return (before, {}) if b is None else ({}, after)
    return before, after


def _fields(column: Column, value: bytes | None) -> dict[bytes, list[bytes]]:
    """The elements by their names; one may stand twice."""
    found: dict[bytes, list[bytes]] = {}
    if value is not None:
        for name, element in elements(value) if column.name == DOCUMENT else [(b"_id", value)]:
            found.setdefault(name, []).append(element)
    return found


def _shown(a: list[bytes] | None, b: list[bytes] | None) -> tuple[Any, Any]:
    for how in (_plainly, canonical):
        mine, yours = (_each(how, side) for side in (a, b))
        if repr(mine) != repr(yours) and mine != yours:
            return mine, yours
    sides = [[base64.b64encode(element).decode() for element in side or ()] for side in (a, b)]
    return sides[0], sides[1]


def _each(how: Any, found: list[bytes] | None) -> Any:
    if found is None:
        return None
    values = [how(next(iter(decode(document(element), CODEC).values()))) for element in found]
    return values[0] if len(values) == 1 else values


def _plainly(value: Any) -> Any:
    return extended(value) if isinstance(value, dict | list) else plain(value)
