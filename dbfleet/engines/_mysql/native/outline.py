"""The outline of tables: what a server needs to be told to have the same, by its own SHOW CREATE TABLE.

The table comes with its primary key, in whose order InnoDB keeps the rows; its other keys, its references and its
counter come later, a statement each. A name that the server has made of the table's (`orders_ibfk_1`) goes with the
table's name: the server renames it with the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dbfleet.engines._mysql import extras, tables
from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.native import needs, text, views
from dbfleet.engines._mysql.native.text import CONSTRAINT
from dbfleet.engines._mysql.server import Ask, Server
from dbfleet.engines._mysql.types import LEXIS
from dbfleet.outline import STAGES, STAYS, Outline, Step, marked
from dbfleet.values import Type

_WITHOUT_ROWS: Final = frozenset(
    {"FEDERATED", "MRG_MYISAM", "BLACKHOLE", "CONNECT", "SPIDER", "SPHINX", "S3", "OQGRAPH", "MROONGA", "NDBCLUSTER"}
)
"""Storage engines whose tables' rows are somewhere else, or nowhere."""
_ALONE: Final = ("FULLTEXT", "SPATIAL", "VECTOR")
_AS_A_TABLE: Final = ": its rows come as a table"


def collections(ask: Ask) -> list[str]:
    """The tables that hold rows of their own, sorted."""
    rows = ask(
        "SELECT table_name, engine FROM information_schema.tables WHERE table_schema = DATABASE() "
        "AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')"
    )
    return sorted(
        str(name)
        for name, engine in rows
        if engine and engine.upper() not in _WITHOUT_ROWS and not str(name).startswith(tables.HIDDEN)
    )


def outline(
    ask: Ask, server: Server, names: Sequence[str], *, everything: bool, view_names: Sequence[str] = ()
) -> Outline:
    """The outline of these tables and views; with `everything`, all sequences too, and what the database has besides is
    in its `left`."""
    ((database,),) = ask("SELECT DATABASE()")
    made = _Making(ask, server, str(database), needs.sequences(ask, server))
    steps: list[Step] = []
    for name in names:
        steps += made.of_table(name)
    wanted = {each for each, by in made.sequences.items() if by or everything}
    steps += needs.steps(ask, server, names, made.engines, {each: made.sequences[each] for each in wanted})
    left = made.left + _of_tables(ask, names)
    if view_names:
        found, said = views.views(ask, view_names)
        steps += found
        left += said
    if everything:
        told = extras.left(ask, tables.broken_views(ask, tables.kinds(ask)))
        words = {step.words for step in steps}
        plain = (each.removesuffix(_AS_A_TABLE) for each in told)
        left += [f"{each}{STAYS}" for each in plain if each not in words]
    steps.sort(key=lambda step: (STAGES.index(step.stage), step.order))
    return Outline(tuple(steps), tuple(left))


