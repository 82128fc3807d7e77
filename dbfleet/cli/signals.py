"""What Ctrl-C and SIGTERM do while a command runs: it unwinds, in bounded time, whatever it is just doing.

A signal is put on record once, and raised in the main thread as a KeyboardInterrupt, so that every `with` and `finally`
on the way stops statements and cleans up. Five things keep such an exception from arriving; a thread, which learns of
the signal through Python's wakeup descriptor, sees to each:

1. Python runs handlers between two bytecodes of the main thread, and some drivers stay in C until the server has
   answered. While the handler has not run, what runs on the servers is cancelled, again and again; the driver's call
   then fails, and the handler has its turn.
2. Inside an import or a finalizer the exception would be printed ("Exception ignored in …") and forgotten, or leave a
   module half made. There the handler does not raise: the thread sends the signal once more, a moment later.
3. Code of others may swallow it. The exception that the main thread handles tells: where that is not ours, or one that
   was raised because of ours, for half a second, it was lost and is raised once more.
4. A driver that tells the server to stop may do so before the server has begun with the statement, and then waits for
   its end. While a driver's code handles the exception, what runs is cancelled once more, every RETRY_S.
5. Cleaning up may take forever, as on a line that is dead. After UNWIND_S the process ends, its workers with it; a
   second signal leaves IMPATIENT_S.

A signal that comes while the command unwinds is not raised: it would cut short what the first one began.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Final, Self

UNWIND_S: Final = 20.0
"""How long a command may take to clean up: longer than a worker may (ops/_workers.py)."""
IMPATIENT_S: Final = 2.0
"""How long it may take once a second signal has come."""
RETRY_S: Final = 1.0
SAME_S: Final = 0.5
"""A signal that comes so soon after the first is no second one: `timeout` sends each twice."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_PACE_S: Final = 0.05
_LOST_AFTER_S: Final = 0.5
_HELD_AT_MOST_S: Final = 1.0
_DEEPEST: Final = 50
"""How far a chain of exceptions is followed."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came. A KeyboardInterrupt, so that whoever cleans up after Ctrl-C cleans up after this."""


_current: Signals | None = None


def answered() -> None:
    """Ctrl-C was meant for one statement of several, and has stopped it: the command goes on. SIGTERM never is."""
    if _current is not None:
        _current.forget()


