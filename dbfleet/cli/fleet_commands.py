"""The commands about the fleet's servers: each parses, calls one op, renders."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbfleet.cli.chosen import open_fleet
from dbfleet.cli.options import Format, Reveal, ServerName, ServerNames, TargetName, TargetNames, Yes
from dbfleet.cli.streams import is_terminal
from dbfleet.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from dbfleet.ops.up import Up
    from dbfleet.runtimes import Event, Report

commands = typer.Typer()
_config = typer.Typer(no_args_is_help=True)
commands.add_typer(_config, name="config")

_Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=1, help="Give up after so long.")]
_StartTimeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        min=1,
        help="Give up after so long; else after 180 s, or an engine's own start period where that is longer.",
    ),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


@contextmanager
def live() -> Iterator[Report]:
    """A line for each target, which changes with its events; notes are printed above. At the end, the skipped targets
    are listed by reason, because that is the longest text."""
    from dbfleet.cli import render

    skipped: dict[str, list[str]] = {}
    with render.progress() as display:
        bars: dict[str, render.Bar] = {}

        def report(event: Event) -> None:
            if event.stage == "note":
                render.say(render.harmless(f"{event.target}: {event.text}"))
                return
            if event.stage == "skipped":
                skipped.setdefault(event.text, []).append(event.target)
                return
            if event.target not in bars:
                bars[event.target] = display.bar(event.target, event.stage)
            # The reason of a failure is printed once, at the end.
            text = event.stage if event.stage == "failed" else f"{event.stage} {event.text}".rstrip()
            text = event.text if event.stage == "removed" else text
            if event.stage in ("ready", "stopped", "removed", "failed"):
                bars[event.target].finish(text, ok=event.stage != "failed")
            else:
                bars[event.target].update(text)

        yield report
    for reason, names in skipped.items():
        render.say(render.harmless(f"skipped {', '.join(names)}: {reason}"), rest="  ")


@commands.command()
def up(
    targets: ServerNames = None,
    everything: Annotated[bool, typer.Option("--all", help="Every target and every service.")] = False,
    timeout: _StartTimeout = None,
    dry_run: _DryRun = False,
) -> None:
    """Start the fleet, or the named targets, and wait until they answer.

    It is safe to run again: a target that is up stays as it is. Without names it starts every engine for which the
    runtime has a server, and says how to get the others. Ports that are taken are replaced by free ones; status and url
    show them.

    A service is named like a target and brings what it needs; console names all that the console consists of.
    """
    from dbfleet.cli import render
    from dbfleet.ops._meant import plan
    from dbfleet.ops.up import up as start

    fleet = open_fleet()
    if everything and targets:
        raise UsageError("--all means every target and every service", hint="leave the names out, or --all")
    if dry_run:
        render.records(plan(fleet, targets, everything=everything), ("target", "runtime", "port", "action"))
        return
    with live() as report:
        done = start(fleet, targets, everything=everything, timeout_s=timeout, report=report)
    _tell(done)
    if "web" in done.ready:
        from dbfleet.cli._door import tell_door

        tell_door(fleet)


def _tell(done: Up) -> None:
    from dbfleet.cli import render

    count = len(done.ready)
    runtimes = ", ".join(f"{name} ({why})" if why else name for name, why in done.runtimes.items())
    render.say(f"{count} target{'' if count == 1 else 's'} ready{', runtime ' + runtimes if runtimes else ''}")


@commands.command()
def stop(targets: ServerNames = None) -> None:
    """Stop the fleet's servers, or the named ones; data and containers stay."""
    from dbfleet.cli import render
    from dbfleet.ops.stop import stop as end

    with live() as report:
        stopped = end(open_fleet(), targets, report=report)
    if not stopped:
        render.say("nothing was running")


@commands.command()
def restart(targets: ServerNames = None, timeout: _StartTimeout = None) -> None:
    """Stop what is up, or the named targets, and start it again."""
    from dbfleet.ops.restart import restart as again

    with live() as report:
        done = again(open_fleet(), targets, timeout_s=timeout, report=report)
    _tell(done)


