"""In which order collections are made and filled, so that what a row refers to is there before it.

References are kept where the other side can keep them: to a collection that is part of the job or there already, by its
key, and not in a circle. What is left behind is said, by name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from dbfleet.values import Reference, Schema


def ordered(schemas: Sequence[Schema]) -> list[Schema]:
    """The schemas, each behind those that it refers to; by name where nothing else decides. Inside a circle of
    references the one that refers to fewest others comes first. An edge that does not say what it connects comes behind
    all that is none."""
    waiting = {schema.name: schema for schema in sorted(schemas, key=lambda schema: schema.name)}
    found: list[Schema] = []
    while waiting:
        free = [schema for schema in waiting.values() if not _needs(schema, waiting)]
        if not free:
            free = [min(waiting.values(), key=lambda schema: len(_needs(schema, waiting)))]
        found += [waiting.pop(schema.name) for schema in free]
    return found


def _needs(schema: Schema, waiting: Mapping[str, Schema]) -> set[str]:
    if schema.edge and not schema.references:
        return {other.name for other in waiting.values() if not other.edge}
    return {each.collection for each in schema.references if each.collection in waiting} - {schema.name}


def with_kept_references(
    schemas: Sequence[Schema], there: Collection[str] = (), keys: Mapping[str, Sequence[str]] | None = None
) -> tuple[list[Schema], list[str]]:
    """The schemas in order, each with the references that can be kept; and what is left behind, in words.

    `there` are collections that the other side has besides, `keys` the keys of those whose keys are known.
    """
    known: dict[str, Sequence[str]] = dict(keys or {})
    known.update({schema.name: schema.key for schema in schemas})
    done = set(there)
    found, left = [], []
    for schema in ordered(schemas):
        done.add(schema.name)
        kept: list[Reference] = []
        for reference in schema.references:
            key = known.get(reference.collection)
            if reference.collection not in done:
                why = "which comes later" if reference.collection in known else "which is not there"
            elif key is not None and sorted(key) != sorted(reference.keys):
                why = "by columns that are not its key"
            else:
                kept.append(reference)
                continue
            if schema.name not in there:  # what is there keeps its own
                left.append(
                    f"{schema.name} ({', '.join(reference.columns)}) refers to {reference.collection}, {why}: "
                    "the column is kept, the reference is not"
                )
        if len(kept) < len(schema.references):
            schema = replace(schema, references=tuple(kept), edge=schema.edge and len(kept) >= 2)
        found.append(schema)
    return found, left
