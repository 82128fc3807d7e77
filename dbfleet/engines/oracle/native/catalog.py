"""What the dictionary is asked for an outline, each view by itself, and what of it a table is made of.

https://docs.oracle.com/en/database/oracle/oracle-database/19/refrn/. A LONG (a default, a condition, a bound, a view's
text) stands last and in no join. Every statement is in tests/engines/golden/oracle_native.sql.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbfleet.engines.oracle import tables
from dbfleet.engines.oracle.extras import EXPRESSIONS
from dbfleet.engines.oracle.left import COMMENTS
from dbfleet.engines.oracle.native.values import CARRIED, CLOSED
from dbfleet.engines.oracle.tables import HOUSEKEEPING, OWNER, Ask
from dbfleet.engines.oracle.types import SIZES
from dbfleet.errors import NotFound

TABLES: Final = (
    "SELECT table_name, iot_type, iot_name, temporary, duration, cluster_name, row_movement, read_only, compression "
    f"FROM all_tables WHERE {OWNER} AND nested = 'NO' AND secondary = 'N' AND dropped = 'NO' ORDER BY table_name"
)
TYPES: Final = (
    "SELECT table_name, column_name, data_type, data_type_owner FROM all_tab_cols "
    f"WHERE {OWNER} AND user_generated = 'YES' ORDER BY table_name, column_id, internal_column_id"
)
MATERIALIZED: Final = f"SELECT mview_name FROM all_mviews WHERE {OWNER}"
EXTERNAL: Final = f"SELECT table_name FROM all_external_tables WHERE {OWNER}"
_SCHEMA: Final = OWNER.replace("owner", "schema_name", 1)
IMMUTABLE: Final = (
    f"SELECT table_name FROM all_immutable_tables WHERE {_SCHEMA} "
    f"UNION SELECT table_name FROM all_blockchain_tables WHERE {_SCHEMA}"
)
"""Since 19.11."""
COLUMNS: Final = (
    "SELECT column_name, collation, default_on_null, data_default FROM all_tab_cols "
    f"WHERE {OWNER} AND table_name = :1 AND user_generated = 'YES' ORDER BY column_id, internal_column_id"
)
DOMAINS: Final = (
    "SELECT column_name, domain_owner, domain_name FROM all_tab_cols "
    f"WHERE {OWNER} AND table_name = :1 AND domain_name IS NOT NULL ORDER BY column_id"
)
"""Since 23ai."""
IDENTITIES: Final = (
    f"SELECT column_name, generation_type, sequence_name FROM all_tab_identity_cols WHERE {OWNER} AND table_name = :1"
)
SEQUENCES: Final = (
    "SELECT sequence_name, increment_by, min_value, max_value, cycle_flag, order_flag, cache_size, scale_flag, "
    f"extend_flag, session_flag, last_number FROM all_sequences WHERE sequence_{OWNER} ORDER BY sequence_name"
)
CONSTRAINTS: Final = (
    "SELECT constraint_type, constraint_name, generated, status, validated, deferrable, deferred, rely, delete_rule, "
    "index_name, CASE WHEN r_owner <> owner THEN r_owner END, r_constraint_name, search_condition FROM all_constraints "
    f"WHERE {OWNER} AND table_name = :1 ORDER BY constraint_name"
)
CONSTRAINED: Final = (
    f"SELECT constraint_name, column_name FROM all_cons_columns WHERE {OWNER} AND table_name = :1 "
    "AND position IS NOT NULL ORDER BY constraint_name, position"
)
REFERRED: Final = (
    "SELECT c.constraint_name, p.table_name, p.column_name FROM all_constraints c JOIN all_cons_columns p "
    "ON p.owner = c.r_owner AND p.constraint_name = c.r_constraint_name "
    f"WHERE c.{OWNER} AND c.table_name = :1 AND c.constraint_type = 'R' AND c.r_owner = c.owner "
    "ORDER BY c.constraint_name, p.position"
)
INDEXES: Final = (
    "SELECT index_name, index_type, uniqueness, generated, visibility, status, partitioned, prefix_length, "
    "pct_threshold, include_column, join_index, ityp_name, CASE WHEN owner <> table_owner THEN owner END "
    f"FROM all_indexes WHERE table_{OWNER} AND table_name = :1 ORDER BY index_name"
)
INDEXED: Final = (
    "SELECT index_name, column_name, descend FROM all_ind_columns "
    f"WHERE table_{OWNER} AND table_name = :1 ORDER BY index_name, column_position"
)
LOCALITIES: Final = f"SELECT index_name, locality FROM all_part_indexes WHERE {OWNER} AND table_name = :1"
PARTITIONING: Final = (
    "SELECT partitioning_type, subpartitioning_type, interval, autolist FROM all_part_tables "
    f"WHERE {OWNER} AND table_name = :1"
)
PARTITION_KEY: Final = (
    f"SELECT column_name FROM all_part_key_columns WHERE {OWNER} AND name = :1 AND object_type = 'TABLE' "
    "ORDER BY column_position"
)
PARTITIONS: Final = (
    f"SELECT partition_name, interval, high_value FROM all_tab_partitions WHERE table_{OWNER} AND table_name = :1 "
    "ORDER BY partition_position"
)
VIEW: Final = f"SELECT view_type, editioning_view, bequeath, text FROM all_views WHERE {OWNER} AND view_name = :1"
READS: Final = (
    f"SELECT name, referenced_name FROM all_dependencies WHERE {OWNER} AND type = 'VIEW' AND referenced_{OWNER} "
    "AND referenced_type = 'VIEW' ORDER BY name, referenced_name"
)
CHARACTERS: Final = (
    "SELECT parameter, value FROM nls_database_parameters "
    "WHERE parameter IN ('NLS_CHARACTERSET', 'NLS_NCHAR_CHARACTERSET') ORDER BY parameter"
)
CONSTRAINT_NAMES: Final = f"SELECT constraint_name, table_name FROM all_constraints WHERE {OWNER}"
INDEX_NAMES: Final = f"SELECT index_name, table_name FROM all_indexes WHERE {OWNER}"
REFERENCES: Final = (
    "SELECT c.owner, c.table_name, p.table_name FROM all_constraints c JOIN all_constraints p "
    f"ON p.owner = c.r_owner AND p.constraint_name = c.r_constraint_name WHERE c.constraint_type = 'R' AND p.{OWNER}"
)

CONSTRAINT: Final = "constraint"
INDEX: Final = "index"
"""The spaces of names that are unique in a schema, besides those of tables and sequences."""
COUNTING: Final = "counting"
"""The space of dbfleet's own sequences, which are named after a table and a column: here by the column alone."""
_IMMUTABLE_SINCE: Final = 19
FIRST_VERSION: Final = 18
"""The first server whose sequences can be set (ALTER SEQUENCE … RESTART)."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint. `named` is false where the server has named it; `other` owns what it refers to, where that is
    another schema; `condition` is a check's."""

    kind: str
    name: str
    named: bool
    state: str
    deferrable: bool
    rule: str
    index: str
    other: str
    far: str
    condition: str
    columns: tuple[str, ...]

    @property
    def usual(self) -> bool:
        """Whether it is enabled and checked, and when a statement ends."""
        return not self.state


