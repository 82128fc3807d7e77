"""An outline's steps on the sink's server. Cassandra makes nothing together: what a step has made is removed again
where a later one of the block fails.

An index and a view are made over rows that are there, in the background: it is waited until the node that answers says
that they are whole, ten minutes at most.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from dbfleet.engines.cassandra.native.outline import INDEXES, NEWER
from dbfleet.engines.cassandra.native.types import expanded
from dbfleet.engines.cassandra.native.values import WHERE, types_of
from dbfleet.engines.cassandra.session import Session
from dbfleet.engines.cassandra.tables import Tables
from dbfleet.engines.cassandra.text import quote
from dbfleet.errors import AlreadyExists, ConstraintViolated, NotFound, StatementError, Unsupported
from dbfleet.outline import Mark, Step, spelled

_FIRST: Final = (4, 0)
_PATIENCE_S: Final = 600.0
_LONGEST: Final = 48
_SETTINGS: Final[Mapping[str, str]] = {
    "masks": "dynamic_data_masking_enabled", "view": "materialized_views_enabled", "sasi": "sasi_indexes_enabled",
}  # fmt: skip
"""What a server may forbid, by its setting."""


class Taker:
    """Takes steps on one connection."""

    def __init__(self, session: Session, tables: Tables) -> None:
        self._session, self._tables = session, tables
        self._made: list[str] | None = None

    def take(self, step: Step, called: Mapping[str, str], *, again: bool) -> bool:
        """Take the step; whether anything changed."""
        session = self._session
        match step.kind:
            case "feature":
                return False
            case "type":
                if self._has_type(step):
                    return False
            case "index":
                (made,) = step.makes
                name = called.get(f"{INDEXES}.{made[1]}", made[1]).removeprefix(f"{INDEXES}.")
                if self._has_index(name):
                    if again:
                        return False
                    raise AlreadyExists(f"the index {name} is there", engine="cassandra", target=session.target.name)
            case "view":
                if self._has_view(step):
                    return False
        try:
            session.rows(in_words(step.text, called))
        except AlreadyExists:
            if again and step.kind == "table":
                return False
            raise
        if step.kind == "table" and self._made is not None:
            self._made.append(called.get(step.collection, step.collection))
        if step.kind == "index":
            self._wait('SELECT index_name FROM system."IndexInfo" WHERE table_name = %s', name)
        elif step.kind == "view":
            self._wait("SELECT view_name FROM system.built_views WHERE keyspace_name = %s", _view_of(step))
        return True

    def _has_type(self, step: Step) -> bool:
        """Whether the type is there. Unsupported where another one is."""
        same = _same_type(step, self._session)
        if same is False:
            raise Unsupported(f"{step.words} is there already and is another one", engine="cassandra",
                              target=self._session.target.name)  # fmt: skip
        return bool(same)

    def _has_index(self, name: str) -> bool:
        rows = self._session.rows(
            "SELECT index_name FROM system_schema.indexes WHERE keyspace_name = %s", (self._session.keyspace,)
        )
        return (name,) in rows

    def _has_view(self, step: Step) -> bool:
        """Whether the view is there. StatementError where another relation is called so."""
        name = _view_of(step)
        asked = "SELECT where_clause FROM system_schema.views WHERE keyspace_name = %s AND view_name = %s"
        found = self._session.rows(asked, (self._session.keyspace, name))
        if found and f"WHERE {found[0][0]}" not in step.text:
            raise StatementError(f"{name} is there already and is another one", engine="cassandra")
        return bool(found)

    def _wait(self, asked: str, name: str) -> None:
        until = time.monotonic() + _PATIENCE_S
        while (name,) not in self._session.rows(asked, (self._session.keyspace,)) and time.monotonic() < until:
            time.sleep(0.1)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Remove what was made in the block where it fails."""
        self._made = []
        try:
            yield
        except BaseException:
            for name in self._made:
                self._tables.drop(name)
            raise
        finally:
            self._made = None

    def remove(self, names: Sequence[str]) -> None:
        """Drop the tables. ConstraintViolated where a view reads one of them."""
        session = self._session
        for view, base in session.rows(
            "SELECT view_name, base_table_name FROM system_schema.views WHERE keyspace_name = %s", (session.keyspace,)
        ):
            if base in names:
                raise ConstraintViolated(f"the materialized view {view} reads {base}", engine="cassandra",
                                         target=session.target.name)  # fmt: skip
        for name in names:
            self._tables.drop(name)

    def undo(self, step: Step) -> None:
        """Run what undoes the step."""
        if step.undo:
            self._session.rows(step.undo)