@commands.command()
def down(
    targets: ServerNames = None,
    volumes: Annotated[bool, typer.Option("--volumes", help="Remove the data too.")] = False,
    yes: Yes = False,
    dry_run: _DryRun = False,
) -> None:
    """Stop the fleet's servers and remove their containers; data stays, unless --volumes."""
    from dbfleet.cli import render
    from dbfleet.ops.down import down as take_down
    from dbfleet.ops.down import plan

    fleet = open_fleet()
    if dry_run or volumes:
        doomed = plan(fleet, targets, volumes=volumes)
        if dry_run:
            render.records(
                ({"target": each.target, "runtime": each.runtime, "action": each.what} for each in doomed),
                ("target", "runtime", "action"),
            )
            return
        if doomed:
            names = ", ".join(dict.fromkeys(each.target for each in doomed))
            lost = "".join(f" With {each.target} goes {each.lost}." for each in doomed if each.lost)
            render.confirm(f"Remove all data of {names} (fleet {fleet.name})?{lost}", yes=yes)
    with live() as report:
        gone = take_down(fleet, targets, volumes=volumes, report=report)
    if not gone:
        render.say("nothing was there")


@commands.command()
def status(targets: ServerNames = None, reveal: Reveal = False, format: Format = None) -> None:
    """Show what each target is, where it is, and which server really answers."""
    from dbfleet.cli import render
    from dbfleet.ops._servers import dropped as all_dropped
    from dbfleet.ops._servers import why_dropped
    from dbfleet.ops.status import FIELDS
    from dbfleet.ops.status import status as look

    fleet = open_fleet()
    found = look(fleet, targets, reveal=reveal, tell=render.say)
    if render.format_of(format) == "table" and not reveal:
        from dbfleet.cli import _fleet_view

        past = {target.name for target in all_dropped(fleet)}
        dropped = [name for record in found if (name := record["target"]) in past]
        told = {", ".join(dropped): why_dropped(fleet, dropped)} if dropped else {}
        render.lines(_fleet_view.status(found, render.page(), told))
    else:
        render.records(found, FIELDS, format=format)


@commands.command()
def health(
    targets: ServerNames = None,
    watch: Annotated[bool, typer.Option("--watch", help="Ask again and again, until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option("--interval", metavar="SECONDS", min=0.1, help="With --watch.")] = 2.0,
    timeout: _Timeout = 5.0,
    format: Format = None,
) -> None:
    """Ask every target that is up for an answer; exit code 1 if one does not answer."""
    import time

    from dbfleet.cli import _fleet_view, render
    from dbfleet.ops.health import FIELDS
    from dbfleet.ops.health import health as ask

    fleet = open_fleet()
    while True:
        found = ask(fleet, targets, timeout_s=timeout)
        if watch and is_terminal(sys.stdout):
            sys.stdout.write("\x1b[H\x1b[2J" + time.strftime("%H:%M:%S\n"))
            sys.stdout.flush()
        if render.format_of(format) == "table":
            render.lines(_fleet_view.health(found, render.page()))
        else:
            render.records(found, FIELDS, format=format)
        if not watch:
            break
        time.sleep(interval)
    if not found:
        render.warn("nothing of this fleet is up; dbfleet up starts it")
    if not found or not all(record["ok"] for record in found):
        raise typer.Exit(1)


@commands.command()
def logs(
    target: ServerName,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added, until Ctrl-C.")] = False,
    lines: Annotated[
        int | None, typer.Option("--lines", "-n", metavar="N", min=0, help="Only the last N lines.")
    ] = None,
) -> None:
    """Show a server's own log."""
    from dbfleet.cli import render
    from dbfleet.ops.logs import logs as read

    terminal = is_terminal(sys.stdout)
    found = read(open_fleet(), target, follow=follow, lines=lines)
    if follow:
        render.end_with_reader()
    try:
        render.write(f"{render.harmless(line) if terminal else line}\n".encode() for line in found)
    finally:
        if close := getattr(found, "close", None):
            close()


@commands.command()
def shell(target: TargetName) -> None:
    """Open the engine's own client on a target.

    In docker it is the client inside the container. Where there is no client, dbfleet reads statements itself.
    """
    from dbfleet.cli import prompt
    from dbfleet.ops.shell import shell as client

    fleet = open_fleet()
    command = client(fleet, target)
    if command is None:
        prompt.run(fleet, fleet.target(target))
    else:
        raise typer.Exit(prompt.hand_over(command))


@commands.command()
def url(
    target: TargetName,
    reveal: Reveal = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="The URL of the account that can only read.")] = False,
) -> None:
    """Print a target's URL; the password only with --reveal."""
    from dbfleet.cli import render
    from dbfleet.ops.url import url as find

    render.write([f"{find(open_fleet(), target, reveal=reveal, read_only=read_only)}\n".encode()])


