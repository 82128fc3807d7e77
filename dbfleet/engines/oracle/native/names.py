"""What is called how in the sink of what belongs to a table: constraints and indexes have names that are unique in
their schema, each kind apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from dbfleet.engines.oracle.native.catalog import CONSTRAINT, CONSTRAINT_NAMES, INDEX, INDEX_NAMES
from dbfleet.engines.oracle.tables import Ask
from dbfleet.engines.oracle.types import NAME_BYTES


def names(ask: Ask, makes: Sequence[tuple[str, str]], going: Collection[str]) -> Mapping[tuple[str, str], str]:
    """Names that are free here, or are those of tables that are `going`."""
    found: dict[tuple[str, str], str] = {}
    for kind, text in ((CONSTRAINT, CONSTRAINT_NAMES), (INDEX, INDEX_NAMES)):
        wanted = [name for space, name in makes if space == kind]
        if not wanted:
            continue
        taken = {name for name, table in ask(text) if table not in going}
        for name in wanted:
            free, number = name, 0
            while free in taken:
                number += 1
                free = _shortened(name, f"_{number}")
            taken.add(free)
            found[kind, name] = f"{kind}.{free}"
    return found


def _shortened(name: str, end: str) -> str:
    return name.encode()[: NAME_BYTES - len(end)].decode(errors="ignore") + end
