"""The commands that move data and prove that it is the same: each parses, calls one op, renders."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
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
    Null,
    Quote,
    Rules,
    dialect,
    rules,
)
from dbfleet.cli.options import Format, Located, Yes, complete_collection, complete_located, complete_target
from dbfleet.cli.streams import is_terminal
from dbfleet.errors import UsageError, VerifyFailed

if TYPE_CHECKING:
    from dbfleet.ops.load import Planned

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
    yes: Yes = False,
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

    fleet = open_fleet()
    written = dialect(delimiter, quote, escape, encoding, header, decimal, null, true, false)
    target, collection = fleet.locate(where)
    names = [*([collection] if collection else ()), *(collections or ())]
    with render.progress(unit="rows") as display:
        bar = display.bar(target.name)

        def told(name: str, rows: int) -> None:
            bar.update(f"{name}: {rows:,} rows")

        if output == "-":
            if len(names) != 1:
                raise UsageError("stdout takes one collection", hint="name it, or dump into a directory: -o DIR")
            with op.stream(fleet, target, names[0], format=format, compress=compress, dialect=written,
                           progress=told) as chunks:  # fmt: skip
                render.write(chunks)
            return
        directory = Path(output or re.sub(r"\W+", "_", Path(target.name).stem).strip("_") + ".dump")
        found = op.dump(
            fleet, target, names, directory=directory, format=format, compress=compress, dialect=written,
            strict=strict, tell=render.warn,
            agree=lambda text: render.confirm(f"{text}. Go on?", yes=yes), progress=told,
        )  # fmt: skip
        done = list(map(asdict, found))
        bar.finish(f"{len(done)} collection{'' if len(done) == 1 else 's'} in {directory}")
    render.records(done, _FIELDS)


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
    from dbfleet.ops.load import inputs as load_inputs

    fleet = open_fleet()
    target, collection = fleet.locate(where)
    stdin = sys.stdin.buffer if source == "-" and sys.stdin is not None else None
    keys = None if key is None else [each.strip() for each in key.split(",") if each.strip()]
    done: list[op.Loaded] = []
    read = dialect(delimiter, quote, escape, encoding, header, decimal, null, true, false, columns)
    with load_inputs.find(
        source, collection=collection, format=input_format, key=keys, stdin=stdin, dialect=read, rules=rules(rule)
    ) as inputs:
        fleet.made_state()  # it holds an embedded target's file
        try:
            done.extend(
                op.load(
                    fleet, target, inputs, mode=mode, verify=verify, dry_run=dry_run, rejected=rejected,
                    tell=render.warn, show=lambda plan: _show(plan, dry_run or chosen.verbose),
                    agree=lambda text: render.confirm(text, yes=yes),
                )
            )  # fmt: skip
        finally:
            if done:
                render.records(map(asdict, done), _FIELDS)


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


# --- copy ----------------------------------------------------------------------------------------------------------


@commands.command()
def copy(
    source: Annotated[
        str, typer.Argument(metavar="SRC", help="A target, or one collection of it.", autocompletion=complete_located)
    ],
    sink: Annotated[
        str,
        typer.Argument(metavar="DST", help="A target; its file is made if need be.", autocompletion=complete_target),
    ],
    collections: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COLLECTION]...", help="All if none is given.", autocompletion=complete_collection),
    ] = None,
    mode: Annotated[
        str, typer.Option(metavar="MODE", help="insert (into nothing), upsert (by key), or replace (new rows for old).")
    ] = "insert",
    verify: Annotated[bool, typer.Option("--verify", help="Read everything back and compare digests.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse a column that is not kept exactly.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a copy that was cut off.")] = False,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", metavar="N", help="How many parts at a time.")] = None,
    on: Annotated[str, typer.Option("--on", metavar="WHERE", help="workers: the console's do it, not this one.")] = "",
    rule: Rules = None,
    exclude: Exclude = None,
    yes: Yes = False,
    format: Format = None,
) -> None:
    """Copy collections from one target into another, of any two engines.

    The plan comes first, on stderr: what becomes of each column (--on workers: see it by --dry-run). With --verify it
    ends with a receipt, as JSON on stderr, and exit code 1 where the sink does not hold what was read.
    """
    import json
    from datetime import UTC, datetime

    from dbfleet.cli._copy_view import CopyView, proven
    from dbfleet.ops import copy as op

    fleet = open_fleet()
    (reading, one), (writing, name) = fleet.locate(source), fleet.locate(sink)
    names = [*([one] if one else []), *(collections or [])]
    if name and len(names) != 1:
        raise UsageError(
            f"{name} is one collection: name the one to copy",
            hint=f"dbfleet copy {reading.name}.COLLECTION {writing.name}.{name}",
        )
    if mode not in ("insert", "upsert", "replace"):
        raise UsageError(f"--mode {mode} is none of insert, upsert, replace")
    if on:
        from dbfleet.cli.console_commands import copy_on_workers

        for name, given in (("--dry-run", dry_run), ("--rule", rule), ("--exclude", exclude)):
            if given:
                raise UsageError(f"{name} is done here, not by workers", hint="leave --on out")
        asked = {"source": source, "sink": sink, "collections": list(collections or ()), "mode": mode,
                 "verify": verify, "strict": strict, "hands": jobs}  # fmt: skip
        copy_on_workers(asked, where=on, resume=resume, yes=yes, format=format)
        return
    if not dry_run:
        fleet.made_state()  # it holds an embedded target's file
    started = datetime.now(UTC)
    done: list[op.Copied] = []
    failed: VerifyFailed | None = None
    fields = ("target", "collection", "rows", "rejected", "seconds", "digest")
    try:
        with CopyView(lambda question: render.confirm(question, yes=yes)) as view:
            done.extend(
                op.copy(
                    fleet, reading, writing, names, rename=name, mode=mode,  # type: ignore[arg-type]
                    verify=verify, strict=strict, dry_run=dry_run, resume=resume, jobs=jobs,
                    rules=rules(rule), exclude=exclude or (), watch=view,
                )
            )  # fmt: skip
        if dry_run and view.plan and (format or render.format_of(format) != "table"):  # a person has just seen it
            lines = [{**asdict(line), "way": each.way} for each in view.plan.collections for line in each.columns]
            columns = ("target", "collection", "column", "source", "sink", "fidelity", "note", "way")
            render.records(lines, columns, format=format)
    except VerifyFailed as error:  # the view has said it; the receipt comes last
        failed = error
    finally:
        if done:
            render.records(map(asdict, done), fields, format=format)
    if verify and not dry_run:
        found = op.receipt(fleet, reading, writing, done, started, view.plan.left if view.plan else ())
        on_terminal = is_terminal(sys.stderr)
        render.say(proven(found) if on_terminal else json.dumps(found, ensure_ascii=False))
    if failed:
        raise typer.Exit(1)


# --- diff ----------------------------------------------------------------------------------------------------------


@commands.command()
def diff(
    a: Annotated[str, typer.Argument(metavar="A[.COLLECTION]", autocompletion=complete_located)],
    b: Annotated[str, typer.Argument(metavar="B[.COLLECTION]", autocompletion=complete_located)],
    columns: Annotated[
        str | None, typer.Option(metavar="C,…", help="Compare these only; the key is always compared.")
    ] = None,
    ignore: Annotated[str | None, typer.Option(metavar="C,…", help="Do not compare these.")] = None,
    where: Annotated[
        str | None, typer.Option(metavar="EXPRESSION", help="Which rows: SQL over the columns of both sides.")
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Stop after so many differences.")] = None,
    stats: Annotated[bool, typer.Option("--stats", help="Numbers only, a line a collection.")] = False,
    sync: Annotated[
        bool, typer.Option("--sync", help="Print the statements that make B like A; with --yes, write them.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --sync: change B.")] = False,
    format: Format = None,
) -> None:
    """Compare two targets row by row, of any two engines: what was added, removed and changed, seen from A to B.

    Rows are paired by their key. Exit code 0 where all is the same, 1 where something differs. Values are compared as
    the coarser of the two engines keeps them, which is said on stderr.

    --sync prints the statements that make B like A, in B's own language and in an order that breaks no reference;
    dbfleet query B runs them. With --sync --yes the changes are written: rows that only B has are removed, and the exit
    code is 0 if B is then like A.
    """
    from dbfleet.cli._diff_view import DiffView
    from dbfleet.ops import diff as op

    fleet = open_fleet()
    (a_target, a_name), (b_target, b_name) = fleet.locate(a), fleet.locate(b)
    if yes and not sync:
        raise UsageError("--yes changes B with --sync only", hint=f"dbfleet diff {a} {b} --sync --yes")
    if sync:
        _refuse_with_sync(("--limit", limit is not None), ("--stats", stats), ("--format", bool(format) and not yes))
        from dbfleet.ops.diff.sync import Sync

        with DiffView(a_target.name, b_target.name) as view, Sync(
            fleet, a_target, b_target, a_name, b_name,
            columns=_listed(columns), ignore=_listed(ignore), where=where, watch=view,
        ) as changes:  # fmt: skip
            view.calm()
            if yes:
                render.say(render.harmless(f"{b_target.name}: {changes.stakes}"))
                render.records(map(asdict, changes.write()), _SYNCED, format=format)
            else:
                render.write(changes.text())
            if yes and changes.complaint:
                render.complain(changes.complaint)
            differs = bool(changes.unlike) if yes else changes.differs
        if differs:
            raise typer.Exit(1)
        return
    with DiffView(a_target.name, b_target.name) as view:
        found = op.diff(
            fleet, a_target, b_target, a_name, b_name,
            columns=_listed(columns), ignore=_listed(ignore), where=where, limit=limit, stats=stats, watch=view,
        )  # fmt: skip
        view.show(found, stats=stats, format=format)
    if view.differs:
        raise typer.Exit(1)


_SYNCED = ("target", "collection", "added", "removed", "changed", "rejected", "seconds")


def _refuse_with_sync(*options: tuple[str, bool]) -> None:
    for name, given in options:
        if given:
            why = {
                "--limit": "half of the changes make B neither like A nor like it was",
                "--stats": "diff --stats counts without --sync",
                "--format": "statements are text in B's language",
            }
            raise UsageError(f"--sync takes no {name}: {why[name]}")


def _listed(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]
