"""`dbfleet copy` from its beginning to its end: see the package for the rules."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from dbfleet.abilities import CarriesExtras, SharesSnapshots, Snapshots, able
from dbfleet.adapter import Adapter, Written
from dbfleet.errors import DbfleetError, PartialWrite, StatementError, Unavailable, UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _ends, _identity, _left, _plan, _staging, _unreadable, _verified, _workers
from dbfleet.ops._ends import FreshFile, goes_on
from dbfleet.ops._named import without
from dbfleet.ops._plan import PlannedCollection
from dbfleet.ops._workers import Worker
from dbfleet.ops.copy import extras, lines, native, setup
from dbfleet.ops.copy import worker as copy_worker
from dbfleet.ops.copy.end import ended_by, undo
from dbfleet.ops.copy.journal import Journal
from dbfleet.ops.copy.messages import Begin, Copied, Crew, Ends, Mode, Plan, Watch
from dbfleet.ops.copy.owner import Owner
from dbfleet.rules import Rule, refuse_idle, refuse_unused, ruled
from dbfleet.target import Target
from dbfleet.values import Schema

__all__ = ["Copied", "Crew", "Mode", "Plan", "Watch", "copy", "receipt"]

_JOBS: Final = 2
_ANOTHER_NAME: Final = "copy one collection under another name: TARGET#other"


def copy(
    fleet: Fleet,
    source: Target,
    sink: Target,
    collections: Sequence[str] = (),
    *,
    rename: str | None = None,
    mode: Mode = "insert",
    verify: bool = False,
    strict: bool = False,
    dry_run: bool = False,
    resume: bool = False,
    views: bool = False,
    jobs: int | None = None,
    rules: Sequence[Rule] = (),
    exclude: Sequence[str] = (),
    keep_going: bool = False,
    keep_ttl: bool = False,
    watch: Watch | None = None,
    crew: Crew | None = None,
) -> Iterator[Copied]:
    """Copy the collections (all, if none is named, but for those that `exclude` has a pattern of); a record for each
    when it is done. `rules` read columns otherwise. With `keep_going` what cannot be read is left out, and at the end
    FleetPartlyFailed names it.

    `rename` is the sink's name of the only collection. With `views` views are made as views, where both are of one
    engine that can; with `keep_ttl` values end when they do at the source. Unsupported elsewhere. UsageError for rows
    that are there already, unless `mode` says upsert (they are kept, ours win by key) or replace (they go). At the end
    PartialWrite where rows were rejected, else VerifyFailed where the sink does not hold what was read. `crew` does the
    parts instead of this process's workers.
    """
    watch = watch or Watch()
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs is {jobs}", hint="it is how many parts are copied at the same time")
    count = jobs or (crew.count if crew else _JOBS)
    if fleet.spec(sink).embedded:  # it has one writer at a time
        count = 1
    ends = Ends(fleet, source, sink, crew.journal if crew else None)
    fresh = FreshFile(fleet, sink)
    wish = _Wish(
        list(collections),
        rename,
        mode,
        strict,
        dry_run,
        resume,
        verify,
        count,
        views,
        tuple(rules),
        exclude,
        keep_going,
        keep_ttl,
    )
    with contextlib.nullcontext() if dry_run else ends.journal.alone():
        # Forked before a connection is open: a driver's sockets are not for two processes.
        at_once = 0 if dry_run else count
        if at_once and native.lane_of(ends):
            native.preload(ends.source_spec)  # once, not once a worker: it is 0.2 seconds of a core
        job = crew.job if crew else partial(copy_worker.work, fleet=fleet, source=source, sink=sink)
        workers = _workers.start(
            [(f"copy {number}", job) for number in range(at_once)],
            [fleet.spec(source), fleet.spec(sink)],
            threads=crew is not None,  # they only pass on
        )
        try:
            with ExitStack() as stack:
                try:
                    done = _run(ends, wish, stack, workers, watch)
                finally:
                    # Before our own connections close: of several that close at once, none is SQLite's last one, which
                    # removes what lies beside the file.
                    _workers.stop(workers)
        except BaseException as error:
            if not ends.journal.exists():
                fresh.remove(only_empty=goes_on(error))
            raise
        yield from done.records
        if done.error:
            raise done.error


@dataclass(frozen=True, slots=True)
class _Wish:
    """What was asked for."""

    names: list[str]
    rename: str | None
    mode: Mode
    strict: bool
    dry_run: bool
    resume: bool
    verify: bool
    jobs: int
    views: bool
    rules: tuple[Rule, ...]
    exclude: Sequence[str]
    keep_going: bool
    keep_ttl: bool


@dataclass(frozen=True, slots=True)
class _Done:
    """What stands in the sink; and that some rows were refused, or are not what was read."""

    records: Sequence[Copied] = ()
    error: DbfleetError | None = None


def _run(ends: Ends, wish: _Wish, stack: ExitStack, workers: Sequence[Worker], watch: Watch) -> _Done:
    unread = _unread(ends, wish)
    source = stack.enter_context(ends.fleet.connect(ends.source, near=True))
    sink = _open_sink(ends, stack, wish.dry_run)
    if sink is not None and wish.rename is None:
        _identity.refuse_itself(source, sink, hint=_ANOTHER_NAME)
    known = wish.resume and ends.journal.load()
    if wish.resume and not known:
        watch.said("there is nothing to resume: copying from the beginning")
    looking = stack.enter_context(ExitStack())
    one_moment = _has_one_moment(ends, source, sink, wish.jobs)
    moment = _moment(looking, source) if one_moment and workers else None
    carrying = native.lane(ends, source, sink)
    names = setup.chosen(ends, source, wish.names, known)
    everything = not wish.names and not known
    if everything and carrying:
        names = list(carrying.native_collections())  # a view has no rows of its own
    views = native.views(ends, carrying, wish.names) if wish.views else []
    if wish.keep_ttl:
        native.keep_times(ends, source, carrying)
    chosen = without([*(name for name in names if name not in views), *views], wish.exclude)
    names = [name for name in chosen if name not in views and name not in unread]
    views = [name for name in chosen if name in views]
    if unread and not names:
        raise next(iter(unread.values()))
    schemas, broken = _left.described(source, names) if everything else ([source.describe(name) for name in names], [])
    refuse_unused(wish.rules, [(schema.name, name) for schema in schemas for name in schema.names])
    refuse_idle(wish.rules, schemas)
    asked = {schema.name: schema for schema in schemas}
    schemas = [ruled(schema, wish.rules)[1] for schema in schemas]
    there = set(sink.collections()) if sink else set()
    called = setup.called(ends, sink, wish.rename, schemas, there)
    making, by_rules = None, [name for name, schema in asked.items() if _rules_of(schema, wish.rules)]
    if carrying:
        wanted = {name: called.get(name, name) for name in asked if name not in by_rules}
        making = native.making(ends, carrying, sink, wanted, there, wish.mode, everything=not wish.names, views=views)
    whole = making.names if making else frozenset()
    fixed = making.fixed if making else frozenset()
    plans, left = setup.plans(
        ends, sink, schemas, there, called, wish.mode, known, whole, fixed, native.instead(carrying, sink, by_rules)
    )
    plans = [_by_rules(each, asked[each.source.name], wish.rules) for each in plans]
    if carrying:
        plans = native.planned(ends, carrying, sink, plans, making)
        left += [f"{name} does not go as it is: a rule reads it otherwise" for name in by_rules]
        left += native.without_times(ends, plans) if wish.keep_ttl else []
    if sink is not None:
        pairs = [(each.source.name, each.sink.name) for each in plans]
        _identity.refuse_same(source, sink, pairs, hint=_ANOTHER_NAME)
    if making:
        making.settle(sink, plans, there, ends.journal.collections)
        left += making.left
    told = [f"{name}, which cannot be read: {error.message}" for name, error in unread.items()]
    plans, left = _with_extras(ends, source, plans, [*left, *broken, *told])
    plans = [
        replace(each, way=lines.way(each, ends.source_spec, ends.sink_spec, digest=wish.verify, one_moment=one_moment))
        for each in plans
    ]
    if everything and not making:
        left += carrying.outline(list(asked), everything=True).left if carrying else _left.of_database(source)
    parts_done = sum(len(each.done) for each in ends.journal.collections.values())
    going = [each.sink.name for each in plans if each.action == "replace"]
    if sink is not None:
        _ends.refuse_what_is_referred_to(sink, going)
    remade, goes = native.remade(sink, plans, making) if making and sink is not None else (set[str](), list[str]())
    lost = [
        text for text in (_ends.lost(sink, going) if sink is not None else ()) if text.partition(": ")[0] not in remade
    ]
    lost += [text for text in goes if text not in lost]
    left += [f"{text}: goes with what is replaced" for text in lost]
    watch.planned(plan := Plan(plans, left, ends.fleet.spec(ends.sink), ends.sink.name, parts_done, lost, views))
    if carrying and everything and not wish.views and (stay := carrying.native_views()):
        watch.said(f"{len(stay)} view{'s stay' if stay[1:] else ' stays'} behind: --views makes views, too")
    _plan.check(plans, strict=wish.strict)
    if wish.strict:
        _left.refuse(left, ends.source.name, hint="without --strict the rest is copied")
    if not known:
        setup.refuse_rows(ends, sink, plans, wish.mode)
    if wish.dry_run or sink is None:
        return _Done()
    watch.agree(plan)
    _staging.clean(ends.fleet, sink)
    owner = Owner(ends, watch, verify=wish.verify, making=making, keep_going=wish.keep_going)
    try:
        done = _moved(ends, owner, source, sink, plans, moment, workers, watch, looking)
    except BaseException as error:
        _workers.stop(workers)
        ended_by(error, ends, owner, watch)
        raise
    failed = making.take_views(sink) if making and not done.error else []
    for text in failed:
        left.append(text)
        watch.said(text)
    if wish.strict:
        _left.refuse(failed, ends.source.name, hint="all else is copied")
    unread |= {name: StatementError(why) for name, why in owner.unread.items()}
    if unread and done.error is None:
        return _Done(
            done.records, _unreadable.told(unread, len(unread) + len(done.records), "not copied", ends.source.name)
        )
    for name, why in unread.items():  # there is worse to raise
        watch.said(f"{name}, which cannot be read: {why.message}")
    return done


def _unread(ends: Ends, wish: _Wish) -> _unreadable.Failures:
    """What cannot be read, where the rest is wanted nevertheless."""
    if not wish.keep_going:
        return {}
    with ends.fleet.connect(ends.source) as source:
        names = without(setup.chosen(ends, source, wish.names, False), wish.exclude)
    return _unreadable.found(ends.fleet, ends.source, names, natively=native.lane_of(ends))


def _by_rules(plan: PlannedCollection, schema: Schema, rules: tuple[Rule, ...]) -> PlannedCollection:
    """The plan with what is asked of the source, where a rule is for this collection."""
    mine = _rules_of(schema, rules)
    return replace(plan, rules=mine, ruled=ruled(schema, mine)[0]) if mine else plan


def _rules_of(schema: Schema, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if any(rule.meets(schema.name, name) for name in schema.names))


def _moved(
    ends: Ends,
    owner: Owner,
    source: Adapter,
    sink: Adapter,
    plans: Sequence[PlannedCollection],
    moment: str | None,
    workers: Sequence[Worker],
    watch: Watch,
    looking: ExitStack,
) -> _Done:
    """The rows, and then the names. `looking` is what holds the source at one moment."""
    moving = owner.made(source, sink, plans, len(workers))
    ends.journal.save()
    for worker in workers:
        worker.send(Begin(moment))
    records = list(owner.move(workers, moving))
    owner.drop_unread()
    if owner.unread and not records:
        raise StatementError(next(iter(owner.unread.values())), target=ends.source.name)
    owner.take_last(sink)
    staged = any(each.plan.staged for each in owner.moving)
    unlike = [record.collection for record in records if record.same is False]
    failed = _verified.unlike(unlike, "is not what was read", target=ends.sink.name)
    if staged and unlike:
        undo(ends, owner)
        watch.said(f"{', '.join(unlike)} is not what was read: nothing was replaced, the rows that were there stand")
        return _Done(records, failed)
    if owner.rejected:
        error = _some_refused(ends, owner)
        if staged:
            raise error
        _keep_what_was_refused(ends.journal)
        error.hint = "--resume tries the parts with refused rows again"
        return _Done(records, error)
    if staged:
        # Whoever holds a collection open would be waited for: a worker, and we ourselves where the source is the sink's
        # database, or a view or a partition of what is replaced.
        _workers.stop(workers)
        looking.close()
        owner.swap()
    ends.journal.forget()
    return _Done(records, failed)


def _some_refused(ends: Ends, owner: Owner) -> PartialWrite:
    stored = sum(each.rows for each in owner.moving)
    lost = sum(each.rejected for each in owner.moving)
    return PartialWrite(
        f"{lost:,} of {stored + lost:,} rows were refused, the first because: {owner.rejected[0].reason}",
        written=Written(stored, owner.rejected),
        engine=ends.sink_spec.name,
        target=ends.sink.name,
    )


def _with_extras(
    ends: Ends, source: Adapter, plans: Sequence[PlannedCollection], left: Sequence[str]
) -> tuple[list[PlannedCollection], list[str]]:
    """The plans of what this copy makes, or has made, with what comes along besides the rows."""
    found, all_left, any_made = [], list(left), False
    for plan in plans:
        state = ends.journal.collections.get(plan.sink.name)
        if plan.outlined:
            pass  # its outline has them
        elif plan.action in ("create", "replace") or (state is not None and state.made):
            plan, more = extras.planned(source, ends.sink_spec, plan)
            all_left += more
            any_made = True
        elif ends.source_spec.paradigm != "relational" and not plan.sink.native:
            # Attachments, times to live, other labels: they belong to the rows, whoever made the sink's collection.
            all_left += extras.planned(source, ends.sink_spec, plan)[1]
        found.append(plan)
    if any_made and ends.source_spec.paradigm == "relational" and able(source, CarriesExtras) is None:
        title = ends.source_spec.title
        all_left.append(f"{title}'s indexes, defaults and identities are not looked at: none come along")
    return found, all_left


def _keep_what_was_refused(journal: Journal) -> None:
    """For a resume: forget that parts with refused rows are done."""
    for state in journal.collections.values():
        state.done = {number: found for number, found in state.done.items() if not found[1]}
    journal.save()


def _open_sink(ends: Ends, stack: ExitStack, dry_run: bool) -> Adapter | None:
    """The sink; None where it need not be there yet: a dry run makes no file."""
    try:
        return stack.enter_context(ends.fleet.connect(ends.sink, create=not dry_run, near=True))
    except Unavailable:
        if dry_run and ends.sink_spec.embedded:
            return None
        raise


def _has_one_moment(ends: Ends, source: Adapter, sink: Adapter | None, jobs: int) -> bool:
    """Whether the source is held at one moment: by a name that the workers join, or alone where there is one worker,
    which does it then. Not where the sink is the same file, which might take no write meanwhile."""
    if able(source, SharesSnapshots) or able(source, Snapshots) is None:
        return able(source, Snapshots) is not None
    itself = sink is not None and ends.source_spec.embedded and _identity.of(source) == _identity.of(sink)
    return jobs == 1 and not itself


def _moment(stack: ExitStack, source: Adapter) -> str:
    """Hold the source where its moment has a name; empty where the worker holds it."""
    sharing = able(source, SharesSnapshots)
    if sharing is None:
        return ""
    stack.enter_context(sharing.snapshot())
    return str(sharing.snapshot_id)


def receipt(
    fleet: Fleet,
    source: Target,
    sink: Target,
    copied: Sequence[Copied],
    started: datetime,
    left: Sequence[str] = (),
) -> dict[str, Any]:
    """What was copied, from what to what, and what did not come along (`left`, the plan's), as plain JSON data."""
    ends: dict[str, Any] = {}
    for word, target in (("source", source), ("sink", sink)):
        with fleet.connect(target) as adapter:
            info = adapter.ping()
        ends[word] = {
            "target": target.name,
            "url": target.url(),
            "product": info.product,
            "version": info.version,
        }
    ended = datetime.now(UTC)
    return {
        "receipt": "copy",
        **ends,
        "started": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ended": ended.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "rows": sum(record.rows for record in copied),
        "same": all(record.same is not False for record in copied),
        "collections": [
            {"collection": record.collection, "rows": record.rows, "rejected": record.rejected,
             "seconds": record.seconds, "digest": record.digest, "same": record.same, "extras": list(record.extras),
             "native": record.native}
            for record in copied
        ],
        "left": [*left, *(f"{record.collection}: {text}" for record in copied for text in record.left)],
    }  # fmt: skip
