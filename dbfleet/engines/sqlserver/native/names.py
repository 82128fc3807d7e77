"""What is called how in the sink of what belongs to a table: constraints have names that are unique in their schema.
The names of indexes are the table's own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count
from typing import Final

from dbfleet.engines.sqlserver.tables import Ask, Tables
from dbfleet.engines.sqlserver.types import LEXIS, NAME_LENGTH, text_literal
from dbfleet.errors import NotFound
from dbfleet.outline import Mark, spelled

_CONSTRAINT: Final = "constraint of "
_OBJECTS: Final = """\
SELECT o.name, o.object_id, o.parent_object_id FROM sys.objects AS o
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id WHERE s.name = {space}"""


def constraint(space: str) -> str:
    """The space in which an outline says the names of a schema's constraints. It holds no dot."""
    return f"{_CONSTRAINT}{space.replace('.', '_')}"


def constraint_name(called: str) -> str | None:
    """A constraint's name by what it is called in the sink; None for what is no constraint."""
    return called.partition(".")[2] if called.startswith(_CONSTRAINT) else None


def names(
    ask: Ask, tables: Tables, makes: Sequence[tuple[str, str]], new: str, going: Collection[str]
) -> Mapping[tuple[str, str], str]:
    """Names of constraints that are free in the schema of the collection `new`, or taken only by what is `going`."""
    if not makes:
        return {}
    gone = set()
    for name in going:
        try:
            gone.add(tables.find(name).number)
        except NotFound:
            continue
    rows = ask(_OBJECTS.format(space=text_literal(tables.split(new)[0])))
    taken = {name.casefold() for name, own, parent in rows if own not in gone and parent not in gone}
    found: dict[tuple[str, str], str] = {}
    for space, name in makes:
        free = next(each for each in _tries(name) if each.casefold() not in taken)
        taken.add(free.casefold())
        found[space, name] = f"{space}.{free}"
    return found


def _tries(name: str) -> Iterator[str]:
    """The name, and others like it."""
    yield name
    for number in count(1):
        end = f"_{number}"
        yield name[: NAME_LENGTH - len(end)] + end


def in_words(tables: Tables, text: str, called: Mapping[str, str]) -> str:
    """The text with the names that things have here."""

    def spell(mark: Mark, space: str, name: str) -> str:
        if space.startswith(_CONSTRAINT):
            found = called.get(f"{space}.{name}", name)
            found = constraint_name(found) or found
            return found.replace("'", "''") if mark == "quoted" else LEXIS.quote(found)
        place = tables.split(called.get(name, name))
        if space:  # a part of it alone, inside a quoted text
            return place[space == "table"].replace("'", "''")
        whole = ".".join(map(LEXIS.quote, place))
        return whole.replace("'", "''") if mark == "quoted" else whole

    return spelled(text, spell)
