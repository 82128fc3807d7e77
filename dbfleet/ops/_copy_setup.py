"""What a copy settles before it writes: which collections go, the plan of each, and that nothing is in their way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dbfleet.adapter import Adapter
from dbfleet.errors import NotFound, Unsupported, UsageError, nearest
from dbfleet.ops import _plan
from dbfleet.ops._copy_words import Ends, Mode
from dbfleet.ops._order import with_kept_references
from dbfleet.ops._plan import PlannedCollection
from dbfleet.values import Schema


def chosen(ends: Ends, source: Adapter, names: list[str], known: bool) -> list[str]:
    if known and not names:
        return [state.schema["name"] for state in ends.journal.collections.values()]
    there = source.collections()
    for name in names:
        if name not in there:
            close = nearest(name, there)
            raise NotFound(
                f"there is no collection {name}",
                target=ends.source.name,
                engine=ends.source_spec.name,
                hint=f"did you mean {close}?" if close else None,
            )
    return list(dict.fromkeys(names)) or list(there)


def plans(
    ends: Ends, sink: Adapter | None, schemas: Sequence[Schema], there: set[str], rename: str | None, mode: Mode,
    known: bool,
) -> tuple[list[PlannedCollection], list[str]]:  # fmt: skip
    if rename is not None:
        (schema,) = schemas
        own = tuple(
            replace(each, collection=rename) if each.collection == schema.name else each for each in schema.references
        )
        renamed = {rename: schema}
        schemas = [replace(schema, name=rename, references=own)]
    else:
        renamed = {schema.name: schema for schema in schemas}
    if known:
        # A resumed copy may have fewer collections than the sink has of it.
        gone = [name for name in ends.journal.collections if name not in there]
        for name in gone:
            del ends.journal.collections[name]
    keys: dict[str, Sequence[str]] = {}
    referred = {each.collection for schema in schemas for each in schema.references}
    for name in referred & there if sink else ():
        keys[name] = sink.describe(name).key  # type: ignore[union-attr]
    kept, left = with_kept_references(schemas, there, keys)
    found_plans = []
    for schema in kept:
        state = ends.journal.collections.get(schema.name)
        if schema.name not in there or sink is None:
            action, found, rows = "create", None, 0
        elif mode == "replace" and state is None:
            action, found, rows = "replace", None, 0
        else:
            found = sink.describe(schema.name)
            action, rows = "resume" if state else "fill", 0
            if mode == "upsert" and not state and sink.count(schema.name):
                action = "merge"
        planned = _plan.planned(
            ends.sink.name, schema, found, ends.source_spec, ends.sink_spec, action=action, rows=rows
        )
        original = renamed[schema.name]
        # Read with what the source calls its own; written as planned.
        found_plans.append(replace(planned, source=original))
    return found_plans, left


def refuse_rows(ends: Ends, sink: Adapter | None, plans: Sequence[PlannedCollection], mode: Mode) -> None:
    if mode == "upsert":
        keyless = [plan.sink.name for plan in plans if plan.action == "merge" and not plan.sink.key]
        if keyless:
            raise Unsupported(
                f"{keyless[0]} has no key to upsert by",
                target=ends.sink.name,
                hint="--mode replace empties it first",
            )
    if mode != "insert" or sink is None:
        return
    full = [(plan.sink.name, rows) for plan in plans if plan.action == "fill" and (rows := sink.count(plan.sink.name))]
    if full:
        told = ", ".join(f"{name} ({rows:,} rows)" for name, rows in full[:3])
        more = f" and {len(full) - 3} more" if full[3:] else ""
        journal = ends.journal.path.exists()
        raise UsageError(
            f"{ends.sink.name} has data already: {told}{more}. Nothing was written",
            hint="--resume goes on with the copy that was cut off; --mode upsert or replace begins anew"
            if journal
            else "--mode upsert keeps its rows and lets ours win by key; --mode replace drops them first",
        )


def check_nothing_refers_to(ends: Ends, sink: Adapter, dropped: Sequence[str]) -> None:
    """Half of the collections dropped and the other half refused would be the worst of both."""
    for other in set(sink.collections()) - set(dropped):
        for reference in sink.describe(other).references:
            if reference.collection in dropped:
                raise UsageError(
                    f"{other} refers to {reference.collection}, which therefore cannot be dropped. Nothing was",
                    target=ends.sink.name,
                    hint=f"drop {other} first, or copy with --mode upsert",
                )
