"""What tables need and others may use too: types, sequences, partition functions and schemes, which are made where they
are missing; functions, sets of XML schemas and collations, which the server must have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from dbfleet.engines.sqlserver.left import DATABASE_COLLATION, where_known
from dbfleet.engines.sqlserver.native.values import variant_select, variant_value
from dbfleet.engines.sqlserver.tables import Ask
from dbfleet.engines.sqlserver.types import LEXIS, read_native, text_literal
from dbfleet.outline import Step

Place = tuple[str, str]
"""A schema and a name; the kind of what is in no schema, and its name."""


@dataclass(slots=True)
class Needed:
    """Which tables need what, by kind and place."""

    by: dict[tuple[str, Place], set[str]] = field(default_factory=dict)

    def add(self, kind: str, place: Place, table: str) -> None:
        """This table needs that."""
        self.by.setdefault((kind, place), set()).add(table)

    def of(self, kind: str, place: Place) -> tuple[str, ...]:
        """The tables that need it."""
        return tuple(sorted(self.by.get((kind, place), ())))

    def has(self, kind: str, place: Place) -> bool:
        """Whether a table needs it."""
        return (kind, place) in self.by


def _sql(place: Place) -> str:
    return ".".join(map(LEXIS.quote, place))


def _made(kind: str, place: Place, words: str, text: str, order: int, undo: str) -> Step:
    return Step("before", kind, "", words, text, order, (place,), shared=True, undo=undo)


# --- what is made ---

_TYPES: Final = """\
SELECT s.name, t.name, b.name, t.max_length, t.precision, t.scale, t.is_nullable FROM sys.types AS t
INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id
INNER JOIN sys.types AS b ON b.user_type_id = t.system_type_id
WHERE t.is_user_defined = 1 AND t.is_table_type = 0 AND t.is_assembly_type = 0"""
_SEQUENCES: Final = """\
SELECT s.name, q.name, t.name, q.precision, CONVERT(nvarchar(40), q.start_value), CONVERT(nvarchar(40), q.increment),
CONVERT(nvarchar(40), q.minimum_value), CONVERT(nvarchar(40), q.maximum_value), q.is_cycling, q.is_cached, q.cache_size,
CONVERT(nvarchar(40), q.current_value)
FROM sys.sequences AS q INNER JOIN sys.schemas AS s ON s.schema_id = q.schema_id
INNER JOIN sys.types AS t ON t.user_type_id = q.system_type_id"""
_UNUSED: Final = """\
SELECT s.name, q.name FROM sys.sequences AS q INNER JOIN sys.schemas AS s ON s.schema_id = q.schema_id
WHERE q.last_used_value IS NULL"""
_PARTITIONS: Final = """\
SELECT f.function_id, f.name, f.boundary_value_on_right, t.name, p.max_length, p.precision, p.scale, p.collation_name
FROM sys.partition_functions AS f INNER JOIN sys.partition_parameters AS p ON p.function_id = f.function_id
INNER JOIN sys.types AS t ON t.user_type_id = p.system_type_id"""
_BOUNDS: Final = (
    f"SELECT v.function_id, {variant_select('v.value')} FROM sys.partition_range_values AS v "
    "ORDER BY v.function_id, v.boundary_id"
)
_SCHEMES: Final = """\
SELECT s.data_space_id, s.name, f.name FROM sys.partition_schemes AS s
INNER JOIN sys.partition_functions AS f ON f.function_id = s.function_id"""
_FILEGROUPS: Final = """\
SELECT d.partition_scheme_id, g.name FROM sys.destination_data_spaces AS d
INNER JOIN sys.data_spaces AS g ON g.data_space_id = d.data_space_id ORDER BY d.partition_scheme_id, d.destination_id"""

_ALL_FILEGROUPS: Final = "SELECT g.data_space_id, g.name, g.is_default FROM sys.filegroups AS g"


def types(ask: Ask) -> Iterator[Step]:
    """The database's alias types."""
    for space, name, word, length, precision, scale, nullable in where_known(ask, _TYPES):
        native = read_native(name, word, length, precision, scale, True).native
        place = (space, name)
        text = f"CREATE TYPE {_sql(place)} FROM {native} {'NULL' if nullable else 'NOT NULL'}"
        yield _made("type", place, f"type {space}.{name}", text, 0, f"DROP TYPE {_sql(place)}")


