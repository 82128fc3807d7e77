"""The commands that move rows and prove that they are the same: each parses, calls one op, renders."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from dbfleet.cli import render
from dbfleet.cli.options import Format, Yes, complete_target, open_fleet
from dbfleet.errors import UsageError

commands = typer.Typer()


# --- copy ----------------------------------------------------------------------------------------------------------


@commands.command()
def copy(
    source: Annotated[
        str, typer.Argument(metavar="SRC", help="A target, or one collection of it.", autocompletion=complete_target)
    ],
    sink: Annotated[
        str,
        typer.Argument(metavar="DST", help="A target; its file is made if need be.", autocompletion=complete_target),
    ],
    collections: Annotated[
        list[str] | None, typer.Argument(metavar="[COLLECTION]...", help="All if none is given.")
    ] = None,
    mode: Annotated[
        str, typer.Option(metavar="MODE", help="insert (into nothing), upsert (by key), or replace (drop first).")
    ] = "insert",
    verify: Annotated[bool, typer.Option("--verify", help="Read everything back and compare digests.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse a column that is not kept exactly.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a copy that was cut off.")] = False,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", metavar="N", help="How many parts at a time.")] = None,
    yes: Yes = False,
    format: Format = None,
) -> None:
    """Copy collections from one target into another, of any two engines.

    The plan comes first, on stderr: what becomes of each column. With --verify it ends with a receipt, as JSON on
    stderr, and exit code 1 where the sink does not hold what was read.
    """
    import json
    from datetime import UTC, datetime

    from dbfleet.cli._copy_view import CopyView
    from dbfleet.ops import copy as op

    fleet = open_fleet()
    (reading, one), (writing, name) = fleet.locate(source), fleet.locate(sink)
    chosen = [*([one] if one else []), *(collections or [])]
    if name and len(chosen) != 1:
        raise UsageError(
            f"{name} is one collection: name the one to copy",
            hint=f"dbfleet copy {reading.name}.COLLECTION {writing.name}.{name}",
        )
    if mode not in ("insert", "upsert", "replace"):
        raise UsageError(f"--mode {mode} is none of insert, upsert, replace")
    if not dry_run:
        fleet.made_state()  # where an embedded target's file is
    started = datetime.now(UTC)
    done: list[op.Copied] = []
    fields = ("target", "collection", "rows", "rejected", "seconds", "digest")
    try:
        with CopyView(lambda question: render.confirm(question, yes=yes)) as view:
            for record in op.copy(
                fleet, reading, writing, chosen, rename=name, mode=mode,  # type: ignore[arg-type]
                verify=verify, strict=strict, dry_run=dry_run, resume=resume, jobs=jobs, watch=view,
            ):  # fmt: skip
                done.append(record)
                view.finished(record.collection, record.rows, record.seconds)
        if dry_run and view.plan:
            lines = [asdict(line) for each in view.plan.collections for line in each.columns]
            columns = ("target", "collection", "column", "source", "sink", "fidelity", "note")
            render.records(lines, columns, format=format)
    finally:
        if done:
            render.records(map(asdict, done), fields, format=format)
    if verify and not dry_run:
        found = op.receipt(fleet, reading, writing, done, started)
        render.say(json.dumps(found, ensure_ascii=False))
        if not found["same"]:
            raise typer.Exit(1)