class Signals:
    """The signals of one command. `begin` when it has something to unwind, `over` when it has."""

    def __init__(self) -> None:
        self.first: int | None = None
        """The signal that ends this command."""
        self._over = False
        self._runs = 0
        """How often the handler has run, and when the signal was last sent: one more is the answer to it."""
        self._runs_before = 0
        self._sent_at = 0.0
        self._sent_by_us = 0
        self._came_at: float | None = None
        """When the first signal came, and when the process ends all the same."""
        self._deadline = 0.0
        self._held_since: float | None = None
        """Since when the handler holds the exception back."""
        self._lost_since: float | None = None
        self._cancelling: threading.Thread | None = None
        self._previous: dict[int, Any] = {}
        self._writer: socket.socket | None = None

    @property
    def code(self) -> int:
        """The exit code that tells of the signal."""
        return 128 + (self.first or signal.SIGINT)

    # --- the main thread ---

    def __enter__(self) -> Self:
        return self

    def begin(self) -> None:
        """From now on a signal unwinds. Before, it does what it did."""
        global _current
        _mind_forks()
        _current = self
        reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        threading.Thread(target=self._watch, args=(reader,), daemon=True, name="signals").start()
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._unraisable = sys.unraisablehook
        sys.unraisablehook = self._not_raised
        for number in _SIGNALS:
            # An ignored SIGINT (nohup, a shell's background job) stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._handle)

    def over(self) -> None:
        """The command has unwound: nothing is raised any more, the code tells of the signal."""
        self._over = True
        if self._writer is not None:
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python has it; render.end_with_reader raises

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        global _current
        self._over = True
        if self._writer is None:
            return
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        sys.unraisablehook = self._unraisable
        self._writer.close()  # ends the thread
        _current = None

    def forget(self) -> None:
        if self.first == signal.SIGTERM:
            raise Terminated
        self._came_at = self.first = self._lost_since = self._held_since = None
        self._runs_before = self._runs

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._runs += 1
        if self.first is None:
            self.first = number
        if self._over or _unwinds(sys.exc_info()[1]):
            return
        now = time.monotonic()
        if _would_be_lost(frame) and now - (self._held_since or now) < _HELD_AT_MOST_S:
            self._held_since = self._held_since or now
            return
        self._held_since = None
        raise Terminated if self.first == signal.SIGTERM else KeyboardInterrupt

    def _not_raised(self, unraisable: Any) -> None:
        """An exception was ignored, in a finalizer or in C: ours is not, and need not be told."""
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            self._unraisable(unraisable)
        elif self.first is not None:
            self._held_since = time.monotonic()

    # --- the thread ---

    def _watch(self, reader: socket.socket) -> None:
        while True:
            if select.select([reader], [], [], None if self._came_at is None else _PACE_S)[0]:
                numbers = reader.recv(64)
                if not numbers:
                    reader.close()
                    return
                for number in numbers:
                    if number in _SIGNALS:
                        self._arrived(time.monotonic())
            else:
                self._follow(time.monotonic())

    def _arrived(self, now: float) -> None:
        if self._sent_by_us:
            self._sent_by_us -= 1
        elif self._came_at is None:
            self._came_at = self._sent_at = now
            self._deadline = now + UNWIND_S
        elif now - self._came_at > SAME_S:
            self._deadline = min(self._deadline, now + IMPATIENT_S)

    def _follow(self, now: float) -> None:
        if now > self._deadline:
            self._end()
        if self._over:  # what is still written goes nowhere
            self._deadline = min(self._deadline, now + IMPATIENT_S)
        elif self._runs == self._runs_before:
            if now - self._sent_at > 2 * _PACE_S:
                self._cancel()
        elif self._held_since is not None:
            self._send()
        elif _unwinds(_handled_by_main()):
            self._lost_since = None
            if now - self._sent_at > RETRY_S and _drivers_own(_handled_by_main()):
                self._sent_at = now
                self._cancel()
        elif self._lost_since is None:
            self._lost_since = now
        elif now - self._lost_since > _LOST_AFTER_S:
            self._send()

    def _send(self) -> None:
        """The signal once more."""
        number, main = self.first, threading.main_thread().ident
        if number is not None and main is not None:
            self._runs_before, self._sent_at, self._lost_since = self._runs, time.monotonic(), None
            self._sent_by_us += 1
            signal.pthread_kill(main, number)

    def _cancel(self) -> None:
        """Stop what runs on the servers, in a thread of its own: a server may not answer to that either."""
        if self._cancelling is None or not self._cancelling.is_alive():
            self._cancelling = threading.Thread(target=_cancel_all, daemon=True, name="cancel")
            self._cancelling.start()

    def _end(self) -> None:
        """Unwinding took too long. DBFLEET_DEBUG shows where."""
        if os.environ.get("DBFLEET_DEBUG"):
            import faulthandler

            faulthandler.dump_traceback()
        if "multiprocessing" in sys.modules:
            import multiprocessing

            for child in multiprocessing.active_children():
                child.kill()
        shown = "\x1b[?25h" if os.isatty(2) else ""  # a progress bar hides the cursor
        text = f"{shown}dbfleet: interrupted; cleaning up took too long and was given up\n"
        try:
            if select.select([], [2], [], 0)[1]:
                os.write(2, text.encode())
        except (OSError, ValueError):
            pass
        os._exit(self.code)


def _unwinds(error: BaseException | None) -> bool:
    """Whether this exception is an interrupt, or was raised because of one."""
    for _ in range(_DEEPEST):
        if error is None or isinstance(error, KeyboardInterrupt):
            return error is not None
        error = error.__cause__ or error.__context__
    return False


def _handled_by_main() -> BaseException | None:
    """The exception that the main thread handles: in an `except`, a `finally`, an `__exit__`, or what these call."""
    found: Any = sys._current_exceptions().get(threading.main_thread().ident or 0)
    error: BaseException | None = found[1] if isinstance(found, tuple) else found  # a tuple before Python 3.12
    return error


def _would_be_lost(frame: FrameType | None) -> bool:
    """Whether what is raised here is swallowed: in an import, in a finalizer."""
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith("<frozen importlib") or code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _drivers_own(error: BaseException | None) -> bool:
    """Whether it has not come out of a driver yet: where we handle it, we clean up, and nobody cancels that."""
    place = error.__traceback__ if error is not None else None  # begins where it has come to
    return place is not None and not str(place.tb_frame.f_globals.get("__name__")).startswith("dbfleet.")


def _cancel_all() -> None:
    from dbfleet.errors import DbfleetError

    fleet = sys.modules.get("dbfleet.fleet")  # --help must not import what nobody has connected with
    for adapter in list(fleet.Fleet.connected) if fleet else ():
        try:
            adapter.cancel()
        except (DbfleetError, OSError):  # this engine cannot, or it is too late
            pass


_forks_are_minded = False


def _mind_forks() -> None:
    """A forked worker shares the wakeup descriptor: its signals are not this process's."""
    global _forks_are_minded
    if not _forks_are_minded:
        os.register_at_fork(after_in_child=_forget_wakeup)
        _forks_are_minded = True


def _forget_wakeup() -> None:
    if threading.current_thread() is threading.main_thread():
        signal.set_wakeup_fd(-1)
