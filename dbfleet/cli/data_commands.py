"""The commands about data: each parses, calls one op, renders."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dbfleet.cli import render
from dbfleet.cli.ask import ask
from dbfleet.cli.chosen import open_fleet
from dbfleet.cli.options import Format, Located, TargetName, Yes, complete_engine, complete_located, complete_target
from dbfleet.errors import UsageError

commands = typer.Typer()


# --- query ---------------------------------------------------------------------------------------------------------


@commands.command()
def query(
    targets: Annotated[
        str,
        typer.Argument(
            metavar="TARGET[,TARGET]",
            help="The targets; mongodb.orders asks one collection of documents, by a filter.",
            autocompletion=complete_target,
        ),
    ],
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="The statement; - reads it from stdin.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", metavar="F", help="Read the statement from F.")] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME[:TYPE]=VALUE", help="Bind a value: text, or n:int=3."),
    ] = None,
    format: Format = None,
    consistency: Annotated[
        str | None, typer.Option("--consistency", metavar="LEVEL", help="How many replicas must answer (Cassandra).")
    ] = None,
    ejson: Annotated[bool, typer.Option("--ejson", help="Every value as Extended JSON (MongoDB).")] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", min=0.001, help="Stop it after so long.")
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Ask as an account or in a session that cannot change anything.")
    ] = False,
) -> None:
    """Ask targets in their own language: SQL, mongosh, Redis commands, Mango, CQL, Cypher.

    Rows stream to stdout; counts and the server's notices go to stderr. Several targets of one language are asked one
    after the other, and each row says whose it is. A parameter is :name in the text, and is bound, never spliced.
    """
    ask(
        targets, text, file=file, param=param or (), format=format, consistency=consistency, ejson=ejson,
        timeout=timeout, read_only=read_only,
    )  # fmt: skip


# --- what is there -------------------------------------------------------------------------------------------------


@commands.command()
def ls(
    target: TargetName,
    count: Annotated[bool, typer.Option("--count", "-c", help="Count the rows of each, exactly.")] = False,
    format: Format = None,
) -> None:
    """List a target's collections."""
    from dbfleet.ops import ls as op

    fleet = open_fleet()
    fields = ("target", "collection", "rows") if count else ("target", "collection")
    render.records(map(asdict, op.ls(fleet, fleet.target(target), count=count)), fields, format=format)


@commands.command()
def describe(where: Located, format: Format = None) -> None:
    """Show a collection's columns, types, key and references; of a whole target, those of every collection."""
    from dbfleet.ops import describe as op

    fleet = open_fleet()
    target, collection = fleet.locate(where)
    found = op.describe(fleet, target, collection)
    fields = ["collection", "column", "type", "nullable", "key", "references", "native", "note"]
    if collection and render.format_of(format) == "table":
        fields.remove("collection")  # a person has just typed it
    render.records(map(asdict, found), fields, format=format)


@commands.command()
def digest(
    where: Located,
    native: Annotated[bool, typer.Option("--native", help="Over the engine's own values.")] = False,
    format: Format = None,
) -> None:
    """Sum up a collection, or all of a target, in a digest that is the same on every engine that keeps the values."""
    from dbfleet.ops import digest as op

    fleet = open_fleet()
    target, collection = fleet.locate(where)
    word = render.format_of(format)
    done: list[dict[str, object]] = []
    try:
        with render.progress(unit="rows") as display:
            bar = display.bar(target.name)
            for record in op.digest(
                fleet,
                target,
                collection,
                native=native,
                progress=lambda name, rows: bar.update(f"{name}: {rows:,} rows"),
            ):
                done.append(asdict(record))  # noqa: PERF401 - the records before an error are shown too
            bar.finish(f"{len(done)} collection{'' if len(done) == 1 else 's'}")
    finally:
        if done or not sys.exc_info()[0]:
            fields = ("target", "collection", "rows", "rejected", "seconds", "digest")
            render.records(done, fields, format=word)


@commands.command()
def engines(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ENGINE]...", help="All if none is given.", autocompletion=complete_engine),
    ] = None,
    matrix: Annotated[
        bool,
        typer.Option("--matrix", help="What becomes of one engine's types in another; SOURCE SINK: type by type."),
    ] = False,
    format: Format = None,
) -> None:
    """Show what each engine can do, and how exactly it keeps each type.

    With --matrix: what becomes of the types of each engine in each other one, and what of it runs have proven, on which
    servers. Of one engine, its row; of two, the source and the sink, a line for each type.
    """
    from dbfleet.ops import engines as op

    if matrix:
        from dbfleet.cli import _matrix_view

        _matrix_view.show(names or (), format)
        return
    found = list(op.engines(names or ()))
    for text in () if names else op.unusable():
        render.warn(text)
    if render.format_of(format) == "table":
        from dbfleet.cli import _engine_view

        if not names:
            render.lines(_engine_view.table(found, render.page()))
        for number, engine in enumerate(found if names else ()):
            render.lines([""] if number else [])
            render.lines(_engine_view.one(engine, render.page()))
        return
    fields = ("engine", "title", "paradigm", "language", "capabilities", "limits", "types", "quirks", "verified_on",
              "aliases", "schemes", "driver", "guard", "guard_note")  # fmt: skip
    render.records(map(asdict, found), fields, format=format)


