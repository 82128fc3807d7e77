"""Cypher as text: names, the statements of a text, and how a schema's rows are matched, written and related. Nothing
here asks the server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from dbfleet.adapter import WriteMode
from dbfleet.values import Reference, Schema

ROWS: Final = 10_000
"""Rows of one UNWIND: one batch of 10 000 nodes takes 0.7 s, ten of 1 000 take 3.6 s."""
_TOKEN: Final = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`]|``)*`|//[^\n]*|/\*.*?(?:\*/|\Z)|\$(?:`([^`]+)`|(\w+))|;""",
    re.DOTALL,
)


MARK: Final = "_dbfleet_mark"
"""The label that nodes have for as long as a native copy has to find them again."""
MARKS: Final = ("_dbfleet_id", "_dbfleet_nth")
"""The properties by which it does."""
UNLABELLED: Final = "(no label)"
"""The collection of the nodes that have no label, where nothing else is called so."""


def quoted(name: str) -> str:
    """A name in backticks, so that it may hold any character."""
    return "`" + name.replace("`", "``") + "`"


def nodes(name: str, variable: str = "x", *, label: bool = False) -> str:
    """The pattern of a node of this collection; `label`: of this label, whatever it is called."""
    if name == UNLABELLED and not label:
        return f"({variable} WHERE labels({variable}) IN [[], ['{MARK}']])"
    return f"({variable}:{quoted(name)})"


# --- a text's statements ------------------------------------------------------------------------------------------


def statements(text: str) -> list[str]:
    """The statements of a text. Semicolons separate them; empty ones are left out."""
    pieces, start = [], 0
    for token in _TOKEN.finditer(text):
        if token[0] == ";":
            pieces.append(text[start : token.start()])
            start = token.end()
    pieces.append(text[start:])
    return [piece.strip() for piece in pieces if _TOKEN.sub(_without_comments, piece).strip()]


def _without_comments(token: re.Match[str]) -> str:
    return "" if token[0][:2] in ("//", "/*") else token[0]


def parameters(text: str) -> set[str]:
    """The names of the parameters, outside quotes and comments."""
    return {token[1] or token[2] for token in _TOKEN.finditer(text) if token[0][0] == "$"}


# --- a schema's statements ----------------------------------------------------------------------------------------


def constraint(name: str) -> str:
    """The name of the constraint that holds the collection's key."""
    from hashlib import sha256  # imported here: values.digest_rows has the reason

    return f"dbfleet_{sha256(name.encode()).hexdigest()[:24]}"


def relationship_type(reference: Reference) -> str:
    """The type of a reference's relationships, after its first column: CUSTOMER for `customer_id`."""
    first = reference.columns[0]
    return (first[:-3] if first.lower().endswith("_id") and len(first) > 3 else first).upper()


def is_edge(schema: Schema) -> bool:
    """Whether the schema's rows are relationships: they need two references, one for each end."""
    return schema.edge and len(schema.references) >= 2


def write_statement(schema: Schema, mode: WriteMode) -> str:
    """The statement that stores the rows of the parameter `rows`, lists of values in the schema's order."""
    values = {column.name: f"r[{place}]" for place, column in enumerate(schema.columns)}
    everything = "{" + ", ".join(f"{quoted(name)}: {value}" for name, value in values.items()) + "}"
    keys = "{" + ", ".join(f"{quoted(name)}: {values[name]}" for name in schema.key) + "}"
    label = quoted(schema.name)
    if is_edge(schema):
        ends = [end(reference, place, values) for place, reference in enumerate(schema.references[:2])]
        head = f"UNWIND $rows AS r MATCH {ends[0]}, {ends[1]}"
        if mode == "insert" or not schema.key:
            return f"{head} CREATE (e0)-[:{label} {everything}]->(e1)"
        return f"{head} MERGE (e0)-[x:{label} {keys}]->(e1) SET x = {everything}"
    if mode == "insert" or not schema.key:
        statement = f"UNWIND $rows AS r CREATE (x:{label} {everything})"
    else:
        statement = f"UNWIND $rows AS r MERGE (x:{label} {keys}) SET x = {everything}"
    for place, reference in enumerate(schema.references):
        if reference.collection != schema.name:
            statement += relate(reference, place, values, mode)
        elif mode == "upsert":  # it comes after the last row, if it is still to be
            kind = quoted(relationship_type(reference))
            statement += f" WITH DISTINCT x, r OPTIONAL MATCH (x)-[o{place}:{kind}]->() DELETE o{place}"
    return statement


def relate(reference: Reference, place: int, values: Mapping[str, str], mode: WriteMode) -> str:
    """The relationship of x for one reference. OPTIONAL MATCH and FOREACH keep a row whose reference holds no key that
    exists."""
    kind = quoted(relationship_type(reference))
    forget = f" WITH x, r OPTIONAL MATCH (x)-[o{place}:{kind}]->() DELETE o{place}" if mode == "upsert" else ""
    return (
        f"{forget} WITH DISTINCT x, r OPTIONAL MATCH {end(reference, place, values)}"
        f" FOREACH (e IN CASE WHEN e{place} IS NULL THEN [] ELSE [e{place}] END | CREATE (x)-[:{kind}]->(e))"
    )


def end(reference: Reference, place: int, values: Mapping[str, str]) -> str:
    """The pattern of the node that the reference names, as `e<place>`; `values` gives each column in Cypher."""
    keys = ", ".join(
        f"{quoted(key)}: {values[name]}" for key, name in zip(reference.keys, reference.columns, strict=True)
    )
    return f"(e{place}:{quoted(reference.collection)} {{{keys}}})"


def relation_to_itself(schema: Schema, reference: Reference) -> str:
    """The relationships of a reference to the collection itself. Made after the last row, as a row may refer to a later
    one."""
    kind = quoted(relationship_type(reference))
    values = {name: f"x.{quoted(name)}" for name in reference.columns}
    given = " AND ".join(f"{value} IS NOT NULL" for value in values.values())
    return (
        f"MATCH (x:{quoted(schema.name)}) WHERE {given} AND NOT (x)-[:{kind}]->() "
        f"CALL (x) {{ MATCH {end(reference, 0, values)} CREATE (x)-[:{kind}]->(e0) }} "
        f"IN TRANSACTIONS OF {ROWS} ROWS"
    )


def pattern(schema: Schema) -> str:
    """The pattern of a row x for a constraint, which takes no direction."""
    label = quoted(schema.name)
    return f"()-[x:{label}]-()" if is_edge(schema) else f"(x:{label})"


def match(schema: Schema) -> str:
    """The pattern of a row x for MATCH."""
    return pattern(schema).replace("]-()", "]->()")
