"""What Ctrl-C, SIGTERM and SIGHUP (the terminal was closed) do while a command runs: it unwinds within a bounded time,
whatever it is doing.

A signal is noted once and raised in the main thread as a KeyboardInterrupt, so that every `with` and `finally` on the
way stops statements and cleans up. Five things can prevent that. A thread, which learns of the signal through Python's
wakeup descriptor, handles each:

1. Python runs a handler between two bytecodes of the main thread, but some drivers stay in C until the server answers.
   As long as the handler has not run, the thread cancels the statements on the servers again and again. Then the
   driver's call fails, and the handler runs. It also sends the signal again: one that comes just before the main thread
   begins to wait, or that the system gives to another thread, does not end the wait.
2. Inside an import or a finalizer the exception would be printed ("Exception ignored in …") and lost, or would leave a
   module half imported. There the handler does not raise; the thread sends the signal again a moment later.
3. Other code may swallow the exception. The thread looks at the exception that the main thread is handling. If for
   half a second that is neither our interrupt nor one that it caused, ours was lost, and the signal is sent again.
4. A driver may tell the server to stop before the server has begun the statement, and then wait for its end. While a
   driver's code handles the exception, the thread cancels the statement again every RETRY_S.
5. Cleaning up may never end, for example on a dead connection. After UNWIND_S the process ends, and its workers with
   it; after a second signal it has only IMPATIENT_S.

A signal that comes while the command unwinds is not raised: it would interrupt the cleaning up.
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
"""How long a command may take to clean up. It is longer than a worker's time (ops/_workers.py)."""
IMPATIENT_S: Final = 2.0
"""How long it may take after a second signal."""
RETRY_S: Final = 1.0
SAME_S: Final = 0.5
"""A signal this soon after the first does not count as a second one: `timeout` sends each signal twice."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PACE_S: Final = 0.05
_LOST_AFTER_S: Final = 0.5
_HELD_AT_MOST_S: Final = 1.0
_DEEPEST: Final = 50
"""How many links of a chain of exceptions are followed."""


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP came. It is a KeyboardInterrupt, so that code that cleans up after Ctrl-C cleans up after these
    too."""


_current: Signals | None = None


def answered() -> None:
    """Forget a Ctrl-C that was meant for one of several statements and has stopped it: the command goes on. SIGTERM
    and SIGHUP always end the command."""
    if _current is not None:
        _current.forget()


