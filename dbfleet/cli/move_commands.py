"""The commands that move data between targets and prove that it is the same: each parses, calls one op, renders."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from dbfleet.cli import render
from dbfleet.cli.chosen import open_fleet
from dbfleet.cli.dialects import Exclude, KeepGoing, Retries, Rules, rules
from dbfleet.cli.file_commands import commands
from dbfleet.cli.options import Format, Yes, complete_collection, complete_located, complete_target
from dbfleet.cli.streams import is_terminal
from dbfleet.errors import FleetPartlyFailed, UsageError, VerifyFailed


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
    views: Annotated[
        bool, typer.Option("--views", help="Between two of one engine: make views, too, as views.")
    ] = False,
    keep_ttl: Annotated[
        bool, typer.Option("--keep-ttl", help="Between two of one engine: values end when they do at the source.")
    ] = False,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", metavar="N", help="How many parts at a time.")] = None,
    on: Annotated[str, typer.Option("--on", metavar="WHERE", help="workers: the console's do it, not this one.")] = "",
    rule: Rules = None,
    exclude: Exclude = None,
    keep_going: KeepGoing = False,
    retries: Retries = 0,
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
    from dbfleet.ops._again import copied

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

        for name, given in (("--dry-run", dry_run), ("--keep-ttl", keep_ttl), ("--retries", retries)):
            if given:
                raise UsageError(f"{name} is done here, not by workers", hint="leave --on out")
        asked = {"source": source, "sink": sink, "collections": list(collections or ()), "mode": mode,
                 "verify": verify, "strict": strict, "views": views, "hands": jobs, "exclude": list(exclude or ()),
                 "rules": list(rule or ()), "keep_going": keep_going}  # fmt: skip
        copy_on_workers(asked, where=on, resume=resume, yes=yes, format=format)
        return
    if not dry_run:
        fleet.made_state()  # it holds an embedded target's file
    started = datetime.now(UTC)
    done: list[op.Copied] = []
    failed: VerifyFailed | FleetPartlyFailed | None = None
    fields = ("target", "collection", "rows", "rejected", "seconds", "digest")
    try:
        with CopyView(lambda question: render.confirm(question, yes=yes)) as view:
            copied(
                fleet, reading, writing, names, done, retries=retries, resume=resume, watch=view,
                rename=name, mode=mode, verify=verify, strict=strict, dry_run=dry_run, views=views,
                jobs=jobs,
                rules=rules(rule), exclude=exclude or (), keep_going=keep_going, keep_ttl=keep_ttl,
            )  # fmt: skip
        if dry_run and view.plan and (format or render.format_of(format) != "table"):  # a person has just seen it
            lines = [{**asdict(line), "way": each.way} for each in view.plan.collections for line in each.columns]
            columns = ("target", "collection", "column", "source", "sink", "fidelity", "note", "way")
            render.records(lines, columns, format=format)
    except (VerifyFailed, FleetPartlyFailed) as error:  # the receipt comes before it
        failed = error
    finally:
        if done:
            render.records(map(asdict, done), fields, format=format)
    if verify and not dry_run:
        left = [*(view.plan.left if view.plan else ())]
        if isinstance(failed, FleetPartlyFailed):
            unread = [f"{name}, which cannot be read: {error.message}" for name, error in failed.failures.items()]
            left += [text for text in unread if text not in left]
        found = op.receipt(fleet, reading, writing, done, started, left)
        on_terminal = is_terminal(sys.stderr)
        render.say(proven(found) if on_terminal else json.dumps(found, ensure_ascii=False))
    if isinstance(failed, FleetPartlyFailed):
        raise failed
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
    tolerance: Annotated[
        str | None,
        typer.Option("--tolerance", metavar="N|N%", help="How much two numbers may differ: 1e-9, or 0.01%."),
    ] = None,
    ignore_case: Annotated[bool, typer.Option("--ignore-case", help="Text: A is a, in keys too.")] = False,
    ignore_trailing_blanks: Annotated[
        bool, typer.Option("--ignore-trailing-blanks", help="Text: blanks at the end do not count, in keys too.")
    ] = False,
    exclude: Exclude = None,
    keep_going: KeepGoing = False,
    retries: Retries = 0,
    format: Format = None,
) -> None:
    """Compare two targets row by row, of any two engines: what was added, removed and changed, seen from A to B.

    Rows are paired by their key. Exit code 0 where all is the same, 1 where something differs. Values are compared as
    the coarser of the two engines keeps them, which is said on stderr. So is what two targets of one engine are made of
    otherwise (types, defaults, checks, indexes), which is no difference.

    --sync prints the statements that make B like A, in B's own language and in an order that breaks no reference;
    dbfleet query B runs them. With --sync --yes the changes are written: rows that only B has are removed, and the exit
    code is 0 if B is then like A.
    """
    from dbfleet.cli._diff_view import DiffView
    from dbfleet.ops import diff as op
    from dbfleet.ops.diff.lenient import lenient

    overlooked = lenient(tolerance=tolerance, ignore_case=ignore_case, ignore_trailing_blanks=ignore_trailing_blanks)
    fleet = open_fleet()
    (a_target, a_name), (b_target, b_name) = fleet.locate(a), fleet.locate(b)
    if yes and not sync:
        raise UsageError("--yes changes B with --sync only", hint=f"dbfleet diff {a} {b} --sync --yes")
    if sync:
        _refuse_with_sync(
            ("--limit", limit is not None), ("--stats", stats), ("--format", bool(format) and not yes),
            ("--keep-going", keep_going), ("--retries", bool(retries)),
        )  # fmt: skip
        from dbfleet.ops.diff.sync import Sync

        with DiffView(a_target.name, b_target.name) as view, Sync(
            fleet, a_target, b_target, a_name, b_name,
            columns=_listed(columns), ignore=_listed(ignore), where=where, exclude=exclude or (),
            lenient=overlooked, watch=view,
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
            columns=_listed(columns), ignore=_listed(ignore), where=where, limit=limit, stats=stats,
            exclude=exclude or (), lenient=overlooked, keep_going=keep_going, retries=retries, watch=view,
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
                "--retries": "give it again, it finds what is left to be changed",
                "--keep-going": "half of the changes make B neither like A nor like it was",
            }
            raise UsageError(f"--sync takes no {name}: {why[name]}")


def _listed(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]