class _Making:
    """Makes the steps of tables. `sequences` has, by their names, the tables that need them; `engines` the tables of
    each storage engine; `left` what stays, in words."""

    def __init__(self, ask: Ask, server: Server, database: str, sequences: Sequence[str]) -> None:
        self._ask, self._server, self._database = ask, server, database
        self.sequences: dict[str, list[str]] = {name: [] for name in sequences}
        self.engines: dict[str, list[str]] = {}
        self.left: list[str] = []

    def of_table(self, name: str) -> Iterator[Step]:
        """The steps of a table."""
        said = self._ask(f"SHOW CREATE TABLE {LEXIS.quote(name)}")[0][1]
        found = text.read(str(said))
        self.engines.setdefault(found.engine, []).append(name)
        table = f"ALTER TABLE {marked('named', '', name)}"
        makes: list[tuple[str, str]] = []
        items = [self._item(name, each, makes) for each in found.columns]
        body = ",\n  ".join(items)
        create = f"CREATE TABLE {marked('named', '', name)} (\n  {body}\n){found.options}"
        yield Step("collections", "table", name, f"table {name}", create, makes=tuple(makes), locks=(name,))
        plain = [key for key in found.keys if key.kind not in _ALONE]
        if plain:
            words = f"{'index' if len(plain) == 1 else 'indexes'} {', '.join(key.name for key in plain)}"
            adds = ", ".join(f"ADD {key.text}" for key in plain)
            yield Step("keys", "index", name, words, f"{table} {adds}", 0, locks=(name,))
        for number, key in enumerate((key for key in found.keys if key.kind in _ALONE), 1):
            yield Step("keys", "index", name, f"index {key.name}", f"{table} ADD {key.text}", number, locks=(name,))
        for reference in found.references:
            if reference.space:
                self.left.append(f"{name}: foreign key {reference.name}, to {reference.space}.{reference.table}{STAYS}")
                continue
            named, makes = _called(name, reference.name), _makes(name, reference.name)
            far = marked("named", "", reference.table)
            add = f"{table} ADD CONSTRAINT {named} {reference.columns} REFERENCES {far} {reference.rest}"
            yield Step(
                "references", "reference", name, f"foreign key {reference.name}", add, makes=tuple(makes),
                locks=(name, reference.table),
            )  # fmt: skip
        if found.counter is not None:
            words = f"where {name} counts on"
            yield Step("after", "counter", name, words, f"{table} AUTO_INCREMENT = {found.counter}", locks=(name,))
        self.left += [f"{name}: {folder.strip()}{STAYS}" for folder in found.folders]
        if found.versioned:
            self.left.append(
                f"{name}: the rows of the past, and since when its rows are as they are: do not come along"
            )

    def _item(self, name: str, each: str | text.Check, makes: list[tuple[str, str]]) -> str:
        if isinstance(each, text.Check):
            if self._server.mariadb:  # a check's name is the table's own
                return f"CONSTRAINT {LEXIS.quote(each.name)} {each.text}"
            makes += _makes(name, each.name)
            return f"CONSTRAINT {_called(name, each.name)} {each.text}"
        for sequence, by in self.sequences.items():
            spelled = f"{LEXIS.quote(self._database)}.{LEXIS.quote(sequence)}"
            if spelled in each:
                each = each.replace(spelled, marked("named", "", sequence))
                by.append(name)
        return each


def _generated(table: str, name: str) -> str:
    """What is behind the table's name in a name that the server has made of it; else empty."""
    found = re.fullmatch(rf"{re.escape(table)}(_(?:ibfk|chk)_\d+)", name)
    return found[1] if found else ""


def _called(table: str, name: str) -> str:
    end = _generated(table, name)
    return f"`{marked('bare', '', table)}{end}`" if end else marked("named", CONSTRAINT, name)


def _makes(table: str, name: str) -> list[tuple[str, str]]:
    return [] if _generated(table, name) else [(CONSTRAINT, name)]


def _of_tables(ask: Ask, names: Sequence[str]) -> list[str]:
    """Triggers of these tables."""
    if not names:
        return []
    listed = ", ".join(literal(name, Type.TEXT) for name in names)
    rows = ask(
        "SELECT event_object_table, trigger_name FROM information_schema.triggers WHERE event_object_schema = "
        f"DATABASE() AND event_object_table IN ({listed}) ORDER BY 1, 2"
    )
    return [f"{table}: trigger {name}{STAYS}" for table, name in rows]


def names(
    ask: Ask, makes: Sequence[tuple[str, str]], going: Sequence[str], *, mariadb: bool
) -> Mapping[tuple[str, str], str]:
    """Names of constraints that are free here, or are those of tables that are `going`."""
    if not makes:
        return {}
    kinds = "'FOREIGN KEY'" if mariadb else "'FOREIGN KEY', 'CHECK'"
    rows = ask(
        "SELECT constraint_name, table_name FROM information_schema.table_constraints "
        f"WHERE constraint_schema = DATABASE() AND constraint_type IN ({kinds})"
    )
    taken = {str(name).lower() for name, table in rows if table not in going}
    found: dict[tuple[str, str], str] = {}
    for space, name in makes:
        free, number = name, 0
        while free.lower() in taken:
            number += 1
            end = f"_{number}"
            free = name[: 64 - len(end)] + end
        taken.add(free.lower())
        found[space, name] = f"{space}.{free}"
    return found
