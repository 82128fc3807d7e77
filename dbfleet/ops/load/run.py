"""`dbfleet load` from its beginning to its end: see the package for the rules."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from dbfleet.abilities import Native, able
from dbfleet.adapter import Adapter, Swap, Written
from dbfleet.errors import ConstraintViolated, DbfleetError, NoRoom, PartialWrite, StatementError, UsageError
from dbfleet.fidelity import coarsened, marked
from dbfleet.fleet import Fleet
from dbfleet.ops import _digests, _ends, _staging, _verified
from dbfleet.ops._apart import Apart
from dbfleet.ops._digests import Digester
from dbfleet.ops._plan import PlannedCollection
from dbfleet.ops._progress import Ticker
from dbfleet.ops.copy.native import Making, make_room
from dbfleet.ops.load import native, plan
from dbfleet.ops.load.inputs import Input
from dbfleet.ops.load.plan import Job, Planned
from dbfleet.ops.load.rejected import RejectedFile, write_apart
from dbfleet.spec import Capability
from dbfleet.target import Target
from dbfleet.values import Batch

Mode = Literal["insert", "upsert", "replace"]
MODES: Final[tuple[Mode, ...]] = ("insert", "upsert", "replace")
Tell = Callable[[str], None]
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was done to one collection. `digest` is of what the target holds, with `verify`; `verified` says whether
    that is what was loaded, None where it could not be told."""

    target: str
    collection: str
    rows: int
    rejected: int
    seconds: float
    digest: str | None = None
    verified: bool | None = None


@dataclass(slots=True)
class Earlier:
    """What a try that failed has left: collections that it has made and could not drop again, as the server was gone;
    how many rows were refused."""

    left_over: list[str] = field(default_factory=list)
    refused: int = 0


def load(
    fleet: Fleet,
    target: Target,
    inputs: Sequence[Input],
    *,
    mode: str = "insert",
    verify: bool = False,
    dry_run: bool = False,
    rejected: Path | None = None,
    tell: Tell = lambda text: None,
    show: Callable[[Sequence[Planned]], None] = lambda plan: None,
    agree: Callable[[str], None] | None = None,
    progress: Progress = lambda collection, rows, total: None,
    earlier: Earlier | None = None,
) -> Iterator[Loaded]:
    """Load the inputs (`inputs.find`) in the order of their references; a record for each collection when it is done.

    `mode`: insert refuses a key that exists, upsert replaces its row, replace puts the new rows in the place of the old
    (`agree` is told what goes, and may raise). `rejected` is where refused rows are listed; with it, an engine that
    refuses a write as a whole is given the rows apart, and keeps the good ones. UsageError before anything is written;
    PartialWrite at the end, where rows were refused and others are stored; VerifyFailed, where a collection is not what
    was loaded. `earlier` is what an earlier try has left, and gets what this one leaves.
    """
    if mode not in MODES:
        raise UsageError(f"no mode is called {mode!r}", hint=f"they are: {', '.join(MODES)}")
    # A dump of an empty database has no inputs, and no row that could be refused.
    beside = inputs[0].beside if inputs else Path("rejected.jsonl")
    refused = RejectedFile(rejected or beside, asked=rejected is not None)
    fresh = _ends.FreshFile(fleet, target)
    run = _Run(fleet, target, verify, refused, tell, progress, earlier or Earlier())
    unlike: list[str] = []
    try:
        with fleet.connect(target, create=not dry_run, near=True) as adapter, refused:
            spec = fleet.spec(target)
            for name in run.earlier.left_over:
                adapter.drop(name)
            run.earlier.left_over.clear()
            inputs, making = native.settled(adapter, spec, inputs, mode, adapter.collections())
            for text in (text for each in inputs for text in each.told):
                tell(text)
            jobs = plan.jobs(adapter, spec, inputs, mode, tell)
            going = [job for job in jobs if job.action == "replace"]
            names = [job.schema.name for job in going]
            _ends.refuse_what_is_referred_to(adapter, names)
            lost = _ends.lost(adapter, names)
            for text in lost:
                tell(f"{text}: goes with what is replaced")
            show([plan.planned(target, spec, job) for job in jobs])
            if dry_run:
                return
            swaps = _staging.can_swap(adapter)
            if going and agree:
                there = [(job.schema.name, job.there) for job in going]
                fixed = making.fixed if making else frozenset()
                in_place = [job.schema.name for job in going if (job.input.source or job.schema.name) in fixed]
                agree(_ends.question(there, target.name, spec, lost, in_place))
            _staging.clean(fleet, adapter)
            with _staging.claimed(fleet) if going and swaps else nullcontext() as word:
                run.jobs = _staged(jobs, word, making.fixed if making else ()) if word else jobs
                run.begin(adapter, making)
                for record in run.all(adapter):
                    unlike += [record.collection] if record.verified is False else []
                    yield record
    except BaseException as error:
        run.earlier.refused += refused.count
        if run.undo(error):
            fresh.remove()
        raise
    if refused.count:
        raise PartialWrite(
            f"{refused.count:,} rows were refused, the first because: {refused.first}",
            written=Written(0, refused.some),
            engine=target.engine,
            target=target.name,
            hint=f"{refused.path} lists them with their reasons",
        )
    _verified.refuse(unlike, "does not hold what was loaded", target=target.name)