@dataclass(frozen=True, slots=True)
class Counting:
    """A sequence: how it is made, the value that it gives next, its step and its ends."""

    place: Place
    text: str
    following: int
    step: int
    ends: tuple[int, int]


def sequences(ask: Ask) -> Iterator[Counting]:
    """The database's sequences."""
    unused = set(where_known(ask, _UNUSED))  # of SQL Server 2017 on
    for space, name, word, digits, first, step, least, most, cycling, cached, size, current in where_known(
        ask, _SEQUENCES
    ):
        type_ = f"{word}({digits}, 0)" if word in ("decimal", "numeric") else word
        cache = "NO CACHE" if not cached else f"CACHE {size}" if size else "CACHE"
        text = (
            f"CREATE SEQUENCE {_sql((space, name))} AS {type_} START WITH {first} INCREMENT BY {step} "
            f"MINVALUE {least} MAXVALUE {most} {'CYCLE' if cycling else 'NO CYCLE'} {cache}"
        )
        following = int(current) + (0 if (space, name) in unused else int(step))
        if cycling and not int(least) <= following <= int(most):
            following = int(least) if int(step) > 0 else int(most)
        yield Counting((space, name), text, following, int(step), (int(least), int(most)))


def sequence_steps(found: Iterable[Counting]) -> Iterator[Step]:
    """The steps that make sequences, and let them go on."""
    for each in found:
        space, name = each.place
        words = f"sequence {space}.{name}"
        yield _made("sequence", each.place, words, each.text, 10, f"DROP SEQUENCE {_sql(each.place)}")
        if each.ends[0] <= each.following <= each.ends[1]:
            yield Step(
                "after", "counter", "", f"where {words} counts on",
                f"ALTER SEQUENCE {_sql(each.place)} RESTART WITH {each.following}", 10, (each.place,), shared=True,
            )  # fmt: skip


def partitions(ask: Ask, left: list[str]) -> Iterator[Step]:
    """The database's partition functions and schemes. Each partition is in the primary filegroup there: `left` names
    those that are not."""
    functions = where_known(ask, _PARTITIONS)
    bounds: dict[int, list[str]] = {}
    if functions:
        for number, rows in groupby(ask(_BOUNDS), key=lambda row: row[0]):
            bounds[int(number)] = ["NULL" if text is None else variant_value(text) for _, text in rows]
    for number, name, right, word, length, precision, scale, collation in functions:
        native = read_native(name, word, length, precision, scale, True).native
        native += f" COLLATE {collation}" if collation else ""
        text = (
            f"CREATE PARTITION FUNCTION {LEXIS.quote(name)} ({native}) AS RANGE {'RIGHT' if right else 'LEFT'} "
            f"FOR VALUES ({', '.join(bounds.get(int(number), ()))})"
        )
        place = ("partition function", name)
        yield _made(place[0], place, " ".join(place), text, 20, f"DROP PARTITION FUNCTION {LEXIS.quote(name)}")
    groups: dict[int, list[str]] = {}
    if functions:
        for number, group in ask(_FILEGROUPS):
            groups.setdefault(int(number), []).append(group)
    for number, name, function in where_known(ask, _SCHEMES) if functions else ():
        place = ("partition scheme", name)
        text = f"CREATE PARTITION SCHEME {LEXIS.quote(name)} AS PARTITION {LEXIS.quote(function)} ALL TO ([PRIMARY])"
        yield _made(place[0], place, " ".join(place), text, 30, f"DROP PARTITION SCHEME {LEXIS.quote(name)}")
        if others := sorted({group for group in groups.get(int(number), ()) if group != "PRIMARY"}):
            left.append(f"partition scheme {name}: the filegroups {', '.join(others)}")


def schemes(ask: Ask) -> dict[int, str]:
    """The partition schemes' names by their data spaces."""
    return {int(number): name for number, name, _ in where_known(ask, _SCHEMES)}


