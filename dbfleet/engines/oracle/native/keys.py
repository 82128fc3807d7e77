"""Keys, checks, indexes and references of a table, each as a statement of its own over the rows that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dbfleet.engines.oracle.native.catalog import CONSTRAINT, INDEX, Constraint, IndexOf, referred
from dbfleet.engines.oracle.tables import Ask, Table
from dbfleet.engines.oracle.text import LEXIS
from dbfleet.outline import Step, marked


def is_not_null(table: Table, constraint: Constraint) -> bool:
    """Whether the check is a column's NOT NULL, as it stands in the column's definition."""
    column = constraint.condition.removesuffix(" IS NOT NULL")[1:-1]
    native = table.columns.get(column)
    return (
        constraint.kind == "C" and constraint.usual and constraint.condition == f'"{column}" IS NOT NULL'
        and native is not None and not native.column.nullable
    )  # fmt: skip


def named(constraint: Constraint) -> str:
    """The beginning of a constraint with a name of its own, else nothing."""
    return f"CONSTRAINT {marked('named', CONSTRAINT, constraint.name)} " if constraint.named else ""


def makes(constraint: Constraint) -> tuple[tuple[str, str], ...]:
    """The name that is made with it."""
    return ((CONSTRAINT, constraint.name),) if constraint.named else ()


def of_table(
    ask: Ask, table: Table, constraints: Sequence[Constraint], indexes: Sequence[IndexOf], *, iot: bool,
    localities: Mapping[str, str],
) -> Iterator[Step]:  # fmt: skip
    """The steps; of a table that is organized by its key without that key."""
    name, alter = table.name, f"ALTER TABLE {marked('named', '', table.name)} ADD "
    own = {each.name: each for each in indexes}
    implied = {each.index for each in constraints if each.index and _is_implied(each, own.get(each.index))}
    for index in indexes:
        if index.name not in implied and not why_left(index):
            yield _index(name, index, localities.get(index.name, ""))
    for each in constraints:
        if each.kind in ("P", "U") and not (iot and each.kind == "P"):
            what = "PRIMARY KEY" if each.kind == "P" else "UNIQUE"
            body = f"{what} ({LEXIS.quote_all(each.columns)})"
            state = _ending(each, "" if each.index in implied or each.index not in own else each.index)
            words = "primary key" if each.kind == "P" else f"unique constraint {each.name if each.named else body}"
            text = f"{alter}{named(each)}{body}{state}"
            yield Step("keys", "key", name, words, text, 1, makes(each), locks=(name,))
        elif each.kind == "C" and not is_not_null(table, each):
            words = f"check {each.name if each.named else each.condition}"
            text = f"{alter}{named(each)}CHECK ({each.condition}){_ending(each)}"
            yield Step("keys", "check", name, words, text, 1, makes(each), locks=(name,))
    far = referred(ask, name)
    for each in constraints:
        if each.kind == "R" and not each.other and each.name in far:
            other, keys = far[each.name]
            rule = f" ON DELETE {each.rule}" if each.rule in ("CASCADE", "SET NULL") else ""
            text = (
                f"{alter}{named(each)}FOREIGN KEY ({LEXIS.quote_all(each.columns)}) "
                f"REFERENCES {marked('named', '', other)} ({LEXIS.quote_all(keys)}){rule}{_ending(each)}"
            )
            words = f"foreign key {each.name}" if each.named else f"foreign key ({', '.join(each.columns)}) to {other}"
            yield Step("references", "reference", name, words, text, 0, makes(each), locks=(name, other))


def _ending(constraint: Constraint, index: str = "") -> str:
    """Its state, with the index that it uses where a statement has to say so: between RELY and ENABLE."""
    using = f"USING INDEX {marked('named', INDEX, index)}" if index else ""
    begin, enabled, novalidate = constraint.state.partition("ENABLE NOVALIDATE")
    return "".join(f" {word}" for word in (begin.strip(), using, f"{enabled}{novalidate}") if word)


def _is_implied(constraint: Constraint, index: IndexOf | None) -> bool:
    """Whether the constraint makes its index by itself, and as it is."""
    return index is None or (
        index.kind == "NORMAL" and index.visible and index.usable and not index.partitioned and not index.prefix
        and index.columns == constraint.columns and index.unique != constraint.deferrable
        and index.parts == tuple(f'"{column}"' for column in constraint.columns)
        and (index.name == constraint.name or not constraint.named)
    )  # fmt: skip


def why_left(index: IndexOf) -> str | None:
    """Why an index is not made, as words that are told; empty for one that belongs to something else."""
    kind = index.kind.removeprefix("FUNCTION-BASED ")
    if kind in ("LOB", "CLUSTER") or kind.startswith("IOT"):
        return "belongs to the table"
    if index.owner:
        return f"of {index.owner}"
    if kind == "DOMAIN":
        return f"of kind {index.type or kind}"
    if index.join:
        return "over another table's columns"
    if kind not in ("NORMAL", "NORMAL/REV", "BITMAP"):
        return f"of kind {kind}"
    return None if index.usable else "which is unusable"


def _index(table: str, index: IndexOf, locality: str) -> Step:
    bitmap = index.kind.endswith("BITMAP")
    kind = "UNIQUE " if index.unique else "BITMAP " if bitmap else ""
    options = [
        "LOCAL" if locality == "LOCAL" else "",
        "REVERSE" if index.kind.endswith("/REV") else "",
        f"COMPRESS {index.prefix}" if index.prefix else "",
        "" if index.visible else "INVISIBLE",
    ]
    text = (
        f"CREATE {kind}INDEX {marked('named', INDEX, index.name)} ON {marked('named', '', table)} "
        f"({', '.join(index.parts)}){''.join(f' {word}' for word in options if word)}"
    )
    return Step("keys", "index", table, f"index {index.name}", text, 0, ((INDEX, index.name),), locks=(table,))


def left(constraints: Sequence[Constraint], indexes: Sequence[IndexOf], localities: Mapping[str, str]) -> Iterator[str]:
    """What of these is not made, in words."""
    for each in constraints:
        if each.kind == "R" and each.other:
            yield f"foreign key {each.name}, to {each.far} of {each.other}"
        elif each.kind not in ("P", "U", "C", "R", "V", "O"):
            yield f"constraint {each.name}, of kind {each.kind}"
    for index in indexes:
        why = why_left(index)
        if why and why != "belongs to the table":
            yield f"index {index.name}, {why}"
        elif not why and index.partitioned and localities.get(index.name) != "LOCAL":
            yield f"of index {index.name}, that it has partitions of its own"
