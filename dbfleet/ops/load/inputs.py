"""What `load` reads: the collections of a dump, or one foreign file or stdin.

A dump is checked whole before anything is said about it: the manifest, each file's size and SHA-256. A foreign input is
read twice, once to see what its values are and once to load them; stdin, or a pipe, is kept in a temporary file between
the two. How it is written is guessed where nobody says (load/guess.py), and what was guessed is `told`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from dbfleet import readers, registry
from dbfleet import rules as column_rules
from dbfleet.dialect import AS_USUAL, Dialect, check
from dbfleet.errors import DbfleetError, RuntimeFailure, UnknownEngine, UsageError, did_you_mean
from dbfleet.fidelity import alike, coarsened
from dbfleet.lines import not_ours, value_of_text
from dbfleet.ops import _dump_files as files
from dbfleet.ops._digests import Digester
from dbfleet.ops._named import without
from dbfleet.ops.load import guess
from dbfleet.ops.load.guess import Open
from dbfleet.outline import STAYS, Outline
from dbfleet.readers import Reader, Rules, Skip, no_rules
from dbfleet.rules import Rule
from dbfleet.spec import EngineSpec
from dbfleet.values import Batch, Column, Row, Schema, Type

_MOST_UNREAD: Final = 20
"""How many of the rows that cannot be read are named."""
_GUESSED_KEYS: Final = ("_id", "id")


class Unread:
    """The rows of a foreign input that cannot be read, by their lines: the first of them in `failures`, and how many
    there are."""

    def __init__(self, failures: dict[str, DbfleetError]) -> None:
        self._failures = failures
        self.count = 0

    def begin(self, name: str) -> Skip:
        """What is told of each such row. The input is read from its beginning: what was told before is told again."""
        self._failures.clear()
        self.count = 0

        def skip(line: int, error: UsageError) -> None:
            self.count += 1
            if len(self._failures) < _MOST_UNREAD:
                error.message = error.message.removeprefix(f"{name}, line {line}").removeprefix(",").lstrip(": ")
                self._failures[f"line {line}"] = error

        return skip


@dataclass(frozen=True, slots=True)
class Input:
    """One collection's rows. `name` is what messages call it, `beside` where refused rows are listed if nobody says.

    Of a dump, `exact` is true, and `schema`, `rows`, `digest` are what the manifest says. Else `schema` is None until
    `settle` has chosen one. Of a native dump `outline` says what the collections are made of; loaded as anything else
    (`closed`), its values are those of `texts`, of which those of `folded` are made where the columns are others.
    `source` is the collection's name in the dump.
    """

    collection: str
    name: str
    reader: Reader
    open: Open
    beside: Path
    exact: bool
    schema: Schema | None = None
    rows: int | None = None
    digest: str | None = None
    spec: EngineSpec | None = None
    outline: Outline | None = None
    texts: Schema | None = None
    folded: Schema | None = None
    source: str | None = None
    key: tuple[str, ...] | None = None
    dialect: Dialect = AS_USUAL
    rules: Sequence[Rule] = ()
    told: tuple[str, ...] = ()
    unread: Unread | None = None

    def settle(self, there: Schema | None) -> Schema:
        """The schema that the rows are read and written by: the dump's; of a foreign input that of the collection that
        is there, else the one that its values show."""
        if self.schema is not None:
            return self.schema if there is None else replace(there, columns=_as_there(self.schema, there))
        if there is not None:
            column_rules.refuse_unused(self.rules, [(self.collection, name) for name in there.names])
            return replace(there, key=self.key) if self.key and not there.key else there
        silently: Skip | None = (lambda line, error: None) if self.unread else None  # it is told when it is loaded
        with self.open() as stream:
            found = self.reader.infer(stream, self.name, self.dialect, self._rules(), silently)
        if not found.columns:
            raise UsageError(f"{self.name} holds no rows: nothing says what its columns are")
        column_rules.refuse_unused(self.rules, [(self.collection, column.name) for column in found.columns])
        key = self.key
        if key is None:
            key = next(((name,) for name in _GUESSED_KEYS if name in found.unique), ())
        names = [column.name for column in found.columns]
        for each in key:
            if each not in names:
                raise UsageError(
                    f"{self.name} has no column {each!r} to be the key",
                    hint=did_you_mean(each, names, f"its columns are: {', '.join(names)}"),
                )
            if next(column for column in found.columns if column.name == each).nullable:
                raise UsageError(f"{self.name}: {each} cannot be the key: a value of it is missing")
        # What is there of each today need not be there tomorrow: only the key must.
        columns = tuple(replace(column, nullable=column.name not in key) for column in found.columns)
        return Schema(self.collection, columns, key)

    def batches(self, stack: ExitStack, schema: Schema) -> Iterator[Batch]:
        """The rows, values in the schema's order; `stack` closes what was opened."""
        stream = stack.enter_context(self.open())
        rows = 0
        skip = self.unread.begin(self.name) if self.unread else None
        held = self.texts or schema
        change: Callable[[Batch], Batch] | None = None
        if self.texts and self.folded:
            assert self.spec is not None
            assert self.spec.close is not None
            described = replace(self.folded, columns=tuple(map(self.folded.column, schema.names)))
            change = partial(self.spec.close, self.texts, described)
        elif self.texts:
            held = replace(self.texts, columns=tuple(map(self.texts.column, schema.names)))
            row_of = closing(held, schema)
            change = lambda batch: list(map(row_of, batch))  # noqa: E731
        for batch in self.reader.rows(stream, self.name, held, self.exact, self.dialect, self._rules(schema), skip):
            rows += len(batch)
            yield change(batch) if change else batch
        if self.rows is not None and rows != self.rows:
            raise UsageError(f"{self.name} has {rows:,} rows, the manifest says {self.rows:,}")

    def _rules(self, schema: Schema | None = None) -> Rules:
        return column_rules.of(self.rules, self.collection, schema) if self.rules else no_rules

    def closed(self) -> Input:
        """The same rows by the closed set's types: their digest is another, which nobody knows yet."""
        if self.schema is None or not self.schema.native:
            return self
        told = (*self.told, *self._staying())
        if (found := self._unfolded()) is not None:
            return replace(self, schema=found, texts=self.schema, folded=found, digest=None, outline=None, told=told)
        columns = tuple(
            replace(column, type=column.shown or column.type, native=None, shown=None) for column in self.schema.columns
        )
        schema = replace(self.schema, columns=columns, native=False, heirs=False)
        return replace(self, schema=schema, texts=self.schema, digest=None, outline=None, told=told)

    def _staying(self) -> tuple[str, ...]:
        """What a native dump knows of the collection and no row of the closed set holds, in words."""
        if self.outline is None or self.spec is None:
            return ()
        words = [
            step.words
            for step in self.outline.steps
            if step.collection == self.source
            and step.stage not in ("before", "collections")
            and step.kind not in ("key", "reference", "counter")
        ]
        such = f" ({', '.join(words[:5])}{f', and {len(words) - 5} more' if words[5:] else ''})" if words else ""
        text = f"{self.collection} goes by the types of all engines: what only {self.spec.title} has{such}"
        return (f"{text}{STAYS}",)

    def _unfolded(self) -> Schema | None:
        """The schema by the closed set, where the native columns are others."""
        found = self.outline.closed.get(self.source or "") if self.outline else None
        if found is None or self.spec is None or self.spec.close is None:
            return None
        return replace(found, name=self.collection)

    def expected(self, spec: EngineSpec) -> str | None:
        """The digest that a target of this engine gives when it holds these rows, and nothing else."""
        assert self.schema is not None
        if coarsened(self.schema.columns, spec) is None:
            return self.digest
        digester = Digester(self.schema.columns, kept_by=spec)
        with ExitStack() as stack:
            for batch in self.batches(stack, self.schema):
                digester.add(batch)
        return str(digester.digest)