@dataclass(frozen=True, slots=True)
class IndexOf:
    """An index. `parts` are its columns and expressions as statements have them; `columns` the same, None for an
    expression."""

    name: str
    kind: str
    unique: bool
    visible: bool
    usable: bool
    partitioned: bool
    prefix: int
    threshold: int
    included: int
    join: bool
    type: str
    owner: str
    columns: tuple[str | None, ...]
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counter:
    """A sequence: what it is made with, its step, and where it goes on."""

    name: str
    options: str
    step: int
    following: int


def carried(ask: Ask) -> tuple[list[str], dict[str, str]]:
    """The tables that hold rows of their own and can be read; of others why not, as words behind a table's name."""
    stays: dict[str, str] = {}
    for name, column, type_, owner in ask(TYPES):
        if not _is_read(type_, owner):
            stays.setdefault(name, f", whose column {column} of type {type_} cannot be read as a value")
    stays |= {name: ", an external table" for (name,) in ask(EXTERNAL)}
    filled = {name for (name,) in ask(MATERIALIZED)}
    tables_ = [
        name
        for name, iot, *_ in ask(TABLES)
        if not name.startswith(HOUSEKEEPING) and iot in (None, "IOT") and name not in filled
    ]
    left = {name: stays[name] for name in tables_ if name in stays}
    return sorted(set(tables_) - left.keys()), left


def _is_read(type_: str | None, owner: str | None) -> bool:
    plain = SIZES.sub("", type_ or "")
    return plain in CLOSED if owner else plain in CARRIED | CLOSED


def immutable(ask: Ask, version: int) -> set[str]:
    """The tables whose rows cannot be changed."""
    if version < _IMMUTABLE_SINCE:
        return set()
    try:
        return {name for (name,) in ask(IMMUTABLE)}
    except NotFound:  # before 19.11
        return set()


