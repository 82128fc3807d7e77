"""What is called how in the sink of what belongs to a table: indexes, sequences, partitions and statistics have names
that are unique in their schema."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count
from typing import Final

from dbfleet.engines.postgres.tables import Execute, Tables
from dbfleet.engines.postgres.types import NAME_BYTES, array_text

Name = tuple[str, str]

_TAKEN: Final = """
WITH going AS (SELECT p.relid FROM unnest($3::text[]) AS g(name), pg_catalog.pg_partition_tree(to_regclass(g.name)) p
               UNION SELECT to_regclass(g.name) FROM unnest($3::text[]) AS g(name))
SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = ANY($2::text[]) AND NOT EXISTS (SELECT FROM going WHERE relid = c.oid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_index x JOIN going ON relid = x.indrelid WHERE x.indexrelid = c.oid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN going ON relid = d.refobjid WHERE d.objid = c.oid
      AND d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND d.deptype IN ('a', 'i'))
UNION SELECT s.stxname FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
WHERE n.nspname = $1 AND s.stxname = ANY($2::text[]) AND NOT EXISTS (SELECT FROM going WHERE relid = s.stxrelid)
"""


def names(
    execute: Execute, tables: Tables, makes: Sequence[Name], old: str, new: str, going: Collection[str]
) -> Mapping[Name, str]:
    """The collection-like names here of what belongs to the collection `old` there, which is called `new` here. They
    begin with its new name where they began with its old one, and none is taken but by what is `going`."""
    if not makes:
        return {}
    space, _, plain = old.rpartition(".")
    home = space if any(spot == space for spot, _ in makes) else ""
    table = plain if home or any(name.startswith(f"{plain}_") for _, name in makes) else old
    new_space, new_table = tables.split(new)
    wanted: dict[Name, Name] = {}
    for spot, name in makes:
        renamed = f"{new_table}{name.removeprefix(table)}" if name.startswith(f"{table}_") else name
        wanted[spot, name] = (new_space if spot == home else spot, renamed if table != new_table else name)
    free: dict[Name, str] = {}
    for place in {place for place, _ in wanted.values()}:
        tries = {make: _tries(wish) for make, (where, wish) in wanted.items() if where == place}
        used: set[str] = set()
        left = dict.fromkeys(tries, "")
        while left:
            left = {make: next(tries[make]) for make in left}
            asked = [place, array_text(left.values()), array_text(map(tables.sql, going))]
            taken = {name for (name,) in execute(_TAKEN, asked)} | used
            for make, name in left.items():
                if name not in taken:
                    free[make] = tables.joined(place, name)
                    used.add(name)
            left = {make: name for make, name in left.items() if make not in free}
    return free


def _tries(name: str) -> Iterator[str]:
    """The name, and others like it."""
    yield _cut(name, "")
    for number in count(1):
        yield _cut(name, f"_{number}")


def _cut(name: str, end: str) -> str:
    room = NAME_BYTES - len(end)
    return name.encode()[:room].decode(errors="ignore") + end