def closing(texts: Schema, schema: Schema) -> Callable[[Row], Row]:
    """What makes rows of the engine's own texts rows of the closed set's values. StatementError for one that is none
    of its type."""
    changing = [
        column if column.type is not Type.TEXT and held.type is Type.TEXT else None
        for held, column in zip(texts.columns, schema.columns, strict=True)
    ]

    def value(column: Column, text: str) -> object:
        found = value_of_text(column, text, None)
        if found is None:
            raise not_ours(column, text)
        return found

    def change(row: Row) -> Row:
        pairs = zip(row, changing, strict=True)
        return tuple([each if each is None or column is None else value(column, each) for each, column in pairs])

    return change


def _as_there(ours: Schema, there: Schema) -> tuple[Column, ...]:
    # The same columns with the target's own bounds; `load` has the difference told where there is one.
    if set(ours.names) != set(there.names):
        return ours.columns
    columns = tuple(there.column(name) for name in ours.names)
    pairs = zip(ours.columns, columns, strict=True)
    return columns if all(alike(a, b) for a, b in pairs) else ours.columns


@contextmanager
def find(
    source: str,
    *,
    collection: str | None = None,
    format: str | None = None,
    key: Sequence[str] | None = None,
    stdin: BinaryIO | None = None,
    dialect: Dialect = AS_USUAL,
    rules: Sequence[Rule] = (),
    exclude: Sequence[str] = (),
    failures: dict[str, DbfleetError] | None = None,
) -> Iterator[list[Input]]:
    """The inputs that `source` (a directory, a file, `-`) means, for the block. UsageError for what is none of them,
    for a dump that is damaged, and for a foreign input without a name or a format. What `exclude` has a pattern of is
    left out of a dump. Where there are `failures`, damaged files go into them, and rows of a foreign input that cannot
    be read, by their lines."""
    path = Path(source)
    if source != "-" and path.is_dir():
        _refuse_for_a_dump(path, dialect, rules)
        yield _of_dump(path, collection, None, exclude, failures)
        return
    if source != "-" and not path.exists():
        raise UsageError(f"{source} is not there")
    if source != "-" and (path.parent / files.MANIFEST).is_file() and format is None:
        manifest = files.read_manifest(path.parent)
        if any(path.name == each.file for each in manifest.collections):
            _refuse_for_a_dump(path, dialect, rules)
            yield _of_dump(path.parent, collection, path.name)
            return
    piped = source == "-" or not path.is_file()
    called = "stdin" if source == "-" else source
    name, reader = _named(None if piped else path, called, collection, format)
    if dialect.given:
        check(dialect, reader.name)
    if rules and reader.binary:
        raise UsageError(f"{reader.name} says itself what its values are: it has no --rule")
    if exclude:
        raise UsageError(f"--exclude leaves collections of a dump out, and {called} is one collection")
    beside = Path(f"{name.replace('/', '_')}.rejected.jsonl")
    chosen_key = None if key is None else tuple(key)
    with ExitStack() as stack:
        open_ = _opener(path)
        if piped:
            open_ = stack.enter_context(_spooled(stdin if source == "-" else path, called, reader.binary))
        kind, settled, told = guess.settled(open_, called, reader.name, dialect, chosen=format is not None)
        if guess.ends_lines_with_cr(open_, kind, settled):
            open_ = guess.with_newlines(open_)
            told.append(f"{called}: lines end with a carriage return alone, and a cell's own become newlines")
        found = Input(name, called, readers.get(kind), open_, beside, False, key=chosen_key, dialect=settled)
        # The names of native types in Extended JSON are MongoDB's.
        spec = registry.spec("mongodb") if kind == "ejson" else None
        unread = None if failures is None else Unread(failures)
        yield [replace(found, rules=rules, told=tuple(told), spec=spec, unread=unread)]


