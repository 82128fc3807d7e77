"""What a dump looks like on disk; `dump` writes it, `load` reads it.

    manifest.json   written last, in one step: a directory without it is no dump
    schema.json     every collection's schema (Schema.to_dict), in the order of their references
    outline.json    in a native dump: what the collections are made of, in the engine's own words (dbfleet/outline.py)
    orders.jsonl    a file a collection: .jsonl or .csv, with .gz or .zst behind, or .parquet

The manifest says who wrote it, from what, when, whether all of it is of one moment (and why not), of each collection
its file, rows, digest (dbfleet.values), bytes and SHA-256, and in words what is not in the dump. A file that is being
written ends in `.partial`; so does the folder in which a dump is made that shall take another's place (`staging`,
`swap`).
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from dbfleet.errors import RuntimeFailure, UsageError
from dbfleet.outline import Outline, Step
from dbfleet.values import Schema

VERSION: Final = 2
MANIFEST: Final = "manifest.json"
SCHEMA: Final = "schema.json"
OUTLINE: Final = "outline.json"
PARTIAL: Final = ".partial"
COMPRESSIONS: Final[Mapping[str, str]] = {"gzip": ".gz", "zstd": ".zst"}
"""By name, what their files end in."""


@dataclass(frozen=True, slots=True)
class DumpedFile:
    """One collection's entry."""

    collection: str
    file: str
    rows: int
    digest: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """manifest.json."""

    tool: str
    source: Mapping[str, str | None]
    started: str
    ended: str
    consistent: bool
    consistency: str
    format: str
    compression: str | None
    schema_sha256: str
    collections: tuple[DumpedFile, ...]
    left: tuple[str, ...] = ()
    """What the source has besides, and the dump has not, in words."""
    dialect: Mapping[str, Any] = field(default_factory=dict)
    """The dialect of its files (Dialect.to_dict), where they have one."""
    outline_sha256: str | None = None
    """Of a native dump: its values are the engine's own texts or bytes (Schema.native)."""

    def to_json(self) -> str:
        """The text of manifest.json. A dbfleet that knows no dialects refuses one with a dialect."""
        data = asdict(self)
        if not self.dialect:
            del data["dialect"]
        version = 2 if self.dialect else 1
        return json.dumps({"dbfleet_dump": version, **data}, indent=1, ensure_ascii=False) + "\n"


def read_manifest(directory: Path) -> Manifest:
    """The manifest of the dump in this directory. UsageError where there is none, or one that this version does not
    understand."""
    file = directory / MANIFEST
    try:
        data: dict[str, Any] = json.loads(file.read_text("utf-8"))
        if data.pop("dbfleet_dump") > VERSION:
            raise UsageError(f"{file} is of a newer dbfleet ({data.get('tool')})", hint="update dbfleet")
        data["left"] = tuple(data.get("left", ()))
        files = tuple(DumpedFile(**_known(DumpedFile, entry)) for entry in data.pop("collections"))
        return Manifest(**_known(Manifest, data), collections=files)
    except FileNotFoundError as error:
        whole = next(iter(sorted(directory.glob(f"*{PARTIAL}/{MANIFEST}"))), None)
        hint = "a dump that was interrupted has none: dump again; a single file is loaded by its own path"
        if whole is not None:
            hint = f"one that was about to take another's place is whole in {whole.parent}"
        raise UsageError(f"{directory} is no dump: it has no {MANIFEST}", hint=hint) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file} is damaged: {error}", hint="dump again") from error


def _known(kind: type, entry: Mapping[str, Any]) -> dict[str, Any]:
    # What a later version adds is ignored.
    return {name: entry[name] for name in kind.__dataclass_fields__ if name in entry}  # type: ignore[attr-defined]


def read_schemas(directory: Path, manifest: Manifest) -> dict[str, Schema]:
    """The schemas by collection. UsageError where schema.json is not the one that the dump was written with."""
    file = directory / SCHEMA
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if sha256_of([data]) != manifest.schema_sha256:
        raise UsageError(f"{file} is not the one of this dump: its SHA-256 differs", hint="dump again")
    return {schema.name: schema for schema in map(Schema.from_dict, json.loads(data)["collections"])}


