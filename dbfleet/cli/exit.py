"""Exit codes are an API: the one table, the one function from error to code, and `main`, the entry point.

    0 ok · 1 the answer is no · 2 usage or config · 3 cannot connect · 4 deadline passed · 5 statement failed
    6 unsupported · 7 runtime · 8 part of the fleet failed · 70 a bug · 130 interrupted · 141 the reader of our
    output went away · 143 terminated

Whatever happens, `main` prints one short paragraph on stderr and returns a code; a traceback only for a bug, and only
with --verbose or DBFLEET_DEBUG. Importing this module imports neither typer nor rich: a signal that comes while they
load is answered too.
"""

from __future__ import annotations

import enum
import errno
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

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
)


class Code(enum.IntEnum):
    """What the process says by its end."""

    OK = 0
    NO = 1  # the answer is no: a diff differs, an engine is unhealthy
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


# The first match wins: a subclass stands before its parent.
_CODE_OF: Final[tuple[tuple[type[DbfleetError], Code], ...]] = (
    (UsageError, Code.USAGE),
    (NotReady, Code.DEADLINE),
    (Unavailable, Code.UNAVAILABLE),
    (StatementError, Code.STATEMENT),
    (PartialWrite, Code.STATEMENT),
    (Unsupported, Code.UNSUPPORTED),
    (RuntimeFailure, Code.RUNTIME),
    (FleetPartlyFailed, Code.PARTIAL),
)


def code_of(error: DbfleetError) -> Code:
    """The exit code of an error; one that stands in no row of the table is a bug."""
    return next((code for kind, code in _CODE_OF if isinstance(error, kind)), Code.BUG)


class Terminated(KeyboardInterrupt):
    """SIGTERM came. A KeyboardInterrupt, so that whoever cleans up after Ctrl-C cleans up after this."""


class ReaderGone(Exception):
    """Whoever read our stdout closed it (`| head`). Not an OSError: nobody may take it for a server's socket."""


class StdoutFailed(Exception):
    """stdout is full or closed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the process's exit code. `arguments` are sys.argv's without the program's name."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    signals: list[int] = []

    def terminated(number: int, frame: FrameType | None) -> None:
        signals.append(number)
        raise Terminated

    def interrupted(number: int, frame: FrameType | None) -> None:
        signals.append(number)
        raise KeyboardInterrupt

    previous = {
        number: signal.signal(number, handler)
        for number, handler in ((signal.SIGTERM, terminated), (signal.SIGINT, interrupted))
        # An ignored SIGINT (nohup, a shell's background job) stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        try:
            with _watching(signals):
                code = _run(arguments)
        except BaseException as error:
            # A statement that a signal stopped on the server comes back as the server's error: the signal is the cause.
            code = _report(KeyboardInterrupt() if signals else error)
        if signals:
            code = Code.TERMINATED if signals[0] == signal.SIGTERM else Code.INTERRUPTED
        return _close_stdout(code)
    except KeyboardInterrupt:
        return Code.TERMINATED if signals and signals[0] == signal.SIGTERM else Code.INTERRUPTED
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


_fork_is_minded = False


def _forget_wakeup() -> None:
    if threading.current_thread() is threading.main_thread():
        signal.set_wakeup_fd(-1)


@contextmanager
def _watching(signals: list[int]) -> Iterator[None]:
    """Stop running statements on their servers when a signal comes while the main thread is inside a driver's C code.

    Python runs signal handlers between bytecodes of the main thread, and some drivers (sqlite3, MySQL's) stay in C
    until the server has answered. A thread learns of the signal at once through the wakeup descriptor, waits a moment
    for the handler, and cancels what runs; the driver's call then fails, and the handler has its turn.
    """
    global _fork_is_minded
    if not _fork_is_minded:
        # A forked worker shares the descriptor: its signals are not this process's.
        os.register_at_fork(after_in_child=_forget_wakeup)
        _fork_is_minded = True
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def watch() -> None:
        while reader.recv(1):
            for _ in range(10):
                time.sleep(0.1)
                if signals:
                    break
                # By sys.modules: --help must not import what nobody has connected with.
                fleet = sys.modules.get("dbfleet.fleet")
                for adapter in list(fleet.Fleet.connected) if fleet else ():
                    try:
                        adapter.cancel()
                    except DbfleetError:  # this engine cannot, or it is too late
                        pass

    threading.Thread(target=watch, daemon=True, name="signals").start()
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writer.close()


def _run(arguments: Sequence[str]) -> int:
    from dbfleet.cli.ask import run

    return run(arguments)


def _report(error: BaseException) -> int:
    """Say what happened on stderr, once and briefly; the exit code that stands for it."""
    from dbfleet.cli import render

    match error:
        case SystemExit():
            return error.code if isinstance(error.code, int) else Code.OK if error.code is None else Code.BUG
        case KeyboardInterrupt():
            render.complain("interrupted")
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
    render.complain_of_bug(error)
    return Code.BUG


def _reader_is_gone() -> bool:
    """Whether nobody reads our stdout any more: else a broken pipe is some server's."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (OSError, ValueError, AttributeError):
        return False


def _close_stdout(code: int) -> int:
    """Flush what typer printed; a pipe that is closed by now is no reason for a traceback at shutdown."""
    stdout = sys.stdout
    if stdout is None:
        return code
    try:
        stdout.flush()
    except (OSError, ValueError) as error:
        gone = isinstance(error, BrokenPipeError)
        if code == Code.OK:
            code = _report(ReaderGone() if gone else StdoutFailed(getattr(error, "strerror", None) or error))
        try:  # The interpreter flushes once more: into nothing.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        except (OSError, ValueError):
            pass
    return code