def _refuse_for_a_dump(path: Path, dialect: Dialect, rules: Sequence[Rule]) -> None:
    if dialect.given or rules:
        what = "--rule" if rules else f"--{dialect.given[0]}"
        raise UsageError(f"{path} is a dump, which says itself how it is read: {what} is for files of others",
                         hint="--format with its format reads a file of it as somebody's")  # fmt: skip


@contextmanager
def _spooled(source: BinaryIO | Path | None, name: str, binary: bool) -> Iterator[Open]:
    """What comes once, kept in a temporary file so that it can be read twice; as it is, where it is `binary`."""
    if source is None:
        raise UsageError("stdin is closed")
    with tempfile.TemporaryFile(prefix="dbfleet-load-") as spool:
        try:
            with open(source, "rb") if isinstance(source, Path) else nullcontext(source) as stream:
                shutil.copyfileobj(stream, spool, 1 << 20)
        except OSError as error:
            raise RuntimeFailure(f"cannot keep {name} in {tempfile.gettempdir()}: {error.strerror or error}") from error

        @contextmanager
        def rewound() -> Iterator[BinaryIO]:
            spool.seek(0)
            yield spool if binary else files.decompressed(spool, name)

        yield rewound


def _named(path: Path | None, called: str, collection: str | None, format: str | None) -> tuple[str, Reader]:
    """The collection's name and the reader of a foreign input."""
    name, reader = collection, readers.get(format) if format else None
    if path is not None:
        plain = path.with_suffix("") if path.suffix in files.COMPRESSIONS.values() else path
        found = readers.by_extension(plain.suffix)
        if found is not None or plain.suffix in (".txt", ".data"):
            plain = plain.with_suffix("")
        name, reader = name or plain.name, reader or found
        if reader is None:
            raise UsageError(f"{path}: nothing says what it holds", hint=f"--format {' or '.join(readers.names())}")
        return name, reader
    if name is None:
        raise UsageError(f"{called} has no name", hint="name the collection: TARGET.orders, or URL#orders")
    return name, reader or readers.get("jsonl")


