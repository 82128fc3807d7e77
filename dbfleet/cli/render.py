"""What the user sees: data on stdout, narration on stderr. Only this file knows rich, and only for live progress.

Data: `records` and `results` write rows in a format of dbfleet.formats: that of `--format`, else a table on a terminal
and JSON Lines elsewhere. Bulk rows never pass through rich. Narration: `say` is silent with --quiet, `warn` never is,
and `complain` reports what ends the command. Progress is drawn only where stderr is a terminal. NO_COLOR decides about
colours, then FORCE_COLOR, then whether the stream is a terminal.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from types import FrameType
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, cast

from dbfleet.cli.chosen import chosen
from dbfleet.cli.streams import ReaderGone, StdoutFailed, Unfailing, coloured, in_colour, is_terminal
from dbfleet.errors import DbfleetError, FleetPartlyFailed, NotReady, RuntimeFailure, UsageError

if TYPE_CHECKING:
    from dbfleet.adapter import Result
    from dbfleet.formats import Page, Rows
    from dbfleet.values import Batch

# --- on the terminal -----------------------------------------------------------------------------------------------


def paint(text: str, colour: str, stream: IO[str] | None = None) -> str:
    """`text` in a colour (red green yellow blue cyan dim bold) where `stream`, stderr by default, takes colours."""
    return in_colour(text, colour) if coloured(stream or sys.stderr) else text


def harmless(text: str) -> str:
    """`text` with logins hidden and control characters escaped, because a server's words go to the terminal."""
    from dbfleet.secrets import redact

    text = redact(text) if "//" in text else text
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


# --- narration, on stderr ------------------------------------------------------------------------------------------


def say(text: str, *, rest: str = "") -> None:
    """Print a line of narration, unless --quiet. A line too long for the terminal breaks at a blank, and `rest` begins
    its further lines."""
    if not chosen.quiet:
        _to_stderr(text, rest)


def detail(text: str) -> None:
    """Print a line of narration if --verbose."""
    if chosen.verbose:
        _to_stderr(paint(text, "dim"))


def warn(text: str) -> None:
    """Print what the user must know even with --quiet: something was cut, skipped or approximated."""
    _to_stderr(f"{paint('warning:', 'yellow')} {harmless(text)}", "  ")


def complain(text: str, hint: str | None = None) -> None:
    """Print what ended the command, and what to do next."""
    _to_stderr(f"{paint('dbfleet:', 'red')} {harmless(text)}", "  ")
    if hint:
        _to_stderr(f"  {harmless(hint)}", "  ")


def complain_of_interrupt() -> None:
    """Print that the command was interrupted, on a line of its own: the terminal has printed ^C before it."""
    _to_stderr(("\n" if is_terminal(sys.stderr) else "") + f"{paint('dbfleet:', 'red')} interrupted")


def complain_of(error: DbfleetError) -> None:
    """Print an error in one short paragraph: the target, what happened, what to do next; of a fleet, one line for each
    target that failed."""
    # The target's name has no login, and is redacted apart from the message: together, all between a URL in the name
    # and an @ in the message would be hidden ("Access denied for user 'me'@'host'").
    name, message = _place(error), harmless(error.message)
    _to_stderr(f"{paint('dbfleet:', 'red')} {harmless(name) + ': ' if name else ''}{message}", "  ")
    if error.hint:
        _to_stderr(f"  {harmless(error.hint)}", "  ")
    if isinstance(error, FleetPartlyFailed):
        for name, failure in error.failures.items():
            what = failure.message + (f" ({failure.hint})" if failure.hint else "")
            _to_stderr(f"  {name}: {harmless(what)}", "    ")
            _show_log(failure, "    | ")
    _show_log(error, "  | ")
    if chosen.verbose and error.__cause__ is not None:
        detail(f"cause: {type(error.__cause__).__name__}: {harmless(str(error.__cause__))}")


def _show_log(error: DbfleetError, margin: str) -> None:
    """Print the end of the server's log, if the error has it."""
    if isinstance(error, (RuntimeFailure, NotReady)) and error.log_tail:
        _to_stderr("\n".join(margin + harmless(line) for line in error.log_tail.rstrip().splitlines()))


