"""What is called how here of what belongs to a table: indexes share their names with tables and views, triggers have
names of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain, count
from typing import Final

from dbfleet.engines.sqlite.native.text import TRIGGERS
from dbfleet.engines.sqlite.tables import Ask

Name = tuple[str, str]

_THERE: Final = "SELECT type, name, tbl_name FROM sqlite_schema"


def names(ask: Ask, makes: Sequence[Name], old: str, new: str, going: Collection[str]) -> Mapping[Name, str]:
    """The names here of what belongs to the table `old` there, which is called `new` here. They begin with its new name
    where they began with its old one, and none is taken but by what is `going`."""
    gone = {name.lower() for name in going}
    taken = {
        (TRIGGERS if kind == "trigger" else "", name.lower())
        for kind, name, table in ask(_THERE)
        if table.lower() not in gone
    }
    found: dict[Name, str] = {}
    for space, name in makes:
        wanted = name
        if old != new and old in name:
            wanted = name.replace(old, new, 1)
        tries = chain([wanted], (f"{wanted}_{number}" for number in count(1)))
        free = next(each for each in tries if (space, each.lower()) not in taken)
        taken.add((space, free.lower()))
        found[space, name] = f"{space}.{free}" if space else free
    return found
