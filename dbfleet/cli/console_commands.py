"""The console, and what its workers and schedules do: each command parses, asks the desk (console/desk.py), renders."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dbfleet import errors
from dbfleet.cli import _jobs_view, render
from dbfleet.cli.chosen import open_fleet
from dbfleet.cli.exit import Code
from dbfleet.cli.options import Format, Yes, complete_located
from dbfleet.cli.streams import is_terminal
from dbfleet.errors import DbfleetError, FleetPartlyFailed, RuntimeFailure, StatementError, UsageError

if TYPE_CHECKING:
    from dbfleet.console.desk import Desk

commands = typer.Typer()
_console = typer.Typer(invoke_without_command=True)
commands.add_typer(_console, name="console")
_schedule = typer.Typer(no_args_is_help=True)
commands.add_typer(_schedule, name="schedule")
_jobs = typer.Typer(invoke_without_command=True)
commands.add_typer(_jobs, name="jobs")
_receipts = typer.Typer(invoke_without_command=True)
commands.add_typer(_receipts, name="receipts")

_SCHEDULE: Final = ("schedule", "kind", "target", "when", "next", "last", "state", "verified_through")
_JOB: Final = ("job", "kind", "state", "verdict", "target", "source", "schedule", "begun", "ended", "parts", "done",
               "rows", "error")  # fmt: skip
_RECEIPT: Final = ("receipt", "kind", "at", "target", "source", "same", "rows", "hash")

JobNumber = Annotated[int, typer.Argument(metavar="JOB", help="The number of a job.")]
Name = Annotated[str, typer.Argument(metavar="SCHEDULE", help="The name of a schedule.")]


def _show(
    found: Iterable[Mapping[str, Any]], fields: Sequence[str], layout: Callable[..., Iterator[str]], format: str | None
) -> None:
    """The records as a person reads them, or whole in the format that was asked for."""
    if render.format_of(format) == "table":
        render.lines(layout(found, render.page(), today=_jobs_view.today()))
    else:
        render.records(found, fields, format=format)


def _desk() -> Desk:
    from dbfleet.console import desk

    return desk.opened(open_fleet())


# --- the console itself ----------------------------------------------------------------------------------------------


@_console.callback()
def console(
    ctx: typer.Context,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", min=1, help="Give up after so long.")
    ] = None,
) -> None:
    """Run the console here, without Docker, until Ctrl-C: pages, workers and schedules; print a link to log in.

    What ends meanwhile is started again; what was up before stays. In containers, and without a terminal: dbfleet up
    console.
    """
    if ctx.invoked_subcommand is not None:
        return
    from dbfleet.cli._door import tell_link
    from dbfleet.cli.chosen import chosen
    from dbfleet.cli.fleet_commands import live
    from dbfleet.ops import console as op

    if chosen.runtime not in (None, "process"):
        raise UsageError(
            "dbfleet console runs here, as local processes", hint="dbfleet up console starts it in containers"
        )
    chosen.runtime = "process"
    fleet = open_fleet()
    ours = op.not_up(fleet)
    stay = op.what_stays(fleet, ours)
    if stay:
        render.say(f"{stay.what} up before, and left running when this ends")
    try:
        with live() as report:
            op.console(fleet, timeout_s=timeout, report=report)
        tell_link(_desk())
        render.say("Ctrl-C ends it; what is on record stays")
        for text in op.looked_after(fleet):
            render.say(render.harmless(text))
    finally:
        with live() as report:
            op.end(fleet, ours, report=report)
        if stay:
            render.say(f"{stay.what} up before, and left running: {stay.how} ends that")


@_console.command("link")
def console_link(
    user: Annotated[str, typer.Option(metavar="NAME", help="Whom it logs in; the first admin if left out.")] = "",
) -> None:
    """Print a link that logs in once, within half an hour."""
    render.write([f"{_desk().login_link(user)}\n".encode()])


# --- schedules --------------------------------------------------------------------------------------------------------


@_schedule.callback()
def schedule() -> None:
    """Make jobs at their times: drift watches, restore drills, dumps, health, or another verb."""


@_schedule.command("add")
def schedule_add(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="drift, drill, dump, load, copy, health or command.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORD]...", help="Its targets, then collections.", autocompletion=complete_located),
    ] = None,
    every: Annotated[str, typer.Option(metavar="TIME", help="An interval: 30s, 10m, 2h, 1d; first at once.")] = "",
    cron: Annotated[str, typer.Option(metavar="LINE", help="A cron line: '0 3 * * *'.")] = "",
    time_zone: Annotated[str, typer.Option("--tz", metavar="ZONE", help="Whose hours --cron means. [UTC]")] = "",
    name: Annotated[
        str, typer.Option(metavar="NAME", help="What it is called; by its kind and targets if left out.")
    ] = "",
    columns: Annotated[str, typer.Option(metavar="C,…", help="drift: compare these only.")] = "",
    ignore: Annotated[str, typer.Option(metavar="C,…", help="drift: do not compare these.")] = "",
    where: Annotated[str, typer.Option(metavar="EXPRESSION", help="drift: which rows.")] = "",
    settled: Annotated[
        str, typer.Option(metavar="TIME[:COLUMN]", help="drift: rows younger than this are not judged.")
    ] = "",
    confirm: Annotated[str, typer.Option(metavar="TIME", help="drift: what differs is read again after it.")] = "",
    directory: Annotated[str, typer.Option("--output", "-o", metavar="DIR", help="dump: where the dumps go.")] = "",
    keep: Annotated[int | None, typer.Option(metavar="N", min=1, help="dump: so many stay.")] = None,
    compress: Annotated[str, typer.Option(metavar="HOW", help="dump: gzip or zstd.")] = "",
    dump_format: Annotated[
        str, typer.Option("--dump-format", metavar="FORMAT", help="dump: jsonl, csv, parquet.")
    ] = "",
    mode: Annotated[str, typer.Option(metavar="MODE", help="copy, load: insert, upsert or replace.")] = "",
    verify: Annotated[bool, typer.Option("--verify", help="copy, load: read back and compare.")] = False,
    format: Format = None,
) -> None:
    """Add a schedule: what, of which targets, and when.

    A slot that nobody noticed in time is on record as overdue, never silent. A command's own words stand behind --.
    """
    from dbfleet.cli import _schedule_words as grammar
    from dbfleet.console.jobs import slots

    if kind == "command" and words:
        grammar.understood(ctx.find_root().command, words[words[0] == "dbfleet" :])
    given = {
        "columns": columns, "ignore": ignore, "where": where, "settled": settled, "confirm": confirm,
        "directory": directory, "keep": keep, "compress": compress, "format": dump_format, "mode": mode,
        "verify": verify,
    }  # fmt: skip
    arguments = grammar.arguments(kind, words or [], {key: value for key, value in given.items() if value})
    slots.check_one(every, cron, hint="--every 10m, or --cron '0 3 * * *'")
    if every and time_zone:
        raise UsageError("an interval has no time zone", hint="leave --tz out, or say when by --cron")
    added = _desk().add_schedule(kind, arguments, every=every, cron=cron, time_zone=time_zone or "UTC", name=name)
    _show([added], _SCHEDULE, _jobs_view.schedules, format)


@_schedule.command("ls")
def schedule_ls(format: Format = None) -> None:
    """List schedules, what is wrong first: when they are next, and what they found last."""
    _show(_desk().schedules(), _SCHEDULE, _jobs_view.schedules, format)


@_schedule.command("run")
def schedule_run(name: Name, format: Format = None) -> None:
    """Make a job of it now, and follow it."""
    desk = _desk()
    _ended(_followed(desk, desk.run_schedule(name)["job"]), format)


@_schedule.command("pause")
def schedule_pause(name: Name, format: Format = None) -> None:
    """Let it rest: what is due meanwhile is neither done nor overdue."""
    _show([_desk().pause_schedule(name)], _SCHEDULE, _jobs_view.schedules, format)


@_schedule.command("resume")
def schedule_resume(name: Name, format: Format = None) -> None:
    """Let it go on after a pause."""
    _show([_desk().pause_schedule(name, False)], _SCHEDULE, _jobs_view.schedules, format)


@_schedule.command("rm")
def schedule_rm(name: Name, yes: Yes = False) -> None:
    """Remove it; its jobs and receipts stay on record."""
    desk = _desk()
    render.confirm(f"remove the schedule {name}?", yes=yes)
    desk.remove_schedule(name)
    render.say(f"removed {render.harmless(name)}")


# --- jobs -------------------------------------------------------------------------------------------------------------


@_jobs.callback()
def jobs(
    ctx: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on: a line for each change.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="The newest so many.")] = 20,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Looks at the fleet's health too.")] = False,
    format: Format = None,
) -> None:
    """List jobs, the newest first; show, cancel or retry one."""
    if ctx.invoked_subcommand is not None:
        return
    desk = _desk()
    _show(desk.jobs(limit=limit, all_kinds=everything), _JOB, _jobs_view.jobs, format)
    if watch:
        _watch(desk, limit, everything, format)


def _watch(desk: Desk, limit: int, everything: bool, format: str | None) -> None:
    known = {job["job"]: job for job in desk.jobs(limit=limit, all_kinds=everything)}
    while True:
        time.sleep(1.0)
        changed = [job for job in desk.jobs(limit=limit, all_kinds=everything) if known.get(job["job"]) != job]
        if changed:
            _show(reversed(changed), _JOB, _jobs_view.jobs, format)
            known |= {job["job"]: job for job in changed}


@_jobs.command("ls")
def jobs_ls(format: Format = None) -> None:
    """List jobs, the newest first."""
    _show(_desk().jobs(limit=20), _JOB, _jobs_view.jobs, format)


@_jobs.command("show")
def jobs_show(job: JobNumber, format: Format = None) -> None:
    """Show one job: its parts, who works on them, and what it found."""
    found = _desk().job(job)
    if render.format_of(format) != "table":
        render.records([found], tuple(found), format=format)
        return
    render.lines(_jobs_view.found_by(found, render.page(), today=_jobs_view.today()))
    render.records([found], (*_JOB, "hint"), format=format)
    fields = ("part", "what", "state", "worker", "attempts", "rows", "error")
    render.records(found["parts_of_it"], fields, format=format)


@_jobs.command("cancel")
def jobs_cancel(job: JobNumber, format: Format = None) -> None:
    """End a job: its statements are stopped on the servers."""
    _show([_desk().cancel(job)], _JOB, _jobs_view.jobs, format)


@_jobs.command("retry")
def jobs_retry(job: JobNumber, format: Format = None) -> None:
    """Try a job again that failed, and follow it; a copy goes on where it was."""
    desk = _desk()
    _ended(_followed(desk, desk.retry(job)["job"]), format)


def _followed(desk: Desk, number: int) -> dict[str, Any]:
    """The job's record once it has ended. Ctrl-C ends the following, and the job goes on."""
    ended = False
    try:
        with render.progress(unit="rows", passing=True) as display:
            bar = display.bar(f"job {number}")

            def told(job: Mapping[str, Any]) -> None:
                parts = f", {job['done']} of {job['parts']} parts" if job["parts"] > 1 else ""
                rows = sum(part["rows"] for part in job["parts_of_it"] if job["parts"] == 1 or part["part"])
                bar.update(f"{job['state']}: {rows:,} rows{parts}")

            def away(why: str) -> None:
                render.say(f"{why}\n  the job goes on; waiting for what became of it")

            def waits(why: str) -> None:
                render.warn(f"job {number} waits: {why}")

            found = desk.follow(number, told=told, away=away, waits=waits)
            ended = True
    finally:
        if not ended:
            render.say(f"job {number} goes on: dbfleet jobs show {number}, dbfleet jobs cancel {number}")
    return found


