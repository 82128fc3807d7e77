"""Tables in the words of Transact-SQL, by the catalog views: columns, indexes, references, extended properties.

https://learn.microsoft.com/en-us/sql/relational-databases/system-catalog-views/ (SQL Server 2016 and later). A
definition is the server's own text of an expression; a name that the server gave is not given again, so it gives one of
its own there too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Final

from dbfleet.engines.sqlserver.left import where_known
from dbfleet.engines.sqlserver.tables import HIDDEN, Ask, Table
from dbfleet.engines.sqlserver.types import LEXIS, read_native

Row = tuple[Any, ...]

_KNOWN: Final = (
    34, 35, 36, 40, 41, 42, 43, 48, 52, 56, 58, 59, 60, 61, 62, 98, 99, 104, 106, 108, 122, 127, 165, 167, 173, 175,
    189, 231, 239, 240, 241, 244,
)  # fmt: skip
"""sys.columns.system_type_id of the types whose values are carried as they are; 240 are hierarchyid and geometries."""
_TABLES: Final = (
    "SELECT t.object_id, s.name, t.name, t.temporal_type, t.is_memory_optimized, t.is_external, t.is_filetable "
    "FROM sys.tables AS t INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE t.is_ms_shipped = 0"
)
_OTHERS: Final = (
    # Tables whose rows, or columns, are of another kind. The first two came with SQL Server 2017 and 2022.
    "SELECT t.object_id FROM sys.tables AS t WHERE t.is_node = 1 OR t.is_edge = 1",
    "SELECT t.object_id FROM sys.tables AS t WHERE t.ledger_type <> 0",
    f"SELECT c.object_id FROM sys.columns AS c WHERE NOT c.system_type_id IN ({', '.join(map(str, _KNOWN))}) "
    "OR (c.system_type_id = 240 AND NOT c.user_type_id IN (128, 129, 130)) OR c.encryption_type IS NOT NULL",
    "SELECT c.object_id FROM sys.indexes AS i "
    "INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id "
    "INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id "
    "WHERE i.is_primary_key = 1 AND c.system_type_id = 189",
)
_ANEW: Final = (
    "SELECT c.name FROM sys.computed_columns AS c WHERE c.object_id = {id} "
    "AND COLUMNPROPERTY(c.object_id, c.name, N'IsDeterministic') = 0",
    "SELECT c.name FROM sys.columns AS c WHERE c.object_id = {id} AND c.is_column_set = 1",
)


def collections(ask: Ask) -> list[tuple[str, str]]:
    """Schema and name of the tables that are carried as they are: not those in memory, of a ledger, of a graph, with a
    past, of files or elsewhere; nor those with a type of somebody's own code, an encrypted column, or a rowversion in
    the key."""
    others = {number for statement in _OTHERS for (number,) in where_known(ask, statement)}
    return [
        (space, name)
        for number, space, name, *odd in ask(_TABLES)
        if not any(odd) and number not in others and not name.startswith(HIDDEN)
    ]


def anew(ask: Ask, table: Table) -> list[str]:
    """The columns that are no values of a row: computed anew for each reader, or the set of the sparse columns."""
    if not any(native.computed and native.word != "timestamp" for native in table.columns.values()):
        return []
    return [str(name) for statement in _ANEW for (name,) in ask(statement.format(id=table.number))]


def by_table(ask: Ask, statement: str, ids: str) -> dict[int, list[Row]]:
    """The rows without their first value, by it: a table's number."""
    found: dict[int, list[Row]] = {}
    for number, *rest in ask(statement.format(ids=ids)):
        found.setdefault(int(number), []).append(tuple(rest))
    return found


# --- columns ---