def _place(error: DbfleetError) -> str | None:
    """The target or the engine that an error is about; None where its message begins with that name."""
    name = error.target or error.engine
    return None if name and error.message.startswith(name) else name


def complain_of_bug(error: BaseException) -> None:
    """Print an unexpected error and its place in our code; the traceback too with --verbose or DBFLEET_DEBUG."""
    if chosen.verbose or os.environ.get("DBFLEET_DEBUG"):
        _to_stderr(harmless("".join(traceback.format_exception(error)).rstrip()))
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}dbfleet{os.sep}" in frame.filename] or frames
    place = f" ({os.path.basename(ours[-1].filename)}:{ours[-1].lineno})" if ours else ""
    complain(
        f"this is a bug in dbfleet: {type(error).__name__}: {error}{place}",
        "DBFLEET_DEBUG=1 shows the traceback; please report it with the command that you ran",
    )


def _to_stderr(text: str, rest: str = "") -> None:
    if is_terminal(sys.stderr):
        from dbfleet.cli.layout import columns_of, wrapped

        text = "\n".join(wrapped(text, columns_of(sys.stderr), rest=rest))
    # A stderr that is closed or full must not change what the command does.
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass


# --- data, on stdout -----------------------------------------------------------------------------------------------


def write(chunks: Iterable[bytes]) -> None:
    """Write bytes to stdout as they come. ReaderGone if the pipe was closed, StdoutFailed if the disk is full or stdout
    was never open."""
    stdout = sys.stdout
    if stdout is None:
        raise StdoutFailed("it is closed")
    out = stdout.buffer
    for chunk in chunks:
        try:
            # A chunk is a whole batch, about 100 KB. We flush each, so that a reader sees rows when they come.
            out.write(chunk)
            out.flush()
        except BrokenPipeError as error:
            raise ReaderGone from error
        except (OSError, ValueError) as error:
            raise StdoutFailed(getattr(error, "strerror", None) or str(error)) from error


def end_with_reader() -> None:
    """From now on the command ends when the reader of stdout goes away, even while nothing is written: a log that is
    followed may be silent for hours."""

    def gone(number: int, frame: FrameType | None) -> None:
        raise ReaderGone

    def watch(descriptor: int) -> None:
        poll = select.poll()
        poll.register(descriptor, 0)  # poll always reports errors, and a pipe without a reader is one
        if any(event & select.POLLERR for _, event in poll.poll()):
            os.kill(os.getpid(), signal.SIGPIPE)  # ends whatever the main thread waits for

    if sys.stdout is not None and not is_terminal(sys.stdout):
        signal.signal(signal.SIGPIPE, gone)
        threading.Thread(target=watch, args=[sys.stdout.fileno()], daemon=True).start()


def format_of(asked: str | None) -> str:
    """The given format; without one, a table on a terminal and JSON Lines elsewhere."""
    from dbfleet import formats

    return formats.known(asked) if asked else "table" if is_terminal(sys.stdout) else "jsonl"


def rows(results: Iterable[Rows], *, format: str | None = None) -> None:
    """Write results to stdout, one after the other, as their rows come."""
    from dbfleet import formats

    write(formats.encode(format_of(format), results, page()))


def page() -> Page:
    """How a table may look: the terminal's width and its colours; without a terminal there is no limit."""
    from dbfleet.formats import Page

    width = shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None
    return Page(width=width, coloured=coloured(sys.stdout))


def lines(found: Iterable[str]) -> None:
    """Write lines that were laid out for a person to stdout."""
    write(f"{line}\n".encode("utf-8", "backslashreplace") for line in found)


