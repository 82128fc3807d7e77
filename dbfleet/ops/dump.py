"""`dbfleet dump`: a target's collections as files, or one of them as bytes.

    for record in dump(fleet, target, directory=Path("shop.dump")):
        ...

The directory is written so that a dump that was cut off is never taken for a whole one: every file has a temporary name
until it is whole, and the manifest is written last, in one step (ops/_dump_files.py). A dump that replaces another is
made beside it, and takes its place when it is whole. Collections come in the order of their references, all of one
moment where the engine can hold one; the manifest and `tell` say so where it cannot. Each row's digest is taken from
the very values that are written.

Rows stream: memory holds a batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from dbfleet import __version__
from dbfleet.abilities import ENCODINGS, EncodesScans, Native, able, carrying
from dbfleet.adapter import Adapter
from dbfleet.dialect import AS_USUAL, Dialect
from dbfleet.dialect import FORMATS as DIALECTS
from dbfleet.dialect import check as check_dialect
from dbfleet.errors import DbfleetError, Unsupported, UsageError, did_you_mean
from dbfleet.fleet import Fleet
from dbfleet.formats import _exact
from dbfleet.formats._dialect import check as check_written
from dbfleet.ops import _dump_files as files
from dbfleet.ops import _left, _unreadable
from dbfleet.ops._digests import Digester
from dbfleet.ops._moment import Moment
from dbfleet.ops._named import distinct, hinted, without
from dbfleet.ops._order import ordered
from dbfleet.ops._progress import Ticker
from dbfleet.outline import STAYS, Outline
from dbfleet.target import Target
from dbfleet.values import Digest, Schema

T = TypeVar("T")
Tell = Callable[[str], None]
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Dumped:
    """One collection's file. `rejected` is part of every record of this kind; reading rejects nothing."""

    target: str
    collection: str
    rows: int
    rejected: int
    seconds: float
    digest: str


@dataclass(frozen=True, slots=True)
class _Wish:
    """How the files are written."""

    format: str
    compress: str | None
    dialect: Dialect


def dump(
    fleet: Fleet,
    target: Target,
    collections: Sequence[str] = (),
    *,
    directory: Path,
    format: str = "jsonl",
    compress: str | None = None,
    dialect: Dialect = AS_USUAL,
    exclude: Sequence[str] = (),
    keep_going: bool = False,
    strict: bool = False,
    native: bool = False,
    tell: Tell = lambda text: None,
    agree: Callable[[str], None] | None = None,
    progress: Progress = lambda collection, rows: None,
) -> Iterator[Dumped]:
    """Write the collections (all, if none is named) to the directory; a record for each when its file is whole.

    UsageError for a format that is none. A directory that holds something is refused, unless `agree` returns when it
    is told what will go; only what a dump writes is ever removed, and not before the new dump is whole. RuntimeFailure
    where the disk refuses. `tell` is told what is not in the dump; with `strict` it is LossyRefused. What `exclude` has
    a pattern of is left out. With `keep_going` a collection that cannot be read is left out too, and FleetPartlyFailed
    names it when the dump of the others is whole. With `native` the values are the engine's own texts or bytes, and all
    that the collections are made of comes along; Unsupported for an engine that cannot.
    """
    check(format, compress, dialect)
    wish = _Wish(format, compress, dialect)
    folders = [each for each in (directory, *directory.parents) if not each.exists()]
    place = directory
    started = _now()
    made: list[Path] = []
    failures: _unreadable.Failures = {}
    try:
        place = _prepare(directory, agree)
        everything = not collections
        if exclude or keep_going:
            with fleet.connect(target, near=True) as adapter:
                names = distinct(collections) or list(_carrying(adapter).native_collections() if native
                                                      else adapter.collections())  # fmt: skip
            collections = without(names, exclude)
            failures = _unreadable.found(fleet, target, collections, natively=native) if keep_going else {}
            collections = [name for name in collections if name not in failures]
            if failures and not collections:
                raise next(iter(failures.values()))
        with fleet.connect(target, near=True) as adapter, Moment(fleet, target, adapter, tell) as moment:
            info = adapter.ping()
            outline = None
            if native:
                schemas, outline = _natively(adapter, collections, everything=everything)
                left = list(outline.left)
            else:
                schemas, left = _schemas(adapter, collections, everything=everything)
                left += _not_kept(adapter, schemas)
            left += [f"{name}, which cannot be read: {error.message}" for name, error in failures.items()]
            if strict:
                _left.refuse(left, target.name, hint="without --strict the rest is dumped")
            for text in left:
                tell(text)
            taken: set[str] = set()
            names = [files.file_name(schema.name, _ending(format, compress), taken) for schema in schemas]
            if place != directory:
                _check_free(directory, names)
            made.append(place / files.SCHEMA)
            schema_sha256 = _write(place / files.SCHEMA, files.schema_json(schemas))
            outline_sha256 = None
            if outline:
                made.append(place / files.OUTLINE)
                outline_sha256 = _write(place / files.OUTLINE, files.outline_json(outline))
            entries: list[files.DumpedFile] = []
            for schema, name in zip(schemas, names, strict=True):
                made.append(place / name)
                before = time.perf_counter()
                try:
                    entries.append(_collection(adapter, schema, place / name, wish, progress))
                except DbfleetError as error:
                    if not keep_going or not _unreadable.is_of_one(error):
                        raise
                    failures[schema.name] = error
                    left.append(f"{schema.name}, which cannot be read: {error.message}")
                    moment.lost(schema.name)
                    continue
                seconds = round(time.perf_counter() - before, 3)
                yield Dumped(target.name, schema.name, entries[-1].rows, 0, seconds, entries[-1].digest)
        manifest = files.Manifest(
            tool=f"dbfleet {__version__}",
            source={
                "target": target.name,
                "engine": target.engine,
                "product": info.product,
                "version": info.version,
            },
            started=started,
            ended=_now(),
            consistent=moment.why_not is None,
            consistency=moment.why_not or "all collections are of one moment",
            format=format,
            compression=compress,
            schema_sha256=schema_sha256,
            collections=tuple(entries),
            left=tuple(left),
            dialect=dialect.to_dict(),
            outline_sha256=outline_sha256,
        )
        made.append(place / files.MANIFEST)
        _write(place / files.MANIFEST, manifest.to_json().encode("utf-8", "surrogatepass"))
    except BaseException:
        # Without a manifest they are nothing, and would stand in the way of the next dump.
        for path in made:
            path.unlink(missing_ok=True)
            path.with_name(path.name + files.PARTIAL).unlink(missing_ok=True)
        for folder in [place] if place != directory else folders:
            with suppress(OSError):
                folder.rmdir()
        raise
    if place != directory:
        files.swap(place, directory)
    if failures:
        raise _unreadable.told(failures, len(failures) + len(entries), "not dumped", target.name)