_COLUMNS: Final = """\
SELECT c.object_id, c.name, y.name, t.name, t.is_user_defined, COALESCE(b.name, t.name), c.max_length, c.precision,
c.scale, c.is_nullable, c.collation_name, c.is_column_set, c.is_sparse, c.is_rowguidcol, c.is_xml_document,
c.xml_collection_id
FROM sys.columns AS c INNER JOIN sys.types AS t ON t.user_type_id = c.user_type_id
INNER JOIN sys.schemas AS y ON y.schema_id = t.schema_id
LEFT JOIN sys.types AS b ON b.user_type_id = c.system_type_id
WHERE c.object_id IN ({ids}) ORDER BY c.object_id, c.column_id"""
_COMPUTED: Final = """\
SELECT c.object_id, c.name, c.definition, c.is_persisted, c.is_nullable FROM sys.computed_columns AS c
WHERE c.object_id IN ({ids})"""
_IDENTITIES: Final = """\
SELECT c.object_id, c.name, CONVERT(nvarchar(40), c.seed_value), CONVERT(nvarchar(40), c.increment_value),
CONVERT(nvarchar(40), c.last_value), c.is_not_for_replication FROM sys.identity_columns AS c
WHERE c.object_id IN ({ids})"""
_MASKS: Final = """\
SELECT c.object_id, c.name, c.masking_function FROM sys.masked_columns AS c
WHERE c.object_id IN ({ids}) AND c.is_masked = 1"""
_DEFAULTS: Final = """\
SELECT d.parent_object_id, c.name, d.name, d.definition, d.is_system_named FROM sys.default_constraints AS d
INNER JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
WHERE d.parent_object_id IN ({ids})"""
CHECKS: Final = """\
SELECT k.parent_object_id, k.name, k.definition, k.is_system_named, k.is_disabled, k.is_not_trusted,
k.is_not_for_replication FROM sys.check_constraints AS k WHERE k.parent_object_id IN ({ids}) ORDER BY k.object_id"""
_SETS: Final = """\
SELECT x.xml_collection_id, s.name, x.name FROM sys.xml_schema_collections AS x
INNER JOIN sys.schemas AS s ON s.schema_id = x.schema_id WHERE s.name <> N'sys'"""


@dataclass(frozen=True, slots=True)
class Identity:
    """A column that counts: where it began, by how much, its last value if it gave one."""

    column: str
    step: int
    last: int | None


@dataclass(slots=True)
class Columns:
    """A table's columns in Transact-SQL, with what they need: types of the user's, collations, sets of XML schemas,
    sequences by their defaults. `texts` says whether one is of a user's type of text: that has the database's
    collation. `named` are the constraints with names of their own among them."""

    lines: list[str] = field(default_factory=list)
    types: set[tuple[str, str]] = field(default_factory=set)
    collations: set[str] = field(default_factory=set)
    sets: set[tuple[str, str]] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    defaults: dict[str, str] = field(default_factory=dict)
    named: list[str] = field(default_factory=list)
    identity: Identity | None = None
    texts: bool = False


def columns(ask: Ask, ids: str, name: Any, own: Any) -> dict[int, Columns]:
    """The columns of these tables. `name` spells the name of a constraint, by the table's number and that name; `own`
    says whether a default, by the table's number, the column and the text, is a sequence of dbfleet's."""
    computed, identities, masks, defaults = (
        {number: {row[0]: row[1:] for row in rows} for number, rows in by_table(ask, statement, ids).items()}
        for statement in (_COMPUTED, _IDENTITIES, _MASKS, _DEFAULTS)
    )
    sets: dict[int, tuple[str, str]] = {}
    found: dict[int, Columns] = {}
    for number, rows in by_table(ask, _COLUMNS, ids).items():
        made = found[number] = Columns()
        for row in rows:
            column, collection = row[0], row[-1]
            if collection and not sets:
                sets = {int(each): (space, word) for each, space, word in ask(_SETS)}
            if known := computed.get(number, {}).get(column):
                text, stored, nullable = known
                end = " PERSISTED" + ("" if nullable else " NOT NULL") if stored else ""
                made.lines.append(f"{LEXIS.quote(column)} AS {text}{end}")
                continue
            if collection:
                made.sets.add(sets[int(collection)])
            words = [LEXIS.quote(column), *_type(made, row, sets)]
            if known := masks.get(number, {}).get(column):
                text = str(known[0]).replace("'", "''")
                words.append(f"MASKED WITH (FUNCTION = '{text}')")
            if known := identities.get(number, {}).get(column):
                seed, step, last, unlogged = known
                words.append(f"IDENTITY({seed}, {step})" + (" NOT FOR REPLICATION" if unlogged else ""))
                made.identity = Identity(column, int(step), None if last is None else int(last))
            if row[12]:
                words.append("ROWGUIDCOL")
            if not row[10]:
                words.append("NULL" if row[8] else "NOT NULL")
            known = defaults.get(number, {}).get(column)
            if known and not own(number, column, known[1]):
                constraint, text, unnamed = known
                made.defaults[column] = text
                if not unnamed:
                    made.named.append(constraint)
                    words.append(f"CONSTRAINT {name(number, constraint)}")
                words.append(f"DEFAULT {text}")
            made.lines.append(" ".join(words))
    return found


