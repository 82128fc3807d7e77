"""Staged collections that take others' places in one transaction.

The labels move. What has the final name loses that label and gets another, `_dbfleet_gone_…`; the staged nodes get the
final label; relationships, whose types never change, are made anew. All of it is one transaction, so a reader sees the
old rows or the new ones. Relationships of collections outside, which led to the rows that go, lead to the rows with the
same keys afterwards. The labels of what is gone and of what was staged are removed later, in batches. A kill before
that leaves them: then `leftovers` names them, and `drop` removes them, and no node that has another label.

A transaction lives in the server's heap: removing or adding a label takes 650 bytes of it, or 1100 where a constraint
is on the label. At the stacks' cap, 896 MB, that is enough for 100 000 rows which replace 100 000. What the server
refuses as too much is moved in steps instead (`neo4j.swap_steps`): a reader sees some of the rows for as long as it
takes, and a kill before the end leaves work that the next command does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from dbfleet.adapter import Swap
from dbfleet.engines.neo4j import schemas, swap_steps
from dbfleet.engines.neo4j import text as cypher
from dbfleet.engines.neo4j.schemas import HOUSE, OWN
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.swap_outside import (
    Outside,
    outside_of,
    refuse_in_place,
    refuse_strangers,
    refuse_without_ends,
    repointed,
)
from dbfleet.engines.neo4j.tables import Collections
from dbfleet.engines.neo4j.text import quoted
from dbfleet.errors import DbfleetError, NotFound, StatementError
from dbfleet.values import Schema


def swap(session: Session, collections: Collections, swaps: Sequence[Swap]) -> None:
    """Let the staged collections take their places. NotFound for one that is not there, ConstraintViolated for what
    would be lost: then nothing has changed."""
    _carry_on(session, collections)
    kept = schemas.kept(session)
    for one in swaps:
        if one.staged.name not in kept:
            raise NotFound(f"no collection {one.staged.name!r}", engine="neo4j", target=session.target.name)
    # What goes as it is has its references, and whether it is relationships, in the kept schema alone.
    swaps = [replace(one, staged=kept[one.staged.name]) if one.staged.native else one for one in swaps]
    names = {one.name for one in swaps}
    staged = {one.staged.name for one in swaps}
    final = {one.name: _renamed(one, swaps) for one in swaps}
    outside = outside_of(kept, names | staged, names)
    edges = {name for name in names if _is_relationships(session, kept, name)}
    gone = {name: _gone_label(name) for name in names - edges}
    for label in gone.values():
        collections.drop(label)
    refuse_strangers(session, kept, names - edges, names, outside)
    for name in final:
        if name in gone:
            _batched(session, f"MATCH (x:{quoted(name)})", f"SET x:{quoted(gone[name])}")
    refuse_without_ends(session, swaps, outside)
    unconstrained = [name for name, schema in final.items() if schemas.drop_other_constraint(session, schema)]
    try:
        try:
            session.run_together(_statements(swaps, final, outside, gone, edges))
        except StatementError as error:
            if not swap_steps.is_too_much(error):
                raise
            swap_steps.begin(session, swaps, gone)
            _carry_on(session, collections)
            return
    except BaseException:
        undo(session, collections, [kept[name] for name in unconstrained if name in kept], gone)
        raise
    _end(session, collections, swaps, final, gone)


def leftovers(session: Session, collections: Collections) -> list[str]:
    """The names of what a killed command has staged or not taken away; `drop` removes each."""
    _carry_on(session, collections)
    names = {name for name in schemas.kept(session) if name.startswith(OWN)}
    for name, pattern in collections.patterns():
        if name.startswith(OWN) and name != cypher.MARK and session.rows(f"MATCH {pattern} RETURN 1 LIMIT 1"):
            names.add(name)
    return sorted(names)


def keep_schemas(swaps: Sequence[Swap], final: Mapping[str, Schema]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The statements that keep the staged schemas under their final names. Done again, they change nothing."""
    for one in swaps:
        yield (
            f"MATCH (s:{HOUSE} {{collection: $name}}), (:{HOUSE} {{collection: $staged}}) DELETE s",
            {"name": one.name, "staged": one.staged.name},
        )
        yield (
            f"MATCH (s:{HOUSE} {{collection: $staged}}) SET s.collection = $name, s.schema = $schema",
            {"staged": one.staged.name, "name": one.name, "schema": schemas.as_text(final[one.name])},
        )


def forget_staged(session: Session, staged: Schema) -> None:
    """Remove the staged label and its constraint."""
    session.run(f"DROP CONSTRAINT {cypher.constraint(staged.name)} IF EXISTS")
    if not cypher.is_edge(staged):
        _batched(session, f"MATCH (x:{quoted(staged.name)})", f"REMOVE x:{quoted(staged.name)}")


