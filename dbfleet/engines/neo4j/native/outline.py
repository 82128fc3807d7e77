"""What a label or a relationship type is made of besides what has it: constraints and indexes, as the server's own
statements have them.

A label is there as soon as a node has it, so nothing is made of it first. Rows come before constraints and indexes. An
index of several labels belongs to the first of them that goes. Collections that dbfleet made have their schema, and are
filled by it; their own indexes come when they have their names.

While what dbfleet did not make is copied, nothing of the same copy is staged: nodes keep their labels and
relationships their types, and what is replaced goes first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from dbfleet.engines.neo4j import left, schemas
from dbfleet.engines.neo4j import text as cypher
from dbfleet.engines.neo4j.schemas import HOUSE, OWN
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.tables import Collections
from dbfleet.engines.neo4j.text import MARK, quoted
from dbfleet.outline import STAGES, STAYS, Outline, Stage, Step, marked, names_in, spelled
from dbfleet.values import Schema

ROWS, GRAPH, MARKS, CONSTRAINT, INDEX = "rows of dbfleet's", "graph", "marks", "constraint ", "index"
"""The kinds of steps: make a collection by its schema, see that one is not there yet, make or remove marks, make a
constraint (behind it stands which), make an index."""
_NAME: Final = "index "
"""Stands before the name of a constraint or an index, where names of collections stand too."""
_ALONE: Final = ("\x00constraints and indexes",)
"""What each of them locks: two that are made side by side wait for each other."""
FREE: Final = frozenset({"UNIQUENESS", "NODE_PROPERTY_UNIQUENESS", "RELATIONSHIP_UNIQUENESS",
                         "RELATIONSHIP_PROPERTY_UNIQUENESS"})  # fmt: skip
"""Constraints that the Community Edition has too."""

_RULES: Final = (
    "SHOW CONSTRAINTS YIELD name, type, entityType, labelsOrTypes, createStatement "
    "RETURN name, type, entityType, labelsOrTypes, createStatement, true ORDER BY name",
    "SHOW INDEXES YIELD name, type, entityType, labelsOrTypes, createStatement, owningConstraint "
    "WHERE owningConstraint IS NULL "
    "RETURN name, type, entityType, labelsOrTypes, createStatement, false ORDER BY name",
)


def outline(session: Session, collections: Collections, names: Sequence[str], *, everything: bool) -> Outline:
    """The outline of these collections. NotFound for one that is not there."""
    kept = schemas.kept(session)
    steps: list[Step] = []
    stays: list[str] = []
    relationships = set()
    fixed = not kept.keys() >= set(names)
    for name in names:
        layout = collections.known(Schema(name, ()))  # as it was described before
        if name in kept:
            text = schemas.as_text(kept[name])
            steps.append(Step("collections", ROWS, name, f"the rows {name}", text, fixed=fixed))
        else:
            words = "relationships" if layout.relationship else "nodes"
            steps.append(Step("collections", GRAPH, name, f"the {words} {name}", "", fixed=True))
        if layout.relationship or cypher.is_edge(layout.schema):
            relationships.add(name)
        stays += [f"{name}: {text}{STAYS}" for text in _beside(session, collections, name, name in kept)]
    if fixed and names:
        steps.append(Step("before", MARKS, "", "marks by which relationships find their nodes", MARK))
        steps.append(Step("after", MARKS, "", "no marks any more", MARK, 9))
    steps += _rules(session, kept, names, relationships, stays, everything=everything)
    if everything:
        stays += [f"{text}{STAYS}" for text in left.of_database(session)]
    steps.sort(key=lambda step: (STAGES.index(step.stage), step.order))
    return Outline(tuple(steps), tuple(stays))


def _beside(session: Session, collections: Collections, name: str, ours: bool) -> Sequence[str]:
    if not ours:  # a node comes once, with all its labels
        return left.hidden(session, collections, name)
    return left.besides_rows(session, collections, name)


def _rules(
    session: Session, kept: Mapping[str, Schema], names: Sequence[str], relationships: Collection[str],
    stays: list[str], *, everything: bool,
) -> Iterator[Step]:  # fmt: skip
    """The steps that make constraints and indexes; with `everything` those too of what nothing has, or what references
    make. Those of what nobody sees, as other things have its name, are added to `stays`."""
    own, derived = {cypher.constraint(name) for name in kept}, schemas.derived(kept)
    for query in _RULES:
        for name, kind, entity, labels, statement, constrains in session.rows(query):
            labels = labels or []
            if name in own or any(label in (HOUSE, MARK) or label.startswith(OWN) for label in labels):
                continue
            mine = [each for each in names if each in labels and (each in relationships) is (entity != "NODE")]
            words = f"the constraint {name} ({_spoken(kind)})" if constrains else f"the {kind.lower()} index {name}"
            hidden = [each for each in names if each in labels and each not in mine]
            if hidden and not mine:
                stays.append(f"{hidden[0]}: {words}{STAYS}")
                continue
            made = entity != "NODE" and not derived.keys().isdisjoint(labels)
            if not mine and (not everything or (not made and _has_any(session, entity, labels))):
                continue
            home = min(mine, default="")
            stage: Stage = "after" if not mine else "views" if home in kept else "keys"
            what = f"{CONSTRAINT}{kind}" if constrains else INDEX
            text = _with_marks(statement, name, labels, entity, mine)
            makes = (("", f"{_NAME}{name}"),) if mine else ()
            yield Step(stage, what, home, words, text, 0 if constrains else 1, makes, shared=not mine, locks=_ALONE)


def _has_any(session: Session, entity: str, labels: Sequence[str]) -> bool:
    """Whether anything has one of these labels or types: then its collection has them, or does not go."""
    patterns = [f"(x:{quoted(label)})" if entity == "NODE" else f"()-[x:{quoted(label)}]->()" for label in labels]
    return any(session.rows(f"MATCH {pattern} RETURN 1 LIMIT 1") for pattern in patterns)


def _spoken(kind: str) -> str:
    return kind.lower().replace("_", " ")


def _with_marks(statement: str, name: str, labels: Sequence[str], entity: str, mine: Sequence[str]) -> str:
    """The statement with marks in the places of its name and of the labels that go."""
    head, _, rest = statement.partition(quoted(name))
    before = " FOR (n:" if entity == "NODE" else " FOR ()-[r:"
    there = before + "|".join(map(quoted, labels))
    if labels and rest.startswith(there):
        spelled_so = [marked("named", "", label) if label in mine else quoted(label) for label in labels]
        rest = before + "|".join(spelled_so) + rest[len(there) :]
    return f"{head}{marked('bare', '', _NAME + name)}{rest}"


def statement_of(step: Step, called: Mapping[str, str]) -> str:
    """The statement of a constraint or an index, with the names that things have here."""
    return spelled(step.text, lambda _, __, name: quoted(called.get(name, name).removeprefix(_NAME)))


def name_of(step: Step, called: Mapping[str, str]) -> str:
    """What a constraint or an index is called here."""
    name = next(name for name in names_in(step.text) if name.startswith(_NAME))
    return called.get(name, name).removeprefix(_NAME)


def free_names(
    session: Session, makes: Sequence[tuple[str, str]], new: str, going: Collection[str]
) -> dict[tuple[str, str], str]:
    """Names for constraints and indexes that nothing else has than what is of these collections."""
    rows: list[Any] = session.rows("SHOW INDEXES YIELD name, labelsOrTypes RETURN name, labelsOrTypes")
    rows += session.rows("SHOW CONSTRAINTS YIELD name, labelsOrTypes RETURN name, labelsOrTypes")
    theirs = {name for name, labels in rows if set(labels or ()).isdisjoint({new, *going})}
    found = {}
    for space, made in makes:
        name, number = made, 1
        while name.removeprefix(_NAME) in theirs:
            name, number = f"{made}_{number}", number + 1
        theirs.add(name.removeprefix(_NAME))
        found[space, made] = name
    return found