@commands.command()
def models(
    where: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET[.COLLECTION]...",
            help="Targets, or single collections of them.",
            autocompletion=complete_located,
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="The package to write an app a target into.")
    ] = None,
    format: Annotated[str, typer.Option("--format", metavar="FORMAT", help="django.")] = "django",
    yes: Yes = False,
) -> None:
    """Write the collections as an application's classes: an app for Django a target; one alone to stdout.

    Tables become unmanaged models with their keys and references. What Django has no backend for becomes classes that
    read. What cannot be a model is told by its name, never written wrong.
    """
    from dbfleet.ops import models as op

    if format != "django":
        raise UsageError(f"models has no format {format!r}", hint="the format is django")
    fleet = open_fleet()
    located = [fleet.locate(each) for each in where]
    if output is None and len({target.name for target, _ in located}) > 1:
        raise UsageError("several targets are several apps", hint="name a folder for them: --output fleet")
    apps = op.models(fleet, located)
    if output is None:
        render.write([apps[0].files[op.MODELS].encode()])
    else:
        plan = op.planned(apps, output)
        if plan.overwrites:
            files = ", ".join(str(path) for path in plan.overwrites)
            render.confirm(f"There are other files: {files}. Overwrite them?", yes=yes)
        plan.carry_out()
    for app in apps:
        for told in app.told:
            render.warn(f"{app.target}: {told}")
        if output is not None:
            count = f"{app.classes} class{'' if app.classes == 1 else 'es'}"
            render.say(f'{app.target}: {count}, for INSTALLED_APPS: "{output.resolve().name}.{app.label}"')


# --- seed and datasets ---------------------------------------------------------------------------------------------


@commands.command()
def seed(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TARGET]...", help="Fleet names or URLs.", autocompletion=complete_target),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", "-a", help="Every target that is up.")] = False,
    dataset: Annotated[str, typer.Option(metavar="NAME|FILE", help="What to write: see dbfleet datasets.")] = "shop",
    rows: Annotated[int | None, typer.Option(metavar="N", help="How many orders; the rest follows.")] = None,
    number: Annotated[int, typer.Option("--seed", metavar="N", help="Another number, other values.")] = 0,
    reset: Annotated[bool, typer.Option("--reset", help="Drop the dataset's collections first.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Read everything back and compare digests.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be written.")] = False,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", metavar="N", help="How many targets at a time.")] = None,
    yes: Yes = False,
    format: Format = None,
) -> None:
    """Fill targets with the same realistic data, all at once.

    Every value follows from the seed, the collection and the row's number: two runs write the same rows.
    """
    from functools import partial

    from dbfleet.ops import seed as op

    fleet = open_fleet()
    if all_ and targets:
        raise UsageError("name targets, or say --all; not both")
    chosen_targets = op.everything(fleet) if all_ else [fleet.target(name) for name in targets or ()]
    if dry_run:
        planned = op.plan(chosen_targets, dataset=dataset, rows=rows, reset=reset, connect=fleet.connect)
        render.records(map(asdict, planned), ("target", "collection", "rows", "action"), format=format)
        return
    fleet.made_state()  # it holds an embedded target's file
    done = []
    try:
        with _SeedBars() as bars:
            for record in op.seed(
                chosen_targets, dataset=dataset, rows=rows, seed=number, reset=reset, verify=verify, jobs=jobs,
                connect=partial(fleet.connect, create=True), progress=bars.update,
                agree=lambda told: render.confirm(f"There is data: {told}. Drop all of this?", yes=yes),
            ):  # fmt: skip
                done.append(asdict(record))
                bars.collected(record.target, record.rows, record.seconds)
    finally:
        if done:
            names = [target.name for target in chosen_targets]
            done.sort(key=lambda record: names.index(record["target"]))
            render.records(done, ("target", "collection", "rows", "rejected", "seconds", "digest"), format=format)


class _SeedBars(ExitStack):
    """A bar for each target, drawn from the first progress on: the workers are forked by then."""

    def __init__(self) -> None:
        super().__init__()
        self._display: render.Progress | None = None
        self._bars: dict[str, render.Bar] = {}
        self._sums: dict[str, tuple[int, float]] = {}
        self._far: dict[str, tuple[str, int, int]] = {}

    def update(self, target: str, collection: str, done: int, total: int) -> None:
        self._display = self._display or self.enter_context(render.progress(unit="rows"))
        if target not in self._bars:
            self._bars[target] = self._display.bar(target, collection, total=total)
        self._far[target] = (collection, done, total)
        self._bars[target].update(collection, done=done, total=total)

    def collected(self, target: str, rows: int, seconds: float) -> None:
        before = self._sums.get(target, (0, 0.0))
        stored, spent = self._sums[target] = before[0] + rows, before[1] + seconds
        if stored == self._far[target][2]:
            self._bars.pop(target).finish(f"{render.counted(stored)} in {spent:.1f} s")

    def __exit__(self, *exc: object) -> bool | None:
        for target, bar in self._bars.items():
            collection, done, total = self._far[target]
            bar.finish(f"stopped in {collection}, at {done:,} of {total:,} rows", ok=False)
        return super().__exit__(*exc)  # type: ignore[arg-type]


@commands.command()
def datasets(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME|FILE]", help="One of them; all if none is given.")
    ] = None,
    rows: Annotated[int | None, typer.Option(metavar="N", help="Count as --rows N of seed would.")] = None,
    format: Format = None,
) -> None:
    """List what seed can write: each dataset's collections, their sizes and columns."""
    from dbfleet.ops import datasets as op

    fields = ("dataset", "collection", "rows", "of", "columns", "references", "source", "about")
    render.records(map(asdict, op.datasets(name, rows=rows)), fields, format=format)
