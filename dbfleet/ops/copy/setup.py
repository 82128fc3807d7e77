"""What a copy settles before it writes: which collections go, the plan of each, and that nothing is in their way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from dbfleet.adapter import Adapter
from dbfleet.errors import NotFound, Unsupported, UsageError, did_you_mean
from dbfleet.ops import _ends, _identity, _plan, _staging
from dbfleet.ops._named import distinct
from dbfleet.ops._order import with_kept_references
from dbfleet.ops._plan import PlannedCollection
from dbfleet.ops.copy.messages import Ends, Mode
from dbfleet.values import Schema

Instead = Callable[[Schema, str], tuple[Schema, Schema] | None]
"""Of a collection of the source and the name of one in the sink: the schemas of both by which rows go, where these are
not those that `describe` tells."""


def chosen(ends: Ends, source: Adapter, names: list[str], known: bool) -> list[str]:
    """The names of the collections that are copied, each once. NotFound for one that the source does not have."""
    if known and not names:
        return [state.schema["name"] for state in ends.journal.collections.values()]
    there = source.collections()
    for name in names:
        if name not in there:
            raise NotFound(
                f"there is no collection {name}",
                target=ends.source.name,
                engine=ends.source_spec.name,
                hint=did_you_mean(name, there),
            )
    return distinct(names) or list(there)


def called(
    ends: Ends, sink: Adapter | None, rename: str | None, schemas: Sequence[Schema], there: set[str]
) -> dict[str, str]:
    """The sink's names of the collections that have another name in the source. The journal's names follow."""
    names = {schema.name: rename or schema.name for schema in schemas}
    journal = ends.journal
    found = _identity.listed(sink, [*names.values(), *journal.collections], there) if sink else {}
    journal.collections = {found.get(name, name): state for name, state in journal.collections.items()}
    return {name: found.get(wanted, wanted) for name, wanted in names.items() if found.get(wanted, wanted) != name}


def plans(
    ends: Ends, sink: Adapter | None, schemas: Sequence[Schema], there: set[str], names: Mapping[str, str], mode: Mode,
    known: bool, whole: Collection[str] = (), fixed: Collection[str] = (),
    instead: Instead | None = None,
) -> tuple[list[PlannedCollection], list[str]]:  # fmt: skip
    """The plan of each collection, and what does not come along, in words. `names` are the sink's names of collections
    that have another name in the source; `whole` are the source's names of those that their outline makes, with their
    references; `fixed` those of them that cannot change their names later. `instead` knows what is there by other
    columns than `describe` tells."""
    renamed = {names.get(schema.name, schema.name): schema for schema in schemas}
    schemas = [
        _staging.under(replace(schema, references=()) if schema.name in whole else schema, names) for schema in schemas
    ]
    if known and sink:
        _forget_what_is_gone(ends, sink, there)
    keys: dict[str, Sequence[str]] = {}
    referred = {each.collection for schema in schemas for each in schema.references}
    for name in referred & there if sink else ():
        keys[name] = sink.describe(name).key  # type: ignore[union-attr]
    # What is replaced is made anew: a reference to it waits for its turn, as one to what is not there yet.
    anew = {schema.name for schema in schemas if mode == "replace" and schema.name not in ends.journal.collections}
    schemas, stay = _without(schemas, {names.get(name, name) for name in whole}, there - anew)
    kept, left = with_kept_references(schemas, there - anew, keys)
    left += stay
    final = {state.staged: name for name, state in ends.journal.collections.items() if state.staged}
    planned_all = []
    for schema in kept:
        state = ends.journal.collections.get(schema.name)
        counted, original, bare = None, renamed[schema.name], False
        if sink is not None and state is not None and state.staged:
            original, found = _known(instead, sink, original, state.staged)
            found = _staging.under(found, final)
            action, rows = "resume", 0
        elif schema.name not in there or sink is None:
            action, found, rows = "create", None, 0
        elif mode == "replace" and state is None:
            action, found, rows = "replace", None, 0
            counted = _ends.counted(sink, schema.name)
        else:
            original, found = _known(instead, sink, original, schema.name)
            action, rows = "resume" if state else "fill", 0
            if mode == "upsert" and not state and sink.count(schema.name):
                action = "merge"
            bare = not state and not original.native and _ends.is_bare(sink, schema.name)
        if original.native:
            schema = replace(original, name=schema.name)
        planned = _plan.planned(
            ends.sink.name, schema, None if bare else found, ends.source_spec, ends.sink_spec, action=action, rows=rows
        )
        # Read with what the source calls its own; written as planned.
        planned_all.append(replace(planned, source=original, there=counted, adopted=bare))
    return _with_stages(ends, sink, planned_all, mode, fixed), left


def _known(instead: Instead | None, sink: Adapter, original: Schema, name: str) -> tuple[Schema, Schema]:
    """The schemas of a collection and of the one of this name in the sink that takes its rows."""
    found = instead(original, name) if instead else None
    return found or (original, sink.describe(name))


def _without(schemas: Sequence[Schema], whole: Collection[str], there: set[str]) -> tuple[list[Schema], list[str]]:
    """The schemas without references to what their outline makes, which has its key only when its rows are there; and
    which these are, in words."""
    found, left = [], []
    for schema in schemas:
        stay = [each for each in schema.references if each.collection in whole and schema.name not in there]
        left += [
            f"{schema.name} ({', '.join(each.columns)}) refers to {each.collection}, which goes as it is: "
            "the column is kept, the reference is not"
            for each in stay
        ]
        found.append(replace(schema, references=tuple(each for each in schema.references if each not in stay)))
    return found, left


def _forget_what_is_gone(ends: Ends, sink: Adapter, there: set[str]) -> None:
    """Forget what the journal says of collections that are no longer in the sink."""
    journal = ends.journal
    waiting = [state for state in journal.collections.values() if state.staged]
    if waiting:
        _staging.leftovers(sink)  # an engine may end what it has begun
    if waiting and journal.swapping and not any(_staging.is_there(sink, state.staged) for state in waiting):
        for state in waiting:  # they have taken their places
            state.staged, state.indexes = "", {}
    for name, state in list(journal.collections.items()):
        gone = name not in there if not state.staged else not _staging.is_there(sink, state.staged)
        if gone:
            del journal.collections[name]


def _with_stages(
    ends: Ends, sink: Adapter | None, plans: Sequence[PlannedCollection], mode: Mode, fixed: Collection[str]
) -> list[PlannedCollection]:
    """Where something is replaced, everything that is made is staged: a reader sees all of it or nothing. What cannot
    change its name is made where it is to stand."""
    states = ends.journal.collections
    names = {plan.sink.name: state.staged for plan in plans if (state := states.get(plan.sink.name)) and state.staged}
    begins = mode == "replace" and any(plan.action == "replace" for plan in plans)
    if sink is not None and _staging.can_swap(sink) and (begins or names):
        number = 1 + max((int(name.rpartition("_")[2]) for name in names.values()), default=-1)
        fresh = [plan.sink for plan in plans if plan.action in ("create", "replace") and plan.source.name not in fixed]
        names |= {name: each.name for name, each in _staging.staged(fresh, ends.journal.word, number).items()}
    return [
        replace(plan, staged=_staging.under(plan.sink, names)) if plan.sink.name in names else plan for plan in plans
    ]


def refuse_rows(ends: Ends, sink: Adapter | None, plans: Sequence[PlannedCollection], mode: Mode) -> None:
    """UsageError for rows that are in the way of an insert, Unsupported for an upsert without a key."""
    if mode == "upsert":
        keyless = [plan.sink.name for plan in plans if plan.action == "merge" and not plan.sink.key]
        if keyless:
            raise Unsupported(
                f"{keyless[0]} has no key to upsert by",
                target=ends.sink.name,
                hint="--mode replace puts the source's rows in the place of its own",
            )
    if mode != "replace" and sink is not None:
        _refuse_what_was_cut_off(ends, plans)
    if mode != "insert" or sink is None:
        return
    full = [(plan.sink.name, rows) for plan in plans if plan.action == "fill" and (rows := sink.count(plan.sink.name))]
    if full:
        told = ", ".join(f"{name} ({rows:,} row{'' if rows == 1 else 's'})" for name, rows in full[:3])
        more = f" and {len(full) - 3} more" if full[3:] else ""
        journal = ends.journal.exists()
        raise UsageError(
            f"{ends.sink.name} has data already: {told}{more}. Nothing was written",
            hint="--resume goes on with the copy that was cut off; --mode upsert or replace begins anew"
            if journal
            else "--mode upsert keeps its rows and lets ours win by key; --mode replace puts ours in their place",
        )


def _refuse_what_was_cut_off(ends: Ends, plans: Sequence[PlannedCollection]) -> None:
    """UsageError where an earlier copy has made one of these natively and was cut off: it may have no key yet."""
    journal = ends.journal
    if not journal.exists():
        return
    journal.load()
    begun = [name for name, state in journal.collections.items() if state.native and not state.staged]
    journal.collections, journal.swapping = {}, False
    half = [plan.sink.name for plan in plans if plan.sink.name in begun and plan.action in ("fill", "merge")]
    if half:
        raise UsageError(
            f"{half[0]} of {ends.sink.name} was not finished by a copy that was cut off. Nothing was written",
            hint="--resume goes on with it; --mode replace begins anew",
        )
