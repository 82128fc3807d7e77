"""Views, as their own text says them, under the names that they have now."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dbfleet.engines.sqlserver import left
from dbfleet.engines.sqlserver.tables import Ask, Tables
from dbfleet.engines.sqlserver.types import LEXIS
from dbfleet.outline import STAYS, Step

_VIEWS: Final = """\
SELECT o.object_id, s.name, o.name, m.definition, m.uses_ansi_nulls, m.uses_quoted_identifier FROM sys.objects AS o
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id INNER JOIN sys.sql_modules AS m ON m.object_id = o.object_id
WHERE o.type = 'V' AND o.is_ms_shipped = 0"""
_READS: Final = """\
SELECT d.referencing_id, d.referenced_id FROM sys.sql_expression_dependencies AS d
INNER JOIN sys.objects AS o ON o.object_id = d.referencing_id WHERE o.type = 'V'"""
_INDEXES: Final = "SELECT i.name FROM sys.indexes AS i WHERE i.object_id = {id}"
_PROPERTIES: Final = "SELECT p.name FROM sys.extended_properties AS p WHERE p.class = 1 AND p.major_id = {id}"
_PART: Final = r"(?:\[(?:[^\]]|\]\])+\]|\"(?:[^\"]|\"\")+\"|[^\s.\[\"(]+)"
_HEAD: Final = re.compile(
    rf"((?:\s|--[^\n]*\n|/\*.*?\*/)*CREATE\s+(?:OR\s+ALTER\s+)?VIEW\s+){_PART}(?:\s*\.\s*{_PART})*",
    re.IGNORECASE | re.DOTALL,
)


def _found(ask: Ask, tables: Tables) -> dict[str, tuple[Any, ...]]:
    """The views that can be made again, by their names: their numbers, and their texts."""
    broken = tables.broken_views(ask)
    found = {}
    for number, space, name, text, *settings in ask(_VIEWS):
        joined = tables.joined(space, name)
        if text and all(settings) and joined not in broken and (head := _HEAD.match(text)):
            own = ".".join(map(LEXIS.quote, (space, name)))
            found[joined] = (int(number), f"{head[1]}{own}{text[head.end() :]}")
    return found


def names(ask: Ask, tables: Tables) -> list[str]:
    """The views that can be made again, sorted: not one whose text is encrypted, or was made with settings of old."""
    return sorted(_found(ask, tables))


def views(ask: Ask, tables: Tables, wanted: Sequence[str]) -> tuple[list[Step], list[str]]:
    """The steps that make these views, each after those that it reads; and what of them stays, in words."""
    found = {name: made for name, made in _found(ask, tables).items() if name in wanted}
    by = {number: name for name, (number, _) in found.items()}
    reads: dict[str, set[str]] = {name: set() for name in found}
    for own, other in ask(_READS) if found else ():
        if own in by and other in by and own != other:
            reads[by[own]].add(by[other])
    told = []
    for name, (number, _) in found.items():
        stay = [f"index {index}" for (index,) in ask(_INDEXES.format(id=number)) if index]
        stay += [left.property_words(each, "the view") for (each,) in ask(_PROPERTIES.format(id=number))]
        stay += left.stays(ask, tables.find(name))
        told += [f"view {name}: {text}{STAYS}" for text in stay]
    steps = [
        Step("views", "view", "", f"view {name}", found[name][1], place, makes=(("view", name),))
        for place, name in enumerate(_order(reads))
    ]
    return steps, told


def _order(reads: Mapping[str, set[str]]) -> list[str]:
    order: list[str] = []
    rest = dict(reads)
    while rest:
        free = sorted(name for name, needed in rest.items() if not needed & rest.keys()) or sorted(rest)[:1]
        order += free
        for name in free:
            del rest[name]
    return order
