"""The commands between a target and files, dump and load: each parses, calls one op, renders."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbfleet.cli import render
from dbfleet.cli.chosen import chosen, open_fleet
from dbfleet.cli.dialects import (
    Decimal,
    Delimiter,
    Encoding,
    Escape,
    Exclude,
    IsFalse,
    IsTrue,
    KeepGoing,
    Null,
    Quote,
    Retries,
    Rules,
    dialect,
    rules,
)
from dbfleet.cli.options import Located, Yes, complete_collection
from dbfleet.errors import DbfleetError, FleetPartlyFailed, UsageError

if TYPE_CHECKING:
    from dbfleet.ops.load import Planned
    from dbfleet.ops.load.inputs import Input

commands = typer.Typer()

_FIELDS = ("target", "collection", "rows", "rejected", "seconds", "digest")


@commands.command()
def dump(
    where: Located,
    collections: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COLLECTION]...", help="All if none is named.", autocompletion=complete_collection),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="DIR|-", help="Where to; - is stdout. [TARGET.dump]")
    ] = None,
    format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="jsonl, json, csv, tsv or parquet.")
    ] = "jsonl",
    compress: Annotated[str | None, typer.Option("--compress", metavar="HOW", help="gzip or zstd.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse what a dump does not hold whole.")] = False,
    native: Annotated[bool, typer.Option("--native", help="The engine's own values, and all around them.")] = False,
    yes: Yes = False,
    exclude: Exclude = None,
    keep_going: KeepGoing = False,
    retries: Retries = 0,
    delimiter: Delimiter = None,
    quote: Quote = None,
    escape: Escape = None,
    encoding: Encoding = None,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether line 1 names the columns, in csv and tsv.")
    ] = None,
    decimal: Decimal = None,
    null: Null = None,
    true: IsTrue = None,
    false: IsFalse = None,
) -> None:
    """Write collections to files with a manifest, or one of them to stdout.

    A directory gets a data file a collection, schema.json and, when all is whole, manifest.json. The last options are
    for csv and tsv (--encoding for json too); the manifest has them, so load reads the dump as it was written.
    """
    from dbfleet.ops import dump as op
    from dbfleet.ops._again import dumped

    fleet = open_fleet()
    written = dialect(delimiter, quote, escape, encoding, header, decimal, null, true, false)
    target, collection = fleet.locate(where)
    names = [*([collection] if collection else ()), *(collections or ())]
    with render.progress(unit="rows") as display:
        bar = display.bar(target.name)

        def told(name: str, rows: int) -> None:
            bar.update(f"{name}: {rows:,} rows")

        if output == "-":
            if native:
                raise UsageError("--native: a native dump is a directory", hint="-o DIR")
            if len(names) != 1 or exclude or keep_going or retries:
                raise UsageError("stdout takes one collection", hint="name it, or dump into a directory: -o DIR")
            with op.stream(fleet, target, names[0], format=format, compress=compress, dialect=written,
                           progress=told) as chunks:  # fmt: skip
                render.write(chunks)
            return
        directory = Path(output or re.sub(r"\W+", "_", Path(target.name).stem).strip("_") + ".dump")
        done: list[op.Dumped] = []
        failed: FleetPartlyFailed | None = None
        try:
            dumped(
                fleet, target, names, done, retries=retries, tell=render.warn,
                agree=lambda text: render.confirm(f"{text}. Go on?", yes=yes),
                directory=directory, format=format, compress=compress, dialect=written,
                exclude=exclude or (), keep_going=keep_going, strict=strict, native=native, progress=told,
            )  # fmt: skip
        except FleetPartlyFailed as error:  # the others are whole
            failed = error
        bar.finish(f"{len(done)} collection{'' if len(done) == 1 else 's'} in {directory}")
    render.records(map(asdict, done), _FIELDS)
    if failed:
        raise failed


@commands.command()
def load(
    where: Located,
    source: Annotated[str, typer.Argument(metavar="DIR|FILE|-", help="A dump, a file of csv, tsv or JSON, or stdin.")],
    mode: Annotated[str, typer.Option("--mode", metavar="MODE", help="insert, upsert or replace.")] = "insert",
    input_format: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="What the input is: jsonl, json, ejson, csv, tsv or parquet."),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="COLUMN[,COLUMN]", help="The key of what is made; '' for none.")
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option("--rejected", metavar="FILE", help="List refused rows here, and store the others.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Read everything back and compare digests.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    yes: Yes = False,
    exclude: Exclude = None,
    keep_going: KeepGoing = False,
    retries: Retries = 0,
    rule: Rules = None,
    delimiter: Delimiter = None,
    quote: Quote = None,
    escape: Escape = None,
    encoding: Encoding = None,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether line 1 of csv or tsv names the columns.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="C,…", help="The columns of a file without a header.")
    ] = None,
    decimal: Decimal = None,
    null: Null = None,
    true: IsTrue = None,
    false: IsFalse = None,
) -> None:
    """Load a dump, or a file of csv, tsv, JSON Lines, JSON or Extended JSON, into a target.

    The plan is shown before anything is written. A file's collection has the name of the file; URL#name gives it
    another. gzip and zstd are recognised, also on stdin.

    The last options say how a csv or tsv file is written (--encoding: JSON too). Encoding, delimiter and header are
    guessed where they are not given, which is told. NULL is an empty cell, or an unquoted --null WORD; then an empty
    cell is empty text in a column of text.
    """
    from dbfleet.ops import load as op
    from dbfleet.ops._again import loaded
    from dbfleet.ops.load import inputs as load_inputs

    fleet = open_fleet()
    target, collection = fleet.locate(where)
    stdin = sys.stdin.buffer if source == "-" and sys.stdin is not None else None
    keys = None if key is None else [each.strip() for each in key.split(",") if each.strip()]
    done: list[op.Loaded] = []
    read = dialect(delimiter, quote, escape, encoding, header, decimal, null, true, false, columns)
    failures: dict[str, DbfleetError] = {}
    called = "stdin" if source == "-" else source
    with load_inputs.find(
        source, collection=collection, format=input_format, key=keys, stdin=stdin, dialect=read, rules=rules(rule),
        exclude=exclude or (), failures=failures if keep_going else None,
    ) as inputs:  # fmt: skip
        fleet.made_state()  # it holds an embedded target's file
        try:
            loaded(
                fleet, target, inputs, done, retries=retries, mode=mode, verify=verify, dry_run=dry_run,
                rejected=rejected, tell=render.warn, show=lambda plan: _show(plan, dry_run or chosen.verbose),
                agree=lambda text: render.confirm(text, yes=yes),
            )  # fmt: skip
        except DbfleetError:
            for name, failure in failures.items():  # there is worse to raise
                render.warn(f"{called}, {name}: not loaded: {failure.message}")
            raise
        finally:
            if done:
                render.records(map(asdict, done), _FIELDS)
    if failures:
        raise _unread(called, inputs, failures)


def _unread(source: str, inputs: Sequence[Input], failures: Mapping[str, DbfleetError]) -> FleetPartlyFailed:
    """The error about the collections of a dump, or the rows of a file, that could not be read."""
    from dbfleet.ops._unreadable import told

    rows = sum(each.unread.count for each in inputs if each.unread)
    if not rows:
        return told(failures, len(failures) + len(inputs), "not loaded", source)
    what = f"{rows:,} row{'' if rows == 1 else 's'} of {source} not loaded"
    what += f", the first {len(failures)} of which are" if rows > len(failures) else ""
    return FleetPartlyFailed(what, failures=failures)


def _show(plan: Sequence[Planned], every_column: bool) -> None:
    for each in plan:
        rows = "" if each.rows is None else f", {render.counted(each.rows)}"
        key = f", key {', '.join(each.key)}" if each.key else ", no key"
        what = (
            "skip, it is there with the same digest" if each.action == "skip" else f"{each.action} from {each.source}"
        )
        render.say(render.harmless(f"{each.collection}: {what}{rows}{key}"))
        for name, type_, note in each.columns:
            # An inferred type is always shown; of a dump, only columns that are changed.
            if each.inferred or every_column or (note and note.startswith("rounded")):
                render.say(render.harmless(f"  {name}  {type_}" + (f"  {note}" if note else "")))
