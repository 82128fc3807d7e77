"""What Oracle has that no record of dbfleet.extras holds: by name, in words, from the dictionary.

https://docs.oracle.com/en/database/oracle/oracle-database/19/refrn/. Each view is asked by itself; a row of the answer
becomes words here. Every statement stands in tests/engines/golden/oracle_statements.sql.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dbfleet.engines.oracle.tables import HOUSEKEEPING, MARK, OWNER, Ask, Table

_HERE: Final = OWNER.removeprefix("owner")

CONSTRAINTS: Final = (
    "SELECT constraint_type, constraint_name, delete_rule, deferrable, deferred, status, validated, r_owner, "
    "r_constraint_name, CASE WHEN r_owner <> owner THEN 'YES' ELSE 'NO' END FROM all_constraints "
    f"WHERE {OWNER} AND table_name = :1 AND constraint_type IN ('P', 'U', 'R') ORDER BY constraint_name"
)
KIND: Final = f"SELECT iot_type, temporary, cluster_name, read_only FROM all_tables WHERE {OWNER} AND table_name = :1"
PARTITIONS: Final = (
    "SELECT p.partitioning_type, k.column_name FROM all_part_tables p JOIN all_part_key_columns k "
    "ON k.owner = p.owner AND k.name = p.table_name AND k.object_type = 'TABLE' "
    f"WHERE p.{OWNER} AND p.table_name = :1 ORDER BY k.column_position"
)
VIEWED: Final = f"SELECT mview_name FROM all_mviews WHERE {OWNER} AND mview_name = :1"
EXTERNAL: Final = f"SELECT type_name FROM all_external_tables WHERE {OWNER} AND table_name = :1"
COMMENTS: Final = (
    f"SELECT column_name, comments FROM all_col_comments WHERE {OWNER} AND table_name = :1 AND comments IS NOT NULL "
    "ORDER BY column_name"
)
TRIGGERS: Final = f"SELECT trigger_name FROM all_triggers WHERE table_{OWNER} AND table_name = :1 ORDER BY trigger_name"
POLICIES: Final = f"SELECT policy_name FROM all_policies WHERE object_{OWNER} AND object_name = :1 ORDER BY policy_name"
PRIVILEGES: Final = (
    f"SELECT grantee FROM all_tab_privs WHERE table_schema{_HERE} AND table_name = :1 UNION ALL "
    f"SELECT grantee FROM all_col_privs WHERE table_schema{_HERE} AND table_name = :2"
)


def of_table(ask: Ask, table: Table) -> list[str]:
    """What the table has besides its indexes, checks, defaults and what counts up."""
    found = ["that it is a view: its rows come as a table"] if table.is_view else []
    for iot, temporary, cluster, read_only in ask(KIND, [table.name]):
        found += ["that it is organized by its key"] if iot else []
        found += ["that it is temporary: its rows are each session's own"] if temporary == "Y" else []
        found += [f"its place in cluster {cluster}"] if cluster else []
        found += ["that it is read only"] if read_only == "YES" else []
    found += ["that it is a materialized view: its rows come as a table" for _ in ask(VIEWED, [table.name])]
    found += ["that it is an external table: its rows come as a table" for _ in ask(EXTERNAL, [table.name])]
    if parts := ask(PARTITIONS, [table.name]):
        found.append(f"partitions by {parts[0][0].lower()} ({', '.join(column for _, column in parts)})")
    found += [
        f"that {native.name} is always generated as identity" for native in table.columns.values() if native.always
    ]
    found += [f"that {native.name} is invisible" for native in table.columns.values() if native.invisible]
    for constraint in ask(CONSTRAINTS, [table.name]):
        found += _constraint(*constraint)
    found += [f"trigger {name}" for (name,) in ask(TRIGGERS, [table.name])]
    found += [f"policy {name}" for (name,) in ask(POLICIES, [table.name])]
    if table.comment and not table.comment.startswith(MARK):
        found.append("comment of the table")
    found += [f"comment of {name}" for name, text in ask(COMMENTS, [table.name]) if not text.startswith(MARK)]
    if ask(PRIVILEGES, [table.name, table.name]):
        found.append("privileges")
    return found


def _constraint(
    kind: str, name: str, rule: str | None, deferrable: str, deferred: str, status: str, validated: str,
    owner: str | None, other: str | None, outside: str,
) -> list[str]:  # fmt: skip
    if kind == "R" and outside == "YES":
        return [f"foreign key {name}, to {other} of {owner}"]
    if kind == "U" and status != "ENABLED":
        return []  # told with the indexes
    said = [
        f"on delete {rule.lower()}" if rule not in (None, "NO ACTION") and rule else "",
        "that it is deferrable" if deferrable == "DEFERRABLE" else "",
        "initially deferred" if deferred == "DEFERRED" else "",
        "that it is disabled" if status != "ENABLED" else "",
        "that nobody has checked it" if status == "ENABLED" and validated != "VALIDATED" else "",
    ]
    what = {"P": "the key", "U": f"unique constraint {name}"}.get(kind, f"foreign key {name}")
    told = " and ".join(filter(None, said))
    return [f"of {what}, {told}"] if told else []


# --- of the schema ---

_OF_TABLES: Final = (
    "TABLE", "INDEX", "LOB", "TRIGGER", "PACKAGE BODY", "TYPE BODY", "TABLE PARTITION", "TABLE SUBPARTITION",
    "INDEX PARTITION", "INDEX SUBPARTITION", "LOB PARTITION", "LOB SUBPARTITION",
)  # fmt: skip
OBJECTS: Final = (
    f"SELECT object_type, object_name FROM all_objects WHERE {OWNER} AND generated = 'N' AND secondary = 'N' "
    f"AND object_type NOT IN ({', '.join(map(repr, _OF_TABLES))}) ORDER BY object_type, object_name"
)
EVENTS: Final = (
    f"SELECT trigger_name FROM all_triggers WHERE {OWNER} AND TRIM(base_object_type) NOT IN ('TABLE', 'VIEW') "
    "ORDER BY trigger_name"
)


def of_schema(ask: Ask, broken: Mapping[str, str]) -> list[str]:
    """Views, sequences, packages, synonyms, types, links. A sequence of ours, or of an identity, belongs to its
    column."""
    found = []
    for kind, name in ask(OBJECTS):
        if name.startswith((*HOUSEKEEPING, MARK)):
            continue
        end = ""
        if kind in ("VIEW", "MATERIALIZED VIEW"):
            end = f", which cannot be read: {broken[name]}" if name in broken else ": its rows come as a table"
        found.append(f"{kind.lower()} {name}{end}")
    return [*found, *(f"trigger {name}, of no table" for (name,) in ask(EVENTS))]