def sequences(ask: Ask) -> dict[str, Counter]:
    """All sequences of the schema, those of identities too, by their names."""
    found = {}
    for name, step, least, most, cycles, ordered, cache, scaled, extends, per_session, last in ask(SEQUENCES):
        words = [
            f"INCREMENT BY {int(step)} MINVALUE {int(least)} MAXVALUE {int(most)}",
            "CYCLE" if cycles == "Y" else "NOCYCLE",
            f"CACHE {int(cache)}" if int(cache) else "NOCACHE",
            "ORDER" if ordered == "Y" else "NOORDER",
            *(["SCALE EXTEND" if extends == "Y" else "SCALE NOEXTEND"] if scaled == "Y" else []),
            *(["SESSION"] if per_session == "Y" else []),
        ]
        found[name] = Counter(name, " ".join(words), int(step), int(last))
    return found


def constraints(ask: Ask, table: str) -> list[Constraint]:
    """The constraints of a table."""
    columns: dict[str, list[str]] = {}
    for name, column in ask(CONSTRAINED, [table]):
        columns.setdefault(name, []).append(column)
    return [
        Constraint(
            kind, name, generated != "GENERATED NAME", _state(status, validated, deferrable, deferred, rely),
            deferrable == "DEFERRABLE", rule or "", index or "", other or "", far or "", (condition or "").strip(),
            tuple(columns.get(name, ())),
        )
        for kind, name, generated, status, validated, deferrable, deferred, rely, rule, index, other, far, condition
        in ask(CONSTRAINTS, [table])
    ]  # fmt: skip


def _state(status: str, validated: str, deferrable: str, deferred: str, rely: str | None) -> str:
    """What a constraint says of itself behind its columns; empty for what is usual."""
    words = []
    if deferrable == "DEFERRABLE":
        words.append(f"DEFERRABLE INITIALLY {'DEFERRED' if deferred == 'DEFERRED' else 'IMMEDIATE'}")
    if rely == "RELY" and validated != "VALIDATED":  # else the column says nothing
        words.append("RELY")
    if status != "ENABLED":
        words.append("DISABLE VALIDATE" if validated == "VALIDATED" else "DISABLE")
    elif validated != "VALIDATED":
        words.append("ENABLE NOVALIDATE")
    return " ".join(words)


def referred(ask: Ask, table: str) -> Mapping[str, tuple[str, list[str]]]:
    """The table and columns that each foreign key refers to."""
    found: dict[str, tuple[str, list[str]]] = {}
    for name, far, column in ask(REFERRED, [table]):
        found.setdefault(name, (far, []))[1].append(column)
    return found


def indexes(ask: Ask, table: tables.Table) -> list[IndexOf]:
    """The indexes of a table, those of its constraints and its LOBs too."""
    rows = ask(INDEXES, [table.name])
    computed = any("FUNCTION-BASED" in (row[1] or "") for row in rows)
    texts = {(name, int(place)): text for name, place, text in ask(EXPRESSIONS, [table.name])} if computed else {}
    parts: dict[str, list[tuple[str | None, str]]] = {}
    for name, column, descends in ask(INDEXED, [table.name]):
        own = parts.setdefault(name, [])
        own.append(_part(table, column, texts.get((name, len(own) + 1)), descends == "DESC"))
    return [
        IndexOf(
            name, kind or "", unique == "UNIQUE", visible != "INVISIBLE", status != "UNUSABLE", partitioned == "YES",
            int(prefix or 0), int(threshold or 0), int(included or 0), joined == "YES", type_ or "", owner or "",
            tuple(column for column, _ in parts.get(name, ())), tuple(text for _, text in parts.get(name, ())),
        )
        for name, kind, unique, _generated, visible, status, partitioned, prefix, threshold, included, joined, type_,
        owner in rows
    ]  # fmt: skip


def _part(table: tables.Table, column: str, text: str | None, descends: bool) -> tuple[str | None, str]:
    """A column of an index, and how a statement has it. One with a time zone is an expression in the dictionary, and so
    is one that goes downwards."""
    end = " DESC" if descends else ""
    said = f'"{column}"' if text is None else text.strip()
    zoned = said.removeprefix("SYS_EXTRACT_UTC(").removesuffix(")") if said.startswith("SYS_EXTRACT_UTC(") else ""
    name = (zoned or said)[1:-1]
    native = table.columns.get(name) if f'"{name}"' == (zoned or said) else None
    if native is not None and (native.data_type == "TIMESTAMP WITH TIME ZONE") == bool(zoned):
        return name, f'"{name}"{end}'
    return None, f"{said}{end}"


def columns(ask: Ask, table: str) -> dict[str, tuple[str, bool, str]]:
    """By the columns' names: a collation, whether the default is for NULL too, and the default's text."""
    return {
        name: (collation or "", on_null == "YES", (text or "").strip())
        for name, collation, on_null, text in ask(COLUMNS, [table])
    }


def comments(ask: Ask, table: str) -> Sequence[Sequence[Any]]:
    """The columns that have a comment, and it."""
    return ask(COMMENTS, [table])