def records(found: Iterable[Mapping[str, Any]], fields: Sequence[str], *, format: str | None = None) -> None:
    """Write records to stdout as they come; `fields` are their columns, in order. A missing field is NULL.

    In a table, lists and objects are written as words, true as ✓, and false and NULL as blank cells; columns that are
    blank in every row are left out.
    """
    from dbfleet.adapter import ResultColumn
    from dbfleet.formats import Plain

    name = format_of(format)
    if name == "table":
        found = list(found)
        fields = [field for field in fields if not found or any(_holds(record.get(field)) for record in found)]
    # Get the first record before the header is written, so that an error at the start leaves stdout empty.
    found = iter(found)
    found = chain(list(islice(found, 1)), found)
    tuples: Iterable[Batch] = ([tuple(record.get(field) for field in fields)] for record in found)
    if name == "table":  # the widths need all rows; a fleet has few records
        from dbfleet.formats.table import BLANK

        tuples = [[tuple([_cell(value, BLANK) for value in row]) for batch in tuples for row in batch]]
    rows([Plain([ResultColumn(field) for field in fields], tuples)], format=name)


def _holds(value: Any) -> bool:
    """Whether the value is shown in a table: not if it is NULL, false or empty; 0 is."""
    return value is not None and value is not False and value not in ("", (), [], {})


def _cell(value: Any, blank: object) -> Any:
    """A record's value as a table shows it."""
    return "✓" if value is True else said(value) if _holds(value) else blank


def said(value: Any) -> Any:
    """Lists and objects as words for a person; an object whose values are words is grouped by them: `exact: bool
    int`."""
    if isinstance(value, Mapping):
        if all(isinstance(word, str) for word in value.values()):
            groups: dict[str, list[str]] = {}
            for key, word in value.items():
                groups.setdefault(word, []).append(key)
            return "; ".join(f"{word}: {' '.join(keys)}" for word, keys in groups.items()) or None
        return ", ".join(_said(key, part) for key, part in value.items()) or None
    if isinstance(value, list | tuple):
        words = [str(said(item)) for item in value]
        return (" " if any(word.endswith(".") for word in words) else ", ").join(words) or None
    return value


def _said(key: str, value: Any) -> str:
    if value is True:
        return key
    return f"no {key}" if value is None or value is False else f"{key} {said(value)}"


# --- questions -----------------------------------------------------------------------------------------------------


