"""What tables need of a server and do not own: storage engines, collations, types of its later versions; and, in
MariaDB, sequences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.server import Ask, Server
from dbfleet.engines._mysql.types import LEXIS
from dbfleet.outline import Step, marked
from dbfleet.values import Type

_SINCE: Final[Mapping[str, tuple[int, int]]] = {
    "uuid": (10, 7), "inet6": (10, 5), "inet4": (10, 10), "vector": (11, 7), "xmltype": (12, 3),
}  # fmt: skip
"""The version of MariaDB that has brought a type."""
_SINCE_MYSQL: Final[Mapping[str, tuple[int, int]]] = {"vector": (9, 0)}


def steps(
    ask: Ask, server: Server, names: Sequence[str], engines: Mapping[str, Sequence[str]],
    sequences: Mapping[str, Sequence[str]],
) -> Iterator[Step]:  # fmt: skip
    """What these tables need, a step each; and the sequences, with the tables that need them."""
    for engine, by in engines.items():
        yield _needed("storage engine", engine, by)
    found: dict[tuple[str, str], set[str]] = {}
    if names:
        listed = ", ".join(literal(name, Type.TEXT) for name in names)
        where = f"WHERE table_schema = DATABASE() AND table_name IN ({listed})"
        for table, kind, collation in ask(
            f"SELECT table_name, data_type, collation_name FROM information_schema.columns {where} "
            f"UNION SELECT table_name, '', table_collation FROM information_schema.tables {where}"
        ):
            if collation:
                found.setdefault(("collation", collation), set()).add(str(table))
            if (kind or "") in (_SINCE if server.mariadb else _SINCE_MYSQL):
                found.setdefault(("type", str(kind)), set()).add(str(table))
    for (what, name), tables in sorted(found.items()):
        yield _needed(what, name, sorted(tables))
    for name, by in sequences.items():
        yield from _sequence(ask, name, by)


def _needed(kind: str, name: str, by: Sequence[str]) -> Step:
    """A step that makes nothing: a server has it or lacks it."""
    return Step("before", kind, "", f"{kind} {name}", "", makes=((kind, name),), shared=True, needed_by=tuple(by))


def sequences(ask: Ask, server: Server) -> list[str]:
    """The sequences of the database, sorted."""
    if not server.mariadb:
        return []
    rows = ask(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'SEQUENCE'"
    )
    return sorted(str(name) for (name,) in rows)


def _sequence(ask: Ask, name: str, by: Sequence[str]) -> Iterator[Step]:
    quoted = LEXIS.quote(name)
    said = str(ask(f"SHOW CREATE SEQUENCE {quoted}")[0][1])
    named, words = marked("named", "", name), f"sequence {name}"
    create = said.replace(f"CREATE SEQUENCE {quoted}", f"CREATE SEQUENCE {named}", 1)
    makes = (("sequence", name),)
    yield Step(
        "before", "sequence", "", words, create, 1, makes, shared=True, undo=f"DROP SEQUENCE IF EXISTS {named}",
        needed_by=tuple(by),
    )  # fmt: skip
    ((next_,),) = ask(f"SELECT next_not_cached_value FROM {quoted}")
    # It never goes back: one that was there, and is farther, stays where it is.
    counted = f"DO SETVAL({named}, {next_}, 0)"
    yield Step("after", "counter", "", f"where {words} counts on", counted, 1, needed_by=tuple(by))


def lacking(ask: Ask, server: Server, all_steps: Sequence[Step]) -> dict[str, str]:
    """Of these steps those that this server cannot take, by their marks, and why."""
    wanted = [(step, step.makes[0]) for step in all_steps if step.shared and not step.text and step.makes]
    found: dict[str, str] = {}
    if any(kind == "storage engine" for _, (kind, _) in wanted):
        there = {
            (name or "").lower()
            for name, support in ask("SELECT engine, support FROM information_schema.engines")
            if support in ("YES", "DEFAULT")
        }
        found |= _missing(wanted, "storage engine", there)
    if any(kind == "collation" for _, (kind, _) in wanted):
        found |= _missing(wanted, "collation", _collations(ask, server))
    since, version = _SINCE if server.mariadb else _SINCE_MYSQL, _version(server)
    for step, (kind, name) in wanted:
        if kind == "type" and version < since.get(name, (0, 0)):
            found[step.mark] = f"a server has from version {'.'.join(map(str, since[name]))} on"
    return found


def _missing(wanted: Sequence[tuple[Step, tuple[str, str]]], what: str, there: set[str]) -> dict[str, str]:
    return {
        step.mark: "is not on the server" for step, (kind, name) in wanted if kind == what and name.lower() not in there
    }


def _collations(ask: Ask, server: Server) -> set[str]:
    table = "information_schema.collation_character_set_applicability"
    full = server.mariadb and _version(server) >= (10, 10)
    column = "full_collation_name" if full else "collation_name"
    return {(name or "").lower() for (name,) in ask(f"SELECT {column} FROM {table}")}


def _version(server: Server) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", server.version)[:2]))
