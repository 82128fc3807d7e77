"""`dbfleet load`: a dump, or one CSV or JSON Lines file of anybody's, into a target.

    for record in load(fleet, target, Path("shop.dump")):
        ...

Nothing is written before everything has been looked at: a dump's manifest, sizes and checksums; a foreign file to its
end, so that its types hold for every value; the target's collections. Then `show` is told the plan. What is missing is
created; what is there keeps its schema, or is refused with the difference.

A collection that this load has made is dropped again where the load of it fails, so that the same command can simply
be given again. Refused rows go to a file, each with its reason: see `_rejected`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from dbfleet.adapter import Adapter, Capability, EngineSpec, Target, Written, coarsened
from dbfleet.errors import ConstraintViolated, DbfleetError, NoRoom, PartialWrite, StatementError, UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _digests, _order, _plan
from dbfleet.ops._digests import Digester
from dbfleet.ops._inputs import Input
from dbfleet.ops._rejected import RejectedFile, write_apart
from dbfleet.values import Batch, Schema

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


@dataclass(frozen=True, slots=True)
class Planned:
    """What becomes of one collection: `action` is create, append, upsert, replace or skip (it is there already, whole).
    `columns` has a line a column: name, type, and a note where it is not kept exactly. `inferred`: from the values."""

    target: str
    collection: str
    action: str
    rows: int | None
    source: str
    key: tuple[str, ...]
    columns: tuple[tuple[str, str, str | None], ...]
    inferred: bool


@dataclass(frozen=True, slots=True)
class _Job:
    input: Input
    schema: Schema
    action: str


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
) -> Iterator[Loaded]:
    """Load the inputs (`_inputs.find`) in the order of their references; a record for each collection when it is done.

    `mode`: insert refuses a key that exists, upsert replaces its row, replace drops the collection first (`agree` is
    told what goes, and may raise). `rejected` is where refused rows are listed; with it, an engine that refuses a
    write as a whole is given the rows apart, and keeps the good ones. UsageError before anything is written;
    PartialWrite at the end, where rows were refused and others are stored.
    """
    if mode not in MODES:
        raise UsageError(f"no mode is called {mode!r}", hint=f"they are: {', '.join(MODES)}")
    refused = RejectedFile(rejected or inputs[0].beside, asked=rejected is not None)
    finished: list[_Job] = []
    jobs: list[_Job] = []
    made: list[str] = []
    try:
        with fleet.connect(target, create=not dry_run) as adapter, refused:
            spec = fleet.spec(target)
            jobs = _jobs(adapter, spec, inputs, mode, tell)
            show([_planned(target, spec, job) for job in jobs])
            if dry_run:
                return
            going = [job.schema.name for job in jobs if job.action == "replace"]
            if going and agree:
                agree(f"{', '.join(going)} of {target.name} will be dropped and made again.")
            for name in reversed(going):
                adapter.drop(name)
            for job in jobs:
                if job.action in ("create", "replace"):
                    made.append(job.schema.name)
                    adapter.create(job.schema)
            for job in jobs:
                if job.action != "skip":
                    yield _load(adapter, job, verify, refused, progress, tell)
                else:
                    yield Loaded(target.name, job.schema.name, 0, 0, 0.0, job.input.digest if verify else None,
                                 True if verify else None)  # fmt: skip
                finished.append(job)
    except BaseException as error:
        _undo(fleet, target, [name for name in made if name not in {job.schema.name for job in finished}], error)
        raise
    if refused.count:
        raise PartialWrite(
            f"{refused.count:,} rows were refused, the first because: {refused.first}",
            written=Written(0, refused.some),
            engine=target.engine,
            target=target.name,
            hint=f"{refused.path} lists them with their reasons",
        )


def _undo(fleet: Fleet, target: Target, names: Sequence[str], error: BaseException) -> None:
    """Drop what was made and not filled, on a connection of its own: the other may be lost, or hold locks no more."""
    if not names:
        return
    try:
        with fleet.connect(target) as adapter:
            for name in reversed(names):
                adapter.drop(name)
    except DbfleetError:
        if isinstance(error, DbfleetError) and error.hint is None:
            error.hint = f"what is in {', '.join(names)} is not whole: --mode replace begins anew"


# --- the plan ------------------------------------------------------------------------------------------------------


def _jobs(adapter: Adapter, spec: EngineSpec, inputs: Sequence[Input], mode: str, tell: Tell) -> list[_Job]:
    there = set(adapter.collections())
    by_name = {each.collection: each for each in inputs}
    schemas, found = [], {}
    for each in inputs:
        old = adapter.describe(each.collection) if each.collection in there else None
        action = "create" if old is None else {"insert": "append"}.get(mode, mode)
        kept = old if action in ("append", "upsert") else None
        schema = each.settle(kept)
        if kept is not None:
            _compare(schema, kept, each, mode)
            if mode == "insert" and each.digest is not None:
                action = _if_empty(adapter, each, kept)
        elif not schema.key and Capability.KEYLESS not in spec.capabilities:
            raise UsageError(
                f"{schema.name} has no key, and {spec.title} keeps no collection without one",
                hint="--key COLUMN[,COLUMN] names it",
            )
        if mode == "upsert" and not schema.key:
            raise UsageError(f"{schema.name} has no key to upsert by", hint="--key COLUMN[,COLUMN] names it")
        schemas.append(schema)
        found[schema.name] = (schema, action)
    kept_schemas, left = _order.with_kept_references(
        [schema for schema in schemas if found[schema.name][1] in ("create", "replace")], there
    )
    for line in left:
        tell(line)
    made = {schema.name: schema for schema in kept_schemas}
    return [
        _Job(by_name[schema.name], made.get(schema.name, schema), found[schema.name][1])
        for schema in _order.ordered(schemas)
    ]


def _compare(ours: Schema, there: Schema, source: Input, mode: str) -> None:
    """UsageError, with every difference, where the rows of one do not belong into the other."""
    if not source.exact:
        return  # a foreign file is read as what is there
    differences = []
    for column in ours.columns:
        if column.name not in there.names:
            differences.append(f"no column {column.name}")
        elif there.column(column.name).type is not column.type:
            differences.append(f"{column.name} is {there.column(column.name).type}, not {column.type}")
    differences += [f"a column {name} that the dump has not" for name in there.names if name not in ours.names]
    if sorted(ours.key) != sorted(there.key):
        differences.append(f"its key is ({', '.join(there.key)}), not ({', '.join(ours.key)})")
    if differences:
        raise UsageError(
            f"{there.name} is there with another schema: {'; '.join(differences)}",
            hint="--mode replace drops it and makes it anew",
        )


def _if_empty(adapter: Adapter, source: Input, there: Schema) -> str:
    """A dump is inserted where nothing is; what is there whole already is left alone."""
    rows = adapter.count(there.name)
    if not rows:
        return "append"
    if rows == source.rows and str(_digests.stored(adapter, there)) == source.expected(adapter.spec):
        return "skip"
    raise UsageError(
        f"{there.name} holds {rows:,} rows already, and not those of the dump",
        hint="--mode upsert adds ours and replaces those with the same keys, --mode replace drops it first",
    )


def _planned(target: Target, spec: EngineSpec, job: _Job) -> Planned:
    lines = []
    for column in job.schema.columns:
        kept, note = _plan.fidelity(column, job.input.spec or spec, spec)
        why = f"{kept}{f' ({note})' if note else ''}" if kept != "exact" else None
        lines.append((column.name, _plan.typed(column), why))
    return Planned(
        target.name,
        job.schema.name,
        job.action,
        job.input.rows,
        job.input.name,
        job.schema.key,
        tuple(lines),
        not job.input.exact and job.action in ("create", "replace"),
    )


# --- one collection ------------------------------------------------------------------------------------------------


def _load(adapter: Adapter, job: _Job, verify: bool, refused: RejectedFile, progress: Progress, tell: Tell) -> Loaded:
    schema, source = job.schema, job.input
    mode: Literal["insert", "upsert"] = "upsert" if job.action == "upsert" else "insert"
    before = adapter.count(schema.name) if verify and job.action in ("append", "upsert") else 0
    coarsen = coarsened(schema.columns, adapter.spec)
    digester = Digester(schema.columns)

    def batches(stack: ExitStack, *, told: bool = True) -> Iterator[Batch]:
        rows = 0
        for batch in source.batches(stack, schema):
            if verify and told:
                digester.add([coarsen(row) for row in batch] if coarsen else batch)
            yield batch
            rows += len(batch)
            progress(schema.name, rows, source.rows)

    started = time.perf_counter()
    refused.begin(schema)
    try:
        with ExitStack() as stack:
            if Capability.ATOMIC_WRITE in adapter.spec.capabilities:
                written = adapter.write(schema, batches(stack), mode=mode).rows
            else:
                written = refused.through(adapter, schema, batches(stack), mode)
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
        digester = Digester(schema.columns)
        with ExitStack() as stack:
            written = write_apart(adapter, schema, batches(stack), mode, refused)
    seconds = round(time.perf_counter() - started, 3)
    lost = refused.ended()
    if not verify:
        return Loaded(adapter.target.name, schema.name, written, lost, seconds)
    held = _digests.stored(adapter, schema)
    verified = None
    if before and mode == "insert":
        tell(f"{schema.name} held {before:,} rows before: only the number of rows is verified")
        verified = held.rows == before + written
    elif before:
        tell(f"{schema.name} held {before:,} rows before: it cannot be verified by its digest")
    elif not lost:
        verified = held == digester.digest
    return Loaded(adapter.target.name, schema.name, written, lost, seconds, str(held), verified)


def _what_next(error: StatementError, mode: str) -> str:
    hint = "nothing of this collection was written; --rejected FILE stores the good rows and lists the others"
    if isinstance(error, ConstraintViolated) and mode == "insert":
        hint += "; --mode upsert replaces rows whose keys are there"
    return hint