def _staged(jobs: Sequence[Job], word: str, fixed: Collection[str]) -> list[Job]:
    """Where something is replaced, everything that is made is staged: a reader sees all of it or nothing. What cannot
    change its name (`fixed`, by the source's names) is made where it is to stand."""
    fresh = [job for job in jobs if job.action in ("create", "replace")]
    free = [job.schema for job in fresh if (job.input.source or job.schema.name) not in fixed]
    names = _staging.staged(free, word)
    return [replace(job, staged=names.get(job.schema.name)) for job in jobs]


class _Run:
    """One load: what it has made, and what of it is whole."""

    def __init__(
        self, fleet: Fleet, target: Target, verify: bool, refused: RejectedFile, tell: Tell, progress: Progress,
        earlier: Earlier,
    ) -> None:  # fmt: skip
        self._fleet, self._target = fleet, target
        self._verify, self._refused, self._tell, self._progress = verify, refused, tell, progress
        self.jobs: list[Job] = []
        self._made: list[Job] = []
        self.earlier = earlier
        self._whole: list[Job] = []
        self._tickers: dict[str, Ticker] = {}
        self._making: Making | None = None
        self._plans: dict[str, PlannedCollection] = {}

    def all(self, adapter: Adapter) -> Iterator[Loaded]:
        """Make what is missing, fill everything, and let what is staged take its place."""
        dropped = [job.schema.name for job in self.jobs if job.action == "replace" and job.staged is None]
        make_room(adapter, [name for name in dropped if name in self._plans])
        for job in reversed(self.jobs):
            if job.action == "replace" and job.staged is None:
                adapter.drop(job.schema.name)
        if self._making:
            self._made += [job for job in self.jobs if job.schema.name in self._plans]
            self._making.take_first(adapter, list(self._plans.values()))
        for job in self.jobs:
            if job.adopted:
                _ends.adopt(adapter, job.schema)
            if job.action in ("create", "replace") and job.schema.name not in self._plans:
                adapter.create(job.place)
                self._made.append(job)
        swaps = [self._swap(job) for job in self.jobs if job.staged]
        done = []
        for job in self.jobs:
            if job.action == "skip":
                digest = job.input.digest if self._verify else None
                found = Loaded(self._target.name, job.schema.name, 0, 0, 0.0, digest, True if self._verify else None)
            else:
                found = _load(adapter, job, self._verify, self._refused, self._ticker(job), self._tell)
            if job.action in ("append", "upsert"):
                for text in _ends.count_on(adapter, job.schema.name):
                    self._tell(f"{job.schema.name}: {text}")
            self._whole.append(job)
            done.append(found)
            if not swaps:
                yield found
        if self._making:
            self._making.take(adapter, "keys", "references", "after")
        if not swaps:
            self._take_views(adapter)
            return
        unlike = [each.collection for each in done if each.verified is False]
        if unlike or (self._refused.count and not self._refused.asked):
            why = f"{', '.join(unlike)} is not what was loaded" if unlike else "rows were refused"
            self._tell(f"{why}: nothing was replaced, the rows that were there stand")
            self.undo(None)
        else:
            _staging.swap(adapter, swaps)
            self._made = []
            self._take_views(adapter)
        yield from done

    def _take_views(self, adapter: Adapter) -> None:
        for text in self._making.take_views(adapter) if self._making else ():
            self._tell(text)

    def begin(self, adapter: Adapter, making: Making | None) -> None:
        """Now that the jobs are known: what of them is made by an outline, and how it is called."""
        if making is None:
            return
        self._making = making
        places = {
            job.input.source or job.schema.name: (job.input.schema or job.schema, job.schema, job.staged, job.action)
            for job in self.jobs
        }
        plans = native.planned(making, adapter, places, adapter.collections())
        for text in making.left:
            self._tell(text)
        self._plans = {plan.sink.name: plan for plan in plans if plan.outlined}

    def _swap(self, job: Job) -> Swap:
        assert job.staged is not None
        plan = self._plans.get(job.schema.name)
        return native.swap(self._making, plan) if plan and self._making else Swap(job.staged, job.schema.name)

    def _ticker(self, job: Job) -> Ticker:
        name, total = job.schema.name, job.input.rows
        self._tickers[name] = Ticker(lambda rows: self._progress(name, rows, total))
        return self._tickers[name]

    def undo(self, error: BaseException | None) -> bool:
        """Drop what was made, on a connection of its own: the other may be lost, or hold locks no more. What is whole
        stays after an interrupt. Whether nothing of it is left."""
        goes_on = error is not None and _ends.goes_on(error)
        # What an outline makes has its keys only at the end.
        kept = [job for job in self._whole if goes_on and job.staged is None and job.schema.name not in self._plans]
        going = [job.place.name for job in reversed(self._made) if job not in kept]
        hint = self._hint(kept) if self._made or kept else None
        self._made = []
        try:
            if going:
                with self._fleet.connect(self._target, near=True) as adapter:
                    if removing := able(adapter, Native) if self._making else None:
                        removing.remove(going)  # they may refer to each other
                    for name in going:
                        adapter.drop(name)
                    if removing and self._making:
                        for step in reversed(self._making.shared):
                            with suppress(DbfleetError):  # somebody else uses it by now
                                removing.undo(step, {})
        except DbfleetError:
            self.earlier.left_over += [name for name in going if name not in self.earlier.left_over]
            hint = f"what is in {', '.join(going)} is not whole: --mode replace begins anew"
        if isinstance(error, DbfleetError):
            error.hint = error.hint or hint
        elif hint and goes_on and not isinstance(error, GeneratorExit):
            self._tell(hint)
        return not kept

    def _hint(self, kept: Sequence[Job]) -> str:
        stopped = next((job for job in self.jobs if job not in self._whole), None)
        parts = [f"{len(kept)} of {len(self.jobs)} collections are whole and stay"] if kept else []
        ticker = self._tickers.get(stopped.schema.name) if stopped is not None else None
        if stopped is not None and ticker is not None and ticker.rows:
            parts.append(f"the {ticker.rows:,} rows of {stopped.schema.name} are taken back")
        if any(job.staged for job in self.jobs):
            parts.append("nothing was replaced, the rows that were there stand")
        told = "; ".join(parts) or "nothing that it made is left"
        return f"{told}: the same command begins again" + (" behind them" if kept else "")


