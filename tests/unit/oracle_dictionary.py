"""A schema of Oracle as its dictionary tells it, row by row, written after Oracle's reference (19c; 23ai where it has
more): https://docs.oracle.com/en/database/oracle/oracle-database/19/refrn/. No server has given these rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dbfleet.engines.oracle import extras, left, server, tables
from dbfleet.engines.oracle.native import catalog

SCHEMA: Final = "APP"


@dataclass(frozen=True)
class Col:
    name: str
    type: str
    length: int = 22
    chars: int = 0
    used: str | None = None
    precision: int | None = None
    scale: int | None = None
    nullable: str = "Y"
    default: str | None = None
    on_null: str = "NO"
    virtual: str = "NO"
    hidden: str = "NO"
    identity: tuple[str, str] | None = None
    collation: str | None = None
    comment: str | None = None
    owner: str | None = None
    domain: str | None = None


def text(name: str, chars: int, used: str = "C", type_: str = "VARCHAR2", **more: Any) -> Col:
    return Col(name, type_, chars * 4, chars, used, collation="USING_NLS_COMP", **more)


def number(name: str, precision: int | None = None, scale: int | None = None, **more: Any) -> Col:
    return Col(name, "NUMBER", precision=precision, scale=0 if precision and scale is None else scale, **more)


@dataclass(frozen=True)
class Con:
    kind: str
    name: str
    columns: tuple[str, ...] = ()
    named: bool = True
    status: str = "ENABLED"
    validated: str = "VALIDATED"
    deferrable: str = "NOT DEFERRABLE"
    deferred: str = "IMMEDIATE"
    rely: str | None = None
    rule: str | None = None
    index: str | None = None
    condition: str | None = None
    far: tuple[str, tuple[str, ...]] | None = None
    other: str | None = None


def not_null(column: str, number_: int) -> Con:
    return Con("C", f"SYS_C{number_:07}", named=False, condition=f'"{column}" IS NOT NULL')


@dataclass(frozen=True)
class Idx:
    name: str
    columns: tuple[str, ...]
    type: str = "NORMAL"
    unique: bool = False
    visible: str = "VISIBLE"
    status: str = "VALID"
    locality: str | None = None
    prefix: int | None = None
    threshold: int | None = None
    included: int | None = None
    join: str = "NO"
    kind: str | None = None
    owner: str | None = None
    down: tuple[str, ...] = ()
    texts: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tab:
    name: str
    columns: Sequence[Col]
    constraints: Sequence[Con] = ()
    indexes: Sequence[Idx] = ()
    iot: str | None = None
    of: str | None = None
    temporary: str = "N"
    duration: str | None = None
    cluster: str | None = None
    movement: str = "DISABLED"
    read_only: str = "NO"
    compression: str = "DISABLED"
    comment: str | None = None
    by: tuple[str, str, str | None, str] | None = None
    key: tuple[str, ...] = ()
    parts: Sequence[tuple[str, str, str | None]] = ()
    triggers: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    granted: bool = False


@dataclass(frozen=True)
class View:
    name: str
    columns: tuple[str, ...]
    text: str
    reads: tuple[str, ...] = ()
    kind: str | None = None
    comment: str | None = None
    constraint: str | None = None
    bequeath: str = "DEFINER"


class Dictionary:
    """Answers the questions of the adapter, each by its whole text; a KeyError for any other."""

    def __init__(self, made: Sequence[Tab], views: Sequence[View] = (), sequences: Sequence[Sequence[Any]] = (),
                 besides: Sequence[tuple[str, str]] = (), materialized: Sequence[str] = (),
                 characters: str = "AL32UTF8") -> None:  # fmt: skip
        self.tables = {each.name: each for each in made}
        self.views = {each.name: each for each in views}
        self._sequences, self._besides, self._materialized = sequences, besides, materialized
        self._characters = characters
        self.asked: dict[str, None] = {}

    def __call__(self, statement: str, values: Sequence[Any] = (), **more: Any) -> list[tuple[Any, ...]]:
        if statement.startswith("SELECT 0 FROM "):
            return []
        self.asked[statement] = None
        table = self.tables.get(values[0]) if values else None
        view = self.views.get(values[0]) if values else None
        return [tuple(row) for row in _ANSWERS[statement](self, table, view)]

    def all(self) -> Iterator[Tab]:
        return iter(self.tables.values())


def _columns(d: Dictionary, t: Tab | None, v: View | None) -> Iterator[Sequence[Any]]:
    for c in t.columns if t else ():
        length = len(c.default) if c.default else None
        yield (c.name, c.type, c.length, c.chars, c.used, c.precision, c.scale, c.nullable, c.virtual, c.comment,
               c.hidden, length, c.identity[0] if c.identity else None)  # fmt: skip
    for name in v.columns if v else ():
        yield name, "NUMBER", 22, 0, None, None, None, "Y", "NO", None, "NO", None, None


def _constraints(d: Dictionary, t: Tab | None, v: View | None) -> Iterator[Sequence[Any]]:
    for c in t.constraints if t else ():
        generated = "USER NAME" if c.named else "GENERATED NAME"
        far = f"{c.far[0]}_PK" if c.far else None
        yield (c.kind, c.name, generated, c.status, c.validated, c.deferrable, c.deferred, c.rely, c.rule, c.index,
               c.other, far, c.condition)  # fmt: skip
    if v and v.constraint:
        yield (v.constraint, f"SYS_C_{v.name}", "GENERATED NAME", "ENABLED", "NOT VALIDATED", "NOT DEFERRABLE",
               "IMMEDIATE", None, None, None, None, None, None)  # fmt: skip


def _indexes(d: Dictionary, t: Tab | None, v: View | None) -> Iterator[Sequence[Any]]:
    for i in t.indexes if t else ():
        yield (i.name, i.type, "UNIQUE" if i.unique else "NONUNIQUE", "N", i.visible, i.status,
               "YES" if i.locality else "NO", i.prefix, i.threshold, i.included, i.join, i.kind, i.owner)  # fmt: skip


def _indexed(d: Dictionary, t: Tab | None, v: View | None) -> Iterator[Sequence[Any]]:
    for i in t.indexes if t else ():
        for place, column in enumerate(i.columns, 1):
            hidden = f"SYS_NC{place:05}$" if place in i.texts else column
            yield i.name, hidden, "DESC" if column in i.down else "ASC"


_ANSWERS: Final[dict[str, Any]] = {
    server.IDENTITY: lambda d, t, v: [("FREE", "FREEPDB1", "host", "FREE", SCHEMA)],
    tables.NAMES: lambda d, t, v: [*((n, "TABLE") for n in d.tables), *((n, "VIEW") for n in d.views)],
    tables.TABLE: lambda d, t, v: [("TABLE", t.comment)] if t else [("VIEW", v.comment)] if v else [],
    tables.COLUMNS: _columns,
    tables.KEYS: lambda d, t, v: [
        (c.kind, c.name, n, None, None) for c in t.constraints if c.kind == "P" for n in c.columns
    ],
    catalog.TABLES: lambda d, t, v: [
        (t.name, t.iot, t.of, t.temporary, t.duration, t.cluster, t.movement, t.read_only, t.compression)
        for t in d.all()
    ],
    catalog.TYPES: lambda d, t, v: [(t.name, c.name, c.type, c.owner) for t in d.all() for c in t.columns],
    catalog.MATERIALIZED: lambda d, t, v: [(name,) for name in d._materialized],
    catalog.EXTERNAL: lambda d, t, v: [(t.name,) for t in d.all() if t.name.startswith("EXTERNAL")],
    catalog.IMMUTABLE: lambda d, t, v: [(t.name,) for t in d.all() if t.name.startswith("LEDGER")],
    catalog.COLUMNS: lambda d, t, v: [(c.name, c.collation, c.on_null, c.default) for c in t.columns],
    catalog.DOMAINS: lambda d, t, v: [(c.name, SCHEMA, c.domain) for c in t.columns if c.domain],
    catalog.IDENTITIES: lambda d, t, v: [(c.name, *c.identity) for c in t.columns if c.identity],
    catalog.SEQUENCES: lambda d, t, v: d._sequences,
    catalog.CONSTRAINTS: _constraints,
    catalog.CONSTRAINED: lambda d, t, v: [(c.name, n) for c in (t.constraints if t else ()) for n in c.columns],
    catalog.REFERRED: lambda d, t, v: [
        (c.name, c.far[0], n) for c in t.constraints if c.far and not c.other for n in c.far[1]
    ],
    catalog.INDEXES: _indexes,
    catalog.INDEXED: _indexed,
    extras.EXPRESSIONS: lambda d, t, v: [(i.name, place, x) for i in t.indexes for place, x in i.texts.items()],
    catalog.LOCALITIES: lambda d, t, v: [(i.name, i.locality) for i in t.indexes if i.locality],
    catalog.PARTITIONING: lambda d, t, v: [t.by] if t.by else [],
    catalog.PARTITION_KEY: lambda d, t, v: [(name,) for name in t.key],
    catalog.PARTITIONS: lambda d, t, v: t.parts,
    catalog.VIEW: lambda d, t, v: [(v.kind, "N", v.bequeath, v.text)],
    catalog.READS: lambda d, t, v: [(v.name, other) for v in d.views.values() for other in v.reads],
    catalog.CHARACTERS: lambda d, t, v: [
        ("NLS_CHARACTERSET", d._characters), ("NLS_NCHAR_CHARACTERSET", "AL16UTF16")
    ],
    catalog.CONSTRAINT_NAMES: lambda d, t, v: [(c.name, t.name) for t in d.all() for c in t.constraints],
    catalog.INDEX_NAMES: lambda d, t, v: [(i.name, t.name) for t in d.all() for i in t.indexes],
    left.COMMENTS: lambda d, t, v: [(c.name, c.comment) for c in t.columns if c.comment],
    left.TRIGGERS: lambda d, t, v: [(name,) for name in t.triggers],
    left.POLICIES: lambda d, t, v: [(name,) for name in t.policies],
    left.PRIVILEGES: lambda d, t, v: [("READER",)] if t.granted else [],
    left.OBJECTS: lambda d, t, v: [*d._besides, *(("VIEW", name) for name in d.views)],
    left.EVENTS: lambda d, t, v: [],
}  # fmt: skip