class Signals:
    """The signals of one command. Call `begin` when it has something to unwind, and `over` when it has unwound."""

    def __init__(self) -> None:
        self.first: int | None = None
        """The signal that ends this command."""
        self._over = False
        self._runs = 0
        """How often the handler has run; `_runs_before` is that number when the signal was last sent, at `_sent_at`."""
        self._runs_before = 0
        self._sent_at = 0.0
        self._on_its_way = False
        """Whether we have sent the signal once more, and it has not come yet."""
        self._came: int = signal.SIGINT
        self._came_at: float | None = None
        """The first signal and when it came; at `_deadline` the process ends in any case."""
        self._deadline = 0.0
        self._held_since: float | None = None
        """Since when the handler does not raise, because the exception would be lost."""
        self._lost_since: float | None = None
        self._cancelling: threading.Thread | None = None
        self._previous: dict[int, Any] = {}
        self._writer: socket.socket | None = None

    @property
    def code(self) -> int:
        """The exit code of a command that the signal ended."""
        return 128 + self._number

    @property
    def _number(self) -> int:
        """The first signal that was handled, else the first that came."""
        return self.first or self._came

    # --- the main thread ---

    def __enter__(self) -> Self:
        return self

    def begin(self) -> None:
        """From now on a signal unwinds the command. Before, it keeps the effect that it had."""
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
            # An ignored one (nohup, a shell's background job) stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._handle)

    def over(self) -> None:
        """The command has unwound: no signal is raised any more; it only decides the exit code."""
        self._over = True
        if self._writer is not None:
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as by default in Python; render.end_with_reader changed it

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
        """Go on as if no signal had come. Raises Terminated after SIGTERM and SIGHUP."""
        if self.first not in (None, signal.SIGINT):
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
        raise KeyboardInterrupt if self.first == signal.SIGINT else Terminated

    def _not_raised(self, unraisable: Any) -> None:
        """Python reports an exception that it ignored, in a finalizer or in C. Ours is not printed: it is raised again
        later."""
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
                        self._arrived(number, time.monotonic())
            else:
                self._follow(time.monotonic())

    def _arrived(self, number: int, now: float) -> None:
        if self._on_its_way:
            self._on_its_way = False
        elif self._came_at is None:
            self._came = number
            self._came_at = self._sent_at = now
            self._deadline = now + UNWIND_S
        elif now - self._came_at > SAME_S:
            self._deadline = min(self._deadline, now + IMPATIENT_S)

    def _follow(self, now: float) -> None:
        if now > self._deadline:
            self._end()
        if self._over:  # only the end of the process is left
            self._deadline = min(self._deadline, now + IMPATIENT_S)
        elif self._runs == self._runs_before:
            if now - self._sent_at > 2 * _PACE_S:
                self._cancel()
                self._send()
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
        """Send the signal to the main thread once more, unless the one before is still on its way."""
        main = threading.main_thread().ident
        if main is not None and self._came_at is not None and not self._on_its_way:
            self._runs_before, self._sent_at, self._lost_since = self._runs, time.monotonic(), None
            self._on_its_way = True
            signal.pthread_kill(main, self._number)

    def _cancel(self) -> None:
        """Stop the statements on the servers. This needs a thread of its own, because a server may not answer."""
        if self._cancelling is None or not self._cancelling.is_alive():
            self._cancelling = threading.Thread(target=_cancel_all, daemon=True, name="cancel")
            self._cancelling.start()

    def _end(self) -> None:
        """End the process, because unwinding took too long. DBFLEET_DEBUG shows where."""
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
    """Whether this exception is an interrupt or was caused by one."""
    for _ in range(_DEEPEST):
        if error is None or isinstance(error, KeyboardInterrupt):
            return error is not None
        error = error.__cause__ or error.__context__
    return False


def _handled_by_main() -> BaseException | None:
    """The exception that the main thread is handling: in an `except`, a `finally`, an `__exit__`, or in what these
    call."""
    current: Any = sys._current_exceptions().get(threading.main_thread().ident or 0)
    error: BaseException | None = current[1] if isinstance(current, tuple) else current  # a tuple before Python 3.12
    return error


def _would_be_lost(frame: FrameType | None) -> bool:
    """Whether an exception that is raised here would be lost: in an import or a finalizer."""
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith("<frozen importlib") or code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _drivers_own(error: BaseException | None) -> bool:
    """Whether the exception is still inside a driver. Where our code handles it, we clean up, and nothing is
    cancelled."""
    place = error.__traceback__ if error is not None else None  # begins where the exception is now
    return place is not None and not str(place.tb_frame.f_globals.get("__name__")).startswith("dbfleet.")


def _cancel_all() -> None:
    from dbfleet.errors import DbfleetError

    fleet = sys.modules.get("dbfleet.fleet")  # --help does not import it, and then nothing is connected
    for adapter in list(fleet.Fleet.connected) if fleet else ():
        try:
            adapter.cancel()
        except (DbfleetError, OSError):  # this engine cannot cancel, or the connection is closed
            pass


_forks_are_minded = False


def _mind_forks() -> None:
    """Let a forked worker drop the wakeup descriptor: the worker's signals must not count as this process's."""
    global _forks_are_minded
    if not _forks_are_minded:
        os.register_at_fork(after_in_child=_forget_wakeup)
        _forks_are_minded = True


def _forget_wakeup() -> None:
    if threading.current_thread() is threading.main_thread():
        signal.set_wakeup_fd(-1)