@contextmanager
def stream(
    fleet: Fleet,
    target: Target,
    collection: str,
    *,
    format: str = "jsonl",
    compress: str | None = None,
    dialect: Dialect = AS_USUAL,
    progress: Progress = lambda collection, rows: None,
) -> Iterator[Iterator[bytes]]:
    """One collection's bytes, for the block. NotFound if it is not there."""
    check(format, compress, dialect)
    squeeze, end = files.compressor(compress)
    with fleet.connect(target, near=True) as adapter:
        ((schema,), _) = _schemas(adapter, [collection], everything=False)

        def squeezed(chunks: Iterator[bytes]) -> Iterator[bytes]:
            for chunk in chunks:
                if data := squeeze(chunk):
                    yield data
            yield end()

        wish = _Wish(format, compress, dialect)
        rendered = _rendered(adapter, schema, wish)
        ticker = Ticker(partial(progress, schema.name))
        if rendered is not None:
            with _closing(rendered):
                yield squeezed(ticker.chunks(rendered))
        else:
            with _closing(adapter.scan(schema)) as batches:
                yield squeezed(_exact.encode(format, schema, ticker.batches(batches), dialect))


def check(format: str, compress: str | None, dialect: Dialect = AS_USUAL) -> None:
    """UsageError for what a dump cannot be made of, or a package that is missing."""
    if format not in _exact.FORMATS:
        raise UsageError(
            f"a dump has no format {format!r}",
            hint=did_you_mean(format, _exact.FORMATS, f"the formats are: {', '.join(_exact.FORMATS)}"),
        )
    if compress is not None and compress not in files.COMPRESSIONS:
        raise UsageError(f"no compression is called {compress!r}", hint=f"they are: {', '.join(files.COMPRESSIONS)}")
    if compress and format == "parquet":
        raise UsageError("parquet compresses itself", hint="leave --compress out")
    check_dialect(dialect, format)
    if format in DIALECTS:
        check_written(dialect, unlike=format)
    files.compressor(compress)
    if format == "parquet":
        from dbfleet.formats._parquet import arrow

        arrow()


# --- the directory -------------------------------------------------------------------------------------------------


def _prepare(directory: Path, agree: Callable[[str], None] | None) -> Path:
    """Where the files are written: the directory, made if need be; or a folder in it, where it holds something."""
    with files.failing_by_name(directory):
        if directory.exists() and not directory.is_dir():
            raise UsageError(f"{directory} is a file; a dump is a directory")
        directory.mkdir(parents=True, exist_ok=True)
        if not any(directory.iterdir()):
            return directory
    if agree is None:
        raise UsageError(f"{directory} is not empty", hint="--yes replaces a dump that is there")
    agree(f"{directory} is not empty: a dump that is in it will be replaced")
    return files.staging(directory)


