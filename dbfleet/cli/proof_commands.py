"""The commands that prove what was proven once again, over time: each parses, calls one op, renders."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbfleet.cli import render
from dbfleet.cli.chosen import open_fleet
from dbfleet.cli.options import Format, TargetName, complete_collection, complete_located
from dbfleet.errors import UsageError

if TYPE_CHECKING:
    from dbfleet.ops.drift import Drifted

commands = typer.Typer()


@commands.command()
def drift(
    a: Annotated[str, typer.Argument(metavar="A[.COLLECTION]", autocompletion=complete_located)],
    b: Annotated[str, typer.Argument(metavar="B[.COLLECTION]", autocompletion=complete_located)],
    collections: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COLLECTION]...", help="All if none is given.", autocompletion=complete_collection),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="C,…", help="Compare these only; the key is always compared.")
    ] = None,
    ignore: Annotated[str | None, typer.Option(metavar="C,…", help="Do not compare these.")] = None,
    where: Annotated[
        str | None, typer.Option(metavar="EXPRESSION", help="Which rows: SQL over the columns of both sides.")
    ] = None,
    settled: Annotated[
        str | None,
        typer.Option(metavar="TIME[:COLUMN]", help="Do not judge rows that were written within this time: 60s, 5m."),
    ] = None,
    confirm: Annotated[
        str, typer.Option(metavar="TIME", help="Read what differs again after this time; 0 does not.")
    ] = "10s",
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="How many differing rows are told, of all.")] = 1000,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0.001, help="Stop what a server takes longer for.")
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Ask as an account that can only read, as the server enforces.")
    ] = False,
    format: Format = None,
) -> None:
    """Check whether two targets that should hold the same still do, and say through which moment that is known.

    What differs is read again before it is called drift: a copy that lags behind is none. Exit code 0 where all is the
    same, 1 where something drifts; where that cannot be told, the code of the reason.

    With --settled, rows that were written lately are not judged, by the column that says when (updated_at and the like,
    else name it). "Same through" is when reading began: what either side had been given by then is on both.
    """
    from dbfleet.cli import _drift_view
    from dbfleet.cli._diff_view import DiffView
    from dbfleet.ops import drift as op
    from dbfleet.ops.drift.records import FIELDS
    from dbfleet.ops.lengths import seconds

    fleet = open_fleet()
    (left, one), (right, other) = fleet.locate(a), fleet.locate(b)
    if (one or other) and collections:
        raise UsageError("name collections behind the targets, or one of each as TARGET.COLLECTION; not both")
    names: list[str | tuple[str, str]] = [*(collections or ())]
    if one or other:
        names = [(str(one or other), str(other or one))]
    done: list[Drifted] = []

    with DiffView(left.name, right.name) as view:
        found = op.drift(
            fleet, left, right, names, columns=_listed(columns), ignore=_listed(ignore), where=where,
            settled=op.Settled.parse(settled) if settled else None, confirm_s=seconds(confirm, "--confirm"),
            limit=limit, timeouts_s=(timeout, timeout), read_only=read_only, watch=view,
        )  # fmt: skip
        if render.format_of(format) == "table":
            done.extend(found)
            view.calm()
            render.lines(_drift_view.table(done, render.page(), today=datetime.now(UTC)))
            render.say(_drift_view.summary(done))
        else:
            render.records((_kept(each, done).record() for each in found), FIELDS, format=format)
            for error in {each.why: each.error for each in done if each.error}.values():
                assert error is not None
                render.complain_of(error)
    if any(each.state == "drift" for each in done):
        raise typer.Exit(1)
    for each in done:
        if each.error is not None:
            from dbfleet.cli.exit import code_of

            raise typer.Exit(code_of(each.error))


@commands.command()
def drill(
    target: TargetName,
    collections: Annotated[
        list[str] | None, typer.Argument(metavar="[COLLECTION]...", help="All if none is given.")
    ] = None,
    keep: Annotated[Path | None, typer.Option(metavar="DIR", help="Dump into this directory, and keep it.")] = None,
    dump: Annotated[Path | None, typer.Option(metavar="DIR", help="Prove this dump; none is made.")] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Dump by an account that can only read, as the server enforces.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0.001, help="How long the server may take to start.")
    ] = None,
    format: Format = None,
) -> None:
    """Restore a dump of a target into a throw-away server, and prove it there; nothing is left but the receipt.

    The server is of the same engine and started for this alone; it holds what the dump's manifest says, or the drill is
    red. The target is only read. Exit code 0: green, 1: red; any other: it could not be done, which says nothing about
    the dump.
    """
    from dbfleet.cli import _drill_view
    from dbfleet.ops import drill as op
    from dbfleet.ops.drill.records import FIELDS

    fleet = open_fleet()
    with _drill_view.DrillView() as view:
        found = op.drill(
            fleet, fleet.target(target), collections or (), keep_dump=keep, dump=dump, read_only=read_only,
            timeout_s=timeout, watch=view,
        )  # fmt: skip
    if render.format_of(format) == "table":
        render.lines(_drill_view.lines(found, render.page()))
    else:
        render.records([found.record()], FIELDS, format=format)
    if found.same is None:
        assert found.cause is not None
        raise found.cause
    if not found.same:
        render.complain(f"the drill of {found.target} is red: {found.error}")
        raise typer.Exit(1)


def _kept(each: Drifted, done: list[Drifted]) -> Drifted:
    done.append(each)
    return each


def _listed(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]
