"""How long a statement may take: then what runs of it is stopped on the server."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self, TypeVar

from dbfleet.adapter import Adapter
from dbfleet.errors import DbfleetError, NotReady
from dbfleet.spec import Capability

T = TypeVar("T")


class Deadline:
    """Stops what runs on the adapter's server when the time is over; without a time it does nothing. `limit_s` is what
    any statement may take on this target; an engine that cannot stop one is read no further then."""

    def __init__(self, adapter: Adapter, timeout_s: float | None, limit_s: float | None = None) -> None:
        seconds = min((each for each in (timeout_s, limit_s) if each is not None), default=None)
        self._target = adapter.target.name
        self._passed = threading.Event()
        stops = Capability.CANCEL in adapter.spec.capabilities
        end = "was stopped" if stops else f"is read no further: {adapter.spec.title} cannot stop it"
        whose = ", the limit on this target, and" if seconds == limit_s else " and"
        self._late = f"the statement did not end within {seconds or 0:g} s{whose} {end}"

        def pass_() -> None:
            self._passed.set()
            try:
                adapter.cancel()
            except (DbfleetError, OSError):  # too late: the statement has just ended, and its connection with it
                pass

        self._timer = threading.Timer(seconds, pass_) if seconds is not None else None

    def __enter__(self) -> Self:
        if self._timer:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.forget()

    def forget(self) -> None:
        """From now on the time does not count."""
        if self._timer:
            self._timer.cancel()

    @contextmanager
    def instead(self) -> Iterator[None]:
        """Inside, the error of a statement that was stopped for its time says so."""
        try:
            yield
        except DbfleetError as error:
            self._check(error)
            raise

    def over(self, chunks: Iterable[T]) -> Iterator[T]:
        """The chunks, as long as there is time."""
        with self.instead():
            for chunk in chunks:
                self._check()
                yield chunk

    def _check(self, cause: DbfleetError | None = None) -> None:
        if self._passed.is_set():
            raise NotReady(self._late, target=self._target) from cause
