"""Exit codes are an API: the one table, the one function from error to code, and `main`, the entry point.

    0 ok · 1 the answer is no · 2 usage or config · 3 cannot connect · 4 deadline passed · 5 statement failed
    6 unsupported · 7 runtime · 8 part of the fleet failed · 70 a bug · 129 the terminal closed · 130 interrupted
    141 the reader of our output went away · 143 terminated

Whatever goes wrong, `main` prints one short paragraph on stderr and returns a code. A traceback is printed only for a
bug, and only with --verbose or DBFLEET_DEBUG. Importing this module imports neither typer nor rich.
"""

from __future__ import annotations

import enum
import errno
import gc
import os
import select
import sys
from collections.abc import Sequence
from typing import Final

from dbfleet.cli.signals import Signals
from dbfleet.cli.streams import ReaderGone, StdoutFailed
from dbfleet.errors import (
    DbfleetError,
    FleetPartlyFailed,
    NotReady,
    PartialWrite,
    RuntimeFailure,
    StatementError,
    Unavailable,
    Unsupported,
    UsageError,
    VerifyFailed,
)


class Code(enum.IntEnum):
    """The exit codes of the process."""

    OK = 0
    NO = 1  # the answer is no: a diff differs, an engine is unhealthy, --verify finds another digest
    USAGE = 2
    UNAVAILABLE = 3  # a retry may help
    DEADLINE = 4
    STATEMENT = 5
    UNSUPPORTED = 6
    RUNTIME = 7
    PARTIAL = 8
    BUG = 70
    INTERRUPTED = 130
    READER_GONE = 141
    TERMINATED = 143
    HUNG_UP = 129


# The first match wins, so a subclass is listed before its parent.
_CODE_OF: Final[tuple[tuple[type[DbfleetError], Code], ...]] = (
    (UsageError, Code.USAGE),
    (NotReady, Code.DEADLINE),
    (Unavailable, Code.UNAVAILABLE),
    (StatementError, Code.STATEMENT),
    (PartialWrite, Code.STATEMENT),
    (VerifyFailed, Code.NO),
    (Unsupported, Code.UNSUPPORTED),
    (RuntimeFailure, Code.RUNTIME),
    (FleetPartlyFailed, Code.PARTIAL),
)


def code_of(error: DbfleetError) -> Code:
    """The exit code of an error; an error that is not in the table is a bug."""
    return next((code for kind, code in _CODE_OF if isinstance(error, kind)), Code.BUG)


_PATHS: Final = ("-o", "--output", "--rejected", "--config")
"""The options whose values are paths, which may hold any bytes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code. `arguments` are those of sys.argv, without the program's name."""
    arguments = _as_utf8(sys.argv[1:] if arguments is None else arguments)
    with Signals() as signals:
        try:
            try:
                code = _run(arguments, signals)
            finally:
                signals.over()
        except BaseException as error:
            signals.over()  # once more: a signal may have come before the line above
            # The server may report the statement that our signal stopped as an error; its cause is the signal.
            code = _report(KeyboardInterrupt() if signals.first else error, arguments)
        if code > Code.NO:
            _close_what_is_open()
        # After an interrupt stdout is not flushed: its reader may have stopped reading.
        return signals.code if signals.first else _close_stdout(code)


def _run(arguments: Sequence[str], signals: Signals) -> int:
    _check_bytes(arguments)
    from dbfleet.cli.ask import run

    return run(arguments, begin=signals.begin)


def _check_bytes(arguments: Sequence[str]) -> None:
    """Raise UsageError for an argument that is not UTF-8. Statements, names and values must be; a path need not."""
    before = ""
    for argument in arguments:
        if not argument.isascii() and before not in _PATHS and not os.path.lexists(argument):
            try:
                argument.encode()
            except UnicodeEncodeError as error:
                shown = os.fsencode(argument).decode("utf-8", "backslashreplace") if "//" not in argument else "a URL"
                raise UsageError(
                    f"an argument is not UTF-8: {shown}", hint="check the terminal's or the script's encoding"
                ) from error
        before = argument


def _close_what_is_open() -> None:
    """Close the connections that an interrupt left open. A SQLite file is complete only when its last connection is
    closed, and the frames of the error may hold connections too."""
    fleet = sys.modules.get("dbfleet.fleet")
    for adapter in list(fleet.Fleet.connected) if fleet else ():
        try:
            adapter.close()
        except DbfleetError:
            pass
    gc.collect()


def _as_utf8(arguments: Sequence[str]) -> list[str]:
    """The arguments decoded as UTF-8, whatever the locale is: terminals and scripts give UTF-8."""
    if sys.getfilesystemencoding() == "utf-8":
        return list(arguments)
    try:
        return [os.fsencode(argument).decode("utf-8", "surrogateescape") for argument in arguments]
    except UnicodeEncodeError:  # they did not come from the system
        return list(arguments)


def _not_text(arguments: Sequence[str]) -> str | None:
    """The first argument that is not UTF-8, with its bad bytes escaped; None if all are UTF-8."""
    broken = (word for word in arguments if not word.isascii() and any("\ud800" <= c <= "\udfff" for c in word))
    return next((word.encode("utf-8", "backslashreplace").decode() for word in broken), None)


def _report(error: BaseException, arguments: Sequence[str] = ()) -> int:
    """Print on stderr what happened, and return its exit code."""
    from dbfleet.cli import render

    match error:
        case SystemExit():
            return error.code if isinstance(error.code, int) else Code.OK if error.code is None else Code.BUG
        case KeyboardInterrupt():
            render.complain_of_interrupt()
            return Code.INTERRUPTED
        case BrokenPipeError() if _reader_is_gone():  # typer's help, mostly
            return Code.READER_GONE
        case ReaderGone():
            return Code.READER_GONE
        case StdoutFailed():
            render.complain(f"cannot write to stdout: {error}")
            return Code.RUNTIME
        case DbfleetError() if (code := code_of(error)) is not Code.BUG:
            render.complain_of(error)
            return code
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EROFS):
            render.complain(
                f"cannot write {error.filename or 'to the disk'}: {error.strerror}",
                "make room (dbfleet where shows what is ours), or let DBFLEET_STATE_DIR name a folder on another disk",
            )
            return Code.RUNTIME
        case OSError(errno=errno.EMFILE | errno.ENFILE):
            render.complain(f"{error.strerror}", "raise the limit: ulimit -n 1024")
            return Code.RUNTIME
        case UnicodeEncodeError() if (shown := _not_text(arguments)) is not None:
            # A file's name may hold any bytes, so it is refused only where it has to be text.
            render.complain(f"not UTF-8: {shown if len(shown) < 100 and '//' not in shown else 'an argument'}")
            return Code.USAGE
    render.complain_of_bug(error)
    return Code.BUG


def _reader_is_gone() -> bool:
    """Whether our stdout has no reader any more. If it has one, a broken pipe is that of a server."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (OSError, ValueError, AttributeError):
        return False


def _close_stdout(code: int) -> int:
    """Flush what typer printed, and return the exit code. A closed pipe must not cause a traceback at shutdown."""
    stdout = sys.stdout
    if stdout is None:
        return code
    try:
        stdout.flush()
    except (OSError, ValueError) as error:
        gone = isinstance(error, BrokenPipeError)
        if code == Code.OK:
            code = _report(ReaderGone() if gone else StdoutFailed(getattr(error, "strerror", None) or error))
        try:  # the interpreter flushes once more: send that to /dev/null
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        except (OSError, ValueError):
            pass
    return code