def read_outline(directory: Path, manifest: Manifest) -> Outline:
    """The outline of a native dump. UsageError where outline.json is not the one that the dump was written with."""
    file = directory / OUTLINE
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if sha256_of([data]) != manifest.outline_sha256:
        raise UsageError(f"{file} is not the one of this dump: its SHA-256 differs", hint="dump again")
    content = json.loads(data)
    closed = {schema.name: schema for schema in map(Schema.from_dict, content.get("closed", ()))}
    return Outline(tuple(map(Step.from_dict, content["steps"])), closed=closed)


def outline_json(outline: Outline) -> bytes:
    """The bytes of outline.json."""
    content = {"steps": [step.to_dict() for step in outline.steps]}
    if outline.closed:
        content["closed"] = [schema.to_dict() for schema in outline.closed.values()]
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def schema_json(schemas: Sequence[Schema]) -> bytes:
    """The bytes of schema.json."""
    content = {"collections": [schema.to_dict() for schema in schemas]}
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def sha256_of(chunks: Iterable[bytes]) -> str:
    # Here, not above: values.digest_rows has the reason.
    """The SHA-256 of the chunks together, in hex."""
    from hashlib import sha256

    total = sha256()
    for chunk in chunks:
        total.update(chunk)
    return total.hexdigest()


def file_name(collection: str, ending: str, taken: set[str]) -> str:
    """A name for the collection's file that is one on every system, and not `taken` (in lower case) yet."""
    plain = re.sub(r"[^\w.-]", lambda odd: "".join(f"%{byte:02X}" for byte in odd[0].encode()), collection)
    plain = plain[:100] or "%"
    if plain[:1] in (".", "-"):
        plain = f"%{ord(plain[0]):02X}{plain[1:]}"
    name, number = plain + ending, 1
    while name.lower() in taken:
        number += 1
        name = f"{plain}~{number}{ending}"
    taken.add(name.lower())
    return name


# --- files ---------------------------------------------------------------------------------------------------------


@contextmanager
def failing_by_name(path: Path | str) -> Iterator[None]:
    """For the block: a disk that refuses is a RuntimeFailure that names the file."""
    try:
        yield
    except OSError as error:
        raise RuntimeFailure(f"cannot write {path}: {error.strerror or error}") from error


def staging(directory: Path) -> Path:
    """A new folder in the directory for a dump that is to take another's place; where the directory is, as only that
    is sure to be on the same disk and ours to write in."""
    with failing_by_name(directory):
        return Path(tempfile.mkdtemp(prefix="dump-", suffix=PARTIAL, dir=directory))


def swap(place: Path, directory: Path) -> None:
    """Put the whole dump in `place` where the directory's own stands, which goes; then `place` goes. At no moment is
    there a manifest with files that are not its own: a directory that was left in between has none."""
    with failing_by_name(directory):
        for name in left_by_dumps(directory):
            if directory / name != place:
                _remove(directory / name)
        _sync(directory)
        for name in sorted(os.listdir(place), key=lambda name: name == MANIFEST):
            os.replace(place / name, directory / name)
        _sync(directory)
        place.rmdir()


def left_by_dumps(directory: Path) -> list[str]:
    """What earlier dumps have left in the directory, whole or not; the manifest first."""
    there = sorted(os.listdir(directory))
    try:
        listed = {each.file for each in read_manifest(directory).collections}
    except UsageError:
        listed = set()
    ours = [name for name in there if name in listed or name in (SCHEMA, OUTLINE) or name.endswith(PARTIAL)]
    return [MANIFEST, *ours]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for each in path.iterdir():
            each.unlink()
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    """Wait until the names of the files are on the disk."""
    if os.name == "posix":
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class Writer:
    """A file that is whole or not there: compressed on the way, hashed as it lies on the disk."""

    def __init__(self, path: Path, compression: str | None) -> None:
        from hashlib import sha256

        self.path = path
        self.partial = path.with_name(path.name + PARTIAL)
        self.bytes = 0
        self._sha256 = sha256()
        self._compress, self._end = compressor(compression)
        with failing_by_name(path):
            self._file = open(self.partial, "wb", buffering=0)  # noqa: SIM115 - closed by close

    def write(self, chunk: bytes) -> None:
        """Add a chunk. RuntimeFailure where the disk refuses it."""
        self._put(self._compress(chunk))

    def finish(self) -> tuple[int, str]:
        """Give the whole file its name. Its size and its SHA-256."""
        self._put(self._end())
        with failing_by_name(self.path):
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self.partial, self.path)
        return self.bytes, self._sha256.hexdigest()

    def close(self) -> None:
        """Remove the file where it is not whole."""
        if not self._file.closed:
            self._file.close()
            self.partial.unlink(missing_ok=True)

    def _put(self, data: bytes) -> None:
        self._sha256.update(data)
        self.bytes += len(data)
        with failing_by_name(self.path):
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]