def undo(
    session: Session, collections: Collections, unconstrained: Sequence[Schema], gone: Mapping[str, str]
) -> None:  # fmt: skip
    """After a failure, when only preparations have been made: make the dropped constraints again, and remove the labels
    for what would have gone."""
    try:
        for schema in unconstrained:
            schemas.constrain(session, schema)
        for label in gone.values():
            collections.drop(label)
    except DbfleetError:
        pass  # the server is gone: `leftovers` finds the labels later


def refuse_what_hangs_on(session: Session, names: Sequence[str], *, in_place: bool) -> None:
    """ConstraintViolated where nodes that go have relationships of what dbfleet did not make and does not go. Those of
    collections that dbfleet made are led to the rows that come, or refused by the swap; `in_place` there is none, and
    they are refused here."""
    kept = schemas.kept(session)
    going = set(names)
    edges = {name for name in names if _is_relationships(session, kept, name)}
    if in_place:
        refuse_in_place(session, kept, going - edges, edges)
    else:
        refuse_strangers(session, kept, going - edges, going, outside_of(kept, set(), going))


# --- inside ---


def _carry_on(session: Session, collections: Collections) -> None:
    """End a swap that was begun in steps, whoever began it."""
    begun = swap_steps.begun(session)
    if not begun:
        return
    swaps, gone = begun
    names = {one.name for one in swaps}
    final = {one.name: _renamed(one, swaps) for one in swaps}
    outside = outside_of(schemas.kept(session), names | {one.staged.name for one in swaps}, names)
    swap_steps.move(session, swaps, gone, [text for one in outside for text in repointed(one, gone)])
    session.run_together(keep_schemas(swaps, final))
    _end(session, collections, swaps, final, gone)
    swap_steps.ended(session)


def _end(
    session: Session, collections: Collections, swaps: Sequence[Swap], final: Mapping[str, Schema],
    gone: Mapping[str, str],
) -> None:  # fmt: skip
    """After the labels have moved: make the constraints, and remove what is gone and what was staged."""
    for one in swaps:
        schemas.constrain(session, final[one.name])
        forget_staged(session, one.staged)
    for label in gone.values():
        collections.drop(label)
    collections.forget_layouts()


def _gone_label(name: str) -> str:
    """The label of the nodes of this collection that go."""
    return f"{OWN}gone_{cypher.constraint(name).removeprefix('dbfleet_')}"


def _renamed(swap: Swap, swaps: Sequence[Swap]) -> Schema:
    """The staged schema under its final name; its references have their final names too."""
    names = {one.staged.name: one.name for one in swaps}
    references = tuple(
        replace(reference, collection=names.get(reference.collection, reference.collection))
        for reference in swap.staged.references
    )
    return replace(swap.staged, name=swap.name, references=references)


def _is_relationships(session: Session, kept: Mapping[str, Schema], name: str) -> bool:
    """Whether what has this name is relationships. Where both nodes and relationships have it, it is the nodes."""
    if name in kept:
        return cypher.is_edge(kept[name])
    return not session.rows(f"MATCH (x:{quoted(name)}) RETURN 1 LIMIT 1") and bool(
        session.rows(f"MATCH ()-[x:{quoted(name)}]->() RETURN 1 LIMIT 1")
    )


def _statements(
    swaps: Sequence[Swap], final: Mapping[str, Schema], outside: Sequence[Outside], gone: Mapping[str, str],
    edges: Set[str],
) -> Iterator[tuple[str, dict[str, Any]]]:  # fmt: skip
    """All of the swap; `edges` are the names of what goes and is relationships."""
    for one in swaps:
        label = quoted(one.name)
        if one.name in edges:
            yield f"MATCH ()-[x:{label}]->() DELETE x", {}
        else:
            yield f"MATCH (x:{label}) REMOVE x:{label} SET x:{quoted(gone[one.name])}", {}
    for one in swaps:
        label, staged = quoted(one.name), quoted(one.staged.name)
        if cypher.is_edge(one.staged):
            yield f"MATCH (a)-[x:{staged}]->(b) CREATE (a)-[y:{label}]->(b) SET y = properties(x) DELETE x", {}
        else:
            yield f"MATCH (x:{staged}) SET x:{label}", {}
    for collection in outside:
        for text in repointed(collection, gone):
            yield text, {}
    yield from keep_schemas(swaps, final)


def _batched(session: Session, match: str, change: str) -> None:
    """Change what matches, in transactions of a batch each."""
    session.run(f"{match} CALL (x) {{ {change} }} IN TRANSACTIONS OF {cypher.ROWS} ROWS")
