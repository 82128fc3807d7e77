"""Documents as a person sees them in a diff: the winner by its fields, its revision, attachments and conflicts as
CouchDB names them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from dbfleet.engines.couchdb.native.values import ATTACHMENTS, CONTENT, DOCUMENTS, REVISIONS
from dbfleet.values import Column

Parts = dict[str, Any]


def unfold(column: Column, a: Any, b: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What of two native values differs, by field; all of the one, where the other is None and the column is never."""
    part_of = _PARTS.get(column.name) or _itself(column.name)
    if (a is None or b is None) and column.nullable is False:
        return (part_of(a), {}) if b is None else ({}, part_of(b))
    mine, yours = (part_of(value) if value is not None else {} for value in (a, b))
    before: Parts = {}
    after: Parts = {}
    for field in dict.fromkeys([*mine, *yours]):
        if _exactly(mine.get(field)) != _exactly(yours.get(field)) or (field in mine) != (field in yours):
            before[field], after[field] = mine.get(field), yours.get(field)
    if not before and a != b and column.name == DOCUMENTS:  # the same fields in another order
        before[DOCUMENTS], after[DOCUMENTS] = ([list(each) for each in json.loads(value)] for value in (a, b))
    if b is None:
        return before, {}
    return ({}, after) if a is None else (before, after)


def _itself(name: str) -> Callable[[str], Parts]:
    return lambda value: {name: value}


def _exactly(value: Any) -> str:
    """1, 1.0 and true are three values."""
    return json.dumps(value, sort_keys=True)


def _revisions(text: str) -> Parts:
    leaves = json.loads(text)
    revs = [f"{each['start']}-{each['ids'][0]}" for each in leaves]
    gone = [bool(each.get("deleted")) for each in leaves]
    found: Parts = {"_rev": revs[0]}
    if gone[0]:
        found["_deleted"] = True
    for field, wanted in (("_conflicts", False), ("_deleted_conflicts", True)):
        others = [rev for rev, deleted in zip(revs[1:], gone[1:], strict=True) if deleted is wanted]
        if others:
            found[field] = others
    found["_revisions"] = leaves
    return found


def _documents(text: str) -> Parts:
    winner, *others = json.loads(text)
    return {**winner, **({"_conflicting": others} if others else {})}


def _attachments(text: str) -> Parts:
    winner, *others = json.loads(text)
    found: Parts = {"_attachments": winner} if winner else {}
    return {**found, **({"_conflicting_attachments": others} if any(others) else {})}


_PARTS: Final[Mapping[str, Callable[[str], Parts]]] = {
    REVISIONS: _revisions,
    DOCUMENTS: _documents,
    ATTACHMENTS: _attachments,
    CONTENT: json.loads,
}
