"""What a load does to each collection, settled before a row is written: what is made, filled, replaced or refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dbfleet.abilities import Native, able
from dbfleet.adapter import Adapter
from dbfleet.errors import UsageError
from dbfleet.fidelity import Keeping, declared
from dbfleet.ops import _digests, _ends, _identity, _order, _plan, _staging
from dbfleet.ops.load.inputs import Input
from dbfleet.spec import Capability, EngineSpec
from dbfleet.target import Target
from dbfleet.values import Schema

Tell = Callable[[str], None]


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
class Job:
    """One input's way. `described` is the schema as the plan tells it, `schema` as it is written: what the source
    computed is a plain column of what is made. `staged` is where the rows are written, if they are to take the place of
    others, of which there are `there`. `adopted`: the collection is empty, and nobody had said what its rows are."""

    input: Input
    described: Schema
    schema: Schema
    action: str
    staged: Schema | None = None
    there: int | None = None
    adopted: bool = False

    @property
    def place(self) -> Schema:
        """What is written into."""
        return self.staged or self.schema


def jobs(adapter: Adapter, spec: EngineSpec, inputs: Sequence[Input], mode: str, tell: Tell) -> list[Job]:
    """What becomes of each input, in the order of their references. UsageError for what cannot be done."""
    there = set(adapter.collections())
    called = _identity.listed(adapter, [each.collection for each in inputs], there)
    by_name = {called.get(each.collection, each.collection): each for each in inputs}
    schemas, found = [], {}
    adopted: set[str] = set()
    there_already: dict[str, Schema] = {}
    for name, each in by_name.items():
        action = "create" if name not in there else {"insert": "append"}.get(mode, mode)
        bare = action in ("append", "upsert") and _takes_any(adapter, name, each)
        kept = _described(adapter, name, each) if action in ("append", "upsert") and not bare else None
        schema = _staging.under(each.settle(kept), called)
        if kept is None and each.spec is not spec:  # another engine's names of types mean nothing here
            schema = replace(schema, columns=tuple(replace(column, native=None) for column in schema.columns))
        if kept is not None:
            there_already[schema.name] = kept
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
        if schema.native and action in ("create", "replace"):
            schema = replace(schema, references=(), heirs=False)  # its outline makes them
        schemas.append(schema)
        found[schema.name] = (schema, action)
        adopted |= {schema.name} if bare else set()
    anew = [schema for schema in schemas if found[schema.name][1] in ("create", "replace")]
    kept_schemas, left = _order.with_kept_references(anew, there - {schema.name for schema in anew})
    for line in left:
        tell(line)
    made = {schema.name: schema for schema in kept_schemas}
    return [
        Job(
            by_name[schema.name],
            schema,
            _computed_by(there_already.get(schema.name), made.get(schema.name, schema)),
            found[schema.name][1],
            there=_ends.counted(adapter, schema.name) if found[schema.name][1] == "replace" else None,
            adopted=schema.name in adopted,
        )
        for schema in _order.ordered(schemas)
    ]


def _takes_any(adapter: Adapter, name: str, source: Input) -> bool:
    return not (source.schema and source.schema.native) and _ends.is_bare(adapter, name)


def _described(adapter: Adapter, name: str, source: Input) -> Schema:
    """What is there, as the rows that come are."""
    known = able(adapter, Native) if source.schema and source.schema.native else None
    return adapter.spec.filed(known.native(name)) if known else adapter.describe(name)


def _computed_by(there: Schema | None, schema: Schema) -> Schema:
    """The schema with the word "generated" where the collection that is there computes a column, and nowhere else."""
    computed = {column.name for column in there.columns if column.generated} if there else set()
    return replace(schema, columns=tuple(replace(each, generated=each.name in computed) for each in schema.columns))


def _compare(ours: Schema, there: Schema, source: Input, mode: str) -> None:
    """UsageError, with every difference, where rows of the one schema do not fit into the other."""
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
            hint="--mode replace makes it anew",
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
        hint="--mode upsert adds ours and replaces those with the same keys, --mode replace puts ours in its place",
    )


def planned(target: Target, spec: EngineSpec, job: Job) -> Planned:
    """A job as it is shown."""
    lines = []
    for column in job.described.columns:
        how = declared(column, job.input.spec or spec, spec)
        why = f"{how.keeping}{f' ({how.note})' if how.note else ''}"
        lines.append((column.name, _plan.typed(column), why if how.keeping is not Keeping.EXACT else None))
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
