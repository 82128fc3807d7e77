"""A job in a process of its own, which talks with its owner in messages and can be told to stop.

One engine's work in Python (making, encoding and sending rows) fills a core, so several engines need several
processes: threads would take turns. Workers are forked where that is safe (Linux), for then they begin in 10 ms with
everything that is loaded; elsewhere they are threads, which are slower together and do the same. They are threads too
where a target is a file that one process has at a time, as its owner is connected to it as well.

A worker answers Ctrl-C and SIGHUP by its owner alone: the owner sends `stop`, or goes away; the worker then cancels the
statement that runs on the server, unwinds, and closes its connection. SIGTERM, which may go to every process of a
group, does the same, and tells the owner. Errors come back as they were raised, their cause as text.

A message is a frozen dataclass, in both directions; which ones there are is the verb's affair, but for the three that
stand here: `Stop` to the worker, `Failed` and `Ended` to the owner.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, Final

from dbfleet.adapter import Adapter
from dbfleet.errors import DbfleetError, RuntimeFailure
from dbfleet.spec import EngineSpec

STOP_TIMEOUT_S: Final = 10.0
"""How long a worker may take to unwind; then it is killed."""

_FORKS: Final = sys.platform == "linux"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Stop:
    """The owner's last word."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The error that the job raised, packed."""

    error: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The worker's last word: the job is at its end."""


class Stopped(BaseException):
    """The owner said stop. Not an Exception: no adapter may take it for its driver's."""


class Cause(Exception):
    """A worker's exception, as text."""


class Owner:
    """What the job sees of its owner."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._sending = threading.Lock()
        self._stopping = threading.Event()
        self._terminated = False
        self.adapter: Adapter | None = None
        """What runs statements for the job: cancelled on `Stop`."""
        self.late: DbfleetError | None = None
        """The error of a job that has used up its time: `check` raises it."""

    def receive(self) -> Any:
        """The owner's next message. Stopped if it is `Stop`."""
        message = self._inbox.get()
        self.check()
        return message

    def check(self) -> None:
        """Raise Stopped once the owner has said stop; call it between batches."""
        if self._stopping.is_set():
            raise Stopped
        if self.late is not None:
            raise self.late

    def send(self, message: object) -> None:
        """Tell the owner; silent where it is gone, which ends the job."""
        try:
            with self._sending:
                self._connection.send(message)
        except (BrokenPipeError, ConnectionResetError, OSError):
            self._stopping.set()

    def _attend(self, job: Callable[[Owner], None]) -> None:
        """Run the job in a thread, and listen meanwhile."""
        worker = threading.Thread(target=self._run, args=(job,), daemon=True)
        worker.start()
        while worker.is_alive() or self._connection.poll():
            try:
                message = self._connection.recv() if self._connection.poll(0.2) else None
            except (EOFError, OSError):
                message = Stop()
            if self._terminated and not self._stopping.is_set():
                self.send(Failed(_packed(RuntimeFailure("the process that worked on it was told to end (SIGTERM)"))))
                message = Stop()
            if isinstance(message, Stop):
                self._stopping.set()
                self._inbox.put(None)
                if worker.is_alive() and (adapter := self.adapter) is not None:
                    try:
                        adapter.cancel()
                    except DbfleetError:  # it cannot, or its connection is gone: the job ends between two batches
                        pass
                worker.join(STOP_TIMEOUT_S)
                return
            if message is not None:
                self._inbox.put(message)

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self._terminated = True

    def _run(self, job: Callable[[Owner], None]) -> None:
        try:
            job(self)
        except Stopped:
            pass
        except BaseException as error:
            # What a cancelled statement says is no news to who cancelled it.
            if not self._stopping.is_set():
                self.send(Failed(_packed(error)))
        self.send(Ended())