def compressor(word: str | None) -> tuple[Any, Any]:
    """Functions that compress a chunk, and that give what is left at the end. UsageError where a package is missing."""
    if word is None:
        return (lambda chunk: chunk), (lambda: b"")
    if word == "gzip":
        import zlib

        # 31: the gzip wrapper, without a time or a name: the same rows give the same file. Level 6 is 2.5 times slower
        # than 3 for 8 % less.
        packer = zlib.compressobj(3, zlib.DEFLATED, 31)
        return packer.compress, packer.flush
    packer = _zstandard().ZstdCompressor(level=3, write_checksum=True).compressobj()
    return packer.compress, packer.flush


_FOREIGN_PACKERS: Final = ((b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"PK\x03\x04", "zip, as a workbook of Excel is"))


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, decompressed. UsageError for one that cannot be read, or is cut off."""
    try:
        with open(path, "rb") as plain:
            # Parquet is read here and there, by a reader that tells of damage itself.
            yield plain if path.suffix == ".parquet" else decompressed(plain, str(path), path.suffix)
    except OSError as error:
        if error.filename is None:
            raise
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def decompressed(plain: BinaryIO, name: str, suffix: str = "") -> BinaryIO:
    """The stream without gzip or zstd, which is known by its first bytes, or by what the file's name ends in. The
    stream must be able to seek."""
    import gzip
    import zlib

    broken: list[type[Exception]] = [EOFError, zlib.error, gzip.BadGzipFile]
    head = plain.read(6)
    plain.seek(0)
    stream: Any = plain
    if head.startswith(b"\x1f\x8b") or suffix == ".gz":
        stream = gzip.GzipFile(fileobj=plain)
    elif head.startswith(b"\x28\xb5\x2f\xfd") or suffix == ".zst":
        zstandard = _zstandard("pip install 'dbfleet[zstd]', or give it unpacked")
        broken.append(zstandard.ZstdError)
        stream = _Frames(plain, lambda: zstandard.ZstdDecompressor().decompressobj())
    for start, packer in _FOREIGN_PACKERS:
        if head.startswith(start):
            raise UsageError(f"{name} is packed by {packer}", hint="unpack it; gzip and zstd are read as they are")
    return _Guarded(stream, name, tuple(broken))  # type: ignore[return-value]


class _Frames:
    """The stream of zstd's frames. The package's own stream takes one that is cut off for its end: here that is an
    EOFError."""

    _READ: Final = 4096
    """Compressed bytes that are unpacked at once: 128 kB of them may come of four."""

    def __init__(self, plain: BinaryIO, make: Callable[[], Any]) -> None:
        self._plain, self._make = plain, make
        self._frame: Any = None
        self._behind, self._held = b"", bytearray()

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._held) < size:
            piece = self._behind or self._plain.read(self._READ)
            if not piece:
                if self._frame is not None:
                    raise EOFError("it ends in the middle of a frame")
                break
            self._frame = self._frame or self._make()
            self._held += self._frame.decompress(piece)
            self._behind = b""
            if self._frame.eof:
                self._behind, self._frame = self._frame.unused_data, None
        size = len(self._held) if size < 0 else size
        data = bytes(self._held[:size])
        del self._held[:size]
        return data


class _Guarded:
    """A stream whose damage is told with the file's name."""

    def __init__(self, stream: Any, name: str, broken: tuple[type[Exception], ...]) -> None:
        self._stream, self._name, self._broken = stream, name, broken

    def read(self, size: int = -1) -> bytes:
        try:
            data: bytes = self._stream.read(size)
        except self._broken as error:
            raise UsageError(f"{self._name} is damaged or cut off: {error}") from error
        except OSError as error:
            raise UsageError(f"{self._name} cannot be read: {error.strerror or error}") from error
        return data


def _zstandard(hint: str = "pip install 'dbfleet[zstd]', or --compress gzip") -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise UsageError("zstd needs the package zstandard", hint=hint) from error
    return zstandard