def filegroups(ask: Ask) -> dict[int, str]:
    """The filegroups besides the usual one, by their data spaces: in that all tables are made."""
    return {int(number): name for number, name, usual in ask(_ALL_FILEGROUPS) if not usual}


def makeable(ask: Ask) -> Iterator[Step]:
    """All of the database that a step of an outline may make before tables, but schemas."""
    yield from types(ask)
    yield from sequence_steps(sequences(ask))
    yield from partitions(ask, [])


# --- what must be there ---

_FUNCTIONS: Final = """\
SELECT o.object_id, o.parent_object_id, s.name, r.name FROM sys.sql_expression_dependencies AS d
INNER JOIN sys.objects AS o ON o.object_id = d.referencing_id
INNER JOIN sys.objects AS r ON r.object_id = d.referenced_id
INNER JOIN sys.schemas AS s ON s.schema_id = r.schema_id
WHERE r.type IN ('FN', 'FS', 'IF', 'TF', 'FT') AND (o.object_id IN ({ids}) OR o.parent_object_id IN ({ids}))"""
_OBJECTS: Final = "SELECT s.name, o.name FROM sys.objects AS o INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id"
_SETS: Final = """\
SELECT s.name, x.name FROM sys.xml_schema_collections AS x INNER JOIN sys.schemas AS s ON s.schema_id = x.schema_id"""
_JSON: Final = "SELECT t.name FROM sys.types AS t WHERE t.system_type_id = 244"


def functions(ask: Ask, ids: str) -> Iterator[tuple[int, Place]]:
    """Functions that checks, defaults and computed columns of these tables call, each with the table's number."""
    for own, parent, space, name in ask(_FUNCTIONS.format(ids=ids)):
        yield int(parent or own), (space, name)


def required(needed: Needed) -> Iterator[Step]:
    """A step that makes nothing for each thing that a server has, or lacks."""
    for (kind, place), tables in sorted(needed.by.items()):
        if kind in REQUIRED:
            words = f"{kind} {'.'.join(filter(None, place))}"
            yield Step("before", kind, "", words, "", 0, (place,), shared=True, needed_by=tuple(sorted(tables)))


def _there(ask: Ask, kind: str, steps: Sequence[Step]) -> Iterator[Place]:
    places = [step.makes[0] for step in steps if step.kind == kind]
    match kind:
        case "function":
            yield from where_known(ask, _OBJECTS)
        case "XML schema collection":
            yield from where_known(ask, _SETS)
        case "server type":
            yield from (("", name) for (name,) in where_known(ask, _JSON))
        case "collation":
            for _, name in places:
                ((page,),) = ask(f"SELECT COLLATIONPROPERTY({text_literal(name)}, N'CodePage')")
                if page is not None:
                    yield ("", name)
        case "database collation":
            ((name,),) = ask(DATABASE_COLLATION)
            yield ("", name)


REQUIRED: Final[Mapping[str, str]] = {
    "function": "is not in the sink", "XML schema collection": "is not in the sink",
    "server type": "is of later servers", "collation": "is not on the server",
    "database collation": "is not that of the sink",
}  # fmt: skip


def lacking(ask: Ask, steps: Sequence[Step]) -> dict[str, str]:
    """Of these steps those that this server cannot take, by their marks, and why."""
    found: dict[str, str] = {}
    for kind, why in REQUIRED.items():
        wanted = [step for step in steps if step.shared and step.kind == kind]
        there = set(_there(ask, kind, wanted)) if wanted else set()
        found |= {step.mark: why for step in wanted if step.makes[0] not in there}
    return found


_RESTART: Final = re.compile(r"RESTART WITH (-?\d+)\Z")


def is_behind(ask: Ask, step: Step) -> bool:
    """Whether the sequence would go on from a value before the one that the step sets: it never goes back."""
    wanted = _RESTART.search(step.text)
    for each in sequences(ask):
        if wanted and each.place == step.makes[0]:
            return (int(wanted[1]) - each.following) * each.step > 0
    return True