def _check_free(directory: Path, names: Sequence[str]) -> None:
    """UsageError where a file of somebody else's has a name that ours will have."""
    ours = set(files.left_by_dumps(directory))
    for name in (files.SCHEMA, files.OUTLINE, *names):
        if name not in ours and (directory / name).exists():
            raise UsageError(
                f"{directory / name} is in the way, and no part of a dump", hint="move it, or dump elsewhere"
            )


def _ending(format: str, compress: str | None) -> str:
    return f".{format}" + (files.COMPRESSIONS[compress] if compress else "")


def _write(path: Path, data: bytes) -> str:
    writer = files.Writer(path, None)
    try:
        writer.write(data)
        return writer.finish()[1]
    finally:
        writer.close()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- reading -------------------------------------------------------------------------------------------------------


def _schemas(adapter: Adapter, names: Sequence[str], *, everything: bool) -> tuple[list[Schema], list[str]]:
    """The collections' schemas, in the order of their references, and what of the database is none of them, where
    `everything` is meant (no name: all there is). NotFound, with the nearest name, for one that was named and is not
    there."""
    if everything:
        all_of_it, left = _left.described(adapter, names or adapter.collections())
        return ordered(all_of_it), [*left, *_left.of_database(adapter)]
    found = []
    for name in distinct(names):
        with hinted(adapter, name):
            found.append(adapter.describe(name))
    return ordered(found), []


def _carrying(adapter: Adapter) -> Native:
    native = carrying(adapter)
    if native is None:
        raise Unsupported(
            f"{adapter.spec.title} gives no native dump", target=adapter.target.name, hint="leave --native out"
        )
    return native


def _natively(adapter: Adapter, names: Sequence[str], *, everything: bool) -> tuple[list[Schema], Outline]:
    """The collections' schemas by the engine's own values, and their outline."""
    native = _carrying(adapter)
    own = native.native_collections()
    for name in names:
        if name not in own:
            with hinted(adapter, name):
                adapter.describe(name)
            raise Unsupported(f"{name} has no rows of its own", target=adapter.target.name, hint="name what it reads")
    chosen = distinct(names) or list(own)
    outline = native.outline(chosen, everything=everything)
    schemas, closed = [], {}
    for name in chosen:
        described = adapter.describe(name)
        schema = adapter.spec.filed(native.native(name, described))
        schemas.append(replace(schema, heirs=name in outline.parents))
        if adapter.spec.close is not None or set(schema.names) != set(described.names):
            closed[name] = described
    return ordered(schemas), replace(outline, closed=closed)


def _not_kept(adapter: Adapter, schemas: Sequence[Schema]) -> list[str]:
    """What the collections have besides what a dump holds of them, and columns that are held as something else."""
    left = []
    for schema in schemas:
        extras = _left.of_collection(adapter, schema.name)
        left += [f"{schema.name}: {text}{STAYS}" for text in (*extras.has, *extras.left)]
        for column in schema.columns:
            if column.note:
                left.append(f"{schema.name}.{column.name}: {column.remark}")
    return left


def _collection(adapter: Adapter, schema: Schema, path: Path, wish: _Wish, progress: Progress) -> files.DumpedFile:
    writer = files.Writer(path, wish.compress)
    digester = Digester(schema.columns)
    rendered = _rendered(adapter, schema, wish, digester.plus)
    ticker = Ticker(partial(progress, schema.name))
    try:
        if rendered is not None:
            with _closing(rendered):
                for chunk in ticker.chunks(rendered):
                    writer.write(chunk)
        else:
            with _closing(adapter.scan(schema)) as batches:
                encoded = _exact.encode(wish.format, schema, digester.over(ticker.batches(batches)), wish.dialect)
                for chunk in encoded:
                    writer.write(chunk)
        size, sha256 = writer.finish()
    finally:
        writer.close()
    found = digester.digest
    return files.DumpedFile(schema.name, path.name, found.rows, str(found), size, sha256)


def _rendered(
    adapter: Adapter, schema: Schema, wish: _Wish, tally: Callable[[Digest], None] | None = None
) -> Iterator[bytes] | None:
    """The file's bytes as the server makes them, in a third of the plain path's time or less; with their digest."""
    encoding, format_word = able(adapter, EncodesScans), ENCODINGS.get(wish.format)
    if wish.dialect.given:
        return None
    return encoding.encoded_scan(schema, format_word, tally) if encoding and format_word else None


@contextmanager
def _closing(reading: Iterator[T]) -> Iterator[Iterator[T]]:
    """For the block: a reading that is left in the middle is closed before its connection is."""
    try:
        yield reading
    finally:
        close = getattr(reading, "close", None)
        if close:
            close()