def _ended(job: Mapping[str, Any], format: str | None) -> None:
    """Show a job that has ended. Its error has the exit code that it would have here; exit code 1 where the answer is
    no."""
    _show([job], _JOB, _jobs_view.jobs, format)
    fail_like(job)


def fail_like(job: Mapping[str, Any]) -> None:
    """Raise what ended the job, if something did; typer.Exit(1) where what it found is no."""
    if job["state"] == "failed":
        kind = getattr(errors, job["trouble"] or "", RuntimeFailure)
        if not (isinstance(kind, type) and issubclass(kind, DbfleetError)):
            kind = RuntimeFailure
        try:
            error = kind(job["error"], hint=job["hint"])
        except TypeError:  # a class that wants more than its message
            error = RuntimeFailure(job["error"], hint=job["hint"])
        raise error
    if job["state"] == "cancelled":
        raise RuntimeFailure(f"job {job['job']} was cancelled", hint=f"dbfleet jobs retry {job['job']} goes on with it")
    if job["verdict"] == "cannot tell":
        raise typer.Exit(Code.UNAVAILABLE)
    if job["verdict"] in ("red", "drift"):
        raise typer.Exit(Code.NO)


# --- receipts ---------------------------------------------------------------------------------------------------------


@_receipts.callback()
def receipts(
    ctx: typer.Context,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="copy, load, dump, drift, drill.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="The newest so many.")] = 20,
    format: Format = None,
) -> None:
    """List receipts, the newest first: what was done or found, and that it stands unchanged."""
    if ctx.invoked_subcommand is None:
        _show(_desk().receipts(limit=limit, kind=kind), _RECEIPT, _jobs_view.receipts, format)


