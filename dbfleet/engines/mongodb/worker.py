"""Work beside the main thread: calls that run one after another, and items that are fetched one ahead of their
reader."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Worker:
    """One daemon thread that runs calls one after another. It never outlives the process, whatever the server does."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True, name="dbfleet-mongodb")
        self._thread.start()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            future, function = call
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except BaseException as exc:
                    future.set_exception(exc)
            del call, future, function  # or the last batch lives until the next one comes

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Have the call run after those before it; its result comes by the future."""
        future: Future[T] = Future()
        self._calls.put((future, function))
        return future

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._calls.put(None)
        self._thread.join(timeout=5)


def ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The items, each fetched while its reader still has the one before."""
    end: Any = object()
    with Worker() as worker:
        coming = worker.submit(lambda: next(items, end))
        while (item := coming.result()) is not end:
            coming = worker.submit(lambda: next(items, end))
            try:
                yield item
            finally:
                del item