def _type(made: Columns, row: Row, sets: Mapping[int, tuple[str, str]]) -> Iterator[str]:
    column, space, word, users, base, length, precision, scale, nullable, collation, set_, sparse, _, document, kind = (
        row
    )
    made.words.add(base)
    if users:
        made.types.add((space, word))
        made.texts |= collation is not None
        yield f"{LEXIS.quote(space)}.{LEXIS.quote(word)}"
    elif kind:
        name = ".".join(map(LEXIS.quote, sets[int(kind)]))
        yield f"xml({'DOCUMENT' if document else 'CONTENT'} {name})"
    else:
        native = read_native(column, base, length, precision, scale, bool(nullable))
        # A real is declared by its own name, and a float by its digits.
        yield "float(53)" if base == "float" else "rowversion" if base == "timestamp" else native.native
        if collation:
            made.collations.add(collation)
            yield f"COLLATE {collation}"
    if set_:
        yield "COLUMN_SET FOR ALL_SPARSE_COLUMNS"
    elif sparse:
        yield "SPARSE"


# --- indexes ---

_INDEXES: Final = """\
SELECT i.object_id, i.index_id, i.name, i.type_desc, i.is_unique, i.is_primary_key, i.is_unique_constraint,
i.is_disabled, i.filter_definition, i.ignore_dup_key, i.fill_factor, i.is_padded, i.allow_row_locks, i.allow_page_locks,
i.data_space_id FROM sys.indexes AS i
WHERE i.object_id IN ({ids}) AND i.is_hypothetical = 0 ORDER BY i.object_id, i.index_id"""
_COLUMNS_OF: Final = """\
SELECT k.object_id, k.index_id, c.name, k.key_ordinal, k.is_included_column, k.is_descending_key, k.partition_ordinal
FROM sys.index_columns AS k
INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE k.object_id IN ({ids}) ORDER BY k.object_id, k.index_id, k.key_ordinal, k.index_column_id"""
_UNNAMED: Final = """\
SELECT k.parent_object_id, k.unique_index_id, k.is_system_named FROM sys.key_constraints AS k
WHERE k.parent_object_id IN ({ids}) AND k.is_system_named = 1"""
_COMPRESSED: Final = """\
SELECT p.object_id, p.index_id, p.data_compression_desc FROM sys.partitions AS p
WHERE p.object_id IN ({ids}) AND p.data_compression IN (1, 2, 4) ORDER BY p.object_id, p.index_id, p.partition_number"""
PLAIN: Final = frozenset({"CLUSTERED", "NONCLUSTERED"})
_COLUMNSTORE: Final = frozenset({"CLUSTERED COLUMNSTORE", "NONCLUSTERED COLUMNSTORE"})