@_receipts.command("ls")
def receipts_ls(format: Format = None) -> None:
    """List receipts, the newest first."""
    _show(_desk().receipts(), _RECEIPT, _jobs_view.receipts, format)


@_receipts.command("show")
def receipts_show(receipt: Annotated[int, typer.Argument(metavar="RECEIPT", help="Its number.")]) -> None:
    """Show all of a receipt, as JSON."""
    import json

    render.write([json.dumps(_desk().receipt(receipt), ensure_ascii=False, indent=2).encode() + b"\n"])


@_receipts.command("verify")
def receipts_verify(
    head: Annotated[
        str | None, typer.Option("--head", metavar="HASH", help="A hash that an earlier verify gave: it must be there.")
    ] = None,
    format: Format = None,
) -> None:
    """Walk along the whole chain of entries; exit code 1, and the first one that does not fit, where it was changed.

    Keep the head that it prints elsewhere: with --head a later verify sees too that nothing was cut off at the end.
    """
    found = _desk().verify(head)
    render.records([found], ("ok", "entries", "head", "wrong", "why"), format=format)
    if not found["ok"]:
        raise typer.Exit(1)


# --- copy --on workers ------------------------------------------------------------------------------------------------


def copy_on_workers(arguments: Mapping[str, Any], *, where: str, resume: bool, yes: bool, format: str | None) -> None:
    """A copy whose parts are done by all workers; the terminal follows."""
    if where != "workers":
        raise UsageError(f"--on {where} is no place", hint="--on workers, or leave it out: here")
    desk = _desk()
    if arguments["mode"] == "replace":
        render.confirm(f"{arguments['sink']}'s rows will be replaced once the new ones are whole. Go on?", yes=yes)
    job = _followed(desk, desk.make_job("copy", arguments, resumes=resume))
    fields = ("target", "collection", "rows", "rejected", "seconds", "digest")
    found = job["result"] or {}
    render.records(
        [{"target": found["sink"]["target"], **each} for each in found.get("collections", ())], fields, format=format
    )
    for text in (*found.get("left", ()), *found.get("said", ())):
        render.warn(text)
    if arguments["verify"] and found:
        import json

        from dbfleet.cli._copy_view import proven

        render.say(proven(found) if is_terminal(sys.stderr) else json.dumps(found, ensure_ascii=False))
    if found.get("unread"):
        failures: dict[str, DbfleetError] = {name: StatementError(why) for name, why in found["unread"].items()}
        raise FleetPartlyFailed(job["error"], failures=failures)
    fail_like(job)