def _of_dump(
    directory: Path,
    collection: str | None,
    file: str | None,
    exclude: Sequence[str] = (),
    failures: dict[str, DbfleetError] | None = None,
) -> list[Input]:
    manifest = files.read_manifest(directory)
    schemas = files.read_schemas(directory, manifest)
    outline = files.read_outline(directory, manifest) if manifest.outline_sha256 else None
    try:
        spec = registry.spec(manifest.source.get("engine") or "")
    except UnknownEngine:  # of a newer dbfleet
        spec = None
    listed = [each for each in manifest.collections if file is None or each.file == file]
    if collection is not None and file is None:
        listed = [each for each in listed if each.collection == collection]
        if not listed:
            names = [each.collection for each in manifest.collections]
            raise UsageError(f"{directory} holds no {collection}",
                             hint=did_you_mean(collection, names, f"it holds: {', '.join(names)}"))  # fmt: skip
    kept = without([each.collection for each in listed], exclude)
    found = []
    for entry in (each for each in listed if each.collection in kept):
        path = directory / entry.file
        if Path(entry.file).name != entry.file:
            raise UsageError(f"{directory / files.MANIFEST} names a file outside of its directory: {entry.file}")
        try:
            _check(path, entry)
        except UsageError as error:
            if failures is None:
                raise
            failures[entry.collection] = error
            continue
        schema = schemas[entry.collection]
        source = schema.name
        if collection is not None and collection != schema.name:
            schema = replace(schema, name=collection)
        found.append(
            Input(
                schema.name,
                str(path),
                readers.get(manifest.format),
                _opener(path),
                directory / "rejected.jsonl",
                True,
                schema,
                entry.rows,
                entry.digest,
                spec,
                outline,
                source=source,
                dialect=Dialect.from_dict(dict(manifest.dialect)),
            )
        )
    if failures and not found:
        raise next(iter(failures.values()))
    return found


def _opener(path: Path) -> Open:
    return lambda: files.opened(path)


def _check(path: Path, entry: files.DumpedFile) -> None:
    """UsageError where the file is not the one that the manifest tells of."""
    try:
        size = path.stat().st_size
        if size != entry.bytes:
            raise UsageError(f"{path} has {size:,} bytes, the manifest says {entry.bytes:,}", hint="dump again")
        with open(path, "rb") as stream:
            if files.sha256_of(iter(lambda: stream.read(1 << 20), b"")) != entry.sha256:
                raise UsageError(f"{path} is not what was dumped: its SHA-256 differs", hint="dump again")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