@dataclass(frozen=True, slots=True)
class Index:
    """An index, or the table itself as a heap. `named`: the user gave its name. `scheme` is the partition scheme that
    it is in with its column; `apart`: it has none and its table has; `compressed` is how all of its partitions are, or
    `of several` ways."""

    name: str | None
    kind: str
    unique: bool
    primary: bool
    constraint: bool
    disabled: bool
    filter: str | None
    options: tuple[str, ...]
    columns: tuple[Row, ...]
    named: bool
    space: int
    scheme: tuple[str, str] | None = None
    compressed: str = ""
    apart: bool = False

    @property
    def made(self) -> bool:
        """Whether a step makes it."""
        return self.kind in PLAIN | _COLUMNSTORE

    @property
    def words(self) -> str:
        """What it is called."""
        if self.primary:
            return "primary key" + (f" {self.name}" if self.named else "")
        return f"unique constraint {self.name}" if self.constraint else f"index {self.name}"

    def body(self, table: str, name: str) -> str:
        """The statement that makes it; `name` is its constraint's name there, empty for one that the server gives."""
        keys = ", ".join(
            LEXIS.quote(column) + (" DESC" if descending else "")
            for column, place, included, descending, _ in self.columns
            if place and not included
        )
        if self.primary or self.constraint:
            kind = f"{'PRIMARY KEY' if self.primary else 'UNIQUE'} {self.kind}"
            constraint = f"CONSTRAINT {name} " if name else ""
            return f"ALTER TABLE {table} ADD {constraint}{kind} ({keys}){self._end()}"
        own = LEXIS.quote(self.name or "")
        if self.kind in _COLUMNSTORE:
            some = ", ".join(LEXIS.quote(column) for column, *_ in self.columns)
            some = f" ({some})" if self.kind.startswith("NON") else ""
            where = f" WHERE {self.filter}" if self.filter else ""
            return f"CREATE {self.kind} INDEX {own} ON {table}{some}{where}{self._end()}"
        kind = ("UNIQUE " if self.unique else "") + ("CLUSTERED " if self.kind == "CLUSTERED" else "")
        more = ", ".join(LEXIS.quote(column) for column, _, included, *_ in self.columns if included)
        more = f" INCLUDE ({more})" if more else ""
        where = f" WHERE {self.filter}" if self.filter else ""
        return f"CREATE {kind}INDEX {own} ON {table} ({keys}){more}{where}{self._end()}"

    def _end(self) -> str:
        options = list(self.options) if self.kind in PLAIN else []
        if self.compressed and self.compressed != "of several":
            options.append(f"DATA_COMPRESSION = {self.compressed}")
        said = f" WITH ({', '.join(options)})" if options else ""
        return said + self.place

    @property
    def place(self) -> str:
        """Where its partitions are, with a blank before it; empty for one that has none, unless it would get some."""
        if self.scheme:
            return f" ON {LEXIS.quote(self.scheme[0])} ({LEXIS.quote(self.scheme[1])})"
        return " ON [PRIMARY]" if self.apart else ""


def indexes(ask: Ask, ids: str, schemes: Mapping[int, str]) -> dict[int, list[Index]]:
    """The indexes of these tables, each table's heap or clustered index first. `schemes` are the partition schemes by
    their data spaces."""
    unnamed = {(number, row[0]) for number, rows in by_table(ask, _UNNAMED, ids).items() for row in rows}
    of: dict[tuple[int, int], list[Row]] = {}
    for number, rows in by_table(ask, _COLUMNS_OF, ids).items():
        for index, group in groupby(rows, key=lambda row: row[0]):
            of[number, int(index)] = [row[1:] for row in group]
    compressed: dict[tuple[int, int], str] = {}
    for number, rows in by_table(ask, _COMPRESSED, ids).items():
        for index, group in groupby(rows, key=lambda row: row[0]):
            words = {row[1] for row in group}
            compressed[number, int(index)] = words.pop() if len(words) == 1 else "of several"
    found: dict[int, list[Index]] = {}
    for number, rows in by_table(ask, _INDEXES, ids).items():
        for index, name, kind, unique, primary, constraint, disabled, only, *settings, space in rows:
            place = (number, int(index))
            columns = tuple(of.get(place, ()))
            by = next((row[0] for row in columns if row[4] == 1), None)
            scheme = (schemes[space], by) if space in schemes and by else None
            found.setdefault(number, []).append(
                Index(
                    name, kind, bool(unique), bool(primary), bool(constraint), bool(disabled), only,
                    tuple(_options(*settings)), columns, (number, index) not in unnamed, space, scheme,
                    compressed.get(place, ""),
                )
            )  # fmt: skip
        if any(each.scheme for each in found[number]):
            found[number] = [replace(each, apart=not each.scheme) for each in found[number]]
    return found


def _options(ignoring: int, fill: int, padded: int, by_row: int, by_page: int) -> Iterator[str]:
    if fill not in (0, 100):
        yield f"FILLFACTOR = {fill}"
    if padded:
        yield "PAD_INDEX = ON"
    if ignoring:
        yield "IGNORE_DUP_KEY = ON"
    if not by_row:
        yield "ALLOW_ROW_LOCKS = OFF"
    if not by_page:
        yield "ALLOW_PAGE_LOCKS = OFF"