@commands.command()
def env(
    targets: TargetNames = None,
    format: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="shell, or django: its settings, with passwords from these."),
    ] = "shell",
) -> None:
    """Print export lines with real URLs, for eval "$(dbfleet env)"; or settings for Django."""
    from dbfleet.cli import render
    from dbfleet.ops.env import django_settings, export_line
    from dbfleet.ops.env import env as find

    if format not in ("shell", "django"):
        raise UsageError(f"env has no format {format!r}", hint=did_you_mean(format, ["shell", "django"]))
    if format == "django":
        render.write([django_settings(open_fleet(), targets).encode()])
        return
    render.write(f"{export_line(name, value)}\n".encode() for name, value in find(open_fleet(), targets))


@_config.callback()
def config() -> None:
    """Show or check the settings."""


@_config.command("show")
def config_show(format: Format = None) -> None:
    """Show every setting in force, and the flag, variable or file that it comes from."""
    from dbfleet.cli import _fleet_view, render
    from dbfleet.ops.config_show import DEFAULT, FIELDS
    from dbfleet.ops.config_show import config_show as show

    found = show(open_fleet())
    if render.format_of(format) == "table":
        render.lines(_fleet_view.config(found, render.page(), DEFAULT))
    else:
        render.records(found, FIELDS, format=format)


@_config.command("validate")
def config_validate() -> None:
    """Check dbfleet.toml, the user's config and the DBFLEET_ variables; exit code 2 if one is wrong."""
    from dbfleet.cli import render
    from dbfleet.ops.config_show import config_validate as check

    fleet = open_fleet()
    count = check(fleet)
    files = ", ".join(map(str, fleet.settings.files)) or "no file is needed"
    render.say(f"{fleet.name}: {count} target{'' if count == 1 else 's'}, all right ({files})")


@commands.command()
def init(yes: Yes = False) -> None:
    """Write a commented dbfleet.toml into this folder."""
    from dbfleet.cli import render
    from dbfleet.config import FILE_NAME, current_directory
    from dbfleet.ops.init import init as write

    if Path(FILE_NAME).exists():
        render.confirm(f"{FILE_NAME} is there already. Write over it?", yes=yes)
    render.say(f"wrote {write(current_directory())}")


@commands.command()
def doctor(format: Format = None) -> None:
    """Look for what this machine lacks to run the fleet, and say what to do; exit code 1 if something cannot work."""
    from dbfleet.cli import _fleet_view, render
    from dbfleet.ops.doctor import FIELDS
    from dbfleet.ops.doctor import doctor as examine

    found = list(examine(open_fleet()))
    if render.format_of(format) == "table":
        render.lines(_fleet_view.doctor(found, render.page()))
    else:
        render.records(found, FIELDS, format=format)
    if any(record["level"] == "fail" for record in found):
        raise typer.Exit(1)


@commands.command()
def where(format: Format = None) -> None:
    """Print the paths of everything that dbfleet reads and writes."""
    from dbfleet.cli import _fleet_view, render
    from dbfleet.ops.where import FIELDS
    from dbfleet.ops.where import where as find

    found = find(open_fleet())
    if render.format_of(format) == "table":
        render.lines(_fleet_view.where(found, render.page()))
    else:
        render.records(found, FIELDS, format=format)
