"""What keys are made of besides themselves: nothing but their name, so an outline is short.

A collection of keys is there as soon as it has a key. While it is filled it stands in the hash KEPT, so that it is
known without one, and leaves it in the end, unless it stands there in the source too. Rows that dbfleet keeps have
their schema. What a step holds is JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from dbfleet.engines.redis import foreign_write as kept
from dbfleet.engines.redis import left
from dbfleet.engines.redis.keys import shown
from dbfleet.engines.redis.native.own import beside
from dbfleet.engines.redis.session import Session
from dbfleet.engines.redis.tables import Collections
from dbfleet.engines.redis.values import SCHEMAS, dumps
from dbfleet.engines.redis.values import schema_of as schema_of_rows
from dbfleet.engines.redis.wire import ReplyError
from dbfleet.outline import STAYS, Outline, Step
from dbfleet.values import Column, Schema, Type

OWN, KEYS, LEAVE = "rows of dbfleet's", "keys", "leave"
"""The kinds of steps: make a collection of rows, make one of keys, let it leave KEPT."""
SPACE: Final = "\x00"
"""The space of what a collection of keys `makes`: its keys, which keep their names."""


def outline(session: Session, collections: Collections, names: Sequence[str], *, everything: bool) -> Outline:
    """The outline of these collections. NotFound for one that is not there."""
    wire = session.data()
    steps: list[Step] = []
    stays: list[str] = []
    rows: list[Schema] = []
    for name in names:
        own, listed = wire.ask_all([["HGET", SCHEMAS, name], ["HGET", kept.KEPT, name]])
        if own is not None:
            steps.append(Step("collections", OWN, name, f"the rows {name}", own.decode()))
            stays += [f"{name}: {text}{STAYS}" for text in collections.ends_of_rows(name)]
            rows.append(schema_of_rows(own.decode()))
            continue
        key = collections.foreign(name).key[0]
        text = dumps({"kept": listed.decode() if listed else None, "key": key})
        steps.append(Step("collections", KEYS, name, f"the keys {name}", text, makes=((SPACE, name),)))
        if listed is None:
            steps.append(Step("after", LEAVE, name, "their names alone", text))
    for name, strays in beside(wire, rows).items() if rows else ():
        told = f"the key {shown(strays[0])}" if len(strays) == 1 else f"{len(strays):,} keys ({shown(strays[0])}, …)"
        stays.append(f"{name}: {told} beside its rows: {'does' if len(strays) == 1 else 'do'} not come along")
    if everything:
        stays += [*left.of_database(wire), *_indexes(session)]
    return Outline(tuple(sorted(steps, key=lambda step: step.stage != "collections")), tuple(stays))


def schema_of(step: Step, name: str) -> Schema:
    """The schema by which a collection of keys of this name stands in KEPT."""
    said = json.loads(step.text)
    if said["kept"] is None:
        return Schema(name, (Column(said["key"], Type.BYTES, False, native="key"),), (said["key"],))
    held: dict[str, Any] = {**json.loads(said["kept"]), "name": name}
    return Schema.from_dict(held)


def leaves(schema: Schema) -> bool:
    """Whether this stands in KEPT for the time of a copy alone."""
    return len(schema.columns) == 1


def _indexes(session: Session) -> list[str]:
    """Search indexes, in words."""
    (reply,) = session.data().ask_all([["FT._LIST"]], keep=True)
    if isinstance(reply, ReplyError) or not reply:
        return []
    return [f"the search {'index' if len(reply) == 1 else 'indexes'} {', '.join(sorted(map(shown, reply)))}"]
