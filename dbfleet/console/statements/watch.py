"""The thread that stops statements which nobody waits for any more.

One a process, while statements run. About once a second it looks at each: whether its time is over, its client has
closed the line, somebody asked for its end (`Asked.cancel`), or its page has not been heard of for `SILENT_S` (the tab
was closed). Then the statement is stopped on its server, and again at each look until it has ended: at the first one it
may have been on its way to the server.

Where the control database does not answer for `AWAY_S`, nobody can ask for an end any more, so statements are stopped.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Final, Protocol
from uuid import UUID

from django.db import connection, connections
from django.db.utils import Error as DatabaseError

LOOK_S: Final = 1.0
SILENT_S: Final = 10.0
"""A page says every 2 s that it is there; one in a hidden tab, whose clock browsers slow down, says so beforehand."""
AWAY_S: Final = 30.0

log = logging.getLogger("dbfleet.statements")


class Watched(Protocol):
    """A statement as the watch sees it."""

    id: UUID
    from_page: bool
    deadline: float
    """By time.monotonic()."""
    seconds: float

    def gone(self) -> bool:
        """Whether the client has closed the line."""
        ...

    def stop(self, why: str) -> None:
        """Stop it on the server. May be called again."""
        ...

    @property
    def stopped(self) -> str:
        """Why it was stopped; empty while nobody has."""
        ...


class Watch:
    """What this process watches."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[UUID, Watched] = {}
        self._thread: threading.Thread | None = None

    def add(self, statement: Watched) -> None:
        """Watch the statement until `remove`."""
        with self._lock:
            self._running[statement.id] = statement
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()

    def remove(self, statement: Watched) -> None:
        """It has ended."""
        with self._lock:
            self._running.pop(statement.id, None)

    def _run(self) -> None:
        heard = time.monotonic()
        try:
            while True:
                with self._lock:
                    running = list(self._running.values())
                    if not running:
                        self._thread = None
                        return
                heard = self._look(running, heard)
                time.sleep(LOOK_S)
        finally:
            connections.close_all()  # this thread's own

    def _look(self, running: list[Watched], heard: float) -> float:
        """One look at all; the moment at which the control database was last heard of."""
        try:
            asked = _asked([each.id for each in running])
            heard = time.monotonic()
        except DatabaseError:
            connections.close_all()
            asked = None
        for statement in running:
            why = statement.stopped or _why(statement, asked, heard)
            if why:
                try:
                    statement.stop(why)
                except Exception:
                    log.exception("statement %s could not be stopped", statement.id)
        return heard


def _why(statement: Watched, asked: dict[UUID, tuple[bool, float]] | None, heard: float) -> str:
    """Why the statement is to be stopped; empty where it is not."""
    if statement.gone():
        return "the client has gone away"
    if time.monotonic() > statement.deadline:
        return f"it did not end within {statement.seconds:g} s"
    if asked is None:
        return "the control database does not answer" if time.monotonic() - heard > AWAY_S else ""
    cancel, silent = asked.get(statement.id, (True, 0.0))
    if cancel:
        return "it was cancelled"
    if statement.from_page and silent > SILENT_S:
        return "its page was closed"
    return ""


def _asked(ids: list[UUID]) -> dict[UUID, tuple[bool, float]]:
    """Of each: whether its end was asked for, and for how many seconds its page was silent."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, cancel, extract(epoch FROM clock_timestamp() - heard_at)::float FROM console_asked "
            "WHERE id = ANY(%s)",
            [ids],
        )
        return {number: (cancel, silent) for number, cancel, silent in cursor.fetchall()}


WATCH: Final = Watch()
"""This process's."""
