"""What SQL Server has that no record of dbfleet.extras holds: by name, in words, from the catalog views.

https://learn.microsoft.com/en-us/sql/relational-databases/system-catalog-views/ (SQL Server 2016 and later). Each view
is asked by a statement of its own, as they have few columns in common. A row of the answer becomes words here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from dbfleet.engines.sqlserver.tables import Ask, Table, Tables
from dbfleet.engines.sqlserver.types import KEY_COLLATION, PROPERTY
from dbfleet.errors import NotFound

_Words = Callable[..., str | None]
_COMMENT: Final = "MS_Description"


def _flags(column: str, *flags: Any) -> str | None:
    said = ("is sparse", "is the set of the sparse columns", "is a file stream", "is the row's GUID", "is hidden")
    found = [words for words, flag in zip(said, flags, strict=True) if flag]
    return f"that {column} {' and '.join(found)}" if found else None


def property_words(name: str, what: str | None) -> str:
    """What an extended property is called."""
    word = "comment" if name == _COMMENT else f"extended property {name}"
    return f"{word} of {what or 'the table'}"


def _table(temporal: int, space: str | None, other: str | None, memory: int, external: int, files: int,
           captured: int) -> str | None:  # fmt: skip
    found = [
        f"system versioning: the rows of the past are in {space}.{other}" if temporal == 2 else "",
        "that it holds the rows of another table's past" if temporal == 1 else "",
        "that it is in memory" if memory else "",
        "that it is an external table: its rows come as a table" if external else "",
        "that it is a table of files" if files else "",
        "change data capture" if captured else "",
    ]
    return "; ".join(filter(None, found)) or None


def _reference(name: str, deleted: str, updated: str, disabled: int, untrusted: int) -> str | None:
    said = [
        f"on {what} {rule.lower().replace('_', ' ')}"
        for what, rule in (("update", updated), ("delete", deleted))
        if rule != "NO_ACTION"
    ]
    said += ["that it is disabled"] if disabled else ["that nobody has checked it"] if untrusted else []
    return f"of foreign key {name}, {' and '.join(said)}" if said else None


_OF_TABLE: Final[tuple[tuple[str, _Words], ...]] = (
    (
        "SELECT t.temporal_type, s.name, h.name, t.is_memory_optimized, t.is_external, t.is_filetable, "
        "t.is_tracked_by_cdc FROM sys.tables AS t LEFT JOIN sys.objects AS h ON h.object_id = t.history_table_id "
        "LEFT JOIN sys.schemas AS s ON s.schema_id = h.schema_id WHERE t.object_id = {id}",
        _table,
    ),
    (
        "SELECT s.name, c.name FROM sys.partition_schemes AS s "
        "INNER JOIN sys.indexes AS i ON i.data_space_id = s.data_space_id "
        "INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id "
        "INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id "
        "WHERE i.object_id = {id} AND i.index_id IN (0, 1) AND k.partition_ordinal = 1",
        lambda scheme, column: f"partitions by {column}, scheme {scheme}",
    ),
    (
        "SELECT c.name, c.definition, c.is_persisted FROM sys.computed_columns AS c WHERE c.object_id = {id} "
        "ORDER BY c.column_id",
        lambda name, text, stored: f"generated column {name}, {text}{' persisted' if stored else ''}: its values come",
    ),
    (
        "SELECT c.name, c.generated_always_type_desc FROM sys.columns AS c WHERE c.object_id = {id} "
        "AND c.generated_always_type <> 0 ORDER BY c.column_id",
        lambda name, kind: (
            f"generated column {name}, {kind.removeprefix('AS_').lower().replace('_', ' ')}: its values come"
        ),
    ),
    (
        "SELECT c.name, CONVERT(nvarchar(40), c.increment_value) FROM sys.identity_columns AS c "
        "WHERE c.object_id = {id}",
        lambda name, step: f"that {name} counts by {step}" if step != "1" else None,
    ),
    (
        "SELECT c.name, c.is_sparse, c.is_column_set, c.is_filestream, c.is_rowguidcol, c.is_hidden "
        "FROM sys.columns AS c WHERE c.object_id = {id} ORDER BY c.column_id",
        _flags,
    ),
    (
        "SELECT c.name, c.masking_function FROM sys.masked_columns AS c WHERE c.object_id = {id} AND c.is_masked = 1 "
        "ORDER BY c.column_id",
        lambda name, text: f"mask of {name}: {text}",
    ),
    (
        "SELECT c.name, s.name, t.name FROM sys.columns AS c "
        "INNER JOIN sys.types AS t ON t.user_type_id = c.user_type_id "
        "INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id "
        "WHERE c.object_id = {id} AND t.is_user_defined = 1 ORDER BY c.column_id",
        lambda name, space, own: f"type {space}.{own} of {name}",
    ),
    (
        "SELECT c.name, o.name FROM sys.columns AS c INNER JOIN sys.objects AS o ON o.object_id = c.default_object_id "
        "WHERE c.object_id = {id} AND o.parent_object_id = 0 ORDER BY c.column_id",
        lambda name, own: f"default of {name}, the object {own}",
    ),
    (
        "SELECT c.name, o.name FROM sys.columns AS c INNER JOIN sys.objects AS o ON o.object_id = c.rule_object_id "
        "WHERE c.object_id = {id} ORDER BY c.column_id",
        lambda name, own: f"rule {own} of {name}",
    ),
    (
        "SELECT k.name, k.definition, k.is_disabled FROM sys.check_constraints AS k WHERE k.parent_object_id = {id} "
        "ORDER BY k.object_id",
        lambda name, text, disabled: f"check {name}{', which is disabled' if disabled else ''}: {text}",
    ),
    (
        "SELECT f.name, f.delete_referential_action_desc, f.update_referential_action_desc, f.is_disabled, "
        "f.is_not_trusted FROM sys.foreign_keys AS f WHERE f.parent_object_id = {id} ORDER BY f.object_id",
        _reference,
    ),
    (
        "SELECT g.name FROM sys.triggers AS g WHERE g.parent_id = {id} ORDER BY g.object_id",
        lambda name: f"trigger {name}",
    ),
    (
        "SELECT p.name, c.name FROM sys.extended_properties AS p "
        "LEFT JOIN sys.columns AS c ON c.object_id = p.major_id AND c.column_id = p.minor_id "
        f"WHERE p.class = 1 AND p.major_id = {{id}} AND p.name <> N'{PROPERTY}' ORDER BY p.minor_id",
        property_words,
    ),
    (
        "SELECT p.name, o.name FROM sys.extended_properties AS p "
        "INNER JOIN sys.objects AS o ON o.object_id = p.major_id "
        "WHERE p.class = 1 AND o.parent_object_id = {id}",
        property_words,
    ),
    (
        "SELECT p.name, i.name FROM sys.extended_properties AS p "
        "INNER JOIN sys.indexes AS i ON i.object_id = p.major_id AND i.index_id = p.minor_id "
        "WHERE p.class = 7 AND p.major_id = {id}",
        lambda name, index: property_words(name, f"index {index}"),
    ),
    (
        "SELECT x.name FROM sys.stats AS x WHERE x.object_id = {id} AND x.user_created = 1",
        lambda name: f"statistics {name}",
    ),
    (
        "SELECT x.object_id FROM sys.fulltext_indexes AS x WHERE x.object_id = {id}",
        lambda _: "full-text index",
    ),
    (
        "SELECT p.name FROM sys.security_predicates AS x "
        "INNER JOIN sys.security_policies AS p ON p.object_id = x.object_id WHERE x.target_object_id = {id}",
        lambda name: f"security policy {name}",
    ),
    (
        "SELECT x.object_id FROM sys.change_tracking_tables AS x WHERE x.object_id = {id}",
        lambda _: "change tracking",
    ),
    (
        "SELECT x.class FROM sys.database_permissions AS x WHERE x.class = 1 AND x.major_id = {id}",
        lambda _: "privileges",
    ),
    (
        "SELECT t.ledger_type_desc FROM sys.tables AS t WHERE t.object_id = {id} AND t.ledger_type <> 0",
        lambda kind: f"that it is {kind.lower().replace('_', ' ')}",
    ),
    (
        "SELECT t.is_node FROM sys.tables AS t WHERE t.object_id = {id} AND (t.is_node = 1 OR t.is_edge = 1)",
        lambda node: f"that it holds a graph's {'nodes' if node else 'edges'}",
    ),
)
_STAYS: Final = (
    *(
        (statement, words)
        for statement, words in _OF_TABLE
        if any(
            f"FROM sys.{view} " in statement
            for view in (
                "triggers", "stats", "fulltext_indexes", "security_predicates", "change_tracking_tables",
                "database_permissions",
            )
        )
        or "default_object_id" in statement
        or "rule_object_id" in statement
    ),
    (
        "SELECT t.object_id FROM sys.tables AS t WHERE t.object_id = {id} AND t.is_tracked_by_cdc = 1",
        lambda _: "change data capture",
    ),
    (
        "SELECT t.lock_escalation_desc FROM sys.tables AS t WHERE t.object_id = {id} AND t.lock_escalation <> 0",
        lambda word: f"lock escalation {word.lower()}",
    ),
    (
        "SELECT c.name FROM sys.columns AS c WHERE c.object_id = {id} AND c.is_filestream = 1",
        lambda name: f"that {name} is a file stream",
    ),
    (
        "SELECT c.name FROM sys.columns AS c WHERE c.object_id = {id} AND c.is_ansi_padded = 0 "
        "AND c.system_type_id IN (165, 167, 173, 175)",
        lambda name: f"that {name} has no blanks, or zeros, at its end (ANSI_PADDING OFF)",
    ),
    (
        "SELECT c.name FROM sys.columns AS c WHERE c.object_id = {id} AND c.system_type_id = 189",
        lambda name: f"values of {name}, a rowversion: the server gives its own",
    ),
    (
        "SELECT x.name FROM sys.stats AS x WHERE x.object_id = {id} AND x.no_recompute = 1 AND x.user_created = 0",
        lambda name: f"that statistics {name} are not recomputed",
    ),
    (  # of SQL Server 2019 on
        "SELECT i.name FROM sys.indexes AS i WHERE i.object_id = {id} AND i.optimize_for_sequential_key = 1",
        lambda name: f"that index {name} is made for a key that grows",
    ),
    (  # of SQL Server 2022 on
        "SELECT p.index_id FROM sys.partitions AS p WHERE p.object_id = {id} AND p.xml_compression = 1",
        lambda _: "that its XML is compressed",
    ),
)  # fmt: skip
"""What is none of the steps of a table that goes as it is."""
DATABASE_COLLATION: Final = "SELECT CONVERT(nvarchar(128), DATABASEPROPERTYEX(DB_NAME(), N'Collation'))"


def where_known(ask: Ask, statement: str) -> list[tuple[Any, ...]]:
    """The rows. None where the server has no such catalog view or column, and so nothing of that kind: an older server,
    or another one that speaks the protocol (Babelfish)."""
    try:
        return list(ask(statement))
    except NotFound:
        return []


def of_table(ask: Ask, tables: Tables, table: Table) -> list[str]:
    """What the table has besides its indexes, its defaults and what counts up."""
    found = ["that it is a view: its rows come as a table"] if table.kind == "V" else []
    for statement, words in _OF_TABLE:
        said = filter(None, (words(*row) for row in where_known(ask, statement.format(id=table.number))))
        found += said if "ORDER BY" in statement else sorted(said)
    return [*dict.fromkeys(found), *_collations(ask, tables, table)]


def stays(ask: Ask, table: Table) -> list[str]:
    """What of the table does not come along where it goes as it is to another SQL Server."""
    return [
        text
        for statement, words in _STAYS
        for row in where_known(ask, statement.format(id=table.number))
        if (text := words(*row))
    ]


def _collations(ask: Ask, tables: Tables, table: Table) -> Iterator[str]:
    """Collations that the columns of a copy do not have. These have the database's, and KEY_COLLATION in keys and
    references."""
    texts = {name: native.collation for name, native in table.columns.items() if native.collation}
    if not texts:
        return
    ((usual,),) = ask(DATABASE_COLLATION)
    keyed = tables.keyed(table)
    others: dict[str, list[str]] = {}
    for name, collation in texts.items():
        if collation != (KEY_COLLATION if name in keyed else usual):
            others.setdefault(collation, []).append(name)
    yield from (f"collation {collation} of {', '.join(names)}" for collation, names in others.items())


# --- of the database ---

_KINDS: Final = {
    "V": "view", "P": "procedure", "PC": "procedure", "X": "procedure", "FN": "function", "IF": "function",
    "TF": "function", "FS": "function", "FT": "function", "AF": "aggregate", "SO": "sequence", "SN": "synonym",
    "SQ": "queue", "R": "rule", "D": "default", "ET": "external table",
}  # fmt: skip
_OBJECTS: Final = (
    "SELECT RTRIM(o.type), s.name, o.name FROM sys.objects AS o INNER JOIN sys.schemas AS s "
    "ON s.schema_id = o.schema_id WHERE o.is_ms_shipped = 0 AND o.parent_object_id = 0 "
    f"AND o.type IN ({', '.join(repr(kind) for kind in _KINDS)})"
)
_TYPES: Final = (
    "SELECT s.name, t.name FROM sys.types AS t INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id "
    "WHERE t.is_user_defined = 1"
)
_NAMED: Final[tuple[tuple[str, str], ...]] = (
    (
        "XML schema collection",
        "SELECT x.name FROM sys.xml_schema_collections AS x INNER JOIN sys.schemas AS s ON s.schema_id = x.schema_id "
        "WHERE s.name <> N'sys'",
    ),
    ("assembly", "SELECT x.name FROM sys.assemblies AS x WHERE x.is_user_defined = 1"),
    ("trigger of the database", "SELECT x.name FROM sys.triggers AS x WHERE x.parent_class = 0"),
    ("security policy", "SELECT x.name FROM sys.security_policies AS x"),
    ("partition function", "SELECT x.name FROM sys.partition_functions AS x"),
    ("partition scheme", "SELECT x.name FROM sys.partition_schemes AS x"),
    ("full-text catalog", "SELECT x.name FROM sys.fulltext_catalogs AS x"),
    (
        "extended property of the database,",
        "SELECT x.name FROM sys.extended_properties AS x WHERE x.class = 0",
    ),
)
OWN: Final = "dbfleet:"
_OTHERS: Final = (
    "SELECT p.name, p.class FROM sys.extended_properties AS p WHERE p.class IN (3, 6, 10, 20, 21)",
    "SELECT p.name, 1 FROM sys.extended_properties AS p INNER JOIN sys.objects AS o ON o.object_id = p.major_id "
    "WHERE p.class = 1 AND o.type = 'SO'",
)
_CLASSES: Final = {
    1: "a sequence", 3: "a schema", 6: "a type", 10: "an XML schema collection", 20: "a partition scheme",
    21: "a partition function",
}  # fmt: skip


def other_properties(ask: Ask) -> list[str]:
    """Extended properties of what several tables may use: no step makes them."""
    found = [row for statement in _OTHERS for row in ask(statement)]
    return sorted(property_words(name, _CLASSES[kind]) for name, kind in found)


def of_database(ask: Ask, tables: Tables, broken: Mapping[str, str]) -> list[str]:
    """Views, sequences, procedures, functions, synonyms, types. A sequence of ours belongs to its column."""
    found = []
    for kind, space, name in sorted(where_known(ask, _OBJECTS), key=lambda row: (list(_KINDS).index(row[0]), *row[1:])):
        said = tables.joined(space, name)
        if kind == "V":
            end = f", which cannot be read: {broken[said]}" if said in broken else ": its rows come as a table"
            found.append(f"view {said}{end}")
        elif not (kind == "SO" and name.startswith(OWN)):
            found.append(f"{_KINDS[kind]} {said}")
    found += [f"type {tables.joined(space, name)}" for space, name in sorted(where_known(ask, _TYPES))]
    for word, statement in _NAMED:
        found += [f"{word} {name}" for (name,) in sorted(where_known(ask, statement))]
    return found


def lost(left: Sequence[str]) -> list[str]:
    """The same words for a table that goes: nothing of it comes along."""
    return [text.removesuffix(": its rows come as a table").removesuffix(": its values come") for text in left]
