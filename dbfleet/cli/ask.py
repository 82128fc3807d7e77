"""`query`: sends one statement to targets, and writes the answers to stdout. Imports no typer.

`query TARGET TEXT`, with or without `--format F`, is read here (`plain`), because typer's import and its building of
parameters take a fifth of the time to a first answer from PostgreSQL (50 of 250 ms of CPU). Arguments with another
option, or with a word that looks like one, go to the parser; so `query --help` and mistyped options never come here.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from dbfleet.cli import render
from dbfleet.cli.chosen import chosen, open_fleet
from dbfleet.cli.streams import is_terminal
from dbfleet.errors import UsageError

if TYPE_CHECKING:
    from dbfleet.cli._on_record import Kept
    from dbfleet.ops.query import Told


def run(arguments: Sequence[str], begin: Callable[[], None] = lambda: None) -> int:
    """Run the command line: a plain query here, everything else by the parser. `begin` is called when it is known that
    a command runs."""
    question = None if "_DBFLEET_COMPLETE" in os.environ else plain(arguments)
    # Imported modules stay, so collecting them is useless; it takes a fifth of the time to a first answer. The garbage
    # collector is off until all is imported, and then looks only at newer objects.
    gc.disable()
    try:
        if question is None:
            from dbfleet.cli import app

            _collect()
            return app.run(arguments, begin)
        chosen.forget()
        targets, text, format = question
        begin()
        ask(targets, text, format=format)
        return 0
    finally:
        gc.enable()


def _collect() -> None:
    gc.freeze()
    gc.enable()


def plain(arguments: Sequence[str]) -> tuple[str, str, str | None] | None:
    """Target, text and format of a query that needs no parser; None for arguments that need it."""
    if len(arguments) not in (3, 5) or arguments[0] != "query":
        return None
    rest, format = list(arguments[1:]), None
    if "--format" in rest[:-1]:
        place = rest.index("--format")
        _, format = rest.pop(place), rest.pop(place)
    if len(rest) != 2 or any(word.startswith("-") for word in (*rest, format or "")):
        return None
    return rest[0], rest[1], format


def ask(
    targets: str,
    text: str | None,
    *,
    file: Path | None = None,
    param: Sequence[str] = (),
    format: str | None = None,
    consistency: str | None = None,
    ejson: bool = False,
    timeout: float | None = None,
    read_only: bool = False,
) -> None:
    """Send the statement to the targets, and write their answers to stdout."""
    from dbfleet.ops import query as op

    fleet = open_fleet()
    places = op.places_of(fleet, targets)
    word = render.format_of(format)
    params = op.parameters(param)
    statement = _statement(text, file)
    kept: Kept | None = None

    def tell(told: Told) -> None:
        if kept is not None:
            kept.tell(told)
        (_tell if len(places) == 1 else _tell_whose)(told)

    with ExitStack() as stack:
        if read_only and fleet.record("control").get("wanted"):
            from dbfleet.cli._on_record import on_record

            kept = stack.enter_context(on_record(fleet, [target.name for target, _ in places], statement, params))
        answers = stack.enter_context(
            op.query(
                fleet, places, statement, params,
                options={"consistency": consistency} if consistency is not None else {},
                read_only=read_only, fast=word, ejson=ejson, timeout_s=timeout,
                limits_s=kept.limits_s if kept else None, tell=tell,
            )
        )  # fmt: skip
        _collect()  # all is imported, and there may be many rows
        if answers.encoded is not None:
            render.write(answers.encoded if kept is None else kept.counted(answers.encoded, word))
        else:
            render.rows(answers, format=word)


def _statement(text: str | None, file: Path | None) -> str:
    """The statement: from the argument, a file or stdin. UsageError if none or two are given, or if it is not UTF-8."""
    if (text is None) == (file is None):
        raise UsageError(
            "what is to be asked?" if text is None else "a statement and --file: only one can be asked",
            hint="give the statement, in quotes; or - for stdin, or --file F",
        )
    if text is not None and text != "-":
        if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
            raise UsageError("the statement is not UTF-8")
        return text
    name = "stdin" if file is None or str(file) == "-" else str(file)
    if name == "stdin" and is_terminal(sys.stdin):
        render.say("type the statement; Ctrl-D at the beginning of a line ends it, Ctrl-C gives up")
    try:
        data = Path(name).read_bytes() if name != "stdin" else sys.stdin.buffer.read() if sys.stdin else b""
        return data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}") from error


def _tell(told: Told) -> None:
    """Print notices and counts; if both stdout and stderr are terminals, also how many rows there were."""
    for message in told.messages:
        render.say(render.harmless(message))
    if told.affected is not None:
        render.say(f"{render.counted(told.affected)} affected")
    if told.rows is not None and is_terminal(sys.stdout) and is_terminal(sys.stderr):
        render.say(render.paint(f"{render.counted(told.rows)} in {told.seconds:.3f} s", "dim"))


def _tell_whose(told: Told) -> None:
    for message in told.messages:
        render.say(f"{told.target}: {render.harmless(message)}")
    if told.affected is not None:
        render.say(f"{told.target}: {render.counted(told.affected)} affected")