# --- references ---

_REFERENCES: Final = """\
SELECT f.parent_object_id, f.object_id, f.name, f.is_system_named, f.delete_referential_action_desc,
f.update_referential_action_desc, f.is_disabled, f.is_not_trusted, f.is_not_for_replication
FROM sys.foreign_keys AS f WHERE f.parent_object_id IN ({ids}) ORDER BY f.object_id"""
_PAIRS: Final = """\
SELECT k.constraint_object_id, c.name, s.name, o.name, r.name FROM sys.foreign_key_columns AS k
INNER JOIN sys.columns AS c ON c.object_id = k.parent_object_id AND c.column_id = k.parent_column_id
INNER JOIN sys.objects AS o ON o.object_id = k.referenced_object_id
INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id
INNER JOIN sys.columns AS r ON r.object_id = k.referenced_object_id AND r.column_id = k.referenced_column_id
WHERE k.parent_object_id IN ({ids}) ORDER BY k.constraint_object_id, k.constraint_column_id"""


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: `far` is the schema and table that it refers to; `rest` what it does there and when it is looked
    at."""

    name: str
    named: bool
    columns: tuple[str, ...]
    far: tuple[str, str]
    keys: tuple[str, ...]
    rest: str
    disabled: bool
    trusted: bool


def references(ask: Ask, ids: str) -> dict[int, list[Reference]]:
    """The foreign keys of these tables."""
    pairs = by_table(ask, _PAIRS, ids)
    found: dict[int, list[Reference]] = {}
    for number, rows in by_table(ask, _REFERENCES, ids).items():
        for constraint, name, unnamed, deleted, updated, disabled, untrusted, unlogged in rows:
            own = pairs[int(constraint)]
            acts = [
                f" ON {verb} {action.replace('_', ' ')}"
                for verb, action in (("DELETE", deleted), ("UPDATE", updated))
                if action != "NO_ACTION"
            ]
            found.setdefault(number, []).append(
                Reference(
                    name, not unnamed, tuple(row[0] for row in own), (own[0][1], own[0][2]),
                    tuple(row[3] for row in own), "".join(acts) + (" NOT FOR REPLICATION" if unlogged else ""),
                    bool(disabled), not untrusted,
                )
            )  # fmt: skip
    return found


# --- extended properties ---

_BASE: Final = "CONVERT(nvarchar(128), SQL_VARIANT_PROPERTY(p.value, N'BaseType'))"
_PROPERTIES: Final = (
    f"SELECT p.major_id, p.name, {_BASE}, CONVERT(nvarchar(max), p.value), c.name FROM sys.extended_properties AS p "
    "LEFT JOIN sys.columns AS c ON c.object_id = p.major_id AND c.column_id = p.minor_id "
    "WHERE p.class = 1 AND p.major_id IN ({ids}) ORDER BY p.major_id, p.minor_id",
    f"SELECT o.parent_object_id, p.name, {_BASE}, CONVERT(nvarchar(max), p.value), o.name "
    "FROM sys.extended_properties AS p INNER JOIN sys.objects AS o ON o.object_id = p.major_id "
    "WHERE p.class = 1 AND o.parent_object_id IN ({ids})",
    f"SELECT p.major_id, p.name, {_BASE}, CONVERT(nvarchar(max), p.value), i.name "
    "FROM sys.extended_properties AS p "
    "INNER JOIN sys.indexes AS i ON i.object_id = p.major_id AND i.index_id = p.minor_id "
    "WHERE p.class = 7 AND p.major_id IN ({ids})",
)


def properties(ask: Ask, ids: str) -> Iterator[tuple[int, str, str, str, str, str | None]]:
    """The extended properties of these tables: of which table, on what (COLUMN, CONSTRAINT, INDEX; empty for the table
    itself), of which name, the property's name, the type of its value, the value."""
    for kind, statement in zip(("COLUMN", "CONSTRAINT", "INDEX"), _PROPERTIES, strict=True):
        for number, name, base, value, on in ask(statement.format(ids=ids)):
            yield int(number), kind if on else "", on or "", name, base or "", value


def listed(numbers: Iterable[int]) -> str:
    """Numbers of tables, for a statement."""
    return ", ".join(map(str, numbers))