def confirm(question: str, *, yes: bool) -> None:
    """Return if the user agrees or gave --yes. UsageError if the user says no, or there is no terminal to ask on."""
    if yes:
        return
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise UsageError(f"{question} Nobody can be asked here", hint="--yes answers yes")
    from dbfleet.cli.layout import columns_of, wrapped

    asked = "\n".join(wrapped(f"{harmless(question)} [y/N]", columns_of(sys.stderr)))
    display = _drawn[-1] if _drawn else None
    if display:  # or it would draw over the question and the answer
        display.pause()
    print(f"{asked} ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):  # Ctrl-D leaves the cursor behind the question
        print(file=sys.stderr)
    if answer.strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was changed")
    if display:
        display.go_on()


# --- progress, on a terminal's stderr ------------------------------------------------------------------------------


class _Drawn(Protocol):
    """A live display that can be paused for a question."""

    def pause(self) -> None: ...

    def go_on(self) -> None: ...


class Bar(Protocol):
    """One line of a progress display."""

    def update(self, text: str | None = None, *, done: float | None = None, total: float | None = None) -> None:
        """Change the line's text, and how much is done."""
        ...

    def finish(self, text: str, *, ok: bool = True) -> None:
        """End the line with this text."""
        ...


_drawn: Final[list[_Drawn]] = []
"""The live display that is on the terminal now, if there is one."""


class Progress(Protocol):
    """Lines that change while work runs. Threads may update different bars."""

    def bar(self, name: str, text: str = "", *, total: float | None = None) -> Bar:
        """A new line with this name and text; with `total`, a bar shows how much is done."""
        ...


@contextmanager
def progress(*, unit: str = "", passing: bool = False) -> Iterator[Progress]:
    """A live display for the block; without a terminal, each `finish` is one line of narration. At the end, a bar that
    is not finished is removed; with `passing` every bar is."""
    if chosen.quiet:
        yield _Silent()
    elif is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb":
        with _live(unit, passing) as display:
            yield display
    else:
        yield _Lines()


class _Silent:
    def bar(self, name: str, text: str = "", *, total: float | None = None) -> Bar:
        return self

    def update(self, text: str | None = None, *, done: float | None = None, total: float | None = None) -> None: ...

    def finish(self, text: str, *, ok: bool = True) -> None: ...


class _Lines:
    """Narration instead of a display: one line when a bar is finished."""

    def __init__(self, name: str = "") -> None:
        self._name = name

    def bar(self, name: str, text: str = "", *, total: float | None = None) -> Bar:
        return _Lines(name)

    def update(self, text: str | None = None, *, done: float | None = None, total: float | None = None) -> None: ...

    def finish(self, text: str, *, ok: bool = True) -> None:
        say(f"{self._name}: {harmless(text)}")


@contextmanager
def _live(unit: str, passing: bool) -> Iterator[Progress]:
    # Imported here, as it takes 60 ms and only a terminal needs it.
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress
    from rich.table import Column
    from rich.text import Text

    class Far(ProgressColumn):
        """A bar if the total is known, else nothing."""

        def __init__(self) -> None:
            super().__init__()
            self._bar = BarColumn(bar_width=20)

        def render(self, task: Task) -> Any:
            return self._bar.render(task) if task.total and not task.finished else Text("")

    class Elapsed(TimeElapsedColumn):
        """The elapsed time; blank when the line is finished, whose text tells it."""

        def render(self, task: Task) -> Text:
            return Text("") if task.fields["ended"] else super().render(task)

    class Count(ProgressColumn):
        def render(self, task: Task) -> Text:
            if not task.total or task.fields["ended"]:
                return Text("")
            rate = f" · {task.speed:,.0f} {unit}/s" if task.speed and unit else ""
            return Text(f"{task.completed / task.total:4.0%}{rate}", style="cyan")

    console = Console(file=cast("IO[str]", Unfailing()), no_color=not coloured(sys.stderr), highlight=False)
    display = RichProgress(
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.fields[name]}", style="bold", markup=False),
        Far(),
        Count(),
        # Where a line has too little room, this text breaks at blanks; no name is cut.
        TextColumn("{task.fields[text]}", markup=False, table_column=Column(no_wrap=False, overflow="fold")),
        Elapsed(),
        console=console,
        transient=passing,
    )

    class LiveBar:
        def __init__(self, name: str, text: str, total: float | None) -> None:
            self._id = display.add_task("", name=name, text=harmless(text), total=total, ended=False)

        def update(self, text: str | None = None, *, done: float | None = None, total: float | None = None) -> None:
            fields = {} if text is None else {"text": harmless(text)}
            display.update(self._id, completed=done, total=total, **fields)  # type: ignore[arg-type]

        def finish(self, text: str, *, ok: bool = True) -> None:
            mark = "✓ " if ok else "✗ "
            display.update(self._id, total=1, completed=1, text=mark + harmless(text), ended=True)
            display.stop_task(self._id)

    class Live:
        def bar(self, name: str, text: str = "", *, total: float | None = None) -> Bar:
            return LiveBar(name, text, total)

        def pause(self) -> None:
            display.live.transient = True  # so that stop removes it
            display.stop()
            display.live.transient = passing

        def go_on(self) -> None:
            display.start()

    with display:
        live = Live()
        _drawn.append(live)
        try:
            yield live
        finally:
            _drawn.remove(live)
            for task in display.tasks:
                if not task.fields["ended"]:  # a spinner that stands still would say nothing
                    display.remove_task(task.id)


def results(result: Result, *, format: str | None = None) -> None:
    """Write a statement's rows to stdout, then the server's notices and counts to stderr."""
    if result.columns:
        rows([result], format=format)
    told(result)


def told(result: Result) -> None:
    """Print to stderr what a statement gave besides rows, which are read by now: notices, and how many rows it
    changed."""
    for message in result.messages:
        say(harmless(message))
    if result.affected is not None:
        say(counted(result.affected) + " affected")


def counted(rows: int) -> str:
    """The number of rows in words: `1 row`, `1,000 rows`."""
    return f"{rows:,} row{'' if rows == 1 else 's'}"