class Worker:
    """What the owner sees of a worker. End it with `tell_to_stop` and `stop`. `children`: the job starts workers of its
    own; such a worker is not ended by Python when its owner forgets to, but by the owner's end, which it notices."""

    def __init__(
        self,
        name: str,
        job: Callable[[Owner], None],
        before: Iterable[Worker] = (),
        *,
        forks: bool = _FORKS,
        children: bool = False,
    ) -> None:
        self.name = name
        self.connection, theirs = multiprocessing.Pipe()
        self.ended = False
        self._torn = False
        """An interrupt came in the middle of a message: what is sent or read next would be taken for the rest of it."""
        owner = Owner(theirs)
        self._process: Any = None
        self._thread: threading.Thread | None = None
        if not forks:
            self._thread = threading.Thread(target=owner._attend, args=(job,), daemon=True, name=name)
            self._thread.start()
            return
        # A child that kept these open would keep its brothers from learning that their owner is gone.
        ours = [self.connection, *(worker.connection for worker in before)]
        self._process = multiprocessing.get_context("fork").Process(
            target=_child, args=(owner, job, ours), daemon=not children, name=name
        )
        with _signals_held():
            self._process.start()
        theirs.close()

    def send(self, message: object) -> None:
        """Tell the worker; silent where it has ended, as `receive` says why."""
        try:
            self.connection.send(message)
        except OSError:
            pass
        except BaseException:
            self._torn = True
            raise

    def receive(self) -> Any:
        """The next message, or None after the last one. Raises the error that the job raised."""
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            self.ended = True
            raise self._died() from None
        except BaseException:
            self._torn = True
            raise
        self.ended = isinstance(message, Failed | Ended)
        if isinstance(message, Failed):
            raise _unpacked(message.error)
        return None if self.ended else message

    def _died(self) -> RuntimeFailure:
        code = None
        if self._process is not None:
            self._process.join(1)
            code = self._process.exitcode
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
        return RuntimeFailure(
            f"the process that worked on it {how}", exit_code=code, target=self.name, hint="is there enough memory?"
        )

    def tell_to_stop(self) -> None:
        """Send Stop. Where the connection is broken in the middle of a message, close it, which says the same."""
        if self._torn:
            self.connection.close()
            self.ended = True
        elif not self.ended:
            self.send(Stop())

    def stop(self) -> None:
        """Wait until the worker has ended; kill it where it takes too long."""
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT_S + 1)
        if self._process is None:
            return
        try:
            self._process.join(STOP_TIMEOUT_S + 1)
        finally:
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
            self.connection.close()
            self._process.close()
            self._process = None


def start(
    jobs: Sequence[tuple[str, Callable[[Owner], None]]], specs: Iterable[EngineSpec] = (), *, threads: bool = False
) -> list[Worker]:
    """Start a worker for each job, all at once; `specs` are those of the engines that they work on. `threads`: they are
    threads on every system."""
    forks = _FORKS and not threads and not any(spec.one_process for spec in specs)
    workers: list[Worker] = []
    for name, job in jobs:
        workers.append(Worker(name, job, before=workers, forks=forks))
    return workers


def listen(workers: Iterable[Worker]) -> Iterator[Worker]:
    """The workers that have something to say, as they say it, until all have ended. `receive` from each."""
    open_ = {worker.connection: worker for worker in workers if not worker.ended}
    while open_:
        for connection in wait(list(open_)):
            worker = open_[connection]  # type: ignore[index]
            yield worker
            if worker.ended:
                del open_[connection]  # type: ignore[arg-type]


def stop(workers: Sequence[Worker]) -> None:
    """Tell all workers to stop, then wait for all: it takes as long as the slowest."""
    for worker in workers:
        worker.tell_to_stop()
    for worker in workers:
        worker.stop()


@contextmanager
def _signals_held() -> Iterator[None]:
    """For the block, and in a child that it forks until the child has handlers of its own, no signal comes through."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _child(owner: Owner, job: Callable[[Owner], None], not_ours: Sequence[Connection]) -> None:
    # The terminal sends Ctrl-C, and that it is closed, to the whole group; the owner decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, owner._terminate)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    for connection in not_ours:
        connection.close()
    gc.freeze()  # what the owner had loaded is looked through at no collection: a console's worker has much
    owner._attend(job)
    os._exit(0)  # threads of a driver that never end must not keep us


def _packed(error: BaseException) -> bytes:
    cause = error.__cause__
    if isinstance(error, DbfleetError):
        text = f"{type(cause).__name__}: {cause}" if cause is not None else ""
    else:
        text = "".join(traceback.format_exception(error))
    try:
        return pickle.dumps((type(error), error.args, vars(error), text))
    except Exception:
        return pickle.dumps((RuntimeError, (f"{type(error).__name__}: {error}",), {}, text))


def _unpacked(data: bytes) -> BaseException:
    kind, args, state, text = pickle.loads(data)  # noqa: S301 - from our own child
    # Not by the constructor: some errors want more than their message.
    error: BaseException = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(state)
    if text:
        error.__cause__ = Cause(text)
    return error
