"""PostgreSQL as Django has it, with three differences.

Whether a connection that is kept is still good costs no round trip. Django asks `SELECT 1` before each request's first
statement. A server that has gone, or that ends a connection, says so: the connection has something to read, or its end.
Only then it is asked.

A server or a line that says nothing for the settings' ANSWER_S counts as away, and its connection is closed. Else a
page would wait for ever on a server that hangs, or on a network that drops everything, and web has eight threads. A
limit on the server (statement_timeout) would end no such wait.

A statement of each request can be one that the server has parsed and planned before.
"""

from __future__ import annotations

import select
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg import IsolationLevel


class Silent(psycopg.OperationalError):
    """Nothing came for too long."""


class Connection(psycopg.Connection[Any]):
    """A connection that waits for no answer longer than `answer_s`."""

    answer_s: float | None = None
    heard: set[int]
    """The jobs of which it hears (wake.py)."""

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """What the server answers. Silent where it does not; the connection is closed then."""
        try:
            return super().wait(gen if self.answer_s is None else _within(gen, self.answer_s), *args, **kwargs)
        except Silent:
            self.pgconn.finish()
            raise


def _within(gen: Generator[Any, int, Any], seconds: float) -> Generator[Any, int, Any]:
    """The same waiting; psycopg looks in every tenth of a second, with 0 where nothing has come."""
    until = time.monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready:
                until = time.monotonic() + seconds
            elif time.monotonic() > until:
                raise Silent(f"it has said nothing for {seconds:g} s")
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value


class _Prepared(base.ServerBindingCursor):
    """A cursor whose statements the server keeps, by connection."""

    def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
        """Prepare the statement when it is new. Django's own cursors must prepare nothing: their values are in the
        text."""
        self.connection.prepare_threshold = 0
        try:
            return super().execute(query, params, prepare=True, **more)
        finally:
            self.connection.prepare_threshold = None


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to the control database."""

    def is_usable(self) -> bool:
        """Whether the connection can be used: it is open and silent, or it answers."""
        if self.connection is None or self.connection.closed:
            return False
        line = select.poll()
        line.register(self.connection.fileno(), select.POLLIN)
        return not line.poll(0) or bool(super().is_usable())

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """A connection with the settings' bound."""
        self.isolation_level = IsolationLevel.READ_COMMITTED
        made = Connection.connect(**conn_params)
        made.answer_s, made.heard = self.settings_dict.get("ANSWER_S"), set()
        return made

    @contextmanager
    def unhurried(self) -> Iterator[None]:
        """For the block, a statement may take as long as it takes: a migration, or waiting for somebody else's."""
        self.ensure_connection()
        connection, before = self.connection, self.connection.answer_s
        connection.answer_s = None
        try:
            yield
        finally:
            connection.answer_s = before

    def prepared(self) -> Any:
        """A cursor for a statement that is the same at each request but for its parameters: the fleet's page's takes
        0.23 ms so, and 0.52 ms else."""
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            return self._prepare_cursor(_Prepared(self.connection))