# --- one collection ------------------------------------------------------------------------------------------------


def _load(adapter: Adapter, job: Job, verify: bool, refused: RejectedFile, ticker: Ticker, tell: Tell) -> Loaded:
    schema, source, name = job.place, job.input, job.schema.name
    mode: Literal["insert", "upsert"] = "upsert" if job.action == "upsert" else "insert"
    before = adapter.count(schema.name) if verify and job.action in ("append", "upsert") else 0
    if job.action in ("append", "upsert"):
        schema = replace(schema, columns=tuple(marked(column, adapter.spec) for column in schema.columns))
    digester = Digester(schema.columns, kept_by=adapter.spec)

    def batches(stack: ExitStack) -> Iterator[Batch]:
        ticker.rows = 0
        apart = Apart(schema, adapter.spec)
        for batch in apart(ticker.batches(source.batches(stack, schema))):
            if apart.rejected:
                raise ConstraintViolated(f"{name}: {apart.rejected[0].reason}", target=adapter.target.name)
            if verify:
                digester.add(batch)
            yield batch

    started = time.perf_counter()
    refused.begin(job.schema)
    try:
        with ExitStack() as stack:
            if Capability.ATOMIC_WRITE in adapter.spec.capabilities:
                written = adapter.write(schema, batches(stack), mode=mode).rows
            else:
                alone = schema.native and job.action in ("create", "replace")  # a file may hold a key twice, no dump
                written = refused.through(adapter, schema, batches(stack), mode, alone=alone)
    except NoRoom as error:
        if Capability.ATOMIC_WRITE in adapter.spec.capabilities:
            error.hint = "nothing of this collection was written; give the server room, then load again"
        raise
    except StatementError as error:
        if Capability.ATOMIC_WRITE not in adapter.spec.capabilities:
            raise
        if not refused.asked:
            error.hint = error.hint or _what_next(error, mode)
            raise
        # Nothing of it is stored. Once more, the good rows apart from the others.
        digester = Digester(schema.columns, kept_by=adapter.spec)
        with ExitStack() as stack:
            written = write_apart(adapter, schema, batches(stack), mode, refused)
    seconds = round(time.perf_counter() - started, 3)
    lost = refused.ended()
    if not verify:
        return Loaded(adapter.target.name, name, written, lost, seconds)
    held = _digests.stored(adapter, schema)
    verified = None
    if before and mode == "insert":
        tell(f"{name} held {before:,} rows before: only the number of rows is verified")
        verified = held.rows == before + written
    elif before:
        tell(f"{name} held {before:,} rows before: it cannot be verified by its digest")
    elif not lost:
        # What was read is what was dumped, where the target keeps it whole; and what is held is what was read.
        whole = source.digest is not None and coarsened(schema.columns, adapter.spec) is None
        verified = held == digester.digest and (not whole or str(held) == source.digest)
    return Loaded(adapter.target.name, name, written, lost, seconds, str(held), verified)


def _what_next(error: StatementError, mode: str) -> str:
    hint = "nothing of this collection was written; --rejected FILE stores the good rows and lists the others"
    if isinstance(error, ConstraintViolated) and mode == "insert":
        hint += "; --mode upsert replaces rows whose keys are there"
    return hint