def in_words(text: str, called: Mapping[str, str]) -> str:
    """The text with the names that things have here."""

    def spell(mark: Mark, space: str, name: str) -> str:
        if space:
            return quote(called.get(f"{space}.{name}", name).removeprefix(f"{space}."))
        new = called.get(name, name)
        return quote(new) if mark == "named" else new

    return spelled(text, spell)


def _view_of(step: Step) -> str:
    return step.words.removeprefix("materialized view ")


def _same_type(step: Step, session: Session) -> bool | None:
    """Whether the type that is there is that of the step; None where there is none."""
    known = types_of(session)
    said = step.words.removeprefix("type ")
    for name in known:
        if said.startswith(f"{quote(name)}{{"):
            return expanded(quote(name), known) == said
    return None


def names(
    session: Session, makes: Sequence[tuple[str, str]], old: str, new: str, going: Collection[str]
) -> Mapping[tuple[str, str], str]:
    """The names of indexes, which are free in the keyspace: their own where they are, else with that of the table."""
    rows = session.rows(
        "SELECT index_name, table_name FROM system_schema.indexes WHERE keyspace_name = %s", (session.keyspace,)
    )
    taken = {index for index, table in rows if table not in going}
    found: dict[tuple[str, str], str] = {}
    for space, name in makes:
        wanted = name.replace(old, new, 1) if old != new else name
        free, number = wanted, 2
        while free in taken:
            free, number = f"{wanted[: _LONGEST - 4]}_{number}", number + 1
        taken.add(free)
        found[space, name] = f"{space}.{free}"
    return found


def lacking(session: Session, steps: Sequence[Step]) -> dict[str, str]:
    """What came with a later version, what this server forbids, and types that are others here."""
    number = version(session)
    forbidden = _forbidden(session)
    options = {
        column for (column,) in session.rows(
            f"SELECT column_name FROM system_schema.columns {WHERE}", ("system_schema", "tables"),
        )
    }  # fmt: skip
    found: dict[str, str] = {}
    for step in steps:
        if why := _why_not(session, step, number, forbidden, options):
            found[step.mark] = why
    return found


def _why_not(
    session: Session, step: Step, number: tuple[int, ...], forbidden: Collection[str], options: Collection[str]
) -> str | None:
    match step.kind:
        case "feature":
            if not step.text:
                return "cannot be made" if "COMPACT" in step.words else "can be counted, not set"
            if step.text == "vector" and number < (5, 0):
                return "are not on the server"
            if step.text == "masks" and (number < (5, 0) or "masks" in forbidden):
                return "are not on the server, or forbidden"
        case "type":
            return "is another one there" if _same_type(step, session) is False else None
        case "view":
            return "the server forbids" if "view" in forbidden else None
        case "index":
            if "SASIIndex" in step.text and "sasi" in forbidden:
                return "the server forbids SASI indexes"
            if ("'sai'" in step.text or "StorageAttachedIndex" in step.text) and number < (5, 0):
                return "the server has no SAI indexes"
        case "option":
            name = next(name for name in NEWER if f" {name} = " in step.words)
            return None if name in options else "the server does not know it"
    return None


def _forbidden(session: Session) -> set[str]:
    """What the server's settings forbid; nothing where this user may not ask."""
    listed = ", ".join(f"'{name}'" for name in _SETTINGS.values())
    try:
        rows = session.rows(f"SELECT name, value FROM system_views.settings WHERE name IN ({listed})")
    except (StatementError, NotFound):
        return set()
    off = {name for name, value in rows if value == "false"}
    return {word for word, name in _SETTINGS.items() if name in off}


def version(session: Session) -> tuple[int, ...]:
    """The first two numbers of the server's version."""
    ((text,),) = session.rows("SELECT release_version FROM system.local")
    return tuple(int(part) for part in text.split("-")[0].split(".")[:2])


def carries(session: Session) -> bool:
    """From Cassandra 4.0 on, which says its own statements, and with a keyspace."""
    return bool(session.keyspace) and version(session) >= _FIRST
